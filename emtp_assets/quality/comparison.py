"""A year's cleaned table beside an earlier one's, column by column: blanks, values, distribution. It judges nothing.

Both are read by two SQL queries each over the columns that matter; what comes back is small, whatever their rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from emtp_assets.contracts import Column, Contract, LogicalType, Treatment, read_codes
from emtp_assets.storage.duck import parquet

SMALL_DOMAIN = 500
"""Distinct values up to which a column without a code list is taken for one of categories, if they recur."""
_RECUR = 10
_VALUES_KEPT = 60
_YEARS = (1900, 2100)


@dataclass(frozen=True)
class Value:
    """One value of a column, with its rows in the earlier and in this year; ``listed``: its code list has it."""

    text: str
    before: int
    now: int
    listed: bool


@dataclass(frozen=True)
class ColumnChange:
    """What changed in a column between two years.

    Rows: ``rows_*`` of the table, ``blanks_*`` without a value. Of columns of categories (``categories``) also:
    ``distinct_before``; ``familiar``: this year's rows whose value the earlier year had; ``strange`` and
    ``strange_rows``: values that neither that year nor the code list has; ``moved``: the share of rows that changed
    category, net (half the sum of differences of shares, 0 to 1); ``chance``: what of it two samples of one population
    would show; ``values``: those that changed the most, in share.
    """

    column: Column
    rows_before: int
    rows_now: int
    blanks_before: int
    blanks_now: int
    categories: bool = False
    distinct_before: int = 0
    familiar: int = 0
    strange: int = 0
    strange_rows: int = 0
    moved: float = 0.0
    chance: float = 0.0
    values: tuple[Value, ...] = field(default=(), repr=False)

    @property
    def kept(self) -> float:
        """What share of the earlier year's values is still there, each year's rows being one."""
        before = self.informed_before / max(self.rows_before, 1)
        return self.familiar / max(self.rows_now, 1) / before if before else 1.0

    @property
    def informed_before(self) -> int:
        """Rows of the earlier year with a value."""
        return self.rows_before - self.blanks_before

    @property
    def informed_now(self) -> int:
        """Rows of this year with a value."""
        return self.rows_now - self.blanks_now


def changes(
    con: duckdb.DuckDBPyConnection, contract: Contract, *, now: Path, before: Path, sent: Collection[str] | None = None
) -> list[ColumnChange]:
    """Every column of the contract that both tables have, in its order.

    Args:
        now, before: cleaned Parquet of a year and of the earlier one that it is compared with.
        sent: names of the cleaned columns that the files of both years brought; the others are not compared, for
            that they were not sent is a matter of the structure. None: all were.
    """
    both = _names(con, now) & _names(con, before)
    columns = [c for c in contract.cleaned_columns if c.name in both and (sent is None or c.name in sent)]
    if not columns:
        return []
    rows_before, blanks_before = _blanks(con, before, columns)
    rows_now, blanks_now = _blanks(con, now, columns)
    found = {
        c.name: ColumnChange(c, rows_before, rows_now, b, n)
        for c, b, n in zip(columns, blanks_before, blanks_now, strict=True)
    }
    counted = [c for c in columns if _may_be_categories(contract, c)]
    if counted and rows_before and rows_now:
        for change in _distributions(con, counted, found, now=now, before=before):
            found[change.column.name] = change
    return list(found.values())


def _may_be_categories(contract: Contract, column: Column) -> bool:
    """Whether a column may hold categories. Keys name rows, dates and amounts measure, the year always changes."""
    return (
        not column.key
        and column.treatment is Treatment.KEEP
        and column.type in (LogicalType.STRING, LogicalType.INTEGER)
        and column.official != contract.year_column
    )


def _names(con: duckdb.DuckDBPyConnection, path: Path) -> set[str]:
    return {str(row[0]) for row in con.execute(f"DESCRIBE FROM {_table(path)}").fetchall()}


def _blanks(con: duckdb.DuckDBPyConnection, path: Path, columns: Iterable[Column]) -> tuple[int, list[int]]:
    counts = ", ".join(f'count(*) - count("{c.name}")' for c in columns)
    row = con.execute(f"SELECT count(*), {counts} FROM {_table(path)}").fetchone()
    assert row is not None
    return row[0], list(row[1:])


def _distributions(
    con: duckdb.DuckDBPyConnection, columns: list[Column], found: dict[str, ColumnChange], *, now: Path, before: Path
) -> Iterable[ColumnChange]:
    by_name = {c.name: c for c in columns}
    _count_values(con, columns, now=now, before=before)
    summary = con.execute(
        f"""
        SELECT columna, count(*) FILTER (antes > 0), coalesce(sum(ahora) FILTER (antes > 0), 0)::BIGINT,
               count(*) FILTER (NOT conocido), coalesce(sum(ahora) FILTER (NOT conocido), 0)::BIGINT,
               sum(abs(cambio)) / 2, sum(azar) / 2,
               avg(coalesce(try_cast(valor AS BIGINT) BETWEEN {_YEARS[0]} AND {_YEARS[1]}, false)::INTEGER) >= 0.9
        FROM valores_comparados GROUP BY columna
        """
    ).fetchall()
    kept: dict[str, list[Value]] = {}
    for name, text, antes, ahora, listed in con.execute(
        f"""
        SELECT columna, valor, antes, ahora, en_lista FROM valores_comparados WHERE antes <> ahora
        QUALIFY row_number() OVER (PARTITION BY columna ORDER BY conocido, abs(cambio) DESC, valor) <= {_VALUES_KEPT}
        ORDER BY columna, abs(cambio) DESC, valor
        """
    ).fetchall():
        kept.setdefault(name, []).append(Value(text, antes, ahora, listed))
    for name, distinct, familiar, strange, strange_rows, moved, chance, years in summary:
        plain, column = found[name], by_name[name]
        recur = distinct <= SMALL_DOMAIN and plain.informed_before >= _RECUR * distinct and not years
        if distinct and (column.code_list is not None or recur):
            yield ColumnChange(
                column,
                plain.rows_before,
                plain.rows_now,
                plain.blanks_before,
                plain.blanks_now,
                categories=True,
                distinct_before=distinct,
                familiar=familiar,
                strange=strange,
                strange_rows=strange_rows,
                moved=moved or 0.0,
                chance=chance or 0.0,
                values=tuple(kept.get(name, ())),
            )


def _count_values(con: duckdb.DuckDBPyConnection, columns: list[Column], *, now: Path, before: Path) -> None:
    """Table ``valores_comparados``: each value of each column with its rows in both years.

    ``cambio``: share of this year's informed rows less that of the earlier one's; ``azar``: how much of it to expect
    of two samples of one population, √(2/π · p(1-p)(1/n₁+1/n₂)), the mean size of a normal deviation.
    """
    coded = [(c.name, code) for c in columns if c.code_list is not None for code in _codes(c)]
    con.register(
        "codigos_de_lista",
        pa.table({"columna": [n for n, _ in coded], "valor": [v for _, v in coded]}, schema=_CODES),
    )
    each = " UNION ALL ".join(
        f"SELECT '{c.name}' AS columna, CAST(\"{c.name}\" AS VARCHAR) AS valor, {old} AS antes, {new} AS ahora"
        f' FROM {_table(path)} WHERE "{c.name}" IS NOT NULL GROUP BY "{c.name}"'
        for c in columns
        for path, old, new in ((before, "count(*)", "0"), (now, "0", "count(*)"))
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE valores_comparados AS
        WITH counted AS (
            SELECT columna, valor, sum(antes)::BIGINT AS antes, sum(ahora)::BIGINT AS ahora FROM ({each}) GROUP BY ALL
        ), shares AS (
            SELECT *, greatest(sum(antes) OVER whole, 1) AS n1, greatest(sum(ahora) OVER whole, 1) AS n2,
                   (antes + ahora) / (n1 + n2) AS p
            FROM counted WINDOW whole AS (PARTITION BY columna)
        )
        SELECT columna, valor, antes, ahora, ahora / n2 - antes / n1 AS cambio,
               sqrt(2 / pi() * greatest(p * (1 - p), 0) * (1 / n1 + 1 / n2)) AS azar,
               c.valor IS NOT NULL AS en_lista, antes > 0 OR en_lista AS conocido
        FROM shares LEFT JOIN codigos_de_lista AS c USING (columna, valor)
        """
    )
    con.unregister("codigos_de_lista")


_CODES = pa.schema({"columna": pa.string(), "valor": pa.string()})


def _codes(column: Column) -> list[str]:
    """The codes of a column's list as the cleaned values read: 01 of an integer column is 1."""
    codes = read_codes(column.code_list or "")
    return list(codes) if column.type is LogicalType.STRING else [str(int(code)) for code in codes]


def _table(path: Path) -> str:
    return parquet(path, hive=False)
