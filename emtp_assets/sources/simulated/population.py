"""The simulated population in one DuckDB session: schools, cells and posts. No file is written here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

HERE = Path(__file__).parent

_PROPORTIONS: dict[str, dict[str, str]] = {
    "comunas": {
        "cod_com": "INTEGER",
        "nom_com": "VARCHAR",
        "cod_pro": "INTEGER",
        "cod_reg": "INTEGER",
        "nom_reg": "VARCHAR",
        "cod_deprov": "INTEGER",
        "nom_deprov": "VARCHAR",
        "lat": "DOUBLE",
        "lon": "DOUBLE",
    },
    "establecimientos": {"cod_com": "INTEGER", "depe": "INTEGER", "rural": "INTEGER", "perfiles": "VARCHAR"},
    "tamanos": {
        "perfil": "VARCHAR",
        "grupo": "VARCHAR",
        **{f"p{level}": "DOUBLE" for level in range(1, 9)},
        "q": "VARCHAR",
    },
    "dependencias": {"depe2": "INTEGER", "f_tp": "DOUBLE", "f_otro": "DOUBLE"},
    "regiones": {"cod_reg": "INTEGER", "f_tp": "DOUBLE", "f_otro": "DOUBLE"},
    "especialidades": {
        "cod_espe": "INTEGER",
        "cod_sec": "INTEGER",
        "cod_rama": "INTEGER",
        "alumnos": "INTEGER",
        "pct_mujeres": "INTEGER",
        "nom_espe": "VARCHAR",
    },
    "especialidades_region": {"cod_reg": "INTEGER", "cod_espe": "INTEGER", "n": "INTEGER"},
    "menciones": {"cod_men": "INTEGER", "cod_espe": "INTEGER", "alumnos": "INTEGER"},
}


@contextmanager
def population(scale: float, seed: int, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A session with the tables of `sql/schools.sql` and the macros of `sql/enrolment.sql`.

    It does not go through `storage.duck`: one thread gives every row the same place in the file on every
    machine, and the memory limit is part of what this generator promises. ``spill`` is where DuckDB may
    write if it must.

    Raises:
        ValueError: ``scale`` is not in (0, 1].
    """
    if not 0 < scale <= 1:
        raise ValueError(f"La escala de la simulación debe estar entre 0 y 1, no {scale}")
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": "300MB",
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=config) as con:
        con.execute("SET enable_progress_bar = false")
        con.execute("SET VARIABLE scale = ?::DOUBLE", [scale])
        con.execute("SET VARIABLE seed = ?::BIGINT", [seed])
        for table, columns in _PROPORTIONS.items():
            con.execute(
                f"CREATE TABLE {table} AS SELECT * FROM read_csv("
                f"?, delim=';', header=true, quote='', auto_detect=false, columns={columns})",
                [str(HERE / "proportions" / f"{table}.csv")],
            )
        con.execute("ALTER TABLE tamanos ALTER q TYPE INTEGER[] USING string_split(q, ' ')::INTEGER[]")
        con.execute("ALTER TABLE tamanos ADD COLUMN shares DOUBLE[]")
        con.execute("UPDATE tamanos SET shares = [p1, p2, p3, p4, p5, p6, p7, p8]")
        for script in ("schools", "enrolment", "posts"):
            con.execute((HERE / "sql" / f"{script}.sql").read_text(encoding="utf-8"))
        yield con
