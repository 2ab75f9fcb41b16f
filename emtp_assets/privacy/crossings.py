"""Crossings: tables that carry their own margins, and how one is made of the tables that `disclosure` protects.

Here: levels of dimensions and rows put together. Which figures are hidden is decided by `disclosure.protect`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from emtp_assets.privacy.disclosure import SUPPRESSED, DisclosureError, ProtectedTable, protect

TOTAL = "total"


@dataclass(frozen=True)
class Crossing:
    """A table to publish with all its margins.

    Attributes:
        name: of the table.
        paths: each dimension's columns from coarse to fine, down to the level that is published: a region's
            rows have ``cod_region`` alone, a comuna's rows have ``cod_region`` and ``cod_comuna``.
    """

    name: str
    paths: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns) or not all(self.paths):
            raise DisclosureError(f"Las dimensiones de la tabla {self.name} se repiten o están vacías")

    @classmethod
    def down_to(cls, name: str, dimensions: Mapping[str, Sequence[str]], levels: Mapping[str, str]) -> Crossing:
        """From the hierarchies of a dataset, by dimension, and the column at which each one crossed stops.

        Raises:
            DisclosureError: a dimension or a level that does not exist.
        """
        if unknown := sorted(set(levels) - set(dimensions)):
            raise DisclosureError(f"La tabla {name} cruza dimensiones que no existen: {', '.join(unknown)}")
        paths = []
        for dimension, path in dimensions.items():
            level = levels.get(dimension)
            if level is None:
                continue
            if level not in path:
                raise DisclosureError(
                    f"La tabla {name} pide el nivel {level} de {dimension}, que solo tiene {', '.join(path)}"
                )
            paths.append(tuple(path[: list(path).index(level) + 1]))
        return cls(name, tuple(paths))

    @property
    def columns(self) -> tuple[str, ...]:
        """All dimension columns of the published table, in their order."""
        return tuple(column for path in self.paths for column in path)

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The columns kept at each combination of levels, from none (the grand total) to all of them."""
        depths = itertools.product(*(range(len(path) + 1) for path in self.paths))
        chosen = sorted(depths, key=lambda depth: (sum(depth), [-d for d in depth]))
        return tuple(
            tuple(column for path, depth in zip(self.paths, combination, strict=True) for column in path[:depth])
            for combination in chosen
        )


def protect_crossings(
    cells: pa.Table,
    measure: str,
    crossings: Sequence[Crossing],
    *,
    minimum: int,
    hide: Mapping[str, pa.Table] | None = None,
    insiders: bool = True,
    insider_width: int | None = None,
) -> dict[str, pa.Table]:
    """`disclosure.protect` for crossings: all their levels are protected together, and come back as one table each.

    Args:
        cells: exact base counts at the finest grain; no null in any column that is crossed, for a null in the
            answer means "all".
        measure: the column of the counts.
        crossings: what is to be published; a group that two of them hold has one fate.
        minimum: the smallest count that may be shown.
        hide: by name of the crossing, rows that must be hidden whatever their count: all its columns, null
            where the row is of a coarser level. Rows that do not exist are ignored.
        insiders: as `protect` says.
        insider_width: as `protect` says.

    Returns:
        By name: the crossing's columns (null where added up over), ``measure`` (int64, null where hidden) and
        ``suppressed``; a row for every group of every level, sorted by the columns, totals first.

    Raises:
        DisclosureError: malformed input, or what `protect` raises.
    """
    _check(cells, crossings)
    # One name per set of columns: the same level in two crossings is one table.
    table_of: dict[frozenset[str], ProtectedTable] = {}
    for crossing in crossings:
        for level in crossing.levels:
            table_of.setdefault(frozenset(level), ProtectedTable("·".join(level) or TOTAL, level))
    forced = _forced(cells, crossings, table_of, hide or {})
    answers = protect(
        cells,
        measure,
        list(table_of.values()),
        minimum=minimum,
        hide=forced,
        insiders=insiders,
        insider_width=insider_width,
    )
    return {
        crossing.name: _assembled(
            crossing, cells.schema, measure, [answers[table_of[frozenset(level)].name] for level in crossing.levels]
        )
        for crossing in crossings
    }


