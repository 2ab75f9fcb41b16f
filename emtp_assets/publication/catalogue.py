"""The typed reader of `tables.yaml`: what is published, column by column. It writes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from emtp_assets.publication.symbols import NOTE_SUFFIX

SOURCE = Path(__file__).parent / "tables.yaml"
YEAR = "año"
ROW_ORIGIN = "origen_datos"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TYPES = {"INTEGER", "BIGINT", "DOUBLE", "VARCHAR"}


class CatalogueError(ValueError):
    """`tables.yaml` contradicts itself; raised when it is read."""


class Figure(StrEnum):
    """How the values of several rows become one figure of a region or the country."""

    SUM = "sum"
    MEAN = "mean"


@dataclass(frozen=True)
class PublishedColumn:
    """A published column.

    ``note_of`` names the measure whose symbol it holds; ``published`` is what a cache's repeats; ``figure`` is None for
    what is no indicator.
    """

    name: str
    type: str
    unit: str
    description: str
    origin: str
    note_of: str | None = None
    published: str | None = None
    figure: Figure | None = None


@dataclass(frozen=True)
class PublishedTable:
    """One published table, or a cache that repeats one under the names that the Visualizador reads.

    ``select`` is DuckDB SQL whose ``{name}`` placeholders are anonymized tables (for a cache: the published
    table ``cache_of``). ``latest`` tables hold the newest year alone. Rows are ordered by ``key``, by all
    columns when there is none. Rows that differ in an ``apart`` column of the key are never added up.
    """

    name: str
    title: str
    description: str
    grain: str
    dataset: str
    key: tuple[str, ...]
    columns: tuple[PublishedColumn, ...]
    select: str
    latest: bool
    optional_sources: Mapping[str, Mapping[str, str]]
    cache_of: str | None = None
    apart: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The tables that ``select`` reads, each once, in the order of their naming."""
        return tuple(dict.fromkeys(_PLACEHOLDER.findall(self.select)))

    @property
    def main_source(self) -> str:
        """The one whose rows the published rows are; without it the table is empty."""
        return self.sources[0]

    @property
    def files(self) -> tuple[str, ...]:
        """The files it is published as."""
        return (f"{self.name}.parquet",) if self.cache_of else (f"{self.name}.csv", f"{self.name}.parquet")

    @property
    def notes(self) -> tuple[tuple[str, str], ...]:
        """(measure, the column of its symbol) pairs."""
        return tuple((column.note_of, column.name) for column in self.columns if column.note_of)

    @property
    def indicators(self) -> tuple[PublishedColumn, ...]:
        """The columns that hold figures, in their order."""
        return tuple(column for column in self.columns if column.figure)

    def named(self, published: str) -> str | None:
        """The column's name here for the published column ``published``; None if it is not repeated."""
        return next((c.name for c in self.columns if (c.published or c.name) == published), None)

    @property
    def year_column(self) -> str:
        return self.named(YEAR) or YEAR

    @property
    def origin_column(self) -> str:
        return self.named(ROW_ORIGIN) or ROW_ORIGIN

    def query(self, relations: Mapping[str, str]) -> str:
        """``select`` with each placeholder replaced by a table expression."""
        return _PLACEHOLDER.sub(lambda found: relations[found.group(1)], self.select)


def published_tables() -> tuple[PublishedTable, ...]:
    """The tables published as CSV and Parquet: the six of the Visualizador first, then our additions."""
    return _catalogue()[0]


def cache_tables() -> tuple[PublishedTable, ...]:
    """The Parquet files that the Visualizador's loader reads."""
    return _catalogue()[1]


def all_tables() -> tuple[PublishedTable, ...]:
    """Every published table and cache."""
    return published_tables() + cache_tables()


