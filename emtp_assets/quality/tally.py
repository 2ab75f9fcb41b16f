"""Distinct values of Parquet columns with their number of rows: what expectations are evaluated on.

A rule about one row depends on that row's values only, so it is evaluated once per distinct value and its
rows are counted exactly. That makes a national table a few thousand values. Rules are not known here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    import pandas as pd


class Measure(StrEnum):
    """What can be measured of a table as if it were one more column of it."""

    ROWS = "filas"  # one value a year: its number of rows
    MISSING = "columnas faltantes"  # one value a year: the columns it lacks, null when none
    DISTINCT = "valores distintos"  # one value a year: distinct values of a column, nulls apart
    FOREIGN_YEAR = "año ajeno"  # a value a row: its year when it is not the partition's, else null
    REPEATS = "apariciones"  # a value a row: how often its combination occurs; none for a row all null

    @property
    def of_table(self) -> bool:
        """Whether it is one value a year rather than one a row."""
        return self in (Measure.ROWS, Measure.MISSING, Measure.DISTINCT)


@dataclass(frozen=True)
class Tally:
    """Distinct combinations of ``columns`` year by year: three columns of equal length.

    ``values`` has one row a combination and year, ``years`` its academic year, ``counts`` its number of rows.
    """

    columns: tuple[str, ...]
    values: pa.Table
    years: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.years)

    def rows_by_year(self, positions: Sequence[int] | np.ndarray | None = None) -> dict[int, int]:
        """Rows of the given positions (of all of them when None), by academic year."""
        where = slice(None) if positions is None else np.asarray(positions, dtype=np.int64)
        years, counts = self.years[where], self.counts[where]
        return {int(year): int(counts[years == year].sum()) for year in np.unique(years)}

    def nulls(self) -> np.ndarray:
        """Which positions hold a null in any column."""
        mask = np.zeros(len(self), dtype=bool)
        for column in self.values.columns:
            mask |= column.is_null().to_numpy(zero_copy_only=False)
        return mask


class TableFiles:
    """The Parquet files of one table, a file an academic year; columns are read only when asked for.

    Raises:
        pyarrow.ArrowInvalid: a file is no Parquet.
    """

    def __init__(self, files: Mapping[int, Path]) -> None:
        # hive folders name the year too; reading the file itself keeps to the columns that it has
        self._files = {year: pq.ParquetFile(path) for year, path in sorted(files.items())}

    def __enter__(self) -> TableFiles:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()

    @property
    def years(self) -> list[int]:
        return list(self._files)

    def rows(self, year: int) -> int:
        return self._files[year].metadata.num_rows

    def columns(self, year: int) -> list[str]:
        return list(self._files[year].schema_arrow.names)

    def missing(self, year: int, columns: Sequence[str]) -> list[str]:
        """Those of ``columns`` that the year's file lacks."""
        present = set(self.columns(year))
        return [name for name in columns if name not in present]

    def read(self, year: int, columns: Sequence[str]) -> pa.Table:
        """The named columns of one year, dates as ISO text (how contracts write them)."""
        table = self._files[year].read(columns=list(columns), use_threads=False)
        return pa.table({name: _readable(table.column(name)) for name in columns})

    def tally(self, columns: tuple[str, ...], *, presence: bool = False) -> Tally:
        """Distinct combinations of the columns, over the years whose file has them all.

        ``presence`` is for whoever asks of one column only whether there is a value: its values become
        "informado" or null, so that a column of identifiers is two values and not one a person.
        """
        parts: list[pa.Table] = []
        years: list[np.ndarray] = []
        counts: list[np.ndarray] = []
        for year in self.years:
            if self.missing(year, columns):
                continue
            table = self.read(year, columns)
            counted = _present(table) if presence else _distinct(table)
            parts.append(counted.select(list(columns)))
            years.append(np.full(counted.num_rows, year))
            counts.append(counted.column("_n").to_numpy())
        return _joined(columns, parts, years, counts)

    def measured(self, name: str, measure: Measure, columns: tuple[str, ...]) -> Tally:
        """A measure of ``columns`` as a column called ``name``.

        Years that lack one of the columns are left out (but where lacking them is what is measured).
        """
        parts: list[pa.Table] = []
        years: list[np.ndarray] = []
        counts: list[np.ndarray] = []
        for year in self.years:
            if measure is not Measure.MISSING and self.missing(year, columns):
                continue
            values, rows = self._measure(measure, year, columns)
            parts.append(pa.table({name: values}))
            years.append(np.full(len(values), year))
            counts.append(rows)
        return _joined((name,), parts, years, counts)

    def _measure(self, measure: Measure, year: int, columns: tuple[str, ...]) -> tuple[pa.Array, np.ndarray]:
        once = np.array([1])
        if measure is Measure.ROWS:
            return pa.array([self.rows(year)], pa.int64()), once
        if measure is Measure.MISSING:
            return pa.array([", ".join(self.missing(year, columns)) or None], pa.string()), once
        table = self.read(year, columns)
        if measure is Measure.REPEATS:
            counted = _distinct(_varying(_with_some_value(table))).column("_n")
            times, keys = np.unique(counted.to_numpy(), return_counts=True)
            return pa.array(times, pa.int64()), times * keys
        counted = _distinct(table)
        if measure is Measure.DISTINCT:
            return pa.array([counted.drop_null().num_rows], pa.int64()), once
        found = counted.column(columns[0]).cast(pa.string()).to_pylist()
        foreign = [None if text == str(year) else text or "sin año" for text in found]
        return pa.array(foreign, pa.string()), counted.column("_n").to_numpy()


