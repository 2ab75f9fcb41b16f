"""The typed reader of `publico.yaml`: what a public release may hold. Making a release is `releases`' business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

import yaml

from emtp_assets.privacy.plans import FOLDER

SOURCE = FOLDER / "publico.yaml"


class PublicPlanError(ValueError):
    """`publico.yaml` contradicts itself; raised when it is read, in Spanish."""


class Protection(StrEnum):
    """How the figures of a population are protected."""

    PERSONS = "personas"
    PUBLIC_RECORD = "registro_publico"
    CONTRIBUTORS = "contribuyentes"

    @property
    def protects_amounts(self) -> bool:
        """Whether amounts may be hidden, and so have a note beside them."""
        return self is Protection.CONTRIBUTORS


@dataclass(frozen=True)
class Code:
    """A code column: null in a row that adds up over it. ``label`` then says `Total`; None where there is no name."""

    name: str
    label: str | None
    description: str


@dataclass(frozen=True)
class Rate:
    """A percentage of those counted who have an outcome: column ``outcome`` of the cells is 1 for them and else 0."""

    name: str
    outcome: str
    description: str


@dataclass(frozen=True)
class Mean:
    """A mean of persons, published at one level (``at``) of one table: ``sum`` over ``count`` of a model."""

    name: str
    table: str
    at: tuple[str, ...]
    source: str
    sum: str
    count: str
    unit: str
    description: str


@dataclass(frozen=True)
class Amount:
    """A column of figures that are no counts of persons."""

    name: str
    type: str
    unit: str
    description: str


@dataclass(frozen=True)
class PublicTable:
    """One table of a release.

    ``paths``: by dimension, its columns from coarse to fine, down to the level crossed. ``rows`` and ``amounts`` are of
    tables that count no persons: SQL that gives the dimension columns, labels and amounts at the finest level.
    """

    name: str
    title: str
    paths: Mapping[str, tuple[str, ...]]
    rate: Rate | None
    rows: str | None
    amounts: tuple[Amount, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All code columns, in the order of the dimensions."""
        return tuple(column for path in self.paths.values() for column in path)


@dataclass(frozen=True)
class Population:
    """Whom, or what, a set of tables counts; they are protected, frozen and attacked together.

    ``cells`` makes the base cells out of ``reads`` (aggregated models) and ``codes`` (code lists). ``known`` is the
    population whose figures, so many ``known_years`` away, bound these.
    """

    name: str
    dataset: str
    closing_day: tuple[int, int]
    closes_next_year: bool
    reads: tuple[str, ...]
    codes: tuple[str, ...]
    protection: Protection
    measure: str | None
    description: str
    cells: str | None
    attributes: tuple[str, ...]
    rate: Rate | None
    means: tuple[Mean, ...]
    known: str | None
    known_years: int
    tables: tuple[PublicTable, ...]

    def closed_on(self, year: int) -> date:
        """The day from which on an academic year is complete."""
        month, day = self.closing_day
        return date(year + self.closes_next_year, month, day)

    def means_of(self, table: PublicTable) -> tuple[Mean, ...]:
        return tuple(mean for mean in self.means if mean.table == table.name)


@dataclass(frozen=True)
class PublicPlan:
    """The whole of what may be public. ``p_percent``: how near to another's money nobody may get."""

    version: str
    p_percent: int
    codes: Mapping[str, Code]
    populations: tuple[Population, ...]

    @property
    def tables(self) -> tuple[tuple[Population, PublicTable], ...]:
        return tuple((population, table) for population in self.populations for table in population.tables)

    def population(self, name: str) -> Population:
        return next(population for population in self.populations if population.name == name)


@cache
def public_plan() -> PublicPlan:
    """The plan of this version of the code."""
    return read_public_plan(yaml.safe_load(SOURCE.read_text(encoding="utf-8")))


