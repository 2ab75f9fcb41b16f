"""The sources' journal, one SQLite file: what was asked of whom, how it ended, which version is known.

Deliveries themselves are the ledger's. Never a secret nor a person's value in here: messages are those of
`SourceFailure`, filters are years and codes.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from emtp_assets.storage.records import RecordFile, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS marks (
    source TEXT NOT NULL,
    dataset TEXT NOT NULL,
    year INTEGER NOT NULL,
    mark TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (source, dataset, year)
) STRICT;
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    run_id TEXT NOT NULL,
    source TEXT NOT NULL,
    dataset TEXT NOT NULL,
    year INTEGER NOT NULL,
    result TEXT NOT NULL,
    cause TEXT NOT NULL,
    nature TEXT NOT NULL,
    message TEXT NOT NULL,
    tries INTEGER NOT NULL,
    seconds REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS queries (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    login TEXT NOT NULL,
    server TEXT NOT NULL,
    view TEXT NOT NULL,
    columns TEXT NOT NULL,
    filters TEXT NOT NULL,
    rows INTEGER NOT NULL,
    seconds REAL NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
"""


class Result(StrEnum):
    """How asking a source ended."""

    DELIVERED = "entregó"
    UNCHANGED = "sin cambios"
    NOTHING = "sin archivo"
    REJECTED = "archivo rechazado"
    FAILED = "falló"


@dataclass(frozen=True)
class Mark:
    """The version of a source's file that was last taken in, and the delivery it became."""

    mark: str
    sha256: str


@dataclass(frozen=True)
class Attempt:
    """One source asked for one dataset and year; ``tries`` counts repetitions, ``seconds`` their total."""

    at: datetime
    run_id: str
    source: str
    dataset: str
    year: int
    result: Result
    message: str
    cause: str = ""
    nature: str = ""
    tries: int = 1
    seconds: float = 0.0
    id: int = 0

    @property
    def failed(self) -> bool:
        return self.result in (Result.FAILED, Result.REJECTED)


@dataclass(frozen=True)
class Query:
    """One query executed on a server: who, when, which view, filters, rows, duration. Never values."""

    at: datetime
    login: str
    server: str
    view: str
    columns: str
    filters: str
    rows: int
    seconds: float
    outcome: str


class Journal:
    """``<data>/sources.sqlite``. Each call opens, works in one transaction and closes: processes share it."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / "sources.sqlite", _SCHEMA)
        self.path = self._file.path

    def mark(self, source: str, dataset: str, year: int) -> Mark | None:
        """The version last taken in from that source."""
        with self._file.transaction() as db:
            row = db.execute(
                "SELECT mark, sha256 FROM marks WHERE source = ? AND dataset = ? AND year = ?", (source, dataset, year)
            ).fetchone()
        return Mark(row["mark"], row["sha256"]) if row else None

    def remember(self, source: str, dataset: str, year: int, mark: Mark, now: datetime) -> None:
        """Note the version taken in; only after its delivery is in the ledger, so that a crash fetches it again."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?)",
                (source, dataset, year, mark.mark, mark.sha256, utc_text(now)),
            )

    def attempted(self, attempt: Attempt) -> None:
        """Write down how asking a source ended."""
        row = {**asdict(attempt), "at": utc_text(attempt.at), "result": attempt.result.value}
        del row["id"]
        with self._file.transaction() as db:
            db.execute(f"INSERT INTO attempts ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})", row)

    def attempts(self, *, after: int = 0, source: str | None = None) -> list[Attempt]:
        """Attempts with a number above ``after``, oldest first."""
        with self._file.transaction() as db:
            rows = db.execute(
                "SELECT * FROM attempts WHERE id > ?1 AND (?2 IS NULL OR source = ?2) ORDER BY id", (after, source)
            ).fetchall()
        return [_attempt(row) for row in rows]

    def attempts_of_run(self, run_id: str) -> list[Attempt]:
        """What was asked in a run, oldest first."""
        with self._file.transaction() as db:
            rows = db.execute("SELECT * FROM attempts WHERE run_id = ? ORDER BY id", (run_id,)).fetchall()
        return [_attempt(row) for row in rows]

    def failures_in_a_row(self, source: str) -> list[Attempt]:
        """The source's failed attempts since it last answered, newest first.

        What was not really asked (``tries`` 0, its system being down already in that run) is not counted.
        """
        with self._file.transaction() as db:
            rows = db.execute(
                """SELECT * FROM attempts WHERE source = ?1 AND result IN ('falló', 'archivo rechazado') AND id >
                   coalesce((SELECT max(id) FROM attempts WHERE source = ?1
                             AND result NOT IN ('falló', 'archivo rechazado')), 0)
                   AND tries > 0 ORDER BY id DESC""",
                (source,),
            ).fetchall()
        return [_attempt(row) for row in rows]

    def queried(self, query: Query) -> None:
        """Write down a query that was executed, whatever its end."""
        row = {**asdict(query), "at": utc_text(query.at)}
        with self._file.transaction() as db:
            db.execute(f"INSERT INTO queries ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})", row)

    def queries(self) -> list[Query]:
        """Every query executed, oldest first."""
        with self._file.transaction() as db:
            rows = db.execute("SELECT * FROM queries ORDER BY id").fetchall()
        return [_query(row) for row in rows]


def _attempt(row: sqlite3.Row) -> Attempt:
    fields: dict[str, Any] = dict(row)
    fields["at"] = datetime.fromisoformat(fields["at"])
    fields["result"] = Result(fields["result"])
    return Attempt(**fields)


def _query(row: sqlite3.Row) -> Query:
    fields: dict[str, Any] = dict(row)
    del fields["id"]
    fields["at"] = datetime.fromisoformat(fields["at"])
    return Query(**fields)