def identifier(name: str) -> str:
    """A column's name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@cache
def _catalogue() -> tuple[tuple[PublishedTable, ...], tuple[PublishedTable, ...]]:
    return read_catalogue(yaml.safe_load(SOURCE.read_text(encoding="utf-8")))


def read_catalogue(
    document: Mapping[str, Any],
) -> tuple[tuple[PublishedTable, ...], tuple[PublishedTable, ...]]:
    """Tables and caches of a parsed `tables.yaml`.

    Raises:
        CatalogueError: a name twice, a key or cache column that does not exist, an unknown type or source.
    """
    lookups: Mapping[str, Mapping[str, str]] = document["consultas"]
    tables = tuple(_table(entry, lookups) for entry in document["tablas"])
    by_name = {table.name: table for table in tables}
    caches = []
    for entry in document["caches"]:
        if entry["of"] not in by_name:
            raise CatalogueError(f"{entry['name']}: no existe la tabla {entry['of']!r}")
        caches.append(_cache(entry, by_name[entry["of"]]))
    _unique("tablas", [table.name for table in (*tables, *caches)])
    return tables, tuple(caches)


def _table(entry: Mapping[str, Any], lookups: Mapping[str, Mapping[str, str]]) -> PublishedTable:
    columns: list[PublishedColumn] = []
    for spec in entry["columns"]:
        columns.append(
            PublishedColumn(
                name=spec["name"],
                type=spec["type"],
                unit=spec.get("unit", ""),
                description=spec["description"],
                origin=spec["origin"],
                figure=_figure(entry["name"], spec),
            )
        )
        if spec.get("nota"):
            columns.append(_note(columns[-1].name))
    columns.append(
        PublishedColumn(
            ROW_ORIGIN,
            "VARCHAR",
            "",
            "Origen de la fila: OFICIAL, SIMULADO (dato de demostración) o MIXTO.",
            "Procedencia de las entregas.",
        )
    )
    table = PublishedTable(
        name=entry["name"],
        title=entry["title"],
        description=entry["description"].strip(),
        grain=entry["grain"],
        dataset=entry["dataset"],
        key=tuple(entry["key"]),
        columns=tuple(columns),
        select=entry["select"].strip(),
        latest=bool(entry.get("latest", False)),
        optional_sources={},
        apart=tuple(entry.get("apart", ())),
    )
    optional = {name: lookups[name] for name in table.sources if name in lookups}
    table = PublishedTable(**{**vars(table), "optional_sources": optional})
    names = [column.name for column in columns]
    _unique(table.name, names)
    if not table.sources or table.main_source in optional:
        raise CatalogueError(f"{table.name}: la consulta no nombra primero su tabla principal")
    if unknown := set(table.apart) - set(table.key):
        raise CatalogueError(f"{table.name}: fuera de la clave no se separa nada: {', '.join(sorted(unknown))}")
    if unknown := {*table.key, YEAR} - set(names):
        raise CatalogueError(f"{table.name}: la clave usa columnas que no existen: {', '.join(sorted(unknown))}")
    if unknown := {column.type for column in columns} - _TYPES:
        raise CatalogueError(f"{table.name}: tipos desconocidos: {', '.join(sorted(unknown))}")
    return table


def _figure(table: str, spec: Mapping[str, Any]) -> Figure | None:
    said = spec.get("figure", Figure.SUM if spec["type"] == "BIGINT" else None)
    if said is None and spec.get("nota"):
        raise CatalogueError(f"{table}.{spec['name']}: falta decir cómo se resume (figure: sum o mean)")
    try:
        return Figure(said) if said is not None else None
    except ValueError as error:
        raise CatalogueError(f"{table}.{spec['name']}: figure es sum o mean, no {said!r}") from error


def _note(measure: str) -> PublishedColumn:
    return PublishedColumn(
        name=measure + NOTE_SUFFIX,
        type="VARCHAR",
        unit="símbolo",
        description=f"Nota de {measure}: vacía, s, nd o na (véase la leyenda).",
        origin="Control de revelación estadística.",
        note_of=measure,
    )


def _cache(entry: Mapping[str, Any], table: PublishedTable) -> PublishedTable:
    described = {column.name: column for column in table.columns}
    renamed: dict[str, str] = {}
    for name, published in entry["columns"].items():
        if published not in described:
            raise CatalogueError(f"{entry['name']}.{name}: {table.name} no tiene la columna {published!r}")
        renamed[name] = published
        if published + NOTE_SUFFIX in described:
            renamed[name + NOTE_SUFFIX] = published + NOTE_SUFFIX
    renamed["OrigenDatos"] = ROW_ORIGIN
    back = {published: name for name, published in renamed.items()}
    columns = tuple(
        PublishedColumn(
            name=name,
            type=described[published].type,
            unit=described[published].unit,
            description=described[published].description,
            origin=f"{table.name}.{published}",
            note_of=back[measure] if (measure := described[published].note_of) else None,
            published=published,
        )
        for name, published in renamed.items()
    )
    _unique(entry["name"], [column.name for column in columns])
    listed = ", ".join(f"{identifier(published)} AS {identifier(name)}" for name, published in renamed.items())
    where = f" WHERE {entry['where']}" if "where" in entry else ""
    filtered = f" Solo las filas con {entry['where']}." if where else ""
    return PublishedTable(
        name=entry["name"],
        title=f"Caché del Visualizador: {table.title}",
        description=f"Copia de {table.name} con los nombres que lee el Visualizador.{filtered}",
        grain=table.grain,
        dataset=table.dataset,
        key=tuple(back[column] for column in table.key if column in back),
        columns=columns,
        select=f"SELECT {listed} FROM {{{table.name}}}{where}",
        latest=table.latest,
        optional_sources={},
        cache_of=table.name,
    )


def _unique(where: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    twice = {name for name in names if name in seen or seen.add(name)}
    if twice:
        raise CatalogueError(f"{where}: nombres repetidos: {', '.join(sorted(twice))}")
