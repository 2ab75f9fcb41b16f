"""Disclosure control behind one function, `protect`: which counts of linked tables may leave.

Here: the question asked and the tables answered. The shape of the problem is `linked_cells`, the choice of
what to hide is `suppression`; the independent attack on the answer is `attack`. Nothing here reads the lake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

SUPPRESSED = "suppressed"


class DisclosureError(RuntimeError):
    """The tables cannot be protected, or the question is malformed; nothing may be published."""


@dataclass(frozen=True)
class ProtectedTable:
    """A table to publish: one cell for each group of base cells that agree in ``dimensions``.

    No dimension at all is the one-cell table of the grand total. Tables handed to `protect` together are
    protected together, because an attacker adds and subtracts across them.
    """

    name: str
    dimensions: tuple[str, ...]


def protect(
    cells: pa.Table,
    measure: str,
    tables: Sequence[ProtectedTable],
    *,
    minimum: int,
    hide: Mapping[str, pa.Table] | None = None,
    insiders: bool = True,
    insider_width: int | None = None,
) -> dict[str, pa.Table]:
    """Publishable versions of linked count tables, small counts hidden and not to be worked out.

    Args:
        cells: exact base counts at the finest grain, one row a base cell (repeated ones are added): every
            dimension that a table names, and ``measure``, a whole number >= 0. A count of zero is no cell.
        measure: the column of the counts.
        tables: what is to be published of them.
        minimum: counts of 1 to ``minimum - 1`` are never shown.

    Returns:
        By table name: the dimensions, ``measure`` (int64, null where hidden) and ``suppressed`` (bool), one
        row for every group that exists, in the order of the dimensions. The order of ``cells`` is irrelevant.

    The guarantee. An attacker has every value shown, the list of rows (no row means zero, a row means at
    least one), which base cells exist at all, and knows that counts are whole. For each hidden cell, small
    itself or hidden to shield another, he is still left with possible values ``minimum - 1`` apart or more,
    the greatest of them ``minimum`` or more. So he can name no hidden count, cannot narrow one down further
    than "1 to ``minimum``" is wide, and cannot even tell that it is a small one. That width is the least
    which lets a count of one pass for a count that would be shown. For each hidden cell, whole tables that
    agree with all that is shown are known when this returns: the guarantee holds for whole numbers, where
    bounds by linear programming alone would be optimistic.

    Not promised: that no *unpublished* sum of base cells can be worked out (publish it if it matters, so that
    it is protected); nor anything against somebody who already knows a hidden count, or former releases.

    What is hidden beyond small counts is chosen to cost little: weights grow with the root of the count, and
    fourfold for each finer table below, so that totals stay wherever they can.

    Raises:
        DisclosureError: malformed input, or no suppression found that carries the proof above.
    """
    # scipy and HiGHS cost a second: not while a code location loads.
    from emtp_assets.privacy.linked_cells import LinkedCells
    from emtp_assets.privacy.suppression import UnprovenError, suppress

    _check(cells, measure, tables, minimum)
    width = minimum - 1 if insider_width is None else insider_width
    if not min(1, minimum - 1) <= width <= minimum - 1:
        raise DisclosureError(f"El ancho ante quien conoce su celda debe estar entre 1 y {minimum - 1}, no {width}")
    base = _base(cells, measure, tables)
    counts = base.column(measure).to_numpy().astype(np.int64)
    groups = [_group(base, table.dimensions) for table in tables]
    forced = _forced(base, tables, groups, hide or {})
    if base.num_rows == 0:
        hidden = [np.zeros(0, dtype=bool) for _ in tables]
    else:
        try:
            hidden = suppress(LinkedCells.of(counts, groups), minimum, forced, insider_width=width if insiders else 0)
        except UnprovenError as failure:
            raise DisclosureError(
                f"Las tablas {', '.join(t.name for t in tables)} no se pueden proteger: {failure}. "
                "No se publica ninguna."
            ) from failure
    return {
        table.name: _answer(base, measure, table, group=group, hidden=mask)
        for table, group, mask in zip(tables, groups, hidden, strict=True)
    }


def _check(cells: pa.Table, measure: str, tables: Sequence[ProtectedTable], minimum: int) -> None:
    names = [table.name for table in tables]
    if len(set(names)) != len(names):
        raise DisclosureError(f"Hay tablas con el mismo nombre: {', '.join(names)}")
    if minimum < 1:
        raise DisclosureError(f"El mínimo publicable debe ser 1 o más, no {minimum}")
    needed = {measure, *(d for table in tables for d in table.dimensions)}
    absent = sorted(needed - set(cells.column_names))
    if absent:
        raise DisclosureError(f"Faltan columnas en las celdas base: {', '.join(absent)}")
    for table in tables:
        clash = {measure, SUPPRESSED} & set(table.dimensions)
        if clash or len(set(table.dimensions)) != len(table.dimensions):
            raise DisclosureError(f"Las dimensiones de la tabla {table.name} no son válidas")
    column = cells.column(measure)
    if not pa.types.is_integer(column.type):
        raise DisclosureError(f"La columna {measure} debe ser un número entero, no {column.type}")
    if column.null_count:
        raise DisclosureError(f"La columna {measure} tiene {column.null_count} valores nulos")
    if cells.num_rows and column.to_numpy().min() < 0:
        raise DisclosureError(f"La columna {measure} tiene valores negativos")


def _base(cells: pa.Table, measure: str, tables: Sequence[ProtectedTable]) -> pa.Table:
    """The cells that exist, at the grain the tables can tell apart, in one canonical order."""
    dimensions = sorted({d for table in tables for d in table.dimensions})
    kept = cells.select([*dimensions, measure]).filter(pa.array(cells.column(measure).to_numpy() > 0))
    kept = kept.set_column(len(dimensions), measure, kept.column(measure).cast(pa.int64()))
    if not dimensions:
        total = kept.column(measure).to_numpy().sum()
        return pa.table({measure: pa.array([total] if total else [], pa.int64())})
    added = kept.group_by(dimensions, use_threads=False).aggregate([(measure, "sum")])
    added = added.rename_columns([measure if n == f"{measure}_sum" else n for n in added.column_names])
    return added.sort_by([(d, "ascending") for d in dimensions]).combine_chunks()


def _group(base: pa.Table, dimensions: tuple[str, ...]) -> np.ndarray:
    """For each base cell, the number of the group it falls in: 0, 1, … in the order of ``base``."""
    group = np.zeros(base.num_rows, dtype=np.int64)
    for name in dimensions:
        encoded = base.column(name).combine_chunks().dictionary_encode(null_encoding="encode")
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        _, group = np.unique(group * (len(encoded.dictionary) + 1) + codes, return_inverse=True)
    _, first, group = np.unique(group, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[group]


def _forced(
    base: pa.Table, tables: Sequence[ProtectedTable], groups: Sequence[np.ndarray], hide: Mapping[str, pa.Table]
) -> list[np.ndarray]:
    """For each table, a mask over its groups: those that ``hide`` names."""
    if unknown := sorted(set(hide) - {table.name for table in tables}):
        raise DisclosureError(f"Se piden celdas suprimidas de tablas que no existen: {', '.join(unknown)}")
    forced = []
    for table, group in zip(tables, groups, strict=True):
        names = list(table.dimensions)
        _, first = np.unique(group, return_index=True)
        rows = hide.get(table.name)
        if rows is None or not rows.num_rows or not names:
            forced.append(np.full(len(first), rows is not None and rows.num_rows > 0))
            continue
        if absent := sorted(set(names) - set(rows.column_names)):
            raise DisclosureError(f"A las celdas por suprimir de {table.name} les faltan columnas: {', '.join(absent)}")
        there = base.select(names).take(pa.array(first))
        asked = rows.select(names).cast(there.schema)
        number = _group(pa.concat_tables([there, asked]), table.dimensions)
        forced.append(np.isin(number[: len(first)], number[len(first) :]))
    return forced


def _answer(
    base: pa.Table,
    measure: str,
    table: ProtectedTable,
    *,
    group: np.ndarray,
    hidden: np.ndarray,
) -> pa.Table:
    size = len(hidden)
    totals = np.zeros(size, dtype=np.int64)
    np.add.at(totals, group, base.column(measure).to_numpy())
    _, first = np.unique(group, return_index=True)
    columns = {name: base.column(name).take(pa.array(first)) for name in table.dimensions}
    columns[measure] = pa.chunked_array([pa.array(totals, mask=hidden, type=pa.int64())])
    columns[SUPPRESSED] = pa.chunked_array([pa.array(hidden)])
    answer = pa.table(columns)
    if table.dimensions:
        answer = answer.sort_by([(name, "ascending") for name in table.dimensions])
    return answer.combine_chunks()
