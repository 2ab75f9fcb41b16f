"""Whether published totals are the sums of their published parts. Nothing hidden is worked out here."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from emtp_assets.audit.finding import Finding, Kind, cell_name
from emtp_assets.audit.reading import HIDDEN, SHOWN, ReadTable
from emtp_assets.audit.system import HIGH, LOW
from emtp_assets.audit.universe import CountTable, Universe


def broken_sums(universe: Universe, tables: Sequence[CountTable], year: int) -> list[Finding]:
    """Totals that are not what their parts come to, parts without a total, and totals without parts.

    A total of hidden parts must leave each of them at least one.
    """
    findings: list[Finding] = []
    done: set[tuple[str, str]] = set()
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        for name, level in universe.levels.items():
            connection.register(f"level {name}", level)
        for table in tables:
            for fine in table.levels:
                for path in table.paths:
                    last = [column for column in path if column in fine]
                    if not last:
                        continue
                    coarse = tuple(column for column in fine if column != last[-1])
                    pair = (_name(universe, fine), _name(universe, coarse))
                    if pair not in done:
                        done.add(pair)
                        findings += _compared(connection, table.name, year, coarse, pair)
    return findings


def _name(universe: Universe, columns: Sequence[str]) -> str:
    wanted = set(columns)
    return next(n for n, t in universe.levels.items() if set(t.column_names) - {LOW, HIGH} == wanted)


def _compared(
    connection: duckdb.DuckDBPyConnection, table: str, year: int, columns: Sequence[str], pair: tuple[str, str]
) -> list[Finding]:
    fine, coarse = pair
    keys = ", ".join(f'"{c}"' for c in columns)
    using = f"using ({keys})" if keys else "on true"
    first = f"{keys}, " if keys else ""
    found = connection.sql(
        f"""
        with parts as (
          select {first}sum({LOW})::bigint as least, bool_and({HIGH} is not distinct from {LOW}) as known
          from "level {fine}" {f"group by {keys}" if keys else "having count(*) > 0"}
        )
        select {first}p.least as least, p.known as known, t.{LOW} as low, t.{HIGH} as high
        from parts p full join "level {coarse}" t {using}
        where p.least is null or t.{LOW} is null
          or (t.{HIGH} = t.{LOW} and if(p.known, p.least <> t.{LOW}, p.least > t.{LOW}))
        """
    ).to_arrow_table()
    return [
        Finding(Kind.ADDITIVITY, table, _told(row), year, cell_name({column: row[column] for column in columns}))
        for row in found.to_pylist()
    ]


def _told(row: dict[str, int | bool | None]) -> str:
    if row["low"] is None:
        return "hay partes publicadas y no su total"
    if row["least"] is None:
        return "hay un total publicado y ninguna de sus partes"
    if row["known"]:
        return f"el total dice {row['low']} y sus partes suman {row['least']}"
    return f"el total dice {row['low']} y sus partes suman al menos {row['least']}"


def misshown(table: ReadTable, minimum: int) -> list[Finding]:
    """Counts that are shown though small, or hidden and shown at once, or noted in a way that means nothing."""
    entry = table.entry
    if entry.measure is None or entry.note is None:
        return []
    column = table.rows.column(entry.measure)
    if not pa.types.is_integer(column.type):
        return [Finding(Kind.FORM, entry.name, f"{entry.measure} debe ser un número entero, no {column.type}")]
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.register("published", table.rows)
        found = connection.sql(
            f"""
            select "{entry.year}" as year, {", ".join(f'"{c}"' for c in entry.columns) or "1 as one"},
              "{entry.measure}" as value, coalesce("{entry.note}"::varchar, '') as note
            from published
            where note not in ('{SHOWN}', '{HIDDEN}') or (note = '{HIDDEN}') <> (value is null) or value < {minimum}
            """
        ).to_arrow_table()
    return [
        Finding(
            Kind.SMALL_COUNT if row["note"] == SHOWN and row["value"] is not None else Kind.FORM,
            entry.name,
            f"{entry.measure} dice {row['value']} con nota «{row['note']}»; se esperaba un conteo de {minimum} o más,"
            f" o vacío con nota «{HIDDEN}»",
            row["year"],
            cell_name({c: row[c] for c in entry.columns}),
        )
        for row in found.to_pylist()
    ]
