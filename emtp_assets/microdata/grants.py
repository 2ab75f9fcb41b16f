"""Who was given which microdata, and at which levels: what the next delivery of the year must agree with."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from emtp_assets.storage.records import RecordFile, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS grants (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    recipient TEXT NOT NULL,
    release TEXT NOT NULL,
    dataset TEXT NOT NULL,
    year INTEGER NOT NULL,
    levels TEXT NOT NULL,
    inputs TEXT NOT NULL,
    key_id TEXT NOT NULL,
    rows INTEGER NOT NULL,
    left_out INTEGER NOT NULL,
    csv_sha256 TEXT NOT NULL,
    run_id TEXT NOT NULL,
    UNIQUE (recipient, release, dataset, year)
);
"""


@dataclass(frozen=True)
class Grant:
    """One delivery. ``levels``: by column of the plan, the name of its form, or None if it is not published.
    ``inputs``: SHA-256 of the deliveries behind it, sorted."""

    at: datetime
    who: str
    why: str
    recipient: str
    release: str
    dataset: str
    year: int
    levels: dict[str, str | None]
    inputs: tuple[str, ...]
    key_id: str
    rows: int
    left_out: int
    csv_sha256: str
    run_id: str


class Grants:
    """``<data>/microdatos.sqlite``: nothing in it says anything of a person."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / "microdatos.sqlite", _SCHEMA)

    def record(self, grant: Grant) -> None:
        """Keep it; the same bytes again are the same grant, left without a folder when something was killed.

        Raises:
            sqlite3.IntegrityError: that recipient already has other bytes of that year of that release.
        """
        with self._file.transaction() as connection:
            same = connection.execute(
                "SELECT 1 FROM grants WHERE (recipient, release, dataset, year, csv_sha256) = (?, ?, ?, ?, ?)",
                (grant.recipient, grant.release, grant.dataset, grant.year, grant.csv_sha256),
            ).fetchone()
            if same:
                return
            connection.execute(
                "INSERT INTO grants (at, who, why, recipient, release, dataset, year, levels, inputs, key_id, rows,"
                " left_out, csv_sha256, run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    utc_text(grant.at),
                    grant.who,
                    grant.why,
                    grant.recipient,
                    grant.release,
                    grant.dataset,
                    grant.year,
                    json.dumps(grant.levels, ensure_ascii=False),
                    json.dumps(grant.inputs),
                    grant.key_id,
                    grant.rows,
                    grant.left_out,
                    grant.csv_sha256,
                    grant.run_id,
                ),
            )

    def all(self) -> Sequence[Grant]:
        """Every one, oldest first."""
        with self._file.transaction() as connection:
            return [_grant(row) for row in connection.execute("SELECT * FROM grants ORDER BY id")]

    def of_year(self, dataset: str, year: int) -> Sequence[Grant]:
        """Those of a dataset's year, to whomever, oldest first."""
        return [grant for grant in self.all() if (grant.dataset, grant.year) == (dataset, year)]


def _grant(row: sqlite3.Row) -> Grant:
    return Grant(
        at=datetime.fromisoformat(row["at"]),
        who=row["who"],
        why=row["why"],
        recipient=row["recipient"],
        release=row["release"],
        dataset=row["dataset"],
        year=row["year"],
        levels=json.loads(row["levels"]),
        inputs=tuple(json.loads(row["inputs"])),
        key_id=row["key_id"],
        rows=row["rows"],
        left_out=row["left_out"],
        csv_sha256=row["csv_sha256"],
        run_id=row["run_id"],
    )
