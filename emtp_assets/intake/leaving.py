"""Taking a file out of the drop folder when others may replace it at any moment: that very file, or none. Where it goes
is for others."""

from __future__ import annotations

import fcntl
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from os import stat_result
from pathlib import Path

LEAVING = ".saliendo"
"""The folder, inside the drop folder, of a file that is about to be removed; empty but for what a kill left there."""


def changed(path: Path, before: stat_result) -> bool:
    """Whether another file, or another content, is there now; gone is changed too."""
    try:
        now = path.lstat()
    except FileNotFoundError:
        return True
    return not same(now, before) or now.st_ctime_ns != before.st_ctime_ns


def same(one: stat_result, other: stat_result) -> bool:
    """The same file with the same content, wherever it lies: a renamed file keeps all but its ``ctime``."""
    return (one.st_size, one.st_mtime_ns, one.st_ino) == (other.st_size, other.st_mtime_ns, other.st_ino)


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """One process of the instance at a time takes files out of the folder; a kill lets the next one in."""
    with (data_dir / "leaving.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def take_away(path: Path, before: stat_result, *, first: Callable[[Path], None] | None = None) -> bool:
    """Remove a file that is archived, unless another took its place since it was looked at; whether it was that one.

    It leaves its place at one stroke and is looked at only then; another's file goes back. ``first``: what is to be
    done with it before it is removed. Killed in between, `settle` ends it. Only while `alone`.

    Raises:
        OSError: the folder does not allow it, or ``first`` failed; the file is where it was.
    """
    if changed(path, before):
        return False
    room = path.parent / LEAVING / uuid.uuid4().hex
    room.mkdir(parents=True)
    leaving = room / path.name
    try:
        path.rename(leaving)
        if not same(leaving.lstat(), before):
            put_back(leaving, path)
            return False
        if first is not None:
            try:
                first(leaving)
            except BaseException:
                put_back(leaving, path)
                raise
        leaving.unlink()
    except FileNotFoundError:
        return False
    finally:
        _close(room)
    return True


def settle(drop: Path, archived: Callable[[str], bool]) -> None:
    """End what a killed process had begun to remove: bytes that are ``archived`` (by SHA-256) go, others go back, to be
    taken anew. Only while `alone`."""
    for room in (drop / LEAVING).iterdir() if (drop / LEAVING).is_dir() else ():
        with suppress(OSError):
            for path in room.iterdir():
                if archived(_sha256(path)):
                    path.unlink()
                else:
                    put_back(path, drop / path.name)
        _close(room)


def put_back(path: Path, place: Path) -> None:
    """Rename, but never over another file: under another name then, for both have to be read."""
    turn, target = 1, place
    while True:
        try:
            os.link(path, target)
        except FileExistsError:
            pass
        except OSError:
            # A share without hard links. Another may come between looking and renaming; left here, this one is lost.
            if not os.path.lexists(target):
                path.rename(target)
                return
        else:
            path.unlink()
            return
        turn += 1
        target = place.with_name(f"{place.stem}-{turn}{place.suffix}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _close(room: Path) -> None:
    with suppress(OSError):
        room.rmdir()
        room.parent.rmdir()
