"""Who looked at persons, when and for what: a log that is only added to. What may be looked at is decided elsewhere."""

from __future__ import annotations

import getpass
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from emtp_assets.settings import Settings
from emtp_assets.storage.records import RecordFile, utc_text

FILE = "accesos.sqlite"
_START = "0" * 64
_SCHEMA = """
CREATE TABLE IF NOT EXISTS accesses (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    account TEXT NOT NULL,
    mode TEXT NOT NULL,
    who TEXT NOT NULL,
    purpose TEXT NOT NULL,
    what TEXT NOT NULL,
    run_id TEXT NOT NULL,
    chain TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS accesses_stay BEFORE DELETE ON accesses
BEGIN SELECT RAISE(ABORT, 'el registro de accesos no se borra'); END;
CREATE TRIGGER IF NOT EXISTS accesses_stand BEFORE UPDATE ON accesses
BEGIN SELECT RAISE(ABORT, 'el registro de accesos no se corrige'); END;
"""


@dataclass(frozen=True)
class Access:
    """One look at persons. ``what`` says which, and never a value of theirs."""

    what: str
    who: str = ""
    purpose: str = ""
    run_id: str = ""


@dataclass(frozen=True)
class Logged:
    """An access as it stands in the log. ``chain``: SHA-256 over the one before and this."""

    id: int
    at: str
    account: str
    mode: str
    who: str
    purpose: str
    what: str
    run_id: str
    chain: str

    def chained_to(self, former: str) -> str:
        """What ``chain`` must be after an access whose own is ``former``."""
        told = {name: value for name, value in asdict(self).items() if name != "chain"}
        return hashlib.sha256((former + json.dumps(told, ensure_ascii=False, sort_keys=True)).encode()).hexdigest()


class AccessLog:
    """``<data>/accesos.sqlite``. SQLite refuses to change or delete a line; a line that was changed past it, put in or
    taken out breaks the chain from there on. What is taken off the end is seen against the number and the chain that
    the runs' metadata keep."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / FILE, _SCHEMA)

    def add(self, access: Access, *, mode: str, now: datetime) -> Logged:
        """Write a line, on disk when this returns."""
        with self._file.transaction() as connection:
            # The next number and the chain's end are read by nobody else until this line stands.
            connection.execute("BEGIN IMMEDIATE")
            last = connection.execute("SELECT id, chain FROM accesses ORDER BY id DESC LIMIT 1").fetchone()
            number, former = (last["id"], last["chain"]) if last else (0, _START)
            line = Logged(
                id=number + 1,
                at=utc_text(now),
                account=_account(),
                mode=mode,
                who=access.who,
                purpose=access.purpose,
                what=access.what,
                run_id=access.run_id,
                chain="",
            )
            line = Logged(**{**asdict(line), "chain": line.chained_to(former)})
            connection.execute(
                "INSERT INTO accesses VALUES (:id, :at, :account, :mode, :who, :purpose, :what, :run_id, :chain)",
                asdict(line),
            )
        return line

    def lines(self) -> Sequence[Logged]:
        """Every line, oldest first."""
        with self._file.transaction() as connection:
            return [Logged(**dict(row)) for row in connection.execute("SELECT * FROM accesses ORDER BY id")]

    def broken_at(self) -> int | None:
        """The number of the first line that is not as it was written, or that does not follow; None if all are."""
        former = _START
        for expected, line in enumerate(self.lines(), start=1):
            if line.id != expected or line.chain != line.chained_to(former):
                return expected
            former = line.chain
        return None


def record_access(settings: Settings, access: Access, *, now: datetime | None = None) -> Logged:
    """Write that persons are about to be looked at; in mode C by whom and for what, as the settings say.

    Raises:
        OSError, sqlite3.Error: it could not be written, and whoever called must not look.
    """
    told = Access(
        what=access.what,
        who=access.who or settings.access_responsible or "",
        purpose=access.purpose or settings.access_purpose or "",
        run_id=access.run_id,
    )
    return AccessLog(settings.data_dir).add(told, mode=settings.privacy_mode.value, now=now or datetime.now(UTC))


def full_access_recorded(settings: Settings, what: str, run_id: str) -> dict[str, str]:
    """In mode C, log a run that works on persons by name, before it begins; the metadata that tell of it.

    Nothing in the other modes: they ask for no names.
    """
    if not settings.privacy_mode.full_access:
        return {}
    line = record_access(settings, Access(what=what, run_id=run_id))
    return {"registro_de_accesos": f"línea {line.id}, cadena {line.chain}"}


def verified(data_dir: Path) -> str | None:
    """What is wrong with the log, in Spanish; None when it is whole or there is none yet."""
    if not (data_dir / FILE).is_file():
        return None
    try:
        broken = AccessLog(data_dir).broken_at()
    except sqlite3.Error as error:
        return f"no se puede leer ({error})"
    return None if broken is None else f"la línea {broken} no es la que se escribió, o falta una antes"


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "desconocida"
