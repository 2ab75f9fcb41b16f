"""Exact accounts between layers and between years: no row lost, none counted twice, no file cut or doubled.

SQL over Parquet in a session of the caller (`storage.duck.session`). Rules about values are in `rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb

from emtp_assets.contracts import Column, Contract, Severity
from emtp_assets.quality.outcome import Outcome, number
from emtp_assets.quality.rules import spec
from emtp_assets.storage.duck import literal
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
FALL = "filas_no_bajan"
RISE = "filas_no_suben"
STRUCTURE = "estructura_conocida"
READABLE = "valores_legibles"

_ACCOUNTS: dict[str, _Account] = {
    STRUCTURE: _Account(
        Layer.RAW,
        Severity.WARNING,
        "La entrega trae las columnas oficiales de su año y ninguna más; si no, cambió la estructura.",
    ),
    FALL: _Account(
        Layer.RAW,
        Severity.ERROR,
        "Las filas no bajan más de {tolerated} respecto del año anterior más cercano del mismo origen"
        " (un archivo cortado entre dos filas no se nota de otro modo).",
    ),
    RISE: _Account(
        Layer.RAW,
        Severity.WARNING,
        "Las filas no suben más de {tolerated} respecto del año anterior más cercano del mismo origen.",
    ),
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
    """The accounting checks of a layer's asset; ``totals`` are the measures reconciled."""
    specs = [
        spec(name, asset_key, _description(name, contract), account.severity)
        for name, account in _ACCOUNTS.items()
        if account.layer is layer
    ]
    return [
        *specs,
        *(spec(total_id(measure), asset_key, _total_text(measure), Severity.ERROR) for measure in totals),
    ]


def row_accounting(
    con: duckdb.DuckDBPyConnection, contract: Contract, year: int, *, raw: Path, cleaned: Path, rejected: Path
) -> Outcome:
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
        contract,
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


def duplicates_share(
    con: duckdb.DuckDBPyConnection, contract: Contract, year: int, *, raw: Path, rejected: Path
) -> Outcome:
    """Whether duplicates stay within 1% of the rows received."""
    row = con.execute(
        f"SELECT (SELECT count(*) FROM {_table(raw)}),"
        f" (SELECT count(*) FROM {_table(rejected)} WHERE regla = '{DUPLICATE}')"
    ).fetchone()
    assert row is not None
    received, duplicates = row
    share = duplicates / received if received else 0.0
    text = f"{number(duplicates)} de {number(received)} filas ({_percent(share)})"
    passed = share <= DUPLICATES_TOLERATED
    return _outcome(DUPLICATES, contract, year, passed=passed, observed=text, outside=duplicates, total=received)


def row_change(contract: Contract, year: int, rows: int, earlier: Mapping[int, int]) -> tuple[Outcome, Outcome]:
    """Rows against the nearest earlier year: (they do not fall too far, they do not rise too far).

    ``earlier`` gives rows by academic year of the same origin (simulated or real), whichever years there are;
    with none before ``year`` there is nothing to compare and both pass.
    """
    before = max((y for y in earlier if y < year), default=None)
    fell = rose = False
    if before is None or not earlier[before]:
        text = f"{number(rows)} filas; no hay un año anterior del mismo origen"
    else:
        change = rows / earlier[before] - 1
        text = f"{number(rows)} filas; {before}: {number(earlier[before])} ({_percent(change, sign=True)})"
        fell, rose = change < -contract.row_change_tolerated, change > contract.row_change_tolerated
    return (
        _outcome(FALL, contract, year, passed=not fell, observed=text, outside=0, total=rows),
        _outcome(RISE, contract, year, passed=not rose, observed=text, outside=0, total=rows),
    )


def structure(
    contract: Contract, year: int, headers: Iterable[str], rows: int = 0, *, expected: Iterable[Column] | None = None
) -> Outcome:
    """Whether the delivery's header has the expected columns (by any spelling) and no unknown one.

    ``expected``: that year's official columns, unless told otherwise: a query does not ask for all of them.
    """
    named = [(header, contract.column_spelled(header)) for header in headers]
    known = {column.name for _, column in named if column is not None}
    unknown = [header for header, column in named if column is None and header.strip()]
    wanted = contract.official_columns(year) if expected is None else expected
    missing = [c.official for c in wanted if c.name not in known]
    parts = []
    if missing:
        parts.append(f"faltan {len(missing)}: {', '.join(missing[:10])}{'…' if len(missing) > 10 else ''}")
    if unknown:
        parts.append(f"nuevas {len(unknown)}: {', '.join(unknown[:10])}{'…' if len(unknown) > 10 else ''}")
    text = f"cambió la estructura: {'; '.join(parts)}" if parts else f"{len(known)} columnas, todas conocidas"
    return _outcome(STRUCTURE, contract, year, passed=not parts, observed=text, outside=0, total=rows)


def unreadable(con: duckdb.DuckDBPyConnection, contract: Contract, year: int, cleaned: Path) -> Outcome:
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
        contract,
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
    contract: Contract,
    year: int,
    *,
    passed: bool,
    observed: str,
    outside: int,
    total: int,
    examples: tuple[str, ...] = (),
) -> Outcome:
    severity = _ACCOUNTS[name].severity
    return Outcome(name, year, passed, severity, observed, outside, total, examples, _description(name, contract))


def _description(name: str, contract: Contract) -> str:
    return _ACCOUNTS[name].description.replace("{tolerated}", f"{contract.row_change_tolerated:.0%}")


def _total_text(measure: str) -> str:
    return f"El total de {measure} de la tabla agregada es exactamente el de la tabla limpia."


def _table(path: Path) -> str:
    return f"read_parquet({literal(path)}, hive_partitioning=false)"


def _percent(share: float, *, sign: bool = False) -> str:
    return f"{share:{'+' if sign else ''}.1%}".replace(".", ",")


def _plain(value: float) -> str:
    return number(int(value)) if value == int(value) else f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
