"""The `emtp` command: what people do outside the UI. Thin: each command calls one room and prints its answer."""

from emtp_assets.cli import (  # isort: skip  # as in --help
    making,
    looking,
    quarantine,
    corrections,
    releases,
    audit,
    contract,
    data_protection,
    microdata,
    retention,
    rotation,
    sealing,
)
from emtp_assets.cli.door import app

__all__ = [
    "app",
    "audit",
    "contract",
    "corrections",
    "data_protection",
    "looking",
    "making",
    "microdata",
    "quarantine",
    "releases",
    "retention",
    "rotation",
    "sealing",
]
