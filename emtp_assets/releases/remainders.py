"""What is left of a total when its shown parts are taken away, before and after: no such rest may change by a few.

Two releases of one year may differ in nothing that is shown, and still tell that one student entered some group of
hidden cells: the group's total less what is shown beside it, along one dimension or across two. Which further rows to
hide for that, is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

import duckdb
import pyarrow as pa

from emtp_assets.privacy.crossings import Crossing
from emtp_assets.privacy.disclosure import SUPPRESSED
from emtp_assets.releases.former import Seen, comparable, empty, matched
from emtp_assets.releases.layout import quoted, same


def rests_to_hide(
    connection: duckdb.DuckDBPyConnection,
    crossing: Crossing,
    outcome: str | None,
    measure: str,
    seen: Iterable[Seen],
    minimum: int,
) -> pa.Table:
    """Rows of a crossing to hide besides those hidden in the relation ``answer``; none when every rest is safe.

    A rest is looked at with the parts next below, and with the topmost shown ones at any depth. For each that changed
    by 1 to ``minimum - 1``: the smallest part with which the rest changes by nothing or by
    ``minimum`` or more, else the total itself. Hiding them asks for others, so the question is put again.
    """
    columns = [column for column in crossing.columns if column != outcome]
    found = [empty(crossing.columns)]
    for number, before in enumerate(seen):
        known = [column for column in columns if column in before.columns]
        both = quoted(f"both_{number}")
        _compare(connection, both, columns, known, outcome, measure, before)
        for path in crossing.paths:
            inside = [column for column in path if column in known]
            found += [
                _along(both, crossing.columns, known, inside, depth, deepest, minimum)
                for depth in range(len(inside))
                for deepest in sorted({depth + 1, len(inside)})
            ]
        paths = [[c for c in path if c in known] for path in crossing.paths]
        found += [
            _across(both, crossing.columns, known, (one, depth), (other, across), minimum)
            for one, other in permutations(paths, 2)
            for depth in range(len(one))
            for across in range(len(other))
        ]
    # One by one: together they would not fit in a session's memory.
    tables = [connection.execute(query).to_arrow_table() for query in found]
    return pa.concat_tables([tables[0], *(table.cast(tables[0].schema) for table in tables[1:])])


def _compare(
    connection: duckdb.DuckDBPyConnection,
    both: str,
    columns: Sequence[str],
    known: Sequence[str],
    outcome: str | None,
    measure: str,
    before: Seen,
) -> None:
    """Every row that both have: ``ov`` and ``nv``, null where hidden, 0 where there is no row, which all can see."""
    whole = [f"a.{quoted(c)} is null" for c in columns if c not in known]
    whole += [f"a.{quoted(outcome)} is null"] if outcome else []
    listed = [f"coalesce(b.{quoted(c)}, a.{quoted(c)})::integer as {quoted(c)}" for c in known]
    connection.execute(
        f"create or replace temp table {both} as select {''.join(f'{c}, ' for c in listed)}"
        "row_number() over () as number, "
        f"case when b.there is null then 0 else b.{quoted(before.measure)} end as ov, "
        f"case when a.there is null then 0 when not a.{SUPPRESSED} then a.{quoted(measure)} end as nv "
        f"from (select *, true as there from {before.relation} as b where {comparable(columns, before)}) as b "
        f"full join (select *, true as there from answer as a where {' and '.join(whole) or 'true'}) as a "
        f"on {matched(known, before, 'a')}"
    )


def _along(
    both: str,
    wanted: Sequence[str],
    known: Sequence[str],
    path: Sequence[str],
    depth: int,
    deepest: int,
    minimum: int,
) -> str:
    """Totals at ``depth`` of a path, less their shown parts down to ``deepest``: where a part is hidden, its own parts
    are taken away in its stead."""
    return (
        f"select {_listed(wanted, known)} from (select coalesce(arg_min(part, size) filter (moved is not null "
        f"and size > 0 and (rest + moved = 0 or abs(rest + moved) >= {minimum})), any_value(total)) as chosen from ("
        f"select *, change - coalesce(sum(moved) over (partition by number), 0) as rest "
        f"from ({_parts(both, known, path, depth, deepest)})"
        f") where rest <> 0 and abs(rest) < {minimum} group by number)"
    )


def _across(
    both: str,
    wanted: Sequence[str],
    known: Sequence[str],
    one: tuple[Sequence[str], int],
    other: tuple[Sequence[str], int],
    minimum: int,
) -> str:
    """Totals less their shown parts along one path (``a``) and along another (``b``), with what is in both put back:
    what is left is hidden both ways. Of ``a`` and ``b`` only those whose crossings are known can be taken away: each
    ``b`` by itself with the ``a`` that allow it, and all ``b`` that every ``a`` allows. A row that changed is hidden.
    """
    crossed = [same(f"m.{quoted(c)}", f"{'b' if c in other[0] else 'a'}.part.{quoted(c)}") for c in known]
    packed = ", ".join(f"{quoted(c)} := m.{quoted(c)}" for c in known)
    cells = (
        "select a.number, a.change, a.total, a.part as a, a.moved as a_moved, a.size as a_size, b.part as b, "
        "b.moved as b_moved, b.size as b_size, case when m.number is null then 0 else m.nv - m.ov end as moved, "
        f"coalesce(m.nv, 0) as size, struct_pack({packed}) as cell "
        f"from ({_parts(both, known, one[0], one[1], len(one[0]))}) as a "
        f"join ({_parts(both, known, other[0], other[1], len(other[0]))}) as b on a.number = b.number "
        f"left join {both} as m on {' and '.join(crossed)} where a.moved is not null and b.moved is not null"
    )
    by_b = (
        "select number, b, any_value(change) as change, any_value(total) as total, any_value(b_moved) as b_moved, "
        "sum(a_moved - moved) filter (moved is not null) as taken, bool_and(moved is not null) as whole, "
        "coalesce(arg_min(cell, size) filter (moved <> 0 and size > 0), case when any_value(b_moved) <> 0 "
        "and any_value(b_size) > 0 then b end, arg_min(a, a_size) filter (moved is not null and a_moved <> 0 "
        "and a_size > 0)) as chosen, any_value(b_size) as b_size, "
        f"sum(a_moved) as every_a from ({cells}) group by number, b"
    )
    small = "{0} <> 0 and abs({0}) < " + str(minimum)
    each, together = (
        "change - b_moved - taken",
        "any_value(change) - any_value(every_a) - sum(b_moved + taken - every_a)",
    )
    return (
        f"(with crossed as materialized ({by_b}) "
        f"select {_listed(wanted, known)} from (select coalesce(chosen, total) as chosen from crossed "
        f"where taken is not null and {small.format(f'({each})')} "
        "union all select coalesce(arg_min(chosen, b_size), any_value(total)) from crossed where whole "
        f"group by number having {small.format(f'({together})')}))"
    )


def _listed(wanted: Sequence[str], known: Sequence[str]) -> str:
    return ", ".join(f"chosen.{quoted(c)}" if c in known else f"null::integer as {quoted(c)}" for c in wanted)


def _parts(both: str, known: Sequence[str], path: Sequence[str], depth: int, deepest: int) -> str:
    """Each part of each shown total at ``depth``, with how both changed: null where the part is hidden."""
    part = ", ".join(f"{quoted(c)} := c.{quoted(c)}" for c in known)
    total = ", ".join(f"{quoted(c)} := p.{quoted(c)}" for c in known)
    return " union all ".join(
        f"select p.number, p.nv - p.ov as change, struct_pack({part}) as part, struct_pack({total}) as total, "
        f"c.nv as size, c.nv - c.ov as moved from {both} as p join {both} as c on {_below(known, path, depth, level)} "
        f"where p.{quoted(path[depth])} is null and p.nv is not null and p.ov is not null "
        + "".join(f"and not {_shown_above(both, known, path, between)} " for between in range(depth + 1, level))
        for level in range(depth + 1, deepest + 1)
    )


def _below(known: Sequence[str], path: Sequence[str], depth: int, level: int) -> str:
    """That ``c``, at a deeper level of the path, is a part of ``p``."""
    terms = [same(f"p.{quoted(c)}", f"c.{quoted(c)}") for c in known if c not in path[depth:]]
    terms += [f"c.{quoted(column)} is not null" for column in path[depth:level]]
    terms += [f"c.{quoted(column)} is null" for column in path[level:]]
    return " and ".join(terms)


def _shown_above(both: str, known: Sequence[str], path: Sequence[str], level: int) -> str:
    """That what ``c`` is a part of at ``level`` is shown before and after, and so was taken away whole."""
    terms = [same(f"m.{quoted(c)}", f"c.{quoted(c)}") for c in known if c not in path[level:]]
    terms += [f"m.{quoted(column)} is null" for column in path[level:]]
    return f"exists (from {both} as m where {' and '.join(terms)} and m.nv is not null and m.ov is not null)"
