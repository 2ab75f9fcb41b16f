"""A REST service with a bearer key: its pages become one delivery. See `source`."""

from emtp_assets.sources.rest.source import RestSource

__all__ = ["RestSource"]
