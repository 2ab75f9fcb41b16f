"""The archive ("histórico"): bytes kept unchanged under their hash. What they are, the ledger says."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emtp_assets.intake.scan import Scan, scan
from emtp_assets.storage.lake import keep_private, sync

_ENDINGS = (".csv", ".parquet", ".zip", ".gz", ".rar", ".7z", ".xlsx")
_ABANDONED_AFTER = 24 * 3600


@dataclass(frozen=True)
class Staged:
    """A private copy of a file on the archive's own disk, with the facts of exactly those bytes."""

    path: Path
    facts: Scan
    folder: Path


class Archive:
    """``<data>/archive/<aa>/<sha256>.csv``, read-only files; ``aa`` are the hash's first two figures.

    A container keeps its own ending in place of ``.csv``; what a source wrote down of a query's answer is ``.parquet``.
    """

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "archive"

    def path(self, sha256: str) -> Path:
        """Where those bytes lie, whether or not they exist."""
        text = self.root / sha256[:2] / f"{sha256}.csv"
        return next((path for end in _ENDINGS if (path := text.with_suffix(end)).is_file()), text)

    def holds(self, sha256: str, size: int) -> bool:
        path = self.path(sha256)
        return path.is_file() and path.stat().st_size == size

    @contextmanager
    def staged(self, source: Path) -> Iterator[Staged]:
        """Copy a file in, measuring what is copied: what is inspected is what is kept, whoever still writes.

        ``folder`` is for other temporary files; all of it is removed at the end.

        Raises:
            OSError: the source cannot be read, or the disk refused.
        """
        folder = self.root / ".incoming" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        keep_private(self.root)
        self._sweep()
        try:
            copy = folder / "bytes"
            yield Staged(copy, scan(source, copy_to=copy), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, staged: Staged, container: str = "") -> Path:
        """Put staged bytes under their hash, durably. Keeping the same bytes again heals a damaged copy."""
        ending = ".parquet" if staged.facts.parquet else f".{container}" if container else ".csv"
        target = self.path(staged.facts.sha256).with_suffix(ending)
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.path.chmod(0o440)
        sync(staged.path)
        staged.path.replace(target)
        sync(target.parent)
        return target

    def verify(self, sha256: str) -> bool:
        """Whether the archived bytes still are the ones that were delivered (reads the whole file)."""
        path = self.path(sha256)
        return path.is_file() and scan(path).sha256 == sha256

    def _sweep(self) -> None:
        """Remove copies that a killed process left behind."""
        limit = time.time() - _ABANDONED_AFTER
        for folder in (self.root / ".incoming").iterdir():
            try:
                if folder.stat().st_mtime < limit:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                continue
