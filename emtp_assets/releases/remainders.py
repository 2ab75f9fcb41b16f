"""What is left of a total when its shown parts are taken away, before and after: no such rest may change by a few.

Two releases of one year may differ in nothing that is shown, and still tell that one student entered some group of
hidden cells: the group's total less what is shown beside it. Which further rows to hide for that, is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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

    For each rest that changed by 1 to ``minimum - 1``: the smallest part with which the rest changes by nothing or by
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
            found += [_along(both, crossing.columns, known, inside, depth, minimum) for depth in range(len(inside))]
    return connection.execute(f"select distinct * from ({' union all '.join(found)})").to_arrow_table()


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
    both: str, wanted: Sequence[str], known: Sequence[str], path: Sequence[str], depth: int, minimum: int
) -> str:
    """Totals and their parts one level further down a path."""
    joined = [same(f"p.{quoted(c)}", f"c.{quoted(c)}") for c in known if c not in path[depth:]]
    joined += [f"c.{quoted(path[depth])} is not null", *(f"c.{quoted(c)} is null" for c in path[depth + 1 :])]
    part = ", ".join(f"{quoted(c)} := c.{quoted(c)}" for c in known)
    total = ", ".join(f"{quoted(c)} := p.{quoted(c)}" for c in known)
    listed = ", ".join(f"chosen.{quoted(c)}" if c in known else f"null::integer as {quoted(c)}" for c in wanted)
    return (
        f"select {listed} from (select coalesce(arg_min(part, size) filter (moved is not null "
        f"and (rest + moved = 0 or abs(rest + moved) >= {minimum})), any_value(total)) as chosen from ("
        f"select p.number, struct_pack({part}) as part, struct_pack({total}) as total, c.nv as size, "
        f"c.nv - c.ov as moved, p.nv - p.ov - coalesce(sum(c.nv - c.ov) over (partition by p.number), 0) as rest "
        f"from {both} as p join {both} as c on {' and '.join(joined)} "
        f"where p.{quoted(path[depth])} is null and p.nv is not null and p.ov is not null"
        f") where rest <> 0 and abs(rest) < {minimum} group by number)"
    )
