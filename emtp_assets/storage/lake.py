"""The lake: one Parquet file a table and academic year, replaced whole. No query is written here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from emtp_assets.storage.swapping import settle, writing
from emtp_assets.storage.temporary import Own, sweep

PART = "part.parquet"


class Layer(StrEnum):
    """The rooms a table passes through, in order; ``REJECTED`` holds the rows that cleaning refused."""

    RAW = "raw"
    CLEANED = "cleaned"
    REJECTED = "rejected"
    AGGREGATED = "aggregated"
    ANONYMIZED = "anonymized"


class Lake:
    """``<data>/<layer>/<table>/academic_year=<year>/part.parquet``: the system of record.

    A reader sees a year's file as it was or as it is, never in between: files are written beside and put
    in place by ``os.replace`` on the same file system. All layers may be replaced together (`swapping`): opening the
    lake ends a swap that was killed, and what was made of the former layers is then no longer put in place.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._generation = settle(data_dir)

    def part(self, layer: Layer, table: str, year: int) -> Path:
        """Where that table's year lies, whether or not it exists."""
        return self.data_dir / layer / table / f"academic_year={year}" / PART

    def parts(self, layer: Layer, table: str, years: Iterable[int] | None = None) -> list[Path]:
        """The existing files of a table, oldest first; ``years`` narrows them."""
        wanted = self.years(layer, table) if years is None else sorted(set(years))
        return [path for path in (self.part(layer, table, year) for year in wanted) if path.is_file()]

    def years(self, layer: Layer, table: str) -> list[int]:
        """The academic years of which the table has a file, ascending."""
        folder = self.data_dir / layer / table
        found = folder.glob(f"academic_year=*/{PART}")
        return sorted(int(path.parent.name.partition("=")[2]) for path in found)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A private folder on the lake's own file system; what is not promoted from it is removed.

        Those of processes that were killed are removed by whoever stages next.
        """
        room = self.data_dir / ".staging"
        own = Own(room)
        try:
            keep_private(room)
            sweep(room)
            yield own.path
        finally:
            own.close()

    def promote(self, staged: Path, layer: Layer, table: str, year: int) -> Path:
        """Put a staged file in place of that year's, atomically and durably.

        Raises:
            OSError: the disk refused; the year's former file still stands.
            SwappedError: all layers were replaced since this lake was opened.
        """
        target = self.part(layer, table, year)
        sync(staged)
        with writing(self.data_dir, self._generation):
            target.parent.mkdir(parents=True, exist_ok=True)
            if layer is not Layer.ANONYMIZED:
                keep_private(self.data_dir / layer)
            staged.replace(target)
            sync(target.parent)
        return target

    def withdraw(self, layer: Layer, table: str, year: int) -> None:
        """Remove a year that its inputs no longer have."""
        self.part(layer, table, year).unlink(missing_ok=True)


def keep_private(folder: Path) -> None:
    """Close a folder of the restricted zone to every other account of the machine."""
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def sync(path: Path) -> None:
    """Flush a file or folder to the disk, so that a power cut cannot undo the replacement."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
