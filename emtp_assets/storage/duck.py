"""The one way Python opens DuckDB: in memory, bounded, closed whatever happens. No table lives in a .duckdb file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from dagster_duckdb import DuckDBResource

from emtp_assets.settings import Settings


def session_config(settings: Settings) -> dict[str, str]:
    """The DuckDB settings of every session of ours, dbt's included."""
    return {
        "memory_limit": settings.duckdb_memory_limit,
        "threads": str(settings.duckdb_threads),
        "temp_directory": str(settings.data_dir / ".staging" / "spill"),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "true",
    }


@contextmanager
def session(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory session under the instance's limits.

    dagster-duckdb's resource opens it, so that its retry and configuration apply; it leaves the connection
    open when the body raises, hence the closing here.
    """
    resource = DuckDBResource(database=":memory:", connection_config=dict(session_config(settings)))
    with resource.get_connection() as connection:
        try:
            yield connection
        finally:
            connection.close()


def literal(value: str | Path) -> str:
    """A value as a SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def parquet(paths: list[Path] | Path) -> str:
    """A table expression over Parquet files, their ``academic_year`` folder read as a column.

    Raises:
        ValueError: no file is named; DuckDB has no empty list of files.
    """
    files = [paths] if isinstance(paths, Path) else paths
    if not files:
        raise ValueError("no Parquet file to read")
    listed = ", ".join(literal(path) for path in files)
    return (
        f"read_parquet([{listed}], hive_partitioning=true, hive_types={{'academic_year': INTEGER}}, union_by_name=true)"
    )
