"""What the product keeps encrypted, as tests look at it: through its own key. Nothing is written here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emtp_assets.intake import Archive
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import parquet, session
from emtp_assets.storage.sealing import is_sealed, unsealed
from emtp_assets.storage.storage_key import Purpose, subkey


def refused_bytes(path: Path | None, settings: Settings) -> bytes:
    """The bytes of a file in ``rejected/``."""
    assert path is not None
    return b"".join(unsealed(path, subkey(settings, Purpose.REFUSED)))


def archived_bytes(sha256: str, settings: Settings) -> bytes:
    """The bytes of a delivery."""
    path = Archive(settings).path(sha256)
    if not is_sealed(path):
        return path.read_bytes()
    return b"".join(unsealed(path, subkey(settings, Purpose.ARCHIVE)))


def rows(query: str, settings: Settings, **tables: Path) -> list[Any]:
    """The rows of a query over files of the lake, by the names given to them."""
    with session(settings) as connection:
        for name, path in tables.items():
            connection.execute(f"CREATE VIEW {name} AS FROM {parquet(path, hive=False)}")
        return connection.execute(query).fetchall()


__all__ = ["archived_bytes", "refused_bytes", "rows"]
