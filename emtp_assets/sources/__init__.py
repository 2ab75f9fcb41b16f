"""Sources: one module a system that hands over files. What happens to a file afterwards belongs to intake."""

from emtp_assets.sources.protocol import Source

__all__ = ["Source"]
