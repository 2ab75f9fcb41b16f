"""Writes one published table as Parquet and CSV, the same rows always as the same bytes. What it holds is `build`'s."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from emtp_assets.releases.layout import Column, quoted
from emtp_assets.storage.duck import literal

BOM = "\ufeff"


def create_table(connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[Column]) -> None:
    """An empty table with these columns, for the rows to come."""
    connection.execute(f"create table {quoted(name)} ({', '.join(f'{quoted(c.name)} {c.type}' for c in columns)})")


def write_table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Sequence[Column],
    order: Sequence[str],
    parquet: Path,
    csv: Path,
) -> None:
    """Write a table, totals before their parts: ``order`` are the year and the code columns.

    The CSV is for spreadsheets in Spanish: `;`, UTF-8 with BOM, decimal comma, what is hidden empty.

    Raises:
        duckdb.Error: the disk refused.
    """
    by = ", ".join(f"{quoted(column)} nulls first" for column in order)
    connection.execute(
        f"copy (select * from {quoted(name)} order by {by}) to {literal(parquet)} (format parquet, compression zstd)"
    )
    listed = ", ".join(
        f"{_written(column)} as {quoted((BOM if at == 0 else '') + column.name)}" for at, column in enumerate(columns)
    )
    connection.execute(
        f"copy (select {listed} from read_parquet({literal(parquet)})) to {literal(csv)} "
        "(format csv, header true, delimiter ';', quote '\"', escape '\"', nullstr '')"
    )


def _written(column: Column) -> str:
    name = quoted(column.name)
    if column.type == "DOUBLE":
        return f"replace(printf('%.1f', {name}), '.', ',')"
    if column.type == "VARCHAR":
        return f"nullif({name}, '')"
    return name
