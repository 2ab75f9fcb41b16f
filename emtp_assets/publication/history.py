"""Every publication there was: when, by which code, of which deliveries, which files. Redoing one is `rebuild`'s."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication.record import read_record
from emtp_assets.publication.sets import SetStore
from emtp_assets.storage.records import RecordFile, utc_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS publications (
    number INTEGER PRIMARY KEY,
    set_name TEXT NOT NULL UNIQUE,
    published_at TEXT NOT NULL,
    code_version TEXT NOT NULL,
    run_id TEXT NOT NULL,
    mode TEXT NOT NULL,
    suppression_minimum INTEGER NOT NULL,
    approval TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS publication_deliveries (
    number INTEGER NOT NULL REFERENCES publications (number),
    dataset TEXT NOT NULL,
    year INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (number, dataset, year)
) STRICT;
CREATE TABLE IF NOT EXISTS publication_sources (
    number INTEGER NOT NULL REFERENCES publications (number),
    table_name TEXT NOT NULL,
    year INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (number, table_name, year, sha256)
) STRICT;
CREATE TABLE IF NOT EXISTS publication_files (
    number INTEGER NOT NULL REFERENCES publications (number),
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (number, file)
) STRICT;
"""


@dataclass(frozen=True)
class Publication:
    """One set that was published. ``at``: with time zone; ``approval``: the fingerprint that a person approved.

    ``deliveries``: the one in force, by dataset and academic year; ``sources``: those behind each published table and
    year; ``files``: the SHA-256 of every data file.
    """

    set_name: str
    at: datetime
    code_version: str
    run_id: str
    mode: str
    suppression_minimum: int
    approval: str | None
    deliveries: Mapping[tuple[str, int], str]
    sources: Mapping[tuple[str, int], frozenset[str]]
    files: Mapping[str, str]

    @staticmethod
    def of_record(record: Mapping[str, Any]) -> Publication:
        """From a set's ``procedencia.json``.

        Raises:
            KeyError, ValueError: it is not the record of a set.
        """
        tables = {name: entry for name, entry in record["tablas"].items() if not entry["copia_de"]}
        sources = {
            (name, int(year)): frozenset(part["entregas"])
            for name, entry in tables.items()
            for year, part in entry["años"].items()
        }
        return Publication(
            set_name=record["conjunto"],
            at=datetime.fromisoformat(record["generado"]),
            code_version=record["version_codigo"],
            run_id=record["ejecucion"],
            mode=record["modo"],
            suppression_minimum=record["minimo_supresion"],
            approval=(record.get("correcciones") or {}).get("huella"),
            deliveries=_in_force(record, sources),
            sources=sources,
            files={file: sha for entry in record["tablas"].values() for file, sha in entry["sha256"].items()},
        )


def _in_force(
    record: Mapping[str, Any], sources: Mapping[tuple[str, int], frozenset[str]]
) -> dict[tuple[str, int], str]:
    """By dataset and year the delivery that its tables have in common: the others are what they were crossed with."""
    known: Mapping[str, Mapping[str, Any]] = record["entregas"]
    of_dataset = {name: entry["conjunto_de_datos"] for name, entry in record["tablas"].items()}
    common: dict[tuple[str, int], frozenset[str]] = {}
    for (table, year), shas in sources.items():
        dataset = of_dataset[table]
        own = frozenset(sha for sha in shas if _holds(known.get(sha, {}), dataset, year))
        common[dataset, year] = common.get((dataset, year), own) & own
    # Several are left only where files of several years overlap: then the newest one ruled.
    return {key: max(shas, key=lambda sha: str(known[sha].get("recibida", ""))) for key, shas in common.items() if shas}


def _holds(delivery: Mapping[str, Any], dataset: str, year: int) -> bool:
    return delivery.get("conjunto_de_datos") == dataset and str(year) in (delivery.get("años") or {})


class PublicationHistory:
    """``<data>/publications.sqlite``. What a set's own record says is copied here, so that it outlives the set."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / "publications.sqlite", _SCHEMA)

    def catch_up(self, store: SetStore) -> None:
        """Write down every kept set that is not in the history yet, oldest first.

        Called before and after each swap and before each reading: a process killed between the swap and the record
        leaves a gap that is closed the next time, from the record that lies in the set itself.
        """
        with self._file.transaction() as db:
            known = {name for (name,) in db.execute("SELECT set_name FROM publications")}
        for folder in store.published():
            if folder.name not in known and (record := read_record(folder)) is not None:
                self._record(Publication.of_record(record))

    def as_of(self, day: date) -> Publication | None:
        """What was published when that day ended in Santiago; None when nothing was.

        The last one made by then: a clock that was set back makes the times of two disagree with their order.
        """
        end = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(TIMEZONE))
        with self._file.transaction() as db:
            row = db.execute(
                "SELECT * FROM publications WHERE published_at < ? ORDER BY number DESC LIMIT 1",
                (utc_text(end),),
            ).fetchone()
            return _publication(db, row) if row else None

    def all(self) -> list[Publication]:
        """Every publication, in the order in which they were made."""
        with self._file.transaction() as db:
            rows = db.execute("SELECT * FROM publications ORDER BY number").fetchall()
            return [_publication(db, row) for row in rows]

    def _record(self, made: Publication) -> None:
        with self._file.transaction() as db:
            cursor = db.execute(
                "INSERT OR IGNORE INTO publications VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
                (
                    made.set_name,
                    utc_text(made.at),
                    made.code_version,
                    made.run_id,
                    made.mode,
                    made.suppression_minimum,
                    made.approval,
                ),
            )
            if not cursor.rowcount:
                return
            number = cursor.lastrowid
            db.executemany(
                "INSERT INTO publication_deliveries VALUES (?, ?, ?, ?)",
                [(number, dataset, year, sha) for (dataset, year), sha in made.deliveries.items()],
            )
            db.executemany(
                "INSERT INTO publication_sources VALUES (?, ?, ?, ?)",
                [(number, table, year, sha) for (table, year), shas in made.sources.items() for sha in sorted(shas)],
            )
            db.executemany(
                "INSERT INTO publication_files VALUES (?, ?, ?)",
                [(number, file, sha) for file, sha in made.files.items()],
            )


def _publication(db: sqlite3.Connection, row: sqlite3.Row) -> Publication:
    number = (row["number"],)
    sources: dict[tuple[str, int], set[str]] = {}
    for table, year, sha in db.execute(
        "SELECT table_name, year, sha256 FROM publication_sources WHERE number = ?", number
    ):
        sources.setdefault((table, year), set()).add(sha)
    deliveries = db.execute("SELECT dataset, year, sha256 FROM publication_deliveries WHERE number = ?", number)
    return Publication(
        set_name=row["set_name"],
        at=datetime.fromisoformat(row["published_at"]),
        code_version=row["code_version"],
        run_id=row["run_id"],
        mode=row["mode"],
        suppression_minimum=row["suppression_minimum"],
        approval=row["approval"],
        deliveries={(dataset, year): sha for dataset, year, sha in deliveries},
        sources={key: frozenset(shas) for key, shas in sources.items()},
        files=dict(
            tuple(found) for found in db.execute("SELECT file, sha256 FROM publication_files WHERE number = ?", number)
        ),
    )
