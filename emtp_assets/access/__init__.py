"""What the ministry's IT is asked to grant, made from the contracts: columns, views, the T-SQL that creates them.

Using what was granted is `sources`' business; the request that people sign is `docs/solicitud_acceso.md`.
"""

from emtp_assets.access.annex import column_list
from emtp_assets.access.asked import View, ViewColumn, asked_columns, views, withheld_columns
from emtp_assets.access.tsql import PENDING, access_script, write

__all__ = [
    "PENDING",
    "View",
    "ViewColumn",
    "access_script",
    "asked_columns",
    "column_list",
    "views",
    "withheld_columns",
    "write",
]