def _check(cells: pa.Table, crossings: Sequence[Crossing]) -> None:
    names = [crossing.name for crossing in crossings]
    if len(set(names)) != len(names):
        raise DisclosureError(f"Hay tablas con el mismo nombre: {', '.join(names)}")
    columns = sorted({column for crossing in crossings for column in crossing.columns})
    if absent := sorted(set(columns) - set(cells.column_names)):
        raise DisclosureError(f"Faltan columnas en las celdas base: {', '.join(absent)}")
    if holes := [column for column in columns if cells.column(column).null_count]:
        raise DisclosureError(
            f"Las celdas base tienen valores vacíos en {', '.join(holes)}, que en una tabla con totales significan "
            "«todos»: recodifíquelos antes (0, «Sin información»)"
        )


def _forced(
    cells: pa.Table,
    crossings: Sequence[Crossing],
    table_of: Mapping[frozenset[str], ProtectedTable],
    hide: Mapping[str, pa.Table],
) -> dict[str, pa.Table]:
    """The rows to hide, by protected table: a row's level is told by which of its columns are null."""
    by_name = {crossing.name: crossing for crossing in crossings}
    if unknown := sorted(set(hide) - set(by_name)):
        raise DisclosureError(f"Se piden celdas suprimidas de tablas que no existen: {', '.join(unknown)}")
    parts: dict[str, list[pa.Table]] = {}
    for name, rows in hide.items():
        crossing = by_name[name]
        if absent := sorted(set(crossing.columns) - set(rows.column_names)):
            raise DisclosureError(f"A las celdas por suprimir de {name} les faltan columnas: {', '.join(absent)}")
        schema = pa.schema([cells.schema.field(column) for column in crossing.columns])
        left = rows.select(list(crossing.columns)).cast(schema)
        placed = 0
        for level in crossing.levels:
            belongs = _at_level(left, crossing, level)
            table = table_of[frozenset(level)]
            found = left.filter(belongs)
            placed += found.num_rows
            if found.num_rows:
                # A table without columns cannot say that it has a row, so the total's keeps one.
                kept = found.select(list(table.dimensions)) if table.dimensions else found
                parts.setdefault(table.name, []).append(kept)
        if placed != left.num_rows:
            raise DisclosureError(
                f"{left.num_rows - placed} celdas por suprimir de {name} no son de ningún nivel de la tabla "
                "(tienen un nivel fino sin el grueso que lo contiene)"
            )
    return {name: tables[0] if name == TOTAL else pa.concat_tables(tables) for name, tables in parts.items()}


def _at_level(rows: pa.Table, crossing: Crossing, level: tuple[str, ...]) -> pa.ChunkedArray:
    belongs = pa.chunked_array([pa.array([True] * rows.num_rows, pa.bool_())])
    for column in crossing.columns:
        there = rows.column(column).is_valid() if column in level else rows.column(column).is_null()
        belongs = pc.call_function("and", [belongs, there])
    return belongs


def _assembled(crossing: Crossing, cells: pa.Schema, measure: str, answers: Sequence[pa.Table]) -> pa.Table:
    schema = pa.schema(
        [cells.field(column).with_nullable(True) for column in crossing.columns]
        + [pa.field(measure, pa.int64()), pa.field(SUPPRESSED, pa.bool_())]
    )
    parts = []
    for answer in answers:
        columns = [
            answer.column(name) if name in answer.column_names else pa.nulls(answer.num_rows, field_type)
            for name, field_type in zip(schema.names, schema.types, strict=True)
        ]
        parts.append(pa.table(columns, names=schema.names).cast(schema))
    together = pa.concat_tables(parts)
    if crossing.columns:
        # Totals first: Arrow sorts nulls last unless each column's absence is sorted by too.
        absent = {f"{column} absent": together.column(column).is_valid() for column in crossing.columns}
        keys = [(key, "ascending") for column in crossing.columns for key in (f"{column} absent", column)]
        for name, flags in absent.items():
            together = together.append_column(name, flags)
        together = together.sort_by(keys).select(schema.names)
    return together.combine_chunks()
