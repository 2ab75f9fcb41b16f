"""Builds a candidate's tables and papers in a folder that nobody reads yet. Auditing it is `candidate`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from emtp_assets.partitions import TIMEZONE
from emtp_assets.privacy.plans.public import Population, PublicPlan, PublicTable
from emtp_assets.releases import documents
from emtp_assets.releases.files import create_table, write_table
from emtp_assets.releases.layout import columns_of, quoted
from emtp_assets.releases.manifest import (
    FORMAT,
    MANIFEST,
    YEAR,
    Release,
    ReleaseError,
    as_json,
    newest_with,
    table_entry,
)
from emtp_assets.releases.protecting import Maker
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin, Provenance, code_version

Restate = Mapping[str, frozenset[int]]
"""By dataset, the public years that a person asked to make again; the key "" stands for all datasets."""


@dataclass
class _Done:
    """What was put into the tables so far."""

    provenance: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    restated: dict[str, set[int]] = field(default_factory=dict)
    frozen: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    alone: dict[str, list[pa.Table]] = field(default_factory=dict)


class Builder:
    """One candidate in ``folder``; ``releases`` are all public ones in their order."""

    def __init__(
        self,
        settings: Settings,
        lake: Lake,
        plan: PublicPlan,
        folder: Path,
        release_id: str,
        cut: date,
        restate: Restate,
        releases: Sequence[Release],
    ) -> None:
        self.settings, self.lake, self.plan, self.folder = settings, lake, plan, folder
        self.release_id, self.cut, self.restate, self.releases = release_id, cut, restate, releases
        self.target = {table.name: f"t_{table.name}" for _, table in plan.tables}
        self.done = _Done()

    def write(self, now: datetime) -> Release:
        """Write tables, manifest and papers.

        Raises:
            ReleaseError: something cannot be protected, or must not be released; in Spanish.
            duckdb.Error, OSError: the disk refused.
        """
        with session(self.settings) as connection:
            for population, table in self.plan.tables:
                create_table(connection, self.target[table.name], columns_of(population, table, self.plan.codes))
            maker = Maker(connection, self.lake, self.plan, self.releases, self.settings.suppression_minimum)
            for population in self.plan.populations:
                self._population(connection, maker, population)
            self._refuse_unknown_restatements()
            entries = [self._write(connection, population, table) for population, table in self.plan.tables]
        if not any(entry["anios"] for entry in entries):
            raise ReleaseError(
                f"No hay ningún año completo al corte {self.cut:%d-%m-%Y} en la capa agregada: procese antes los datos "
                "(trabajo actualizar_todo)."
            )
        self._write_papers([entry for entry in entries if entry["anios"]], now)
        return Release(self.folder)

    @property
    def alone(self) -> dict[str, pa.Table]:
        """By table, the rows of the years made now that count one person. Not to be written anywhere."""
        return {name: pa.concat_tables(parts) for name, parts in self.done.alone.items()}

    def _population(self, connection: duckdb.DuckDBPyConnection, maker: Maker, population: Population) -> None:
        """Every year of a population: as it was released, or made now."""
        released = {year for release in self.releases for year in release.years_of(population.name)}
        available = {year for year in maker.available(population) if population.closed_on(year) <= self.cut}
        asked = self.restate.get("", frozenset()) | self.restate.get(population.dataset, frozenset())
        provenance = self.done.provenance.setdefault(population.name, {})
        for year in sorted(released | available):
            if year in released and year not in asked:
                provenance[year] = self._repeat(connection, population, year)
                continue
            if year not in available:
                raise ReleaseError(
                    f"{population.name} {year}: se pidió rehacer un año que ya no está en la capa agregada. Vuelva a "
                    "procesarlo, o no lo rehaga."
                )
            made = maker.make(population, year, self.target)
            if made.withheld:
                self.done.notices.append(made.withheld)
            self._refuse_simulated(population, year, made.provenance.origin)
            for table, who in made.alone.items():
                self.done.alone.setdefault(table, []).append(who)
            provenance[year] = _said(made.provenance)
            if year in released:
                self.done.restated.setdefault(population.dataset, set()).add(year)

    def _repeat(self, connection: duckdb.DuckDBPyConnection, population: Population, year: int) -> dict[str, Any]:
        """Copy a public year, value by value, from the last release that has it."""
        release = newest_with(self.releases, population.name, year)
        assert release is not None
        said: dict[str, Any] = {}
        for table in population.tables:
            before = release.tables.get(table.name)
            if before is None or year not in before.years:
                continue
            wanted = [column.name for column in columns_of(population, table, self.plan.codes)]
            source = f"read_parquet({literal(before.parquet)})"
            present = [name for (name, *_) in connection.execute(f"describe select * from {source}").fetchall()]
            if present != wanted:
                raise ReleaseError(
                    f"{table.name}: sus columnas cambiaron en el plan y ya hay años liberados con las de antes "
                    f"({release.release_id}). Dé otro nombre a la tabla nueva en publico.yaml."
                )
            connection.execute(
                f"insert into {quoted(self.target[table.name])} select * from {source} where {quoted(YEAR)} = {year}"
            )
            said = dict(before.provenance[year])
        self.done.frozen.setdefault(population.name, {}).setdefault(release.release_id, []).append(year)
        self._refuse_simulated(population, year, Origin(said["origen"]))
        return said

    def _refuse_simulated(self, population: Population, year: int, origin: Origin) -> None:
        if self.settings.production and origin is not Origin.OFFICIAL:
            raise ReleaseError(
                f"{population.name} {year}: son datos de origen {origin.value}. Una instancia de producción no libera "
                "datos simulados ni mezclados; retírelos y procese ese año con la entrega oficial."
            )

    def _refuse_unknown_restatements(self) -> None:
        wanted = {(dataset, year) for dataset, years in self.restate.items() for year in years}
        known = {(dataset, year) for dataset, years in self.done.restated.items() for year in years}
        known |= {("", year) for _, year in known}
        if unknown := sorted(f"{dataset or 'todos'}:{year}" for dataset, year in wanted - known):
            raise ReleaseError(
                f"Se pidió rehacer {', '.join(unknown)}, que ninguna liberación contiene: solo se rehace lo que ya es "
                "público; lo demás se hace solo."
            )

    def _write(
        self, connection: duckdb.DuckDBPyConnection, population: Population, table: PublicTable
    ) -> dict[str, Any]:
        columns = columns_of(population, table, self.plan.codes)
        target = self.target[table.name]
        counted = connection.execute(f"select {quoted(YEAR)}, count(*) from {quoted(target)} group by all").fetchall()
        parquet, csv = self.folder / f"{table.name}.parquet", self.folder / f"{table.name}.csv"
        write_table(connection, target, columns, (YEAR, *table.columns), parquet, csv)
        entry = table_entry(
            self.folder, population, table, dict(counted), self.done.provenance.get(population.name, {})
        )
        if not counted:
            parquet.unlink()
            csv.unlink()
        return entry

    def _write_papers(self, entries: Sequence[dict[str, Any]], now: datetime) -> None:
        origins = {said["origen"] for entry in entries for said in entry["procedencia"].values()}
        former = self.releases[-1].release_id if self.releases else None
        manifest = {
            "formato": FORMAT,
            "release_id": self.release_id,
            "corte": self.cut.isoformat(),
            "generado": now.astimezone(ZoneInfo(TIMEZONE)).isoformat(timespec="seconds"),
            "minimo": self.settings.suppression_minimum,
            "p_por_ciento": self.plan.p_percent,
            "plan": self.plan.version,
            "version_codigo": code_version(),
            "origen": origins.pop() if len(origins) == 1 else Origin.MIXED.value,
            "anterior": former,
            "rehechos": {dataset: sorted(years) for dataset, years in sorted(self.done.restated.items())},
            "repetidos": self.done.frozen,
            "avisos": self.done.notices,
            "tablas": entries,
        }
        listed = {entry["tabla"] for entry in entries}
        tables = [(p, t, columns_of(p, t, self.plan.codes)) for p, t in self.plan.tables if t.name in listed]
        texts = {
            MANIFEST: (as_json(manifest), "utf-8"),
            documents.DICTIONARY: (documents.dictionary(tables), "utf-8-sig"),
            documents.README: (documents.readme(manifest, tables), "utf-8"),
        }
        for name, (text, encoding) in texts.items():
            (self.folder / name).write_text(text, encoding=encoding, newline="\n")


def _said(provenance: Provenance) -> dict[str, Any]:
    return {
        "origen": provenance.origin.value,
        "version_codigo": provenance.code_version,
        "entregas": list(provenance.deliveries),
    }
