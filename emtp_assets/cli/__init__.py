"""The `emtp` command: what people do outside the UI. Thin: each command calls one room and prints its answer."""

from emtp_assets.cli import making, looking  # isort: skip  # the order of emtp --help
from emtp_assets.cli.door import app

__all__ = ["app", "looking", "making"]
