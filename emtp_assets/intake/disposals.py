"""What was deleted of the restricted zone, when and why: tables of the ledger's file. Deciding it is `retention`'s."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from emtp_assets.storage.records import RecordFile, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS disposals (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    place TEXT NOT NULL,
    mark TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    dataset TEXT NOT NULL,
    years TEXT NOT NULL,
    since TEXT NOT NULL,
    reason TEXT NOT NULL,
    run_id TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    outcome TEXT,
    ended_at TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS retention_reviews (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    run_id TEXT NOT NULL
) STRICT;
"""


class Kind(StrEnum):
    """What was deleted. All of it may name persons, but for the places of rows, which go with their delivery."""

    ARCHIVED = "copia histórica"
    SET_ASIDE = "líneas apartadas"
    PLACES = "lugares de las filas"
    RAW = "capa cruda"
    REFUSED = "archivo rechazado"
    LEFTOVER = "resto de un proceso interrumpido"


class Ending(StrEnum):
    """How a decision ended. ``KEPT``: not carried out; ``RENEWED``: another file is in its place, then or later."""

    DELETED = "borrado"
    KEPT = "no se borró"
    RENEWED = "hay uno nuevo en su lugar"


@dataclass(frozen=True)
class Disposal:
    """One file, or one abandoned folder, that the time limit reached.

    ``place``: its absolute path; ``mark``: which file it was, so that one put there since is not taken for it;
    ``since``: from when its age counts; ``outcome`` is None from the decision until it is known to be gone.
    Names of files are kept, never what they hold.
    """

    kind: Kind
    place: str
    mark: str
    bytes: int
    since: datetime
    reason: str
    sha256: str = ""
    dataset: str = ""
    years: tuple[int, ...] = ()
    run_id: str = ""
    decided_at: datetime | None = None
    outcome: Ending | None = None
    ended_at: datetime | None = None
    number: int = 0

    @property
    def path(self) -> Path:
        return Path(self.place)


class Disposals:
    """The record of deletions, in ``<data>/ledger.sqlite`` beside the deliveries that they are of."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / "ledger.sqlite", _SCHEMA)

    def decide(self, due: Iterable[Disposal], run_id: str, now: datetime) -> list[Disposal]:
        """Write down what is about to be deleted, all or nothing, before any of it is; with its numbers."""
        decided = [replace(each, run_id=run_id, decided_at=now) for each in due]
        with self._file.transaction() as db:
            return [replace(each, number=_insert(db, each)) for each in decided]

    def end(self, number: int, outcome: Ending, now: datetime) -> None:
        """Write down how a decision ended."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE disposals SET outcome = ?, ended_at = ? WHERE number = ?", (outcome, utc_text(now), number)
            )

    def reviewed(self, run_id: str, now: datetime) -> None:
        """Write down that a run looked at the limits, whether or not anything was due."""
        with self._file.transaction() as db:
            db.execute("INSERT INTO retention_reviews (at, run_id) VALUES (?, ?)", (utc_text(now), run_id))

    def last_review(self) -> datetime | None:
        """When a run last looked at the limits, by the clock of then."""
        with self._file.transaction() as db:
            row = db.execute("SELECT at FROM retention_reviews ORDER BY number DESC LIMIT 1").fetchone()
        return datetime.fromisoformat(row["at"]) if row else None

    def all(self) -> list[Disposal]:
        """Every decision, oldest first."""
        return self._read("")

    def pending(self) -> list[Disposal]:
        """Decisions of which it is not known yet how they ended: of a process at work, or one that was killed."""
        return self._read("WHERE outcome IS NULL")

    def standing(self, kind: Kind) -> dict[str, Disposal]:
        """By SHA-256 the newest deletion, done or under way, of bytes that nobody handed over since."""
        wanted = f"WHERE kind = '{kind}' AND (outcome IS NULL OR outcome = '{Ending.DELETED}')"
        return {each.sha256: each for each in self._read(wanted)}

    def _read(self, where: str) -> list[Disposal]:
        with self._file.transaction() as db:
            return [_disposal(row) for row in db.execute(f"SELECT * FROM disposals {where} ORDER BY number")]


def _insert(db: sqlite3.Connection, each: Disposal) -> int:
    assert each.decided_at is not None
    row = asdict(each) | {
        "years": json.dumps(each.years),
        "since": utc_text(each.since),
        "decided_at": utc_text(each.decided_at),
    }
    del row["number"]
    names = ", ".join(row)
    cursor = db.execute(f"INSERT INTO disposals ({names}) VALUES ({', '.join(':' + name for name in row)})", row)
    return int(cursor.lastrowid or 0)


def _disposal(row: sqlite3.Row) -> Disposal:
    fields = dict(row)
    for name in ("since", "decided_at", "ended_at"):
        fields[name] = datetime.fromisoformat(fields[name]) if fields[name] else None
    fields["kind"] = Kind(fields["kind"])
    fields["outcome"] = Ending(fields["outcome"]) if fields["outcome"] else None
    fields["years"] = tuple(json.loads(fields["years"]))
    return Disposal(**fields)
