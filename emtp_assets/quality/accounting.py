"""Exact accounts between layers: no row lost, none counted twice, no file doubled.

SQL over Parquet in a session of the caller (`storage.duck.session`). Rules about values are in `rules`; what changed
since an earlier year, in `drift`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb

from emtp_assets.contracts import Contract, Severity
from emtp_assets.quality.drift import drift_specs
from emtp_assets.quality.outcome import Outcome, number, percent
from emtp_assets.quality.rules import spec
from emtp_assets.storage.duck import parquet
from emtp_assets.storage.lake import Layer

DUPLICATE = "duplicado"
DUPLICATES_TOLERATED = 0.01


@dataclass(frozen=True)
class _Account:
    layer: Layer
    severity: Severity
    description: str


ROWS = "cuadratura_de_filas"
DUPLICATES = "duplicados_acotados"
READABLE = "valores_legibles"

_ACCOUNTS: dict[str, _Account] = {
    ROWS: _Account(
        Layer.CLEANED,
        Severity.ERROR,
        "Cada fila recibida está exactamente una vez: filas de raw = limpias + rechazadas + duplicadas.",
    ),
    DUPLICATES: _Account(
        Layer.CLEANED,
        Severity.ERROR,
        f"Las filas duplicadas no pasan del {DUPLICATES_TOLERATED:.0%} (un archivo doblado).",
    ),
    READABLE: _Account(
        Layer.CLEANED,
        Severity.WARNING,
        "Los valores optativos se leen según su tipo; los ilegibles quedan vacíos y se cuentan aquí.",
    ),
}


def accounting_specs(
    contract: Contract, layer: Layer, asset_key: dg.AssetKey | str, totals: Iterable[str] = ()
) -> list[dg.AssetCheckSpec]:
    """The accounting and drift checks of a layer's asset; ``totals`` are the measures reconciled."""
    specs = [
        spec(name, asset_key, account.description, account.severity)
        for name, account in _ACCOUNTS.items()
        if account.layer is layer
    ]
    return [
        *drift_specs(contract, layer, asset_key),
        *specs,
        *(spec(total_id(measure), asset_key, _total_text(measure), Severity.ERROR) for measure in totals),
    ]


def row_accounting(con: duckdb.DuckDBPyConnection, year: int, *, raw: Path, cleaned: Path, rejected: Path) -> Outcome:
    """Whether every raw row (``_delivery``, ``_row``) is in cleaned or in rejected, once, and no other is.

    ``rejected`` holds one line a refused row, duplicates included (``regla`` = 'duplicado'). Exact: rows are
    matched one by one, so a lost row does not hide behind a doubled one.
    """
    counted = con.execute(
        f"""
        WITH every AS (
            SELECT _delivery, _row, 1 AS received, 0 AS clean, 0 AS refused FROM {_table(raw)}
            UNION ALL SELECT _delivery, _row, 0, 1, 0 FROM {_table(cleaned)}
            UNION ALL SELECT _delivery, _row, 0, 0, 1 FROM {_table(rejected)}
        ), each_row AS (
            SELECT _delivery, _row, sum(received) AS received, sum(clean + refused) AS placed
            FROM every GROUP BY ALL HAVING sum(received) <> 1 OR sum(clean + refused) <> 1
        )
        SELECT (SELECT count(*) FROM {_table(raw)}), (SELECT count(*) FROM {_table(cleaned)}),
               (SELECT count(*) FROM {_table(rejected)} WHERE regla IS DISTINCT FROM '{DUPLICATE}'),
               (SELECT count(*) FROM {_table(rejected)} WHERE regla = '{DUPLICATE}'),
               count(*) FILTER (placed < received), count(*) FILTER (placed > greatest(received, 1)),
               count(*) FILTER (received = 0), count(*) FILTER (received > 1),
               list(left(_delivery, 12) || ' fila ' || _row ORDER BY _delivery, _row)[:5]
        FROM each_row
        """
    ).fetchone()
    assert counted is not None
    received, clean, refused, duplicates, lost, doubled, alien, repeated, examples = counted
    faults = {
        "perdidas": lost,
        "contadas dos veces": doubled,
        "sin origen": alien,
        "repetidas en raw": repeated,
    }
    sign = "=" if clean + refused + duplicates == received else "≠"
    text = (
        f"{number(received)} {sign} {number(clean)} limpias + {number(refused)} rechazadas"
        f" + {number(duplicates)} duplicadas"
    )
    wrong = [f"{number(count)} {what}" for what, count in faults.items() if count]
    if wrong:
        text = f"{text} ({', '.join(wrong)})"
    return _outcome(
        ROWS,
        year,
        passed=not wrong,
        observed=text,
        outside=sum(faults.values()),
        total=received,
        examples=tuple(examples or ()),
    )


