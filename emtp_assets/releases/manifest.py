"""`publicacion.json`: what a release says of itself, written and read. Whether it is true, the audit finds out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emtp_assets.privacy.plans.public import Population, PublicTable

MANIFEST = "publicacion.json"
YEAR = "año"
NOTE_SUFFIX = "_nota"
FORMAT = 1


class ReleaseError(RuntimeError):
    """Nothing was made or released, and what stood still stands; the message says why, in Spanish."""


@dataclass(frozen=True)
class ReleasedTable:
    """A table of a release, by its manifest. ``columns``: its code columns, null in a row that adds up over them."""

    name: str
    universe: str
    dataset: str
    parquet: Path
    csv: Path
    years: tuple[int, ...]
    columns: tuple[str, ...]
    measure: str | None
    rates: tuple[str, ...]
    means: tuple[tuple[str, str], ...]
    amounts: tuple[str, ...]
    provenance: Mapping[int, Mapping[str, Any]]

    @property
    def figures(self) -> tuple[str, ...]:
        """The columns of figures that have a note beside them."""
        return (*([self.measure] if self.measure else []), *self.rates, *(m for m, _ in self.means), *self.amounts)


@dataclass(frozen=True)
class Release:
    """A folder that holds a release, or a candidate for one."""

    folder: Path

    @cached_property
    def manifest(self) -> Mapping[str, Any]:
        """The parsed manifest.

        Raises:
            ReleaseError: there is none to read.
        """
        try:
            return json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"{self.folder}: no se pudo leer {MANIFEST}, que dice qué contiene la liberación. "
                "Restaure la carpeta desde el último respaldo."
            ) from error

    @property
    def release_id(self) -> str:
        return self.manifest["release_id"]

    @cached_property
    def tables(self) -> Mapping[str, ReleasedTable]:
        return {entry["tabla"]: _table(self.folder, entry) for entry in self.manifest["tablas"]}

    def of_universe(self, universe: str, year: int) -> list[ReleasedTable]:
        """The tables that hold a population's year."""
        return [t for t in self.tables.values() if t.universe == universe and year in t.years]

    def years_of(self, universe: str) -> set[int]:
        return {year for t in self.tables.values() if t.universe == universe for year in t.years}

    @cached_property
    def hashes(self) -> Mapping[str, str]:
        """The SHA-256 of every file that lies in the folder, by name."""
        return {path.name: sha256_of(path) for path in sorted(self.folder.iterdir())}

    @property
    def fingerprint(self) -> str:
        """What a person approves: every byte of every file, the audit's report included."""
        lines = "".join(f"{sha}  {name}\n" for name, sha in sorted(self.hashes.items()))
        return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _table(folder: Path, entry: Mapping[str, Any]) -> ReleasedTable:
    return ReleasedTable(
        name=entry["tabla"],
        universe=entry["universo"],
        dataset=entry["conjunto"],
        parquet=folder / entry["parquet"]["archivo"],
        csv=folder / entry["csv"]["archivo"],
        years=tuple(entry["anios"]),
        columns=tuple(column for dimension in entry["dimensiones"] for column in dimension["columnas"]),
        measure=entry["medida"],
        rates=tuple(rate["columna"] for rate in entry.get("tasas", [])),
        means=tuple((mean["columna"], mean["n"]) for mean in entry.get("medias", [])),
        amounts=tuple(amount["columna"] for amount in entry.get("montos", [])),
        provenance={int(year): said for year, said in entry["procedencia"].items()},
    )


def table_entry(
    folder: Path,
    population: Population,
    table: PublicTable,
    rows: Mapping[int, int],
    provenance: Mapping[int, Mapping[str, Any]],
) -> dict[str, Any]:
    """What the manifest says of a table; ``rows`` and ``provenance`` by year. The files must be in ``folder``."""
    means = population.means_of(table)
    amounts = table.amounts if population.protection.protects_amounts else ()
    return {
        "tabla": table.name,
        "titulo": table.title,
        "conjunto": population.dataset,
        "universo": population.name,
        "proteccion": population.protection.value,
        **{
            kind: {"archivo": f"{table.name}.{kind}", "sha256": sha256_of(folder / f"{table.name}.{kind}")}
            for kind in ("csv", "parquet")
        },
        "anio": YEAR,
        "anios": sorted(rows),
        "filas": {str(year): rows[year] for year in sorted(rows)},
        "medida": population.measure,
        "nota": f"{population.measure}{NOTE_SUFFIX}" if population.measure else None,
        "dimensiones": [{"nombre": name, "columnas": list(path)} for name, path in table.paths.items()],
        "atributos": list(population.attributes) if carries_attributes(population, table) else [],
        "tasas": [
            {
                "columna": rate.name,
                "nota": f"{rate.name}{NOTE_SUFFIX}",
                "decimales": 1,
                "dimension": None,
                "valor": None,
            }
            for rate in ([table.rate] if table.rate else [])
        ],
        "medias": [{"columna": m.name, "nota": f"{m.name}{NOTE_SUFFIX}", "n": population.measure} for m in means],
        "montos": [{"columna": a.name, "nota": f"{a.name}{NOTE_SUFFIX}"} for a in amounts],
        "procedencia": {str(year): dict(provenance[year]) for year in sorted(provenance) if year in rows},
    }


SCHOOL = "rbd"


def carries_attributes(population: Population, table: PublicTable) -> bool:
    """Whether a table has schools in it: what a school is, is public, and must stand beside it for the audit."""
    return bool(population.attributes) and SCHOOL in table.columns


def sha256_of(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def newest_with(releases: Sequence[Release], universe: str, year: int) -> Release | None:
    """Of releases in the order in which they were made, the last one that holds a population's year."""
    return next((r for r in reversed(releases) if year in r.years_of(universe)), None)