def padded(tallies: Sequence[Tally]) -> pd.DataFrame:
    """Several one-column tallies side by side; the shorter ones repeat their last value to the common length.

    Positions beyond a tally's own length mean nothing and must be ignored in what comes back.
    """
    import pandas as pd

    height = max((len(t) for t in tallies), default=0)
    columns = {}
    for tally in tallies:
        take = np.minimum(np.arange(height if len(tally) else 0), max(len(tally) - 1, 0))
        columns[tally.columns[0]] = series(tally.values.column(0).take(pa.array(take)))
    return pd.DataFrame({name: column.reindex(range(height)) for name, column in columns.items()})


def frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as pandas holds it best: integers stay integers where there are nulls."""
    import pandas as pd

    return pd.DataFrame({name: series(table.column(name)) for name in table.column_names})


def series(column: pa.ChunkedArray) -> pd.Series:
    import pandas as pd

    if pa.types.is_integer(column.type) and column.null_count:
        return column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return column.to_pandas()


def _readable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_temporal(column.type) or pa.types.is_large_string(column.type):
        return column.cast(pa.string())
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_decimal(column.type):
        return column.cast(pa.float64())
    return column


def _distinct(table: pa.Table) -> pa.Table:
    if table.num_columns == 1:
        counted = table.column(0).combine_chunks().value_counts()
        values, counts = counted.field("values"), counted.field("counts")
        return pa.table({table.column_names[0]: values, "_n": counts})
    names: list[Any] = list(table.column_names)
    grouped = table.group_by(names, use_threads=False).aggregate([([], "count_all")])
    return grouped.rename_columns([*names, "_n"] if grouped.column_names[-1] == "count_all" else ["_n", *names])


def _present(table: pa.Table) -> pa.Table:
    nulls = table.column(0).null_count
    values = {"informado": table.num_rows - nulls, None: nulls}
    counted = {value: count for value, count in values.items() if count}
    names = [*table.column_names, "_n"]
    return pa.table([pa.array(list(counted), pa.string()), pa.array(list(counted.values()), pa.int64())], names)


def _with_some_value(table: pa.Table) -> pa.Table:
    """Without the rows in which every column is null; a null beside a value counts as one more value."""
    if any(column.null_count == 0 for column in table.columns):
        return table
    some = np.logical_or.reduce([c.is_valid().to_numpy(zero_copy_only=False) for c in table.columns])
    return table.filter(pa.array(some))


def _varying(table: pa.Table) -> pa.Table:
    """Without the integer columns of one value (the year in a key): they tell no two rows apart."""
    constant = []
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_integer(column.type) and not column.null_count:
            constant += [name] if len(column.unique()) <= 1 else []
    kept = [name for name in table.column_names if name not in constant]
    return table.select(kept or table.column_names[:1])


def _joined(
    columns: tuple[str, ...], parts: list[pa.Table], years: list[np.ndarray], counts: list[np.ndarray]
) -> Tally:
    if not parts:
        empty = pa.table({name: pa.array([], pa.string()) for name in columns})
        return Tally(columns, empty, np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    values = pa.concat_tables(parts, promote_options="permissive")
    return Tally(columns, values, np.concatenate(years), np.concatenate(counts))
