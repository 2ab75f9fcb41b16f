"""Temporary files that may hold persons in the clear: they have no name, so that no kill leaves one behind.

On Linux such a file lives in the file system of the folder that is asked for, and is reached through
``/proc/self/fd/N``, by this process and by a child that inherits N. A file system that has none of these (some network
shares) gets a named file in a private folder, which whoever comes next removes once its process is gone; the same goes
for the files of libraries that must have names (DuckDB's spill).
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_NO_UNNAMED = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL, errno.ENOSYS}
_BY_DESCRIPTOR = Path("/proc/self/fd")


class Unnamed(type(Path())):
    """A path to a file that lasts as long as this very object is held, or until `discard`.

    Opening the path opens the file anew, at its beginning; it cannot be renamed or removed by it.
    """

    _end: weakref.finalize[..., Any]

    @classmethod
    def new(cls, folder: Path) -> Unnamed:
        """A new empty file (mode 0600) on the disk of ``folder``.

        Raises:
            OSError: the disk refused.
        """
        descriptor, path = _opened(folder)
        made = cls(path)
        made._end = weakref.finalize(made, _closed, descriptor, path)
        return made

    def discard(self) -> None:
        """End it now."""
        self._end()


@contextmanager
def unnamed(folder: Path) -> Iterator[Unnamed]:
    """A new empty file for as long as the body runs.

    Raises:
        OSError: the disk refused.
    """
    path = Unnamed.new(folder)
    try:
        yield path
    finally:
        path.discard()


def _closed(descriptor: int, path: Path) -> None:
    os.close(descriptor)
    if path.parent != _BY_DESCRIPTOR:
        path.unlink(missing_ok=True)


def _opened(folder: Path) -> tuple[int, Path]:
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NO_UNNAMED or not folder.is_dir():
            raise
    else:
        path = _BY_DESCRIPTOR / str(descriptor)
        if path.exists():
            return descriptor, path
        os.close(descriptor)
    descriptor, name = tempfile.mkstemp(prefix="temporal-", dir=folder)
    return descriptor, Path(name)


def descriptors(*paths: str) -> tuple[int, ...]:
    """The descriptors that a child process has to inherit to open these paths as this process does."""
    held = (Path(path) for path in paths)
    return tuple(int(path.name) for path in held if path.parent == _BY_DESCRIPTOR and path.name.isdigit())


class Own:
    """A private folder (0700) of a process in a ``room``: `sweep` leaves it alone for as long as the process lives."""

    def __init__(self, room: Path) -> None:
        room.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = room / uuid.uuid4().hex
        self._process = os.getpid()
        with _alone(room):
            self.path.mkdir(mode=0o700)
            self._held = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Remove it with all that is in it. A child that was forked has no say in it."""
        if self._held >= 0 and os.getpid() == self._process:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._held)
            self._held = -1


def sweep(room: Path) -> None:
    """Remove the folders of a room whose processes are gone. What was not made by `Own` is left where it is."""
    if not room.is_dir():
        return
    with _alone(room):
        for folder in room.iterdir():
            if len(folder.name) == 32 and not folder.is_symlink() and folder.is_dir() and _nobodys(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _nobodys(folder: Path) -> bool:
    held = None
    try:
        held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        if held is not None:
            os.close(held)


@contextmanager
def _alone(room: Path) -> Iterator[None]:
    """One process at a time makes or removes folders of a room: one that is not yet held looks like nobody's."""
    held = os.open(room, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a share without locks: then nothing in it can be held, nor taken for nobody's
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
