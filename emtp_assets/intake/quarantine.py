"""Lines that do not fit: kept as they came, with their number and the reason, beside the archive.

Why they do not fit is decided in `odd_lines`; nothing is read from here into a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from emtp_assets.settings import Settings
from emtp_assets.storage.lake import keep_private, sync
from emtp_assets.storage.restricted import read, writer
from emtp_assets.storage.storage_key import Purpose

_SCHEMA = pa.schema(
    [
        ("linea", pa.int64()),
        ("lineas", pa.int32()),
        ("motivo", pa.string()),
        ("detalle", pa.string()),
        ("bytes", pa.binary()),
    ]
)


@dataclass(frozen=True)
class SetAside:
    """Lines of a text that are no row.

    ``line``: the first, 1-based; ``lines``: how many; ``what``: why, in Spanish, without any value; ``raw``: their
    bytes as read, without the line end.
    """

    line: int
    lines: int
    code: str
    what: str
    raw: bytes


class Quarantine:
    """``<data>/quarantine/<aa>/<sha256>.parquet``: what was set aside of each delivery. Personal, like the archive,
    and encrypted."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.data_dir / "quarantine"
        self._settings = settings

    def path(self, sha256: str) -> Path:
        """Where the lines of that delivery lie, whether or not any do."""
        return self.root / sha256[:2] / f"{sha256}.parquet"

    def keep(self, sha256: str, aside: Sequence[SetAside], folder: Path) -> None:
        """Write them down, durably and at one stroke; the same bytes again are the same file.

        ``folder``: a temporary one of this disk, in which the file is made.

        Raises:
            OSError: the disk refused.
        """
        if not aside:
            return
        target = self.path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        keep_private(self.root)
        partial = folder / "quarantine.parquet"
        table = pa.table(
            [
                [each.line for each in aside],
                [each.lines for each in aside],
                [each.code for each in aside],
                [each.what for each in aside],
                [each.raw for each in aside],
            ],
            schema=_SCHEMA,
        )
        with writer(partial, _SCHEMA, self._settings, Purpose.QUARANTINE) as encrypted:
            encrypted.write_table(table)
        partial.chmod(0o600)
        sync(partial)
        partial.replace(target)
        sync(target.parent)

    def rows(self, sha256: str) -> list[SetAside]:
        """What was set aside of a delivery, in the order of its lines; none when all of it fitted.

        Raises:
            SealError: it was encrypted with another key, or is damaged.
        """
        path = self.path(sha256)
        if not path.is_file():
            return []
        return [SetAside(*row.values()) for row in read(path, self._settings, Purpose.QUARANTINE).to_pylist()]

    def lines(self, sha256: str) -> int:
        """How many lines were set aside; -1 where the file cannot be read."""
        path = self.path(sha256)
        if not path.is_file():
            return 0
        try:
            counted = read(path, self._settings, Purpose.QUARANTINE, columns=["lineas"])
        except (OSError, ValueError, KeyError):
            return -1
        return int(counted.column("lineas").to_numpy().sum())
