"""Builds a new set in a folder that nobody reads yet, and its record. Putting it in place is for `sets`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow.parquet as pq

from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication.catalogue import (
    YEAR,
    PublishedTable,
    all_tables,
    cache_tables,
    identifier,
    published_tables,
)
from emtp_assets.publication.files import empty_query, write_csv, write_parquet
from emtp_assets.publication.reconcile import Expected, problems
from emtp_assets.publication.record import Describe, Part, delivery_entries, merged, table_entry
from emtp_assets.publication.sets import PublicationError
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, parquet, session
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance, code_version

_INPUT = ".entrada"


class SetBuilder:
    """One new set in ``folder``. ``former`` is the record of the present set, if there is one.

    The lake's files are hard-linked into the folder first, so that a year replaced meanwhile cannot give a
    table one content and its cache another.
    """

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        folder: Path,
        former: Mapping[str, Any] | None,
        *,
        allow_missing: bool,
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.former = former
        self.allow_missing = allow_missing
        self.parts: dict[str, list[Part]] = {}
        self.years: dict[str, dict[int, int]] = {}
        self.missing: list[PublishedTable] = []
        self._snapshot(lake)

    def write(self) -> None:
        """Write every table and cache, and prove them.

        Raises:
            PublicationError: an input or the result is not fit to be published.
            OSError, duckdb.Error: the disk refused.
        """
        with session(self.settings) as connection:
            self._read_parts(connection)
            self._refuse_simulated_in_production()
            self._find_missing()
            expected = {table.name: self._write_table(connection, table) for table in published_tables()}
            expected |= {table.name: self._write_cache(connection, table) for table in cache_tables()}
            found = problems(connection, self.folder, all_tables(), expected)
            self.years = {table.name: self._years_of(connection, table) for table in all_tables()}
        if found:
            raise PublicationError(
                "El conjunto nuevo no cuadra y no se publica; el anterior sigue vigente:\n- " + "\n- ".join(found)
            )
        shutil.rmtree(self.folder / _INPUT)

    def record(self, name: str, now: datetime, run_id: str, describe: Describe) -> dict[str, Any]:
        """The content of `procedencia.json`; only after ``write``."""
        tables = {
            table.name: table_entry(self.folder, table, self.years[table.name], self._parts_of(table))
            for table in all_tables()
        }
        shas = {sha for t in tables.values() for year in t["años"].values() for sha in year["entregas"]}
        origins = {entry["origen"] for entry in tables.values() if entry["origen"]}
        return {
            "conjunto": name,
            "generado": now.astimezone(ZoneInfo(TIMEZONE)).isoformat(timespec="seconds"),
            "zona_horaria": TIMEZONE,
            "ejecucion": run_id,
            "version_codigo": code_version(),
            "modo": self.settings.mode.value,
            "minimo_supresion": self.settings.suppression_minimum,
            "origen": origins.pop() if len(origins) == 1 else Origin.MIXED.value,
            "ausentes": [
                {
                    "tabla": table.name,
                    "mensaje": f"{table.name}: sin datos de {table.dataset}; se publica vacía.",
                }
                for table in self.missing
            ],
            "avisos": self._vanished_years(),
            "tablas": tables,
            "entregas": delivery_entries(self.settings, shas, describe),
        }

    def _snapshot(self, lake: Lake) -> None:
        for source in dict.fromkeys(name for table in published_tables() for name in table.sources):
            for year in lake.years(Layer.ANONYMIZED, source):
                target = self.folder / _INPUT / source / f"academic_year={year}" / PART
                target.parent.mkdir(parents=True)
                original = lake.part(Layer.ANONYMIZED, source, year)
                try:
                    os.link(original, target)
                except FileNotFoundError:
                    raise
                except OSError:  # a file system without hard links
                    shutil.copyfile(original, target)

    def _read_parts(self, connection: duckdb.DuckDBPyConnection) -> None:
        linked = Lake(self.folder / _INPUT)
        for source in dict.fromkeys(name for table in published_tables() for name in table.sources):
            self.parts[source] = []
            for path in sorted((linked.data_dir / source).glob(f"*/{PART}")):
                partition = int(path.parent.name.partition("=")[2])
                try:
                    provenance = Provenance.of(path)
                    counted = connection.execute(
                        f"FROM {parquet(path)} SELECT {identifier(YEAR)}, count(*) GROUP BY ALL ORDER BY ALL"
                    ).fetchall()
                except KeyError as error:
                    raise PublicationError(
                        f"{source} {partition}: el archivo anonimizado no dice su procedencia; rehágalo"
                    ) from error
                except duckdb.BinderException as error:
                    raise PublicationError(f"{source} {partition}: {first_line(error)}") from error
                if any(year is None for year, _ in counted):
                    raise PublicationError(f"{source} {partition}: hay filas sin año")
                self.parts[source].append(Part(source, partition, path, provenance, dict(counted)))
            self._refuse_missing_columns(source)

    def _refuse_missing_columns(self, source: str) -> None:
        """A column that one year's file lacks would be read as null in silence."""
        published = {c.name for t in published_tables() if source in t.sources for c in t.columns}
        columns = {part: published & set(pq.read_schema(part.path).names) for part in self.parts[source]}
        wanted = set().union(*columns.values())
        for part, present in columns.items():
            if absent := sorted(wanted - present):
                raise PublicationError(
                    f"{source} {part.partition}: faltan columnas que otros años sí tienen "
                    f"({', '.join(absent)}); vuelva a materializar ese año"
                )

    def _refuse_simulated_in_production(self) -> None:
        refused = sorted(
            f"{part.label} ({part.provenance.origin})"
            for parts in self.parts.values()
            for part in parts
            if part.provenance.origin is not Origin.OFFICIAL
        )
        if self.settings.production and refused:
            raise PublicationError(
                "Una instancia de producción no publica datos simulados ni mezclados; el conjunto anterior "
                f"sigue vigente. Retire estos {len(refused)} archivos: {', '.join(refused[:20])}"
            )

    def _find_missing(self) -> None:
        self.missing = [table for table in published_tables() if not self._expected_years(table)]
        if len(self.missing) == len(published_tables()):
            raise PublicationError("No hay ningún dato anonimizado que publicar")
        lost = [table for table in self.missing if self._former_years(table)]
        if lost and not self.allow_missing:
            datasets = ", ".join(sorted({table.dataset for table in lost}))
            raise PublicationError(
                f"Faltan los datos anonimizados de {datasets} (tablas {', '.join(t.name for t in lost)}), "
                "que el conjunto publicado sí tiene; no se publica y el anterior sigue vigente. Vuelva a "
                f"materializar {datasets}, o publique permitiendo la ausencia si es lo que se quiere"
            )

    def _write_table(self, connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> Expected:
        parts = self._parts_of(table)
        years = self._expected_years(table)
        if years:
            query = table.query({source: self._relation(table, source) for source in table.sources})
        else:
            query = empty_query(table)
        used = [part for part in parts if set(part.rows) & set(years)]
        path = self.folder / f"{table.name}.parquet"
        try:
            write_parquet(connection, table, query, path, merged(used).without_deliveries() if used else None)
        except duckdb.BinderException as error:
            raise PublicationError(
                f"{table.name}: a los datos anonimizados les faltan columnas: {first_line(error)}"
            ) from error
        write_csv(connection, table, path, self.folder / f"{table.name}.csv")
        origins = {year: merged(p for p in used if year in p.rows).origin for year in years}
        return Expected(sum(years.values()), origins)

    def _write_cache(self, connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> Expected:
        source = self.folder / f"{table.cache_of}.parquet"
        query = table.query({table.main_source: f"read_parquet({literal(source)})"})
        parts = self._parts_of(table)
        rows = connection.execute(f"SELECT count(*) FROM ({query})").fetchone()
        years = self._expected_years(self._base(table))
        used = [part for part in parts if set(part.rows) & set(years)]
        path = self.folder / f"{table.name}.parquet"
        write_parquet(connection, table, query, path, merged(used).without_deliveries() if used else None)
        origins = {year: merged(p for p in used if year in p.rows).origin for year in years}
        return Expected(rows[0] if rows else 0, origins)

    def _relation(self, table: PublishedTable, source: str) -> str:
        paths = [part.path for part in self.parts[source]]
        if paths:
            return f"(SELECT * EXCLUDE (academic_year) FROM {parquet(paths)})"
        listed = ", ".join(
            f"CAST(NULL AS {kind}) AS {identifier(name)}" for name, kind in table.optional_sources[source].items()
        )
        return f"(SELECT {listed} WHERE false)"

    def _base(self, table: PublishedTable) -> PublishedTable:
        return next(t for t in published_tables() if t.name == (table.cache_of or table.name))

    def _parts_of(self, table: PublishedTable) -> list[Part]:
        return [part for source in self._base(table).sources for part in self.parts[source]]

    def _expected_years(self, table: PublishedTable) -> dict[int, int]:
        """Rows that the table must have, by year."""
        years: dict[int, int] = {}
        for part in self.parts[table.main_source]:
            for year, rows in part.rows.items():
                years[year] = years.get(year, 0) + rows
        return {max(years): years[max(years)]} if years and table.latest else years

    def _years_of(self, connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> dict[int, int]:
        year = identifier(table.year_column)
        path = literal(self.folder / f"{table.name}.parquet")
        return dict(connection.execute(f"FROM read_parquet({path}) SELECT {year}, count(*) GROUP BY ALL").fetchall())

    def _former_years(self, table: PublishedTable) -> set[int]:
        """The years of the present set's table whose figures count on this instance."""
        entry = ((self.former or {}).get("tablas") or {}).get(table.name) or {}
        return {
            int(year)
            for year, part in (entry.get("años") or {}).items()
            if not self.settings.production or part.get("origen") == Origin.OFFICIAL
        }

    def _vanished_years(self) -> list[str]:
        said = []
        for table in published_tables():
            gone = self._former_years(table) - set(self.years[table.name])
            if gone and not table.latest:
                listed = ", ".join(str(year) for year in sorted(gone))
                said.append(f"{table.name}: el conjunto anterior tenía {listed} y este no.")
        return said


def first_line(error: Exception) -> str:
    """What an engine's error says, without the query that it repeats."""
    return str(error).strip().split("\n", 1)[0]
