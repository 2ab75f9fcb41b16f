"""What a candidate shows, no longer shows or shows differently from the last release, for whoever approves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from emtp_assets.releases.layout import note_of, quoted, same
from emtp_assets.releases.manifest import YEAR, Release, ReleasedTable
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session

_EXAMPLES = 20


@dataclass(frozen=True)
class TableDifference:
    """Of one table and year: rows whose figure is shown now and was not, is no longer, or differs; and hidden ones.

    ``examples``: rows that changed, as "which: former → new", in Spanish.
    """

    table: str
    year: int
    appear: int
    vanish: int
    change: int
    same: int
    hidden: int
    examples: tuple[str, ...] = ()


def difference(settings: Settings, candidate: Release, former: Release | None) -> list[TableDifference]:
    """By table and year, in the candidate's order; years that only the former release has are told as vanished."""
    with session(settings) as connection:
        found = []
        before: Mapping[str, ReleasedTable] = former.tables if former else {}
        for table in candidate.tables.values():
            found += _of_table(connection, table, before.get(table.name))
        for name, gone in before.items():
            if name not in candidate.tables:
                found += _of_table(connection, None, gone)
        return found


def _of_table(
    connection: duckdb.DuckDBPyConnection, table: ReleasedTable | None, before: ReleasedTable | None
) -> list[TableDifference]:
    known = table or before
    assert known is not None
    figures = list(known.figures) or _plain_figures(connection, known)
    columns = [YEAR, *known.columns]
    matched = " and ".join(same(f"n.{quoted(c)}", f"b.{quoted(c)}") for c in columns)
    rows: dict[int, list[int]] = {}
    examples: dict[int, list[str]] = {}
    for figure in figures:
        joined = f"from {_shown(connection, table, columns, figure)} as n full join "
        joined += f"{_shown(connection, before, columns, figure)} as b on {matched}"
        year = f"coalesce(n.{quoted(YEAR)}, b.{quoted(YEAR)})"
        for found in connection.execute(
            f"select {year}, count(*) filter (n.v is not null and b.v is null), "
            "count(*) filter (n.v is null and b.v is not null), count(*) filter (n.v <> b.v), "
            f"count(*) filter (n.v = b.v), count(*) filter (n.hidden) {joined} group by 1"
        ).fetchall():
            kept = rows.setdefault(found[0], [0] * 5)
            rows[found[0]] = [a + b for a, b in zip(kept, found[1:], strict=True)]
        key = ", ".join(f"coalesce(n.{quoted(c)}, b.{quoted(c)})::varchar" for c in known.columns) or "''"
        for found in connection.execute(
            f"select {year}, list_transform([{key}], x -> coalesce(x, 'total')), b.v, n.v {joined} "
            f"where n.v <> b.v order by abs(n.v - b.v) desc, 1, 2 limit {_EXAMPLES}"
        ).fetchall():
            cell = ", ".join(f"{c} {v}" for c, v in zip(known.columns, found[1], strict=False))
            examples.setdefault(found[0], []).append(f"{figure} ({cell}): {_number(found[2])} → {_number(found[3])}")
    return [
        TableDifference(
            known.name,
            year,
            appear=counts[0],
            vanish=counts[1],
            change=counts[2],
            same=counts[3],
            hidden=counts[4],
            examples=tuple(examples.get(year, ())[:_EXAMPLES]),
        )
        for year, counts in sorted(rows.items())
    ]


def _shown(
    connection: duckdb.DuckDBPyConnection, table: ReleasedTable | None, columns: Sequence[str], figure: str
) -> str:
    """A figure (``v``) of every row, and whether it is ``hidden``; no rows where there is no such table or figure."""
    if table is None or not {figure, *columns} <= (names := set(_types(connection, table))):
        nothing = ", ".join(f"null::integer as {quoted(c)}" for c in columns)
        return f"(select {nothing}, null::double as v, false as hidden where false)"
    listed, note = ", ".join(quoted(c) for c in columns), note_of(figure)
    hidden = f"{quoted(note)} = 's'" if note in names else "false"
    return f"(select {listed}, {quoted(figure)} as v, {hidden} as hidden from read_parquet({literal(table.parquet)}))"


def _types(connection: duckdb.DuckDBPyConnection, table: ReleasedTable) -> dict[str, str]:
    described = connection.execute(f"describe select * from read_parquet({literal(table.parquet)})").fetchall()
    return {name: kind for name, kind, *_ in described}


def _plain_figures(connection: duckdb.DuckDBPyConnection, table: ReleasedTable) -> list[str]:
    """The figures of a table of public record: its whole numbers that are no codes."""
    return [name for name, kind in _types(connection, table).items() if kind == "BIGINT"]


def _number(value: float) -> str:
    whole = float(value).is_integer()
    return f"{int(value):,}".replace(",", ".") if whole else f"{value:.1f}".replace(".", ",")


def markdown(found: list[TableDifference], former: Release | None) -> str:
    """For the page of the asset and for the terminal."""
    if former is None:
        head = "No hay una liberación anterior: todo aparece por primera vez."
    else:
        head = f"Respecto de la liberación {former.release_id}:"
    lines = [
        head,
        "",
        "| Tabla | Año | Aparecen | Desaparecen | Cambian | Iguales | Suprimidas |",
        "|---|---|---|---|---|---|---|",
        *(f"| {d.table} | {d.year} | {d.appear} | {d.vanish} | {d.change} | {d.same} | {d.hidden} |" for d in found),
    ]
    if lost := sum(d.vanish for d in found):
        lines += ["", f"**{lost} cifras que eran públicas dejan de estarlo, y ya no volverán a mostrarse.**"]
    if examples := [f"- {d.table} {d.year}, {said}" for d in found for said in d.examples]:
        lines += ["", "Los mayores cambios:", "", *examples[:_EXAMPLES]]
    return "\n".join(lines)
