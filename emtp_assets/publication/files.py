"""Writes one table as Parquet and CSV, streamed by DuckDB. Which tables there are is for the catalogue."""

from __future__ import annotations

from pathlib import Path

import duckdb

from emtp_assets.publication.catalogue import PublishedTable, identifier
from emtp_assets.storage.duck import literal
from emtp_assets.storage.provenance import Provenance

BOM = "\ufeff"
ENCODING = "utf-8-sig"


def write_parquet(
    connection: duckdb.DuckDBPyConnection,
    table: PublishedTable,
    query: str,
    target: Path,
    provenance: Provenance | None,
) -> None:
    """Write ``query``'s rows with the catalogue's columns and types, in the order of the key.

    The same rows give the same bytes: sorted, no time of writing, no thread count of influence.

    Raises:
        duckdb.Error: the query lacks a column of the catalogue, a value does not fit its type, or the disk
            refused.
    """
    order = ", ".join(f"{identifier(name)} NULLS LAST" for name in table.key) or "ALL"
    options = ["FORMAT parquet", "COMPRESSION zstd", *([provenance.copy_option] if provenance else [])]
    connection.execute(f"COPY ({typed(table, query)} ORDER BY {order}) TO {literal(target)} ({', '.join(options)})")


def typed(table: PublishedTable, query: str) -> str:
    """``query``'s rows with the catalogue's columns and types, as they are published."""
    columns = ", ".join(f"CAST({identifier(c.name)} AS {c.type}) AS {identifier(c.name)}" for c in table.columns)
    return f"SELECT {columns} FROM ({query})"


def write_csv(connection: duckdb.DuckDBPyConnection, table: PublishedTable, source: Path, target: Path) -> None:
    """Write the published Parquet ``source`` as CSV: UTF-8 with BOM, comma, decimal point, null empty.

    Comma and point because that is what ``pandas.read_csv`` takes by default. DuckDB has no option for the
    BOM, so it goes in front of the first column's name. An empty text is written like a null, without quotes.
    """
    written = [
        f"nullif({identifier(c.name)}, '')" if c.type == "VARCHAR" else identifier(c.name) for c in table.columns
    ]
    names = [BOM + table.columns[0].name, *(c.name for c in table.columns[1:])]
    listed = ", ".join(f"{value} AS {identifier(name)}" for value, name in zip(written, names, strict=True))
    connection.execute(
        f"COPY (SELECT {listed} FROM read_parquet({literal(source)})) TO {literal(target)}"
        " (FORMAT csv, HEADER true, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '')"
    )


def empty_query(table: PublishedTable) -> str:
    """The table's columns without rows."""
    listed = ", ".join(f"CAST(NULL AS {c.type}) AS {identifier(c.name)}" for c in table.columns)
    return f"SELECT {listed} WHERE false"
