"""What `benchmarks.sqlserver` reads: a view of 18 columns, a login, and the query that every route asks.

Rivals import this too: it costs nothing to import.
"""

from __future__ import annotations

DATABASE, LOGIN, PASSWORD = "SIGE_DataMart", "readonly_emtp", "Clave de medicion 1"
VIEW, YEAR = "vw_sige_matricula_emtp_ano", 2025
ROUTES = ("ours", "ours, raw layer", "arrow-odbc", "mssql-python")

# Numbers and texts as the official file has them, 18 columns, in the contract's order.
COLUMNS = {
    "AGNO": ("int", "2025"),
    "RBD": ("int", "1 + n * 37 % 25000"),
    "DGV_RBD": ("varchar(1)", "CAST(n % 10 AS VARCHAR)"),
    "NOM_RBD": ("nvarchar(100)", "'LICEO POLITÉCNICO N° ' || n % 1009 || ' DE ÑUÑOA'"),
    "COD_REG_RBD": ("tinyint", "1 + n % 16"),
    "COD_COM_RBD": ("int", "1101 + n % 346"),
    "NOM_COM_RBD": ("nvarchar(50)", "'COMUNA DE PRUEBA ' || n % 346"),
    "COD_DEPE2": ("tinyint", "1 + n % 5"),
    "RURAL_RBD": ("tinyint", "n % 2"),
    "COD_ENSE": ("smallint", "410 + 100 * (n % 5)"),
    "COD_GRADO": ("tinyint", "1 + n % 4"),
    "LET_CUR": ("varchar(2)", "chr(CAST(65 + n % 8 AS INTEGER))"),
    "COD_JOR": ("tinyint", "1 + n % 4"),
    "MRUN": ("varchar(12)", "lpad(CAST(n AS VARCHAR), 8, '0')"),
    "GEN_ALU": ("tinyint", "1 + n % 2"),
    "EDAD_ALU": ("tinyint", "CASE WHEN n % 50 = 0 THEN NULL ELSE 14 + n % 6 END"),
    "COD_ESPE": ("int", "CASE WHEN n % 4 < 2 THEN 0 ELSE 51001 + n % 35 END"),
    "ESTADO_MATRICULA": ("varchar(10)", "'ACTIVO'"),
}


def rows_sql(rows: int) -> str:
    """DuckDB SQL of the view's rows."""
    columns = ", ".join(f'{expression} AS "{name}"' for name, (_, expression) in COLUMNS.items())
    return f"SELECT {columns} FROM range({rows}) AS t(n)"


def query() -> tuple[str, tuple[str, ...]]:
    """The text and parameters that our source sends for this view."""
    from emtp_assets.contracts import contract_for
    from emtp_assets.settings import PrivacyMode
    from emtp_assets.sources.sqlserver.query import select_year
    from emtp_assets.sources.sqlserver.view import ViewColumn, ViewName, match

    contract = contract_for("matricula")
    seen = []
    for name, (declared, _) in COLUMNS.items():
        kind, _, length = declared.rstrip(")").partition("(")
        seen.append(ViewColumn(name, kind, int(length) if length else None))
    reading = match(contract, YEAR, ViewName("dbo", VIEW), seen, PrivacyMode.AGGREGATES)
    asked = select_year(contract, reading, YEAR)
    return asked.sql, asked.parameters
