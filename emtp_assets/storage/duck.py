"""The one way Python opens DuckDB: in memory, bounded, closed whatever happens. No table lives in a .duckdb file."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from dagster_duckdb import DuckDBResource

from emtp_assets.settings import Settings
from emtp_assets.storage.restricted import add_key, relation
from emtp_assets.storage.temporary import Own, sweep

__all__ = ["SPILL", "literal", "parquet", "session", "session_config"]

parquet = relation


SPILL = "derrame"
"""The room, in ``.staging``, of what does not fit into a session's memory: a folder for each process at work."""
_spills: dict[Path, Own] = {}


def _spill(room: Path) -> Path:
    """This process's folder for it. DuckDB writes it in the clear and needs names, so what a killed process left there
    is removed by the next one."""
    if room not in _spills or not _spills[room].path.is_dir():
        _spills[room] = Own(room)
        atexit.register(_spills[room].close)
        sweep(room)
    return _spills[room].path


def session_config(settings: Settings) -> dict[str, str]:
    """The DuckDB settings of every session of ours, dbt's included."""
    return {
        "memory_limit": settings.duckdb_memory_limit,
        "threads": str(settings.duckdb_threads),
        "temp_directory": str(_spill(settings.data_dir / ".staging" / SPILL)),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "preserve_insertion_order": "true",
    }


@contextmanager
def session(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory session under the instance's limits, which can read what is encrypted in the lake.

    dagster-duckdb's resource opens it, so that its retry and configuration apply; it leaves the connection
    open when the body raises, hence the closing here.
    """
    resource = DuckDBResource(database=":memory:", connection_config=dict(session_config(settings)))
    with resource.get_connection() as connection:
        try:
            add_key(connection, settings)
            yield connection
        finally:
            connection.close()


def literal(value: str | Path) -> str:
    """A value as a SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"
