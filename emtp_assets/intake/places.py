"""Where files that may name persons lie on the disk: what there is, seen without opening it. What ought to be there is
the ledger's to say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from emtp_assets.intake.rejection import REJECTED
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import SPILL
from emtp_assets.storage.lake import PART, Layer

_SHA256 = re.compile(r"[0-9a-f]{64}")
_STAMPED = re.compile(r"\d{8}T\d{6}(-\d+)?_.")
ABANDONED_AFTER = timedelta(days=1)


def archived_files(settings: Settings) -> dict[str, Path]:
    """The archive's files by the SHA-256 in their name."""
    return _by_hash(settings.data_dir / "archive")


def set_aside_files(settings: Settings) -> dict[str, Path]:
    """The files of lines set aside, by their delivery's SHA-256."""
    return _by_hash(settings.data_dir / "quarantine")


def selection_files(settings: Settings) -> dict[str, Path]:
    """The places kept of a large text's rows, by their delivery's SHA-256."""
    return _by_hash(settings.data_dir / "selections")


def raw_parts(settings: Settings) -> Iterator[tuple[str, int, Path]]:
    """Dataset, academic year and file of every year of the raw layer."""
    for path in sorted((settings.data_dir / Layer.RAW).glob(f"*/academic_year=*/{PART}")):
        yield path.parent.parent.name, int(path.parent.name.partition("=")[2]), path


def refused_files(settings: Settings) -> list[Path]:
    """Files in ``rejected/`` that have the name intake gives them, explanations included."""
    folder = settings.drop / REJECTED
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(p for p in found if _STAMPED.match(p.name) and not p.name.endswith(".part") and p.is_file())


def leftovers(settings: Settings, now: datetime) -> list[Path]:
    """What processes that were killed left half done, once it is a day old: files, and private folders."""
    data = settings.data_dir
    held = [
        *_entries(data / "archive" / ".incoming"),
        *(p for p in _entries(data / ".staging") if p.name != SPILL),
        *(p for p in _entries(settings.drop / REJECTED) if p.name.endswith(".part") and _STAMPED.match(p.name)),
    ]
    return sorted(p for p in held if older(p, now, ABANDONED_AFTER))


def older(path: Path, now: datetime, age: timedelta) -> bool:
    """Whether a file has not changed for that long; not when it is gone, nor when its time is to come."""
    try:
        return now - changed_at(path) > age
    except FileNotFoundError:
        return False


def changed_at(path: Path) -> datetime:
    """When a file was last written.

    Raises:
        FileNotFoundError: it is gone.
    """
    return datetime.fromtimestamp(path.lstat().st_mtime, UTC)


def going_place(path: Path, number: int) -> Path:
    """Where a file is put, beside its place, that decision ``number`` deletes: no reader knows it by that name."""
    return path.with_name(f".borrar-{number}")


def mark_of(path: Path) -> str:
    """Which file lies at a place: a new one of the same bytes has another mark, a renamed one keeps its own."""
    status = path.lstat()
    return f"{status.st_ino}:{status.st_mtime_ns}"


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.lstat().st_size for file in files if not file.is_dir())


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _by_hash(root: Path) -> dict[str, Path]:
    found = (path for folder in _entries(root) if not folder.name.startswith(".") for path in _entries(folder))
    return {path.name[:64]: path for path in sorted(found) if _SHA256.match(path.name) and path.suffix != ".part"}
