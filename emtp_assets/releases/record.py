"""Who released what, when and why, with the hash of every file. Moving folders is `shelf`'s."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from emtp_assets.storage.records import RecordFile, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS releases (
    number INTEGER PRIMARY KEY,
    release_id TEXT NOT NULL UNIQUE,
    cut TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    approved_at TEXT NOT NULL,
    who TEXT NOT NULL CHECK (trim(who) <> ''),
    why TEXT NOT NULL CHECK (trim(why) <> ''),
    run_id TEXT NOT NULL,
    code_version TEXT NOT NULL,
    what TEXT NOT NULL,
    released_at TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS release_files (
    number INTEGER NOT NULL REFERENCES releases (number),
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (number, file)
) STRICT;
"""


@dataclass(frozen=True)
class ReleaseRecord:
    """A person's yes to one candidate. ``released_at`` is None while the folder has not been put in place: a process
    was killed in between, and approving again finishes it. ``what``: the release in a sentence; moments are UTC."""

    release_id: str
    cut: date
    fingerprint: str
    approved_at: datetime
    who: str
    why: str
    run_id: str
    code_version: str
    what: str
    files: Mapping[str, str]
    released_at: datetime | None = None


class ReleaseRecords:
    """``<data>/releases.sqlite``: one line a release, written before its folder is put in place."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / "releases.sqlite", _SCHEMA)

    def approve(self, record: ReleaseRecord) -> None:
        """Write an approval down, durably. One of the same name that was never put in place is replaced.

        Raises:
            sqlite3.IntegrityError: there is a release of that name already.
        """
        with self._file.transaction() as db:
            number = db.execute(
                "SELECT number FROM releases WHERE release_id = ? AND released_at IS NULL", (record.release_id,)
            ).fetchone()
            if number is not None:
                db.execute("DELETE FROM release_files WHERE number = ?", tuple(number))
                db.execute("DELETE FROM releases WHERE number = ?", tuple(number))
            cursor = db.execute(
                "INSERT INTO releases VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (
                    record.release_id,
                    record.cut.isoformat(),
                    record.fingerprint,
                    utc_text(record.approved_at),
                    record.who,
                    record.why,
                    record.run_id,
                    record.code_version,
                    record.what,
                ),
            )
            db.executemany(
                "INSERT INTO release_files VALUES (?, ?, ?)",
                [(cursor.lastrowid, file, sha) for file, sha in record.files.items()],
            )

    def released(self, release_id: str, at: datetime) -> None:
        """The folder is in its place."""
        with self._file.transaction() as db:
            db.execute("UPDATE releases SET released_at = ? WHERE release_id = ?", (utc_text(at), release_id))

    def all(self) -> list[ReleaseRecord]:
        """Every approval, in the order in which they were given."""
        with self._file.transaction() as db:
            rows = db.execute("SELECT * FROM releases ORDER BY number").fetchall()
            return [_record(db, row) for row in rows]


def _record(db: sqlite3.Connection, row: sqlite3.Row) -> ReleaseRecord:
    files = db.execute("SELECT file, sha256 FROM release_files WHERE number = ? ORDER BY file", (row["number"],))
    said = {key: row[key] for key in row.keys() if key != "number"}  # noqa: SIM118 - a Row iterates over its values
    return ReleaseRecord(
        **{
            **said,
            "cut": date.fromisoformat(row["cut"]),
            "approved_at": datetime.fromisoformat(row["approved_at"]),
            "released_at": datetime.fromisoformat(row["released_at"]) if row["released_at"] else None,
            "files": dict(tuple(found) for found in files),
        }
    )
