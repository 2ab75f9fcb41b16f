"""The ledger, one SQLite file: which deliveries came, from where, with what years; which files were refused.

Bytes are the archive's; nothing is decided here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from emtp_assets.intake.form import Form
from emtp_assets.storage.records import RecordFile, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    sha256 TEXT PRIMARY KEY,
    dataset TEXT NOT NULL,
    source TEXT NOT NULL,
    original_name TEXT NOT NULL,
    received_at TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    encoding TEXT NOT NULL,
    separator TEXT NOT NULL,
    quoted INTEGER NOT NULL,
    columns TEXT NOT NULL,
    missing_columns TEXT NOT NULL,
    unknown_columns TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    code_version TEXT NOT NULL,
    form TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS delivery_years (
    sha256 TEXT NOT NULL REFERENCES deliveries (sha256),
    year INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    PRIMARY KEY (sha256, year)
) STRICT;
CREATE TABLE IF NOT EXISTS reinstatements (
    sha256 TEXT NOT NULL REFERENCES deliveries (sha256),
    at TEXT NOT NULL,
    source TEXT NOT NULL DEFAULT 'carpeta',
    PRIMARY KEY (sha256, at)
) STRICT;
CREATE TABLE IF NOT EXISTS rejections (
    id INTEGER PRIMARY KEY,
    rejected_at TEXT NOT NULL,
    source TEXT NOT NULL,
    original_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL DEFAULT 0,
    sha256 TEXT,
    code TEXT NOT NULL,
    what TEXT NOT NULL,
    at_place TEXT NOT NULL,
    expected TEXT NOT NULL,
    action TEXT NOT NULL,
    moved_to TEXT,
    explanation TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS left_behind (
    original_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    ctime_ns INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (original_name, size_bytes, mtime_ns)
) STRICT;
"""

_IN_FORCE = "coalesce((SELECT max(r.at) FROM reinstatements r WHERE r.sha256 = d.sha256), d.received_at)"


@dataclass(frozen=True)
class Delivery:
    """Bytes that a source handed over for one dataset, identified by their SHA-256.

    ``years``: rows of each academic year; ``columns``: the header as sent; ``missing_columns``:
    official columns of those years that were not sent; ``unknown_columns``: raw names of what the contract
    does not describe; ``form``: how the bytes are to be read; ``received_at``: UTC.
    """

    sha256: str
    dataset: str
    source: str
    original_name: str
    received_at: datetime
    size_bytes: int
    rows: int
    years: dict[int, int]
    form: Form
    columns: tuple[str, ...]
    missing_columns: tuple[str, ...]
    unknown_columns: tuple[str, ...]
    simulated: bool
    code_version: str

    @property
    def answers_a_query(self) -> bool:
        """Whether a source wrote it down of the rows it was given, rather than handed over a file."""
        return self.form.answers_a_query

    @property
    def table_sha256(self) -> str:
        """The hash of the table's own bytes, whatever they came packed in."""
        return self.form.content_sha256 or self.sha256


@dataclass(frozen=True)
class Rejection:
    """A file that was refused, with its explanation in Spanish.

    ``moved_to`` is None when the file could not be moved and still lies where it was dropped; then
    ``already_reported`` tells the later sightings from the first, which alone deserves an alarm.
    """

    original_name: str
    source: str
    rejected_at: datetime
    size_bytes: int
    mtime_ns: int
    sha256: str | None
    code: str
    what: str
    where: str
    expected: str
    action: str
    moved_to: Path | None = None
    explanation: Path | None = None
    already_reported: bool = False
    ctime_ns: int = 0

    @property
    def message(self) -> str:
        """One line for a log or the UI."""
        place = f" ({self.where})" if self.where else ""
        return f"{self.original_name}: {self.what}{place} {self.action}"


