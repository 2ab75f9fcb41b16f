"""A file of records that processes share: SQLite, private, each use a transaction. What is recorded is its owner's."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path


class RecordFile:
    """A SQLite file, made with its tables the first time; only the account reads it (0600).

    ``upgrade`` brings a file of an earlier version to today's tables, and must find nothing to do in a new one.
    """

    def __init__(
        self, path: Path, schema: str, upgrade: Callable[[sqlite3.Connection], None] = lambda connection: None
    ) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # SQLite answers "locked" at once, without waiting, to a second process that makes a new file WAL.
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with self.transaction() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(schema)
                upgrade(connection)
        path.chmod(0o600)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open, work in one transaction that is on disk at its end, and close; rows by column name."""
        connection = sqlite3.connect(self.path, timeout=30)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            with connection:
                yield connection
        finally:
            connection.close()


def utc_text(moment: datetime) -> str:
    """A moment as records keep it: UTC, ISO 8601, so that text order is time order.

    Raises:
        ValueError: it has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without time zone cannot be recorded")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
