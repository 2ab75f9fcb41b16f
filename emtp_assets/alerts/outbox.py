"""The outbox, one SQLite file: which causes stand, what has to be told, what each channel has accepted.

An alarm is written here before anything is sent, together with how far we had read: a crash repeats at most the
sending, and forgets nothing. Sending is `delivery`'s.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from emtp_assets.alerts.alert import Alert, Event, Kind, Notice
from emtp_assets.alerts.board import Board, Cause
from emtp_assets.alerts.last_good import moment
from emtp_assets.alerts.message import ChannelState, Message, Posting, Standing
from emtp_assets.settings import Settings
from emtp_assets.settings.secrets import redacted, secrets_of
from emtp_assets.storage.records import RecordFile, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS causes (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    alert TEXT NOT NULL,
    waits TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    times INTEGER NOT NULL,
    closed_at TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_standing ON causes (key) WHERE closed_at IS NULL;
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    notices TEXT NOT NULL,
    developers INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS postings (
    message_id TEXT NOT NULL REFERENCES messages (id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_at TEXT NOT NULL,
    error TEXT NOT NULL,
    accepted_for TEXT NOT NULL,
    ended_at TEXT,
    PRIMARY KEY (message_id, channel)
) STRICT;
CREATE TABLE IF NOT EXISTS channels (
    name TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    next_at TEXT NOT NULL,
    error TEXT NOT NULL,
    action TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS progress (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS runs_read (run_id TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT;
"""
_WAITING, _ACCEPTED, _GIVEN_UP = "espera", "aceptado", "abandonado"


