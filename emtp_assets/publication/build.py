"""Builds a new set in a folder that nobody reads yet, and its record. Putting it in place is for `sets`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication.catalogue import PublishedTable, all_tables, cache_tables, identifier, published_tables
from emtp_assets.publication.files import empty_query, write_csv, write_parquet
from emtp_assets.publication.inputs import Inputs, first_line
from emtp_assets.publication.reconcile import Expected, problems
from emtp_assets.publication.record import Describe, delivery_entries, merged, table_entry
from emtp_assets.publication.sets import PublicationError
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin, code_version

_INPUT = ".entrada"


class SetBuilder:
    """One new set in ``folder``. ``former`` is the record of the present set, if there is one.

    What it is made of is held still in ``inputs`` from the beginning.
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
        self.years: dict[str, dict[int, int]] = {}
        self.missing: list[PublishedTable] = []
        self.inputs = Inputs(lake, folder / _INPUT)

    def write(self) -> None:
        """Write every table and cache, and prove them.

        Raises:
            PublicationError: an input or the result is not fit to be published.
            OSError, duckdb.Error: the disk refused.
        """
        with session(self.settings) as connection:
            self.inputs.read(connection)
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
            table.name: table_entry(self.folder, table, self.years[table.name], self.inputs.parts_of(table))
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
            "modo_privacidad": self.settings.privacy_mode.in_words,
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

    def _refuse_simulated_in_production(self) -> None:
        refused = sorted(
            f"{part.label} ({part.provenance.origin})"
            for parts in self.inputs.parts.values()
            for part in parts
            if part.provenance.origin is not Origin.OFFICIAL
        )
        if self.settings.production and refused:
            raise PublicationError(
                "Una instancia de producción no publica datos simulados ni mezclados; el conjunto anterior "
                f"sigue vigente. Retire estos {len(refused)} archivos: {', '.join(refused[:20])}"
            )

    def _find_missing(self) -> None:
        self.missing = [table for table in published_tables() if not self.inputs.years_of(table)]
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
        parts = self.inputs.parts_of(table)
        years = self.inputs.years_of(table)
        query = self.inputs.query(table) if years else empty_query(table)
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
        parts = self.inputs.parts_of(table)
        rows = connection.execute(f"SELECT count(*) FROM ({query})").fetchone()
        years = self.inputs.years_of(table)
        used = [part for part in parts if set(part.rows) & set(years)]
        path = self.folder / f"{table.name}.parquet"
        write_parquet(connection, table, query, path, merged(used).without_deliveries() if used else None)
        origins = {year: merged(p for p in used if year in p.rows).origin for year in years}
        return Expected(rows[0] if rows else 0, origins)

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
