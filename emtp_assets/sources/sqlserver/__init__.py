"""The SIGE replica on SQL Server: one connection that proves itself, then one query a dataset and year.

Trying again and choosing among sources are not this package's.
"""

from emtp_assets.sources.sqlserver.source import SqlServerSource

__all__ = ["SqlServerSource"]