class Outbox:
    """``<data>/alerts.sqlite``. Each call opens, works in one transaction and closes: processes share it."""

    def __init__(self, data_dir: Path, mask: Callable[[str], str] = str) -> None:
        self._file = RecordFile(data_dir / "alerts.sqlite", _SCHEMA)
        self.path = self._file.path
        self._mask = mask

    @staticmethod
    def of(settings: Settings) -> Outbox:
        """The instance's outbox; no secret of the settings enters it."""
        secrets = list(secrets_of(settings))
        return Outbox(settings.data_dir, lambda text: redacted(text, secrets))

    def board(self) -> Board:
        """The causes that stand."""
        with self._file.transaction() as db:
            rows = db.execute("SELECT key, alert, waits FROM causes WHERE closed_at IS NULL ORDER BY id").fetchall()
        return Board({row["key"]: Cause(Alert.read(row["alert"]), _waits(row["waits"])) for row in rows})

    def standing(self) -> list[Standing]:
        """The causes that stand, with their times, oldest first."""
        with self._file.transaction() as db:
            rows = db.execute("SELECT * FROM causes WHERE closed_at IS NULL ORDER BY id").fetchall()
        return [
            Standing(Alert.read(r["alert"]), _moment(r["opened_at"]), _moment(r["seen_at"]), r["times"]) for r in rows
        ]

    def progress(self, name: str) -> str | None:
        """How far something was read, as `settle` last noted it."""
        with self._file.transaction() as db:
            row = db.execute("SELECT value FROM progress WHERE name = ?", (name,)).fetchone()
        return row["value"] if row else None

    def runs_read(self, since: datetime) -> set[str]:
        """Runs already read that ended after a moment."""
        with self._file.transaction() as db:
            return {
                row["run_id"] for row in db.execute("SELECT run_id FROM runs_read WHERE at > ?", (utc_text(since),))
            }

    def settle(
        self,
        board: Board,
        *,
        channels: Sequence[str],
        now: datetime,
        progress: Mapping[str, str] | None = None,
        runs_read: Mapping[str, datetime] | None = None,
    ) -> list[Notice]:
        """Make the board what stands, write down what is new about it for each channel, and how far was read: all or
        nothing. A cause met again with nothing new to say is counted and not told.

        A channel that was not there before is told what already stands. What concerns a channel's own failure goes
        to the others.

        Returns: what is new, whether or not there is a channel to tell it.
        """
        with self._file.transaction() as db:
            db.execute("BEGIN IMMEDIATE")
            before = {row["key"]: row for row in db.execute("SELECT * FROM causes WHERE closed_at IS NULL")}
            self._introduce(db, channels, [row for key, row in before.items() if key in board.standing], now)
            notices = [
                *self._ended(db, before, board, now),
                *self._standing(db, before, board, now),
                *(Notice(Event.NEW, alert.mapped(self._mask), moment(now)) for alert in board.said_once),
            ]
            self._write(db, notices, channels, now)
            db.executemany("INSERT OR REPLACE INTO progress VALUES (?, ?)", (progress or {}).items())
            db.executemany(
                "INSERT OR REPLACE INTO runs_read VALUES (?, ?)",
                [(run_id, utc_text(at)) for run_id, at in (runs_read or {}).items()],
            )
        return notices

    def dismiss(self, key: str, now: datetime) -> bool:
        """Close a cause that nothing will mend by itself, because a person says so; False when it does not stand."""
        with self._file.transaction() as db:
            return bool(
                db.execute(
                    "UPDATE causes SET closed_at = ? WHERE key = ? AND closed_at IS NULL", (utc_text(now), key)
                ).rowcount
            )

    def channel(self, name: str) -> ChannelState | None:
        """How a channel fares; None when it has never been used."""
        with self._file.transaction() as db:
            row = db.execute("SELECT * FROM channels WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        return ChannelState(row["name"], row["failures"], _moment(row["next_at"]), row["error"], row["action"])

    def due(self, channel: str, now: datetime) -> list[Posting]:
        """What the channel has to be given now, oldest first."""
        with self._file.transaction() as db:
            rows = db.execute(
                """SELECT p.*, m.* FROM postings p JOIN messages m ON m.id = p.message_id JOIN channels c
                   ON c.name = p.channel WHERE p.channel = ?1 AND p.state = 'espera' AND p.next_at <= ?2
                   AND c.next_at <= ?2 ORDER BY m.created_at, m.rowid""",
                (channel, utc_text(now)),
            ).fetchall()
        return [
            Posting(
                Message(row["id"], _moment(row["created_at"]), _notices(row["notices"]), bool(row["developers"])),
                row["channel"],
                row["tries"],
                frozenset(json.loads(row["accepted_for"])),
            )
            for row in rows
        ]

    def waiting(self) -> int:
        """How many postings no channel has accepted yet."""
        with self._file.transaction() as db:
            return db.execute("SELECT count(*) FROM postings WHERE state = 'espera'").fetchone()[0]

    def accepted(self, posting: Posting, now: datetime) -> None:
        """The channel took the message: it is never given to it again, and whatever it suffered from is over."""
        with self._file.transaction() as db:
            self._end(db, posting, _ACCEPTED, now)
            self._works(db, posting.channel, now)

    def works(self, channel: str, now: datetime) -> None:
        """A person saw the channel take a trial. When all that it was owed has been given up, nothing else would ever
        show that it is mended."""
        with self._file.transaction() as db:
            self._works(db, channel, now)

    def failed(
        self, posting: Posting, error: str, next_at: datetime, *, accepted_for: Iterable[str] = (), given_up: bool
    ) -> None:
        """The channel did not take it, or not for everybody."""
        have = sorted(posting.accepted_for | set(accepted_for))
        with self._file.transaction() as db:
            db.execute(
                "UPDATE postings SET tries = tries + 1, next_at = ?, error = ?, accepted_for = ?"
                " WHERE message_id = ? AND channel = ?",
                (utc_text(next_at), self._mask(error), json.dumps(have), posting.message.id, posting.channel),
            )
            if given_up:
                self._end(db, posting, _GIVEN_UP, next_at)

    def troubled(self, channel: str, error: str, action: str, next_at: datetime | None = None) -> None:
        """Note a failure of the channel; ``next_at``: nothing is given to it before."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE channels SET failures = failures + 1, next_at = coalesce(?, next_at), error = ?, action = ?"
                " WHERE name = ?",
                (utc_text(next_at) if next_at else None, self._mask(error), self._mask(action), channel),
            )

    def _introduce(
        self, db: sqlite3.Connection, channels: Sequence[str], standing: Sequence[sqlite3.Row], now: datetime
    ) -> None:
        # A channel taken out of the settings is owed nothing, and is new if it comes back.
        gone = f"NOT IN ({', '.join('?' * len(channels))})"
        db.execute(f"DELETE FROM channels WHERE name {gone}", tuple(channels))
        db.execute(
            f"UPDATE postings SET state = '{_GIVEN_UP}', ended_at = ? WHERE state = '{_WAITING}' AND channel {gone}",
            (utc_text(now), *channels),
        )
        for name in channels:
            new = db.execute("INSERT OR IGNORE INTO channels VALUES (?, 0, ?, '', '')", (name, utc_text(now))).rowcount
            told = [
                Notice(Event.STANDING, Alert.read(row["alert"]), moment(_moment(row["opened_at"]))) for row in standing
            ]
            if new and told:
                self._post(db, told, [name], now)

    def _standing(
        self, db: sqlite3.Connection, before: Mapping[str, sqlite3.Row], board: Board, now: datetime
    ) -> Iterator[Notice]:
        for key, cause in board.standing.items():
            alert = cause.alert.mapped(self._mask)
            waits = json.dumps(sorted(cause.waits), ensure_ascii=False)
            row = before.get(key)
            if row is None:
                db.execute(
                    "INSERT INTO causes VALUES (NULL, ?, ?, ?, ?, ?, ?, 1, NULL)",
                    (key, alert.fingerprint, alert.written, waits, utc_text(now), utc_text(now)),
                )
                yield Notice(Event.NEW, alert, moment(now))
            elif key in board.seen:
                db.execute(
                    "UPDATE causes SET fingerprint = ?, alert = ?, waits = ?, seen_at = ?, times = times + 1"
                    " WHERE id = ?",
                    (alert.fingerprint, alert.written, waits, utc_text(now), row["id"]),
                )
                if alert.fingerprint != row["fingerprint"]:
                    yield Notice(Event.CHANGED, alert, moment(_moment(row["opened_at"])))
            elif waits != row["waits"]:
                db.execute("UPDATE causes SET waits = ? WHERE id = ?", (waits, row["id"]))

    def _ended(
        self, db: sqlite3.Connection, before: Mapping[str, sqlite3.Row], board: Board, now: datetime
    ) -> Iterator[Notice]:
        for key, row in before.items():
            if key not in board.standing:
                db.execute("UPDATE causes SET closed_at = ? WHERE id = ?", (utc_text(now), row["id"]))
                yield Notice(Event.RESOLVED, Alert.read(row["alert"]), moment(_moment(row["opened_at"])))

    def _write(self, db: sqlite3.Connection, notices: Sequence[Notice], channels: Sequence[str], now: datetime) -> None:
        groups: dict[tuple[bool, str], list[Notice]] = {}
        for notice in notices:
            own = notice.alert.key.partition(":")[2] if notice.alert.kind is Kind.CHANNEL else ""
            groups.setdefault((notice.alert.developers, own), []).append(notice)
        for (_, without), group in groups.items():
            self._post(db, group, [name for name in channels if name != without], now)

    @staticmethod
    def _post(db: sqlite3.Connection, notices: Sequence[Notice], channels: Sequence[str], now: datetime) -> None:
        message_id = uuid.uuid4().hex
        written = json.dumps([[n.event, n.alert.written, n.since] for n in notices], ensure_ascii=False)
        developers = any(n.alert.developers for n in notices)
        db.execute("INSERT INTO messages VALUES (?, ?, ?, ?)", (message_id, utc_text(now), written, int(developers)))
        db.executemany(
            "INSERT INTO postings VALUES (?, ?, ?, 0, ?, '', '[]', NULL)",
            [(message_id, name, _WAITING, utc_text(now)) for name in channels],
        )

    @staticmethod
    def _works(db: sqlite3.Connection, channel: str, now: datetime) -> None:
        db.execute(
            "UPDATE channels SET failures = 0, next_at = ?, error = '', action = '' WHERE name = ?",
            (utc_text(now), channel),
        )

    @staticmethod
    def _end(db: sqlite3.Connection, posting: Posting, state: str, now: datetime) -> None:
        db.execute(
            "UPDATE postings SET state = ?, ended_at = ? WHERE message_id = ? AND channel = ?",
            (state, utc_text(now), posting.message.id, posting.channel),
        )


def _notices(text: str) -> tuple[Notice, ...]:
    return tuple(Notice(Event(event), Alert.read(alert), since) for event, alert, since in json.loads(text))


def _waits(text: str) -> frozenset[tuple[str, int]]:
    return frozenset((name, year) for name, year in json.loads(text))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
