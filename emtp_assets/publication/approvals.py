"""Who approved which restatement, when and why. Whether one is needed is `restatement`'s business."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from emtp_assets.storage.records import RecordFile, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS approvals (
    fingerprint TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    run_id TEXT NOT NULL,
    what TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True)
class Approval:
    """A person's yes to exactly one change. ``what``: the change in a sentence, as it was shown; ``at``: UTC."""

    fingerprint: str
    at: datetime
    who: str
    why: str
    run_id: str
    what: str


class Approvals:
    """``<data>/approvals.sqlite``: one line a fingerprint, never changed once written."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / "approvals.sqlite", _SCHEMA)

    def record(self, approval: Approval) -> Approval:
        """Write an approval down, durably; the first one of a change stands, and is what is returned."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO approvals VALUES (?, ?, ?, ?, ?, ?)",
                (
                    approval.fingerprint,
                    utc_text(approval.at),
                    approval.who,
                    approval.why,
                    approval.run_id,
                    approval.what,
                ),
            )
            row = db.execute("SELECT * FROM approvals WHERE fingerprint = ?", (approval.fingerprint,)).fetchone()
        return _approval(row)

    def find(self, fingerprint: str) -> Approval | None:
        """The approval of that change."""
        with self._file.transaction() as db:
            row = db.execute("SELECT * FROM approvals WHERE fingerprint = ?", (fingerprint,)).fetchone()
        return _approval(row) if row else None

    def all(self) -> list[Approval]:
        """Every approval, oldest first."""
        with self._file.transaction() as db:
            return [_approval(row) for row in db.execute("SELECT * FROM approvals ORDER BY at, rowid")]


def _approval(row: sqlite3.Row) -> Approval:
    return Approval(**{**dict(row), "at": datetime.fromisoformat(row["at"])})