class Ledger:
    """``<data>/ledger.sqlite``. Each call opens, works in one transaction and closes: processes share it."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / "ledger.sqlite", _SCHEMA, _upgrade)
        self.path = self._file.path

    def record(self, delivery: Delivery) -> bool:
        """Write a delivery down; False when its bytes were known, whose first record then stands.

        It is in force from now on, whatever the clock says: where that went back, or another was quicker, a
        reinstatement just after the newest moment of the ledger says so.
        """
        with self._file.transaction() as db:
            enters = _entering(db, delivery.received_at)
            new = db.execute(
                "INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    delivery.sha256,
                    delivery.dataset,
                    delivery.source,
                    delivery.original_name,
                    utc_text(delivery.received_at),
                    delivery.size_bytes,
                    delivery.rows,
                    delivery.form.encoding,
                    delivery.form.separator,
                    int(delivery.form.quoted),
                    json.dumps(delivery.columns, ensure_ascii=False),
                    json.dumps(delivery.missing_columns, ensure_ascii=False),
                    json.dumps(delivery.unknown_columns, ensure_ascii=False),
                    int(delivery.simulated),
                    delivery.code_version,
                    delivery.form.written,
                ),
            ).rowcount
            if new:
                db.executemany(
                    "INSERT INTO delivery_years VALUES (?, ?, ?)",
                    [(delivery.sha256, year, rows) for year, rows in delivery.years.items()],
                )
                if enters != utc_text(delivery.received_at):
                    db.execute(
                        "INSERT INTO reinstatements VALUES (?, ?, ?)", (delivery.sha256, enters, delivery.source)
                    )
            return bool(new)

    def find(self, sha256: str) -> Delivery | None:
        """The delivery of those bytes."""
        with self._file.transaction() as db:
            found = _deliveries(db, "WHERE sha256 = ?", (sha256,))
        return found[0] if found else None

    def with_table(self, sha256: str) -> Delivery | None:
        """The delivery whose table has those bytes, alone or inside a container."""
        with self._file.transaction() as db:
            found = _deliveries(db, "WHERE sha256 = ?1 OR json_extract(form, '$.content_sha256') = ?1", (sha256,))
        return found[0] if found else None

    def latest(
        self, dataset: str, year: int, *, simulated_too: bool = True, but_for: Collection[str] = ()
    ) -> Delivery | None:
        """The delivery in force for a dataset's year: the newest real one, else the newest simulated one.

        ``but_for``: sources whose deliveries do not count, unless another source put them in force since.
        """
        found = self.deliveries(dataset, year)
        if but_for:
            put = self.put_in_force()
            found = [delivery for delivery in found if put[delivery.sha256][1] not in but_for]
        real = [d for d in found if not d.simulated]
        candidates = real or (found if simulated_too else [])
        return candidates[-1] if candidates else None

    def put_in_force(self) -> dict[str, tuple[datetime, str]]:
        """By SHA-256 when each delivery entered into force the last time, and by which source."""
        with self._file.transaction() as db:
            rows = db.execute(
                """SELECT d.sha256, coalesce(r.at, d.received_at) AS at, coalesce(r.source, d.source) AS source
                   FROM deliveries d LEFT JOIN (
                       SELECT sha256, max(at) AS at, source FROM reinstatements GROUP BY sha256) r USING (sha256)"""
            ).fetchall()
        return {row["sha256"]: (datetime.fromisoformat(row["at"]), row["source"]) for row in rows}

    def reinstate(self, sha256: str, now: datetime, *, source: str) -> None:
        """Put a delivery in force again: ``source`` handed over bytes that a later delivery had replaced."""
        with self._file.transaction() as db:
            db.execute("INSERT INTO reinstatements VALUES (?, ?, ?)", (sha256, _entering(db, now), source))

    def handed_over_since(self, after: datetime | None, *, source: str) -> list[tuple[Delivery, datetime]]:
        """What a source put in force after a moment, new or known before from anyone, with when, oldest first."""
        with self._file.transaction() as db:
            rows = db.execute(
                """SELECT sha256, max(at) AS at FROM (
                       SELECT sha256, received_at AS at, rowid AS number FROM deliveries WHERE source = ?1
                       UNION ALL SELECT sha256, at, 0 FROM reinstatements WHERE source = ?1)
                   GROUP BY sha256 HAVING max(at) > ?2 ORDER BY 2, max(number)""",
                (source, utc_text(after) if after else ""),
            ).fetchall()
            return [
                (_deliveries(db, "WHERE sha256 = ?", (row["sha256"],))[0], datetime.fromisoformat(row["at"]))
                for row in rows
            ]

    def deliveries(self, dataset: str | None = None, year: int | None = None) -> list[Delivery]:
        """Deliveries in the order they entered into force, narrowed by dataset and year."""
        where = """WHERE (?1 IS NULL OR dataset = ?1) AND (?2 IS NULL OR EXISTS (
            SELECT 1 FROM delivery_years y WHERE y.sha256 = d.sha256 AND y.year = ?2))"""
        with self._file.transaction() as db:
            return _deliveries(db, where, (dataset, year))

    def record_rejection(self, rejection: Rejection) -> int:
        """Write a rejection down; its number."""
        with self._file.transaction() as db:
            cursor = db.execute(
                """INSERT INTO rejections (rejected_at, source, original_name, size_bytes, mtime_ns, ctime_ns, sha256,
                   code, what, at_place, expected, action, moved_to, explanation)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    utc_text(rejection.rejected_at),
                    rejection.source,
                    rejection.original_name,
                    rejection.size_bytes,
                    rejection.mtime_ns,
                    rejection.ctime_ns,
                    rejection.sha256,
                    rejection.code,
                    rejection.what,
                    rejection.where,
                    rejection.expected,
                    rejection.action,
                    str(rejection.moved_to) if rejection.moved_to else None,
                    str(rejection.explanation) if rejection.explanation else None,
                ),
            )
            return int(cursor.lastrowid or 0)

    def refused_file_moved(self, before: Path, now: Path) -> None:
        """Note that a refused file lies elsewhere."""
        with self._file.transaction() as db:
            db.execute("UPDATE rejections SET moved_to = ? WHERE moved_to = ?", (str(now), str(before)))

    def amend_rejection(self, number: int, moved_to: Path | None) -> None:
        """Say where the refused file really came to lie."""
        with self._file.transaction() as db:
            moved = str(moved_to) if moved_to else None
            db.execute("UPDATE rejections SET moved_to = ? WHERE id = ?", (moved, number))

    def rejections(self) -> list[Rejection]:
        """Every rejection, oldest first."""
        with self._file.transaction() as db:
            return [_rejection(row) for row in db.execute("SELECT * FROM rejections ORDER BY id")]

    def standing_rejection(self, name: str, size: int, mtime_ns: int, ctime_ns: int) -> Rejection | None:
        """The rejection of a file that could not be moved and still is as it was then.

        A copy may keep the original's size and date; the time of its last change (``ctime_ns``) is the system's own.
        """
        with self._file.transaction() as db:
            row = db.execute(
                "SELECT * FROM rejections WHERE original_name = ? AND size_bytes = ? AND mtime_ns = ? AND ctime_ns = ?"
                " AND moved_to IS NULL ORDER BY id DESC LIMIT 1",
                (name, size, mtime_ns, ctime_ns),
            ).fetchone()
        return _rejection(row) if row else None

    def leave_behind(self, name: str, size: int, mtime_ns: int, ctime_ns: int, sha256: str) -> None:
        """Note that an accepted file could not be removed from the drop folder."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO left_behind (original_name, size_bytes, mtime_ns, ctime_ns, sha256)"
                " VALUES (?, ?, ?, ?, ?)",
                (name, size, mtime_ns, ctime_ns, sha256),
            )

    def left_behind(self, name: str, size: int, mtime_ns: int, ctime_ns: int) -> Delivery | None:
        """The delivery of an accepted file that could not be removed and still is as it was then."""
        with self._file.transaction() as db:
            found = _deliveries(
                db,
                "WHERE sha256 = (SELECT sha256 FROM left_behind"
                " WHERE original_name = ? AND size_bytes = ? AND mtime_ns = ? AND ctime_ns = ?)",
                (name, size, mtime_ns, ctime_ns),
            )
        return found[0] if found else None


def _entering(db: sqlite3.Connection, now: datetime) -> str:
    """The moment under which something enters into force: now, or just after the newest, for a clock may go back."""
    # Read and written as one: the newest must still be the newest when this is written.
    db.execute("BEGIN IMMEDIATE")
    (newest,) = db.execute(
        "SELECT max(at) FROM (SELECT received_at AS at FROM deliveries UNION ALL SELECT at FROM reinstatements)"
    ).fetchone()
    if newest is None or newest < utc_text(now):
        return utc_text(now)
    return utc_text(datetime.fromisoformat(newest) + timedelta(microseconds=1))


def _upgrade(db: sqlite3.Connection) -> None:
    """Older ledgers do not say who put a delivery in force again (it was the folder), nor the form of its text."""
    if "source" not in {row["name"] for row in db.execute("PRAGMA table_info(reinstatements)")}:
        db.execute("ALTER TABLE reinstatements ADD COLUMN source TEXT NOT NULL DEFAULT 'carpeta'")
    for table in ("rejections", "left_behind"):
        if "ctime_ns" not in {row["name"] for row in db.execute(f"PRAGMA table_info({table})")}:
            # Of no file is it 0: what an older version left in the folder is read once more.
            db.execute(f"ALTER TABLE {table} ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0")
    if "form" not in {row["name"] for row in db.execute("PRAGMA table_info(deliveries)")}:
        # Their files all began with the header, and every line was a row: what the other columns say is the form.
        db.execute("ALTER TABLE deliveries ADD COLUMN form TEXT")


def _deliveries(db: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> list[Delivery]:
    rows = db.execute(f"SELECT * FROM deliveries d {where} ORDER BY {_IN_FORCE}, rowid", values).fetchall()
    found = []
    for row in rows:
        years = db.execute(
            "SELECT year, rows FROM delivery_years WHERE sha256 = ? ORDER BY year", (row["sha256"],)
        ).fetchall()
        fields = dict(row)
        for name in ("columns", "missing_columns", "unknown_columns"):
            fields[name] = tuple(json.loads(fields[name]))
        fields["received_at"] = datetime.fromisoformat(fields["received_at"])
        fields["simulated"] = bool(fields["simulated"])
        encoding, separator, quoted = (fields.pop(name) for name in ("encoding", "separator", "quoted"))
        kept = fields.pop("form")
        fields["form"] = Form.read(kept) if kept else Form(encoding, separator, quoted=bool(quoted))
        found.append(Delivery(**fields, years={row["year"]: row["rows"] for row in years}))
    return found


def _rejection(row: sqlite3.Row) -> Rejection:
    return Rejection(
        original_name=row["original_name"],
        source=row["source"],
        rejected_at=datetime.fromisoformat(row["rejected_at"]),
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
        ctime_ns=row["ctime_ns"],
        sha256=row["sha256"],
        code=row["code"],
        what=row["what"],
        where=row["at_place"],
        expected=row["expected"],
        action=row["action"],
        moved_to=Path(row["moved_to"]) if row["moved_to"] else None,
        explanation=Path(row["explanation"]) if row["explanation"] else None,
    )
