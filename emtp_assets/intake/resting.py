"""Which files of the drop folder have finished growing. Nothing is opened, moved or remembered here."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

_IGNORED_ENDS = (
    ".part", ".tmp", ".temp", ".partial", ".crdownload", ".filepart", ".swp", "~", ".explicacion.txt", ".lnk",
)  # fmt: skip
_IGNORED_STARTS = (".", "~$", "readme", "leame", "léame")
_IGNORED_NAMES = frozenset({"desktop.ini", "thumbs.db"})


@dataclass(frozen=True)
class Snapshot:
    """A file as last seen: bytes, modification time in ns, and since when (epoch seconds) it has been so."""

    size: int
    mtime_ns: int
    since: float


def resting(
    folder: Path, seen: Mapping[str, Snapshot], now: float, rest_seconds: float
) -> tuple[list[Path], dict[str, Snapshot]]:
    """Files unchanged for ``rest_seconds`` by our own clock, and the snapshots to hand in the next time.

    The file's own clock is not trusted: a copy may keep the original's date, and a share's clock may be off.
    Folders, links and temporary names are passed over; a folder that does not exist has no files.
    """
    ready: list[Path] = []
    snapshots: dict[str, Snapshot] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if ignored(path.name):
            continue
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        before = seen.get(path.name)
        same = before is not None and (before.size, before.mtime_ns) == (status.st_size, status.st_mtime_ns)
        since = min(before.since, now) if before is not None and same else now
        snapshots[path.name] = Snapshot(status.st_size, status.st_mtime_ns, since)
        if now - since >= rest_seconds:
            ready.append(path)
    return ready, snapshots


def ignored(name: str) -> bool:
    """Whether a name is a program's temporary file or a note, not a delivery."""
    lower = name.lower()
    return lower.startswith(_IGNORED_STARTS) or lower.endswith(_IGNORED_ENDS) or lower in _IGNORED_NAMES


def to_json(snapshots: Mapping[str, Snapshot]) -> str:
    """The snapshots as a sensor's cursor."""
    return json.dumps({name: asdict(snapshot) for name, snapshot in snapshots.items()}, sort_keys=True)


def from_json(text: str | None) -> dict[str, Snapshot]:
    """The snapshots of a cursor; an empty or foreign one starts anew."""
    try:
        return {name: Snapshot(**fields) for name, fields in json.loads(text or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}
