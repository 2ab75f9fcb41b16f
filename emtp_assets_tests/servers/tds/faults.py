"""What can be made to go wrong, one field for each way; the server and its sessions look here and act."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path


@dataclass
class Faults:
    """Faults that may be set and cleared while the server runs; they bear on what comes after.

    `times` counts down with each connection or query that a fault has spoilt and at zero clears them all, so that a
    client's second try succeeds; `None` means until cleared.
    """

    refuse_connections: bool = False
    """The port is closed: the connection is refused."""
    never_answer: bool = False
    """The connection is taken and nothing said: the client's login time runs out."""
    reset_during_login: bool = False
    """The connection is reset when the login has arrived."""
    refuse_login: bool = False
    """Every login is answered with error 18456."""
    certificate: tuple[Path, Path] | None = None
    """Another chain and key than the server's own."""
    slow_after_rows: int | None = None
    """After this many rows of an answer there is a rest of `slow_seconds`, and again after as many."""
    slow_seconds: float = 1.0
    cut_after_rows: int | None = None
    """After this many rows of an answer the connection is reset in the middle of the next."""
    error: int | None = None
    """Every query is answered with this error (of `errors.by_number`); 976 comes at login already, as it does there."""
    renamed_views: Mapping[str, str] = field(default_factory=dict)
    """Views that are now called otherwise."""
    missing_columns: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Columns that views no longer have."""
    zero_rows: Collection[str] = ()
    """Views that have become empty; "*" for all."""
    granted: Collection[str] = ()
    """What every login may do besides what it was given, spelt as in `Login.permissions`."""
    primary: bool = False
    """The server has become the primary of its availability group, and takes changes."""
    times: int | None = None

    def __post_init__(self) -> None:
        self._listener: Callable[[], None] | None = None
        self._lock = threading.RLock()

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)
        if not name.startswith("_") and getattr(self, "_listener", None) is not None:
            self._changed()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have the server told of every change."""
        self._listener = listener

    def _changed(self) -> None:
        if self._listener is not None:
            self._listener()

    def clear(self) -> None:
        """Let all go well again."""
        fresh = Faults()
        with self._lock:
            for one in fields(self):
                object.__setattr__(self, one.name, getattr(fresh, one.name))
        self._changed()

    def spend(self) -> None:
        """Count one connection or query spoilt."""
        with self._lock:
            if self.times is None:
                return
            object.__setattr__(self, "times", self.times - 1)
            exhausted = self.times <= 0
        if exhausted:
            self.clear()
