"""The archive ("histórico"): bytes kept unchanged under their hash, sealed. What they are, the ledger says."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from emtp_assets.intake.scan import Scan, scan
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import keep_private, sync
from emtp_assets.storage.sealing import (
    SEALED,
    Sealer,
    SealError,
    Unsealed,
    WrongKeyError,
    is_sealed,
    plain_size,
    unseal,
    unsealed,
)
from emtp_assets.storage.storage_key import Purpose, subkey
from emtp_assets.storage.temporary import Own, sweep, unnamed

_ENDINGS = (".csv", ".parquet", ".zip", ".gz", ".rar", ".7z", ".xlsx")
_ABANDONED_AFTER = 24 * 3600


@dataclass(frozen=True)
class Staged:
    """A private copy of a file on the archive's own disk, with the facts of exactly those bytes.

    ``sealed``: as it will be kept; ``content``: the same, to be read as what it holds. Of a file that a library is to
    open by its name, `delivered` makes one in the clear.
    """

    content: Unsealed
    facts: Scan
    folder: Path
    sealed: Path


class Archive:
    """``<data>/archive/<aa>/<sha256>.csv.sellado``, read-only files; ``aa`` are the hash's first two figures.

    A container keeps its own ending in place of ``.csv``; what a source wrote down of a query's answer is ``.parquet``.
    What an older instance left in the clear has no ``.sellado``.
    """

    def __init__(self, settings: Settings) -> None:
        self.root = settings.data_dir / "archive"
        self._settings = settings

    def path(self, sha256: str) -> Path:
        """Where those bytes lie, whether or not they exist."""
        text = self.root / sha256[:2] / f"{sha256}.csv"
        clear = [text.with_suffix(end) for end in _ENDINGS]
        closed = [_sealed(path) for path in clear]
        return next((path for path in (*closed, *clear) if path.is_file()), _sealed(text))

    def holds(self, sha256: str, size: int) -> bool:
        """Whether bytes of that number lie there; `verify` looks whether they are the right ones."""
        path = self.path(sha256)
        if not path.is_file():
            return False
        return (plain_size(path) if path.suffix == SEALED else path.stat().st_size) == size

    @contextmanager
    def staged(self, source: Path) -> Iterator[Staged]:
        """Copy a file in, measuring what is copied: what is inspected is what is kept, whoever still writes.

        ``folder`` is for other temporary files; all of it is removed at the end.

        Raises:
            StorageKeyError: there is no key.
            OSError: the source cannot be read, or the disk refused.
        """
        key = subkey(self._settings, Purpose.ARCHIVE)
        incoming = self.root / ".incoming"
        own = Own(incoming)
        try:
            keep_private(self.root)
            self._sweep(incoming)
            closed = own.path / "sellado"
            with closed.open("wb", buffering=0) as target, Sealer(target, key) as sealer:
                facts = scan(source, copy_to=sealer.write)
            yield Staged(Unsealed.of(closed, key), facts, own.path, closed)
        finally:
            own.close()

    def keep(self, staged: Staged, container: str = "") -> Path:
        """Put staged bytes under their hash, durably. Keeping the same bytes again heals a damaged copy."""
        ending = ".parquet" if staged.facts.parquet else f".{container}" if container else ".csv"
        clear = (self.root / staged.facts.sha256[:2] / staged.facts.sha256).with_suffix(ending)
        target = put_in_place(staged.sealed, _sealed(clear))
        clear.unlink(missing_ok=True)
        return target

    def verify(self, sha256: str) -> bool:
        """Whether the archived bytes still are the ones that were delivered (reads the whole file).

        Raises:
            WrongKeyError: they were sealed with another key: that says nothing of them.
        """
        path = self.path(sha256)
        if not path.is_file():
            return False
        if not is_sealed(path):
            return path.suffix != SEALED and scan(path).sha256 == sha256
        digest = hashlib.sha256()
        try:
            for block in unsealed(path, subkey(self._settings, Purpose.ARCHIVE)):
                digest.update(block)
        except WrongKeyError:
            raise
        except SealError:
            return False
        return digest.hexdigest() == sha256

    def _sweep(self, incoming: Path) -> None:
        """Remove copies that a killed process left behind."""
        sweep(incoming)
        limit = time.time() - _ABANDONED_AFTER
        for folder in incoming.iterdir():
            with suppress(FileNotFoundError):
                if len(folder.name) != 32 and folder.stat().st_mtime < limit:
                    shutil.rmtree(folder, ignore_errors=True)


def content(path: Path, settings: Settings) -> Path:
    """An archived file to be read as the bytes that were delivered, sealed or not.

    Raises:
        SealError: it is not what was sealed; or, while it is read, it was sealed with another key or was changed.
        OSError: it cannot be read.
    """
    if is_sealed(path):
        return Unsealed.of(path, subkey(settings, Purpose.ARCHIVE))
    if path.suffix == SEALED:
        raise SealError(f"{path.name} está dañado o cortado en su comienzo: no se puede abrir.")
    return path


@contextmanager
def delivered(path: Path, settings: Settings, folder: Path) -> Iterator[Path]:
    """The bytes of an archived file in the clear, for libraries that open files by their names; for as long as the body
    runs, under no name on the disk of ``folder``.

    Raises:
        SealError: they were sealed with another key, or are not what was sealed.
        OSError: the disk refused.
    """
    held = content(path, settings)
    if not isinstance(held, Unsealed):
        yield held
        return
    with unnamed(folder) as clear:
        with clear.open("wb", buffering=0) as target:
            unseal(path, subkey(settings, Purpose.ARCHIVE), target)
        yield clear


def put_in_place(made: Path, target: Path) -> Path:
    """A finished file read-only and durably at its place, at one stroke."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made.chmod(0o440)
    sync(made)
    made.replace(target)
    sync(target.parent)
    return target


def _sealed(path: Path) -> Path:
    return path.with_name(path.name + SEALED)
