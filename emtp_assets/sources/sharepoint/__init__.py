"""A SharePoint document library, by Microsoft Graph. See `source`."""

from emtp_assets.sources.sharepoint.source import SharePointSource

__all__ = ["SharePointSource"]
