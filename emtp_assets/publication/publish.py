"""Publishes the anonymized layer as one set of files, all or nothing. Protecting it belongs to privacy."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication import documents, gate
from emtp_assets.publication.build import SetBuilder
from emtp_assets.publication.catalogue import all_tables
from emtp_assets.publication.files import ENCODING
from emtp_assets.publication.history import PublicationHistory
from emtp_assets.publication.inputs import first_line
from emtp_assets.publication.record import Describe, read_record
from emtp_assets.publication.sets import PublicationError, SetStore
from emtp_assets.publication.told import document, section
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin

__all__ = ["PublicationError", "PublishedSet", "publish"]

_STANDS = "El conjunto publicado anterior sigue vigente, completo"


@dataclass(frozen=True)
class PublishedSet:
    """A set that was put in place. ``rows`` by table; ``simulated`` says the tables and years that are not
    official alone, ``missing`` names the tables published empty."""

    name: str
    folder: Path
    rows: Mapping[str, int]
    origin: Origin
    simulated: tuple[str, ...]
    missing: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self.folder.iterdir()))


def publish(
    settings: Settings,
    lake: Lake,
    *,
    now: datetime,
    run_id: str,
    describe: Describe = lambda sha: None,
    allow_missing: bool = False,
) -> PublishedSet:
    """Write every year of the anonymized layer as a new set and make it the one that readers see.

    The set is written beside, reconciled, flushed to disk and then swapped in at one stroke; until that
    stroke ``<data>/processed`` is the former set, whatever happens. The same lake gives the same bytes of
    every CSV and Parquet file: times and run are in the JSON and text files alone.

    A table that never had data is published empty and said so in ``cache_metadata.json`` and ``LEEME.txt``.
    One that the present set has and the lake no longer has stops the publication unless ``allow_missing``: a
    dataset must not vanish because a folder did. On a production instance simulated figures of the present
    set do not count as such, and nothing that is simulated or mixed is published.

    Published figures that change beyond the thresholds need an approval of exactly that change, whoever calls this.
    What changed is written beside the tables, and every publication in the history.

    Raises:
        NotApprovedError: they do, and nobody approved it.
        PublicationError: nothing was published and the former set stands; the message says why, in Spanish.
    """
    gate.refuse_full_access(settings)
    store = SetStore(settings.data_dir)
    try:
        with store.exclusive():
            store.check_link()
            store.clean()
            _note(settings, store)
            current = store.current()
            former = read_record(current) if current else None
            with store.building(now) as (name, folder):
                builder = SetBuilder(settings, lake, folder, former, allow_missing=allow_missing)
                builder.write()
                restated = gate.written(settings, builder.inputs, folder, current, former, describe, now)
                approval = gate.admitted(settings, restated, gate.names(former, describe))
                record = builder.record(name, now, run_id, describe)
                if current and former is None:
                    record["avisos"].append(
                        f"No se pudo leer la procedencia del conjunto anterior ({current.name}): no se "
                        "comprobó si desaparecieron tablas o años."
                    )
                record["avisos"] += restated.unread
                record["correcciones"] = section(restated, approval, settings.suppression_minimum)
                _write_documents(folder, record, now)
                target = store.swap(name, folder)
            # A set that is in no history yet must not be pruned: it is the only one to know what it was made of.
            unnoted = _note(settings, store)
            warnings = [*record["avisos"], *(unnoted or store.prune(settings.published_sets_kept))]
    except OSError as error:
        raise PublicationError(f"El disco no permitió publicar (¿está lleno?): {error}. {_STANDS}") from error
    except sqlite3.Error as error:
        raise PublicationError(f"No se pudo leer el registro de aprobaciones: {error}. {_STANDS}") from error
    except duckdb.Error as error:
        raise PublicationError(f"No se pudieron escribir los datos: {first_line(error)}. {_STANDS}") from error
    return PublishedSet(
        name=name,
        folder=target,
        rows={table: entry["filas"] for table, entry in record["tablas"].items()},
        origin=Origin(record["origen"]),
        simulated=tuple(documents.concerned(record["tablas"])),
        missing=tuple(absent["tabla"] for absent in record["ausentes"]),
        warnings=tuple(warnings),
    )


def _note(settings: Settings, store: SetStore) -> list[str]:
    """Bring the history up to date. A set that stands is not taken back for want of it: why not, in Spanish."""
    try:
        PublicationHistory(settings.data_dir).catch_up(store)
    except (OSError, sqlite3.Error, KeyError, ValueError) as error:
        return [f"No se pudo anotar la historia de publicaciones ({error}); se intentará en la siguiente."]
    return []


def _write_documents(folder: Path, record: Mapping[str, Any], now: datetime) -> None:
    local = now.astimezone(ZoneInfo(TIMEZONE)).replace(tzinfo=None).isoformat(timespec="seconds")
    tables = all_tables()
    texts = {
        f"{documents.DICTIONARY}.csv": (documents.dictionary_csv(tables), ENCODING),
        f"{documents.DICTIONARY}.md": (documents.dictionary_markdown(tables, record), "utf-8"),
        documents.PROVENANCE_FILE: (documents.as_json(record), "utf-8"),
        documents.METADATA_FILE: (documents.as_json(documents.metadata(record, local)), "utf-8"),
        documents.CORRECTIONS_FILE: (document(record["correcciones"], now), "utf-8"),
        documents.README_FILE: (documents.readme(record, tables), ENCODING),
    }
    for name, (text, encoding) in texts.items():
        (folder / name).write_text(text, encoding=encoding, newline="\n")
