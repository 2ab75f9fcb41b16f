"""What of persons an older version left on the disk in the clear, or open to other accounts; and closing it.

What this version writes is closed by whoever writes it, and never in the clear under a name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emtp_assets.intake.archive import put_in_place
from emtp_assets.intake.ledger import Ledger
from emtp_assets.intake.places import archived_files, raw_parts, refused_files, set_aside_files
from emtp_assets.intake.scan import BLOCK
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import PART, Layer, keep_private, sync
from emtp_assets.storage.restricted import encrypted_copy, is_encrypted
from emtp_assets.storage.sealing import SEALED, Sealer, SealError, is_sealed, sealed_with
from emtp_assets.storage.storage_key import Purpose, subkey
from emtp_assets.storage.temporary import Own

_EXPLANATION = ".explicacion.txt"
_RESTRICTED = (
    "archive",
    "quarantine",
    "selections",
    ".staging",
    ".secrets",
    ".rotation",
    "crosswalk",
    "microdata",
    Layer.RAW,
    Layer.CLEANED,
    Layer.REJECTED,
    Layer.AGGREGATED,
)


@dataclass(frozen=True)
class Clear:
    """A file in the clear. ``close``: encrypt it in its place; from then on its path may be another."""

    path: Path
    what: str
    close: Callable[[], None]


@dataclass
class Closed:
    """What a run closed, in files by what they are, and what it could not, with the reason."""

    files: dict[str, int] = field(default_factory=dict)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def in_the_clear(settings: Settings) -> list[Clear]:
    """Files that may name persons and are not encrypted. The drop folder's own are not looked at: they are to come.

    Raises:
        OSError: a folder cannot be read.
    """
    return list(_found(settings))


def close(settings: Settings) -> Closed:
    """Encrypt all of it, one file after the other; killed anywhere, another run goes on.

    A file stands until its encrypted form is on the disk; its time stays, from which retention counts.

    Raises:
        StorageKeyError: there is no key.
    """
    done = Closed()
    for each in in_the_clear(settings):
        try:
            each.close()
        except (OSError, ValueError) as error:
            done.failed.append((each.path, getattr(error, "strerror", None) or str(error)))
        else:
            done.files[each.what] = done.files.get(each.what, 0) + 1
    for folder in open_to_others(settings):
        keep_private(folder)
    return done


def open_to_others(settings: Settings) -> list[Path]:
    """Folders of the restricted zone, Dagster's own included, that other accounts of the machine can enter or list."""
    home = os.environ.get("DAGSTER_HOME")
    folders = [*(settings.data_dir / name for name in _RESTRICTED), *([Path(home)] if home else [])]
    return [folder for folder in folders if folder.is_dir() and folder.stat().st_mode & 0o077]


def of_another_key(settings: Settings) -> list[Path]:
    """Sealed files that the instance's key does not open, by what they say themselves.

    Raises:
        StorageKeyError: there is no key.
    """
    keys = {Purpose.ARCHIVE: archived_files(settings).values(), Purpose.REFUSED: refused_files(settings)}
    return [
        path
        for purpose, paths in keys.items()
        for path in paths
        if path.suffix == SEALED and sealed_with(path) not in {None, sealed_key(settings, purpose)}
    ]


def sealed_key(settings: Settings, purpose: Purpose) -> bytes:
    """What a file sealed for that purpose says of its key."""
    from emtp_assets.storage.storage_key import key_id

    return key_id(subkey(settings, purpose))


def _found(settings: Settings) -> Iterator[Clear]:
    for sha, path in archived_files(settings).items():
        if path.suffix != SEALED and not path.is_symlink() and not is_sealed(path):
            yield Clear(path, "entregas", lambda path=path, sha=sha: _seal_delivery(settings, path, sha))
    for _, _, path in raw_parts(settings):
        if not _closed(path):
            yield Clear(path, "años de la capa cruda", lambda path=path: _encrypt(settings, path, Purpose.RAW))
    for path in sorted((settings.data_dir / Layer.REJECTED).glob(f"*/academic_year=*/{PART}")):
        if not _closed(path):
            yield Clear(path, "años de filas rechazadas", lambda path=path: _encrypt(settings, path, Purpose.RAW))
    for path in set_aside_files(settings).values():
        if not _closed(path):
            yield Clear(path, "líneas apartadas", lambda path=path: _encrypt(settings, path, Purpose.QUARANTINE))
    for path in refused_files(settings):
        if path.suffix != SEALED and not path.name.endswith(_EXPLANATION):
            yield Clear(path, "archivos rechazados", lambda path=path: _seal_refused(settings, path))


def _closed(path: Path) -> bool:
    try:
        return is_encrypted(path)
    except SealError:
        return True  # damaged, which is another finding's


def _seal_delivery(settings: Settings, path: Path, sha256: str) -> None:
    """Only what still is the delivery: a damaged copy must not look healthy for being sealed."""
    digest = hashlib.sha256()
    target = path.with_name(path.name + SEALED)
    _sealed(settings, path, target, Purpose.ARCHIVE, digest.update, lambda: digest.hexdigest() == sha256)


def _seal_refused(settings: Settings, path: Path) -> None:
    target = path.with_name(path.name + SEALED)
    ledger = Ledger(settings.data_dir)
    _sealed(settings, path, target, Purpose.REFUSED, lambda _: None, lambda: True)
    ledger.refused_file_moved(path, target)


def _sealed(
    settings: Settings,
    path: Path,
    target: Path,
    purpose: Purpose,
    seen: Callable[[bytes], object],
    whole: Callable[[], bool],
) -> None:
    status = path.stat()
    partial = target.with_name(target.name + ".part")
    try:
        key = subkey(settings, purpose)
        with path.open("rb") as source, partial.open("wb", buffering=0) as file, Sealer(file, key) as sealer:
            while block := source.read(BLOCK):
                seen(block)
                sealer.write(block)
        if not whole():
            raise ValueError("no es lo que se recibió: quedó como estaba; vuelva a dejar el archivo original")
        os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
        put_in_place(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    path.unlink()
    sync(path.parent)


def _encrypt(settings: Settings, path: Path, purpose: Purpose) -> None:
    status = path.stat()
    own = Own(settings.data_dir / ".staging")
    try:
        made = own.path / PART
        encrypted_copy(path, made, settings, purpose)
        os.utime(made, ns=(status.st_atime_ns, status.st_mtime_ns))
        made.chmod(status.st_mode & 0o700)
        sync(made)
        made.replace(path)
        sync(path.parent)
    finally:
        own.close()


def in_words(paths: Sequence[Path], shown: int = 3) -> str:
    """The first of some files by their names, and how many more there are."""
    more = f" y {len(paths) - shown} más" if len(paths) > shown else ""
    return ", ".join(path.name for path in paths[:shown]) + more
