"""Derives the proportion tables from an official directorio: for maintainers, never at run time.

Only aggregates leave: counts of schools, quantiles and mean shares; no school's name, RBD or place.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb

FOLDER = Path(__file__).parent / "proportions"
RAREST_PROFILE = 8
"""Patterns of levels that fewer schools have are counted under the nearest commoner pattern."""
SMALLEST_GROUP = 25
"""Size quantiles are told apart by dependency and rurality where at least so many schools stand behind."""

LEVELS = range(1, 9)
_PATTERN = "concat(" + ", ".join(f"(MAT_ENS_{i}::INT > 0)::INT" for i in LEVELS) + ")"
_DISTANCE = " + ".join(
    f"CASE WHEN substr(r.perfil, {i}, 1) <> substr(k.perfil, {i}, 1) THEN {weight} ELSE 0 END"
    for i, weight in zip(LEVELS, (1, 1, 2, 2, 3, 2, 100, 50), strict=True)
)
_MEAN = "(list_sum(coalesce(a.q, b.q)) - (coalesce(a.q, b.q)[1] + coalesce(a.q, b.q)[21]) / 2) / 20"
_QUANTILES = "[" + ", ".join(f"{max(q / 20, 0.01) if q < 20 else 0.99:.2f}" for q in range(21)) + "]"


def derive(directorio: Path, folder: Path = FOLDER) -> None:
    """Write ``comunas``, ``establecimientos``, ``tamanos``, ``dependencias``, ``regiones`` and
    ``especialidades_region`` anew.

    ``directorio`` is an official file of 2025 or later (with MAT_ENS_1 to MAT_ENS_8). The hand-kept tables
    ``especialidades`` and ``menciones`` are not touched.
    """
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE d AS SELECT * FROM read_csv(?, delim=';', all_varchar=true, quote='', header=true)",
            [str(directorio)],
        )
        con.execute(f"CREATE TABLE s AS SELECT *, {_PATTERN} AS patron, MAT_TOTAL::INT AS total FROM d")
        con.execute(f"""
            CREATE TABLE perfiles AS
            WITH n AS (SELECT patron AS perfil, count(*) AS n FROM s WHERE total > 0 GROUP BY 1)
            SELECT r.perfil AS patron, arg_min(k.perfil, ({_DISTANCE}) * 100000 - k.n) AS perfil
            FROM n r JOIN n k ON k.n >= {RAREST_PROFILE} GROUP BY 1""")
        con.execute("""
            CREATE TABLE t AS
            SELECT s.*, CASE WHEN total = 0 THEN 'SIN' ELSE perfil END AS perfil,
                COD_DEPE2 || RURAL_RBD AS grupo
            FROM s LEFT JOIN perfiles USING (patron)""")
        _write(
            con,
            folder / "comunas.csv",
            """
            SELECT COD_COM_RBD::INT AS cod_com, any_value(NOM_COM_RBD) AS nom_com,
                any_value(COD_PRO_RBD) AS cod_pro,
                any_value(COD_REG_RBD) AS cod_reg, any_value(NOM_REG_RBD_A) AS nom_reg,
                any_value(COD_DEPROV_RBD) AS cod_deprov, any_value(NOM_DEPROV_RBD) AS nom_deprov,
                round(avg(try_cast(replace(LATITUD, ',', '.') AS DOUBLE)), 1) AS lat,
                round(avg(try_cast(replace(LONGITUD, ',', '.') AS DOUBLE)), 1) AS lon
            FROM t GROUP BY 1 ORDER BY 1""",
        )
        _write(
            con,
            folder / "establecimientos.csv",
            """
            SELECT cod_com, depe, rural, string_agg(perfil || ':' || n, ' ' ORDER BY perfil) AS perfiles
            FROM (
                SELECT COD_COM_RBD::INT AS cod_com, COD_DEPE AS depe, RURAL_RBD AS rural, perfil,
                    count(*) AS n
                FROM t GROUP BY ALL)
            GROUP BY ALL ORDER BY ALL""",
        )
        shares = ", ".join(f"round(sum(MAT_ENS_{i}::INT) / sum(total), 4) AS p{i}" for i in LEVELS)
        con.execute(f"""
            CREATE TABLE tamanos AS
            WITH v AS (
                SELECT perfil, unnest([grupo, '*']) AS grupo, COLUMNS('total|MAT_ENS_.')
                FROM t WHERE total > 0)
            SELECT perfil, grupo, {shares}, quantile_cont(total, {_QUANTILES}) AS q FROM v
            GROUP BY 1, 2 HAVING grupo = '*' OR count(*) >= {SMALLEST_GROUP}""")
        _write(
            con,
            folder / "tamanos.csv",
            """
            SELECT * REPLACE (list_aggregate(list_transform(q, x -> round(x)::INT), 'string_agg', ' ') AS q)
            FROM tamanos ORDER BY ALL""",
        )
        # Quantiles leave out the largest schools and small groups share a table: these factors set the
        # sums right, by dependency and then by region.
        con.execute(f"""
            CREATE TABLE expected AS
            SELECT t.COD_REG_RBD::INT AS cod_reg, t.COD_DEPE2::INT AS depe2, MAT_ENS_7::INT AS tp,
                total - MAT_ENS_7::INT AS otro,
                {_MEAN} * coalesce(a.p7, b.p7) AS e_tp, {_MEAN} * (1 - coalesce(a.p7, b.p7)) AS e_otro
            FROM t JOIN tamanos b ON b.perfil = t.perfil AND b.grupo = '*'
            LEFT JOIN tamanos a ON a.perfil = t.perfil AND a.grupo = t.grupo""")
        con.execute("""
            CREATE TABLE dependencias AS
            SELECT depe2, coalesce(round(sum(tp) / nullif(sum(e_tp), 0), 3), 1) AS f_tp,
                round(sum(otro) / sum(e_otro), 3) AS f_otro
            FROM expected GROUP BY 1""")
        _write(con, folder / "dependencias.csv", "SELECT * FROM dependencias ORDER BY 1")
        _write(
            con,
            folder / "regiones.csv",
            """
            SELECT cod_reg, round(sum(tp) / sum(e_tp * f_tp), 3) AS f_tp,
                round(sum(otro) / sum(e_otro * f_otro), 3) AS f_otro
            FROM expected JOIN dependencias USING (depe2) GROUP BY 1 ORDER BY 1""",
        )
        listed = ", ".join(f"ESPE_{i:02d}::INT" for i in range(1, 12))
        _write(
            con,
            folder / "especialidades_region.csv",
            f"""
            SELECT cod_reg, cod_espe, count(*) AS n FROM (
                SELECT COD_REG_RBD::INT AS cod_reg, unnest([{listed}]) AS cod_espe FROM t WHERE total > 0)
            WHERE cod_espe > 0 GROUP BY ALL ORDER BY ALL""",
        )


def _write(con: duckdb.DuckDBPyConnection, target: Path, query: str) -> None:
    con.execute(f"COPY ({query}) TO '{target}' (HEADER, DELIMITER ';')")


if __name__ == "__main__":
    derive(Path(sys.argv[1]))
