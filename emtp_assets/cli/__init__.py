"""The `emtp` command: what people do outside the UI. Thin: each command calls one room and prints its answer."""

from emtp_assets.cli import making, looking, quarantine, corrections, contract, retention, sealing  # isort: skip  # as in --help
from emtp_assets.cli.door import app

__all__ = ["app", "contract", "corrections", "looking", "making", "quarantine", "retention", "sealing"]
