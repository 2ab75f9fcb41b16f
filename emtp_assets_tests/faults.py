"""Processes that die where a test says: each call to the system that Python tells of, and each commit, is a point.

What a process does is a test's business, and so is what must be true after it died.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

_TOLD = ("open", "os.", "shutil.", "sqlite3.", "tempfile.", "fcntl.")
# Those at which the disk's truth changes; a kill at the next is one after it.
_NAMES_CHANGE = ("os.rename", "os.remove", "os.symlink", "os.link")
EVERY = os.environ.get("EMTP_NIGHTLY") == "1"
"""With ``EMTP_NIGHTLY=1``: every point, in place of a seeded choice of them."""


def in_child(body: Callable[[], object]) -> int:
    """Run in a forked process; its exit status, or minus the signal that ended it. 70: it raised."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            body()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def points_of(body: Callable[[], object]) -> list[str]:
    """The points of a run from its beginning to its end: what it was about to do at each.

    Raises:
        AssertionError: it did not come to its end.
    """
    # A pipe holds 64 KB and would wait for a reader that waits for the child.
    with tempfile.TemporaryFile("w+") as told:

        def counting() -> None:
            counter = _Counter()
            counter.watch()
            body()
            json.dump(counter.seen, told)
            told.flush()

        assert in_child(counting) == 0
        told.seek(0)
        return json.load(told)


def kill_at(body: Callable[[], object], point: int) -> int:
    """Run in a process that is killed on reaching a point, counted from 0; its exit status."""

    def doomed() -> None:
        _Counter(point).watch()
        body()

    return in_child(doomed)


def kill_after(body: Callable[[], object], seconds: float) -> int:
    """Run in a process that is killed after a time, in the middle of whatever it does then; its exit status."""

    def doomed() -> None:
        threading.Thread(target=lambda: (time.sleep(seconds), die()), daemon=True).start()
        body()

    return in_child(doomed)


def act_at(body: Callable[[], object], point: int, act: Callable[[], None]) -> int:
    """Run in a child, in which something else happens on the disk just before a point; its exit status."""

    def disturbed() -> None:
        _Counter(point, act).watch()
        body()

    return in_child(disturbed)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def chosen(points: Sequence[str], how_many: int, seed: int) -> list[int]:
    """That many points spread over a run, the same for the same seed, and each at which a name of the disk changes.

    In the nightly profile, every point.
    """
    if EVERY or how_many >= len(points):
        return list(range(len(points)))
    pick, total = random.Random(seed), len(points)
    # One from each of as many equal stretches: no step of the run is passed over.
    spread = {pick.randrange(k * total // how_many, (k + 1) * total // how_many) for k in range(how_many)}
    return sorted(spread | {at for at, what in enumerate(points) if what in _NAMES_CHANGE})


class _Counter:
    """Counts what the process does, and acts at a point. For a child alone: an audit hook cannot be taken off."""

    def __init__(self, point: int | None = None, act: Callable[[], object] = die) -> None:
        self.seen: list[str] = []
        self._at, self._act = point, act

    def watch(self) -> None:
        sys.addaudithook(self._heard)
        point, fsync, connect = self._point, os.fsync, sqlite3.connect

        def synced(descriptor: int) -> None:
            point("fsync")
            fsync(descriptor)
            point("synced")

        class Counted(sqlite3.Connection):
            def execute(self, *given: Any) -> sqlite3.Cursor:
                point("execute")
                return super().execute(*given)

            def __exit__(self, *given: Any) -> Any:
                point("commit")
                left = super().__exit__(*given)
                point("committed")
                return left

        os.fsync = synced
        sqlite3.connect = lambda *given, **named: connect(*given, **named, factory=Counted)

    def _heard(self, event: str, _: object) -> None:
        if event.startswith(_TOLD):
            self._point(event)

    def _point(self, what: str) -> None:
        self.seen.append(what)
        if len(self.seen) - 1 == self._at:
            self._at = None
            self._act()