def total_reconciled(
    con: duckdb.DuckDBPyConnection,
    year: int,
    *,
    cleaned: Path,
    aggregated: Path,
    measure: str,
    where: str = "true",
    of: str = "count(*)",
    aggregated_where: str = "true",
) -> Outcome:
    """Whether ``sum(measure)`` of the aggregated table is ``of`` over the cleaned rows ``where``.

    ``of`` is a count or a sum; it, ``where`` and ``aggregated_where`` are SQL of ours, over the columns of
    their table. Exact for counts; sums of decimals are compared to a cent.
    """
    row = con.execute(
        f"SELECT (SELECT {of} FROM {_table(cleaned)} WHERE {where}),"
        f' (SELECT coalesce(sum("{measure}"), 0) FROM {_table(aggregated)} WHERE {aggregated_where})'
    ).fetchone()
    assert row is not None
    wanted, found = (value or 0 for value in row)
    passed = abs(found - wanted) < 0.005
    text = f"{_plain(found)} agregado {'=' if passed else '≠'} {_plain(wanted)} en la tabla limpia"
    return Outcome(total_id(measure), year, passed, Severity.ERROR, text, 0, int(wanted), (), _total_text(measure))


def duplicates_share(con: duckdb.DuckDBPyConnection, year: int, *, raw: Path, rejected: Path) -> Outcome:
    """Whether duplicates stay within 1% of the rows received."""
    row = con.execute(
        f"SELECT (SELECT count(*) FROM {_table(raw)}),"
        f" (SELECT count(*) FROM {_table(rejected)} WHERE regla = '{DUPLICATE}')"
    ).fetchone()
    assert row is not None
    received, duplicates = row
    share = duplicates / received if received else 0.0
    text = f"{number(duplicates)} de {number(received)} filas ({percent(share)})"
    passed = share <= DUPLICATES_TOLERATED
    return _outcome(DUPLICATES, year, passed=passed, observed=text, outside=duplicates, total=received)


def unreadable(con: duckdb.DuckDBPyConnection, year: int, cleaned: Path) -> Outcome:
    """Optional values that cleaning could not read, by column: ``_ilegibles`` lists the columns of a row."""
    row = con.execute(f"SELECT count(*), count(*) FILTER (len(_ilegibles) > 0) FROM {_table(cleaned)}").fetchone()
    assert row is not None
    total, affected = row
    by_column = con.execute(
        f"SELECT columna, count(*) FROM (SELECT unnest(_ilegibles) AS columna FROM {_table(cleaned)}"
        " WHERE len(_ilegibles) > 0) GROUP BY ALL ORDER BY 2 DESC, 1"
    ).fetchall()
    listed = [f"{column}: {number(count)}" for column, count in by_column]
    text = "; ".join(listed[:10]) if listed else "todos legibles"
    return _outcome(
        READABLE,
        year,
        passed=not affected,
        observed=text,
        outside=affected,
        total=total,
        examples=tuple(listed[:5]),
    )


def total_id(measure: str) -> str:
    """The name of the check that reconciles a measure."""
    return f"cuadratura_{measure}"


def _outcome(
    name: str,
    year: int,
    *,
    passed: bool,
    observed: str,
    outside: int,
    total: int,
    examples: tuple[str, ...] = (),
) -> Outcome:
    account = _ACCOUNTS[name]
    return Outcome(name, year, passed, account.severity, observed, outside, total, examples, account.description)


def _total_text(measure: str) -> str:
    return f"El total de {measure} de la tabla agregada es exactamente el de la tabla limpia."


def _table(path: Path) -> str:
    return parquet(path, hive=False)


def _plain(value: float) -> str:
    return number(int(value)) if value == int(value) else f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
