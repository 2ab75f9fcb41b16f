"""Several folders of an instance replaced together, all or none, by others made beside. What is in them is not known.

No file system replaces five folders at one stroke. So what is about to be done is written down first, and whoever opens
the lake next carries it through: a process killed in the middle leaves nothing that anybody of this product sees.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOM = ".rotation"
"""Below the data folder: what is being made (``new``), what it replaced (``old``), and the notes on it."""

_JOURNAL, _GENERATION, _LOCK = "swap.json", "generation", "swap.lock"


class SwappedError(RuntimeError):
    """The folders were replaced while a run was making something of the former ones. The message is Spanish."""


def made_beside(data_dir: Path) -> Path:
    """Where the folders to come are made, on the same file system."""
    return data_dir / ROOM / "new"


def swap(data_dir: Path, names: Sequence[str], ready: Callable[[], None] = lambda: None) -> None:
    """Replace the folders of these names by those in `made_beside`, and remove all that was beside.

    A name that was not made becomes an empty folder. From the note in the journal on, killed anywhere, `settle` ends
    it; before, nothing has changed. Nobody writes into the lake meanwhile (`writing`).

    Args:
        ready: looks at everything once more, with nobody writing; what it raises leaves all as it was.

    Raises:
        OSError: the disk refused; the former folders stand, or `settle` will end it.
    """
    with _lock(data_dir, fcntl.LOCK_EX):
        ready()
        new = made_beside(data_dir)
        for name in names:
            (new / name).mkdir(parents=True, exist_ok=True)
        _flush_tree(new, names)
        _write(data_dir / ROOM / _JOURNAL, json.dumps({"names": list(names), "generation": uuid.uuid4().hex}))
        _carry_through(data_dir)


def settle(data_dir: Path) -> str:
    """End a swap that a killed process began, and say which generation of the folders stands."""
    room = data_dir / ROOM
    if not room.is_dir():
        return ""
    if (room / _JOURNAL).is_file():
        with _lock(data_dir, fcntl.LOCK_EX):
            _carry_through(data_dir)
    return _generation(room)


@contextmanager
def writing(data_dir: Path, generation: str) -> Iterator[None]:
    """Hold off a swap while a file is put in place that was made of that generation of the folders.

    Raises:
        SwappedError: another one stands by now.
    """
    room = data_dir / ROOM
    if not room.is_dir():
        yield
        return
    with _lock(data_dir, fcntl.LOCK_SH):
        if (room / _JOURNAL).is_file() or _generation(room) != generation:
            raise SwappedError(
                "La clave de seudónimos se cambió y todas las capas se rehicieron mientras esta corrida trabajaba con "
                "las anteriores. Lo que hizo no se puso en su lugar. Ejecútela de nuevo."
            )
        yield


def _carry_through(data_dir: Path) -> None:
    """Do what the journal says and is not done yet; any step may have been the last of a killed process."""
    room = data_dir / ROOM
    journal = room / _JOURNAL
    if not journal.is_file():
        return
    noted = json.loads(journal.read_text(encoding="utf-8"))
    old = room / "old"
    old.mkdir(exist_ok=True)
    for name in noted["names"]:
        made, live, former = made_beside(data_dir) / name, data_dir / name, old / name
        if not made.exists():
            continue
        if live.exists():
            live.rename(former)
        made.rename(live)
    for folder in (data_dir, old, made_beside(data_dir)):
        if folder.is_dir():
            _flush(folder)
    _write(room / _GENERATION, noted["generation"])
    # While the journal stands, whoever comes ends this: nothing of the former folders is left behind for good.
    for folder in (old, made_beside(data_dir)):
        shutil.rmtree(folder, ignore_errors=True)
    journal.unlink()
    _flush(room)


@contextmanager
def _lock(data_dir: Path, kind: int) -> Iterator[None]:
    room = data_dir / ROOM
    room.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (room / _LOCK).open("a") as handle:
        fcntl.flock(handle, kind)
        yield


def _generation(room: Path) -> str:
    try:
        return (room / _GENERATION).read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)
    _flush(path.parent)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_tree(root: Path, names: Sequence[str]) -> None:
    """The files were flushed as they were made; the folders that lead to them are flushed here."""
    for name in names:
        for folder, _, _ in os.walk(root / name):
            _flush(Path(folder))
    _flush(root)