def read_public_plan(document: Mapping[str, Any]) -> PublicPlan:
    """The plan of a parsed `publico.yaml`.

    Raises:
        PublicPlanError: a level, column, table or population that does not exist, or a name used twice.
    """
    codes = {n: Code(n, c.get("label"), c["description"]) for n, c in document["columns"].items()}
    dimensions = {name: tuple(path) for name, path in document["dimensions"].items()}
    if unnamed := {column for path in dimensions.values() for column in path} - set(codes):
        raise PublicPlanError(f"publico.yaml: faltan en columns: {', '.join(sorted(unnamed))}")
    populations: list[Population] = []
    for name, entry in document["populations"].items():
        population = _population(name, entry, dimensions)
        if population.known and population.known not in {p.name for p in populations}:
            raise PublicPlanError(f"{name}: known nombra {population.known}, que debe ir antes en el plan")
        populations.append(population)
    names = [table.name for population in populations for table in population.tables]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise PublicPlanError(f"publico.yaml: tablas con el mismo nombre: {', '.join(repeated)}")
    return PublicPlan(str(document["version"]), int(document["p_percent"]), codes, tuple(populations))


def _population(name: str, entry: Mapping[str, Any], dimensions: Mapping[str, tuple[str, ...]]) -> Population:
    protection = Protection(entry.get("protection", Protection.PERSONS))
    rate = Rate(**entry["rate"]) if "rate" in entry else None
    tables = tuple(_table(t, said, dimensions, rate) for t, said in entry["tables"].items())
    if protection is Protection.PERSONS and not (entry.get("cells") and entry.get("measure")):
        raise PublicPlanError(f"{name}: una población de personas necesita cells y measure")
    if protection is not Protection.PERSONS and not all(table.rows and table.amounts for table in tables):
        raise PublicPlanError(f"{name}: una tabla sin personas necesita rows y figures")
    means = tuple(_mean(m, said) for m, said in (entry.get("means") or {}).items())
    for mean in means:
        table = next((t for t in tables if t.name == mean.table), None)
        if table is None or not set(mean.at) <= set(table.columns):
            raise PublicPlanError(f"{name}: el promedio {mean.name} nombra una tabla o un nivel que no existe")
    month, day = (int(part) for part in entry["closes"]["day"].split("-"))
    known = entry.get("known") or {}
    return Population(
        name=name,
        dataset=entry["dataset"],
        closing_day=(month, day),
        closes_next_year=bool(entry["closes"].get("of_next_year", False)),
        reads=tuple(entry["reads"]),
        codes=tuple(entry["codes"]),
        protection=protection,
        measure=entry.get("measure"),
        description=entry["description"].strip(),
        cells=entry.get("cells"),
        attributes=tuple(entry.get("attributes", ())),
        rate=rate,
        means=means,
        known=known.get("population"),
        known_years=int(known.get("years", 0)),
        tables=tables,
    )


def _mean(name: str, entry: Mapping[str, Any]) -> Mean:
    fields = {**entry, "source": entry["from"], "at": tuple(entry["at"])}
    return Mean(name=name, **{key: value for key, value in fields.items() if key != "from"})


def _table(
    name: str, entry: Mapping[str, Any], dimensions: Mapping[str, tuple[str, ...]], rate: Rate | None
) -> PublicTable:
    paths: dict[str, tuple[str, ...]] = {}
    if unknown := sorted(set(entry["levels"]) - set(dimensions)):
        raise PublicPlanError(f"{name}: no existe la dimensión {', '.join(unknown)}")
    for dimension, path in dimensions.items():
        level = entry["levels"].get(dimension)
        if level is None:
            continue
        if level not in path:
            raise PublicPlanError(f"{name}: {dimension} no tiene el nivel {level}, solo {', '.join(path)}")
        paths[dimension] = path[: path.index(level) + 1]
    if entry.get("rate") and rate is None:
        raise PublicPlanError(f"{name}: pide una tasa y su población no la define")
    return PublicTable(
        name=name,
        title=entry["title"],
        paths=paths,
        rate=rate if entry.get("rate") else None,
        rows=entry.get("rows"),
        amounts=tuple(Amount(n, **said) for n, said in (entry.get("figures") or {}).items()),
    )
