"""Containers: from what a file is packed in (zip, gz, rar, 7z, a workbook) to the one table inside, as bytes of ours.

What the table says, its encoding and its separator belong to the rest of intake; no contract is known here.
"""

from emtp_assets.intake.containers.kind import container_of, may_be_container
from emtp_assets.intake.containers.limits import Limits
from emtp_assets.intake.containers.opening import Content, repeat, unpacked
from emtp_assets.intake.containers.sheets import Kind, Table

__all__ = ["Content", "Kind", "Limits", "Table", "container_of", "may_be_container", "repeat", "unpacked"]
