"""Hidden rates of groups that are all alike: what everybody has, or nobody, must not follow from the others' rates.

The suppressor protects counts that exist. That nobody is left over in a hidden group is no count, and yet says of each
of its persons what they have; where all hidden groups beside one another are so, a subtraction tells it.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from emtp_assets.privacy.crossings import Crossing
from emtp_assets.privacy.disclosure import SUPPRESSED
from emtp_assets.releases.former import empty
from emtp_assets.releases.layout import quoted, same


def outcomes_to_hide(
    connection: duckdb.DuckDBPyConnection, crossing: Crossing, outcome: str, measure: str, minimum: int
) -> pa.Table:
    """Rows of both outcomes to hide besides those hidden in the relation ``answer``; none when none is needed.

    Reads ``answer`` and ``exact`` (all levels of the crossing). Under a total whose rate is shown, with a part whose
    rate is hidden and of which nobody has one of the outcomes: the smallest part that is shown and has ``minimum`` of
    that outcome or more, unless the hidden parts together have as many. The question is then put again.
    """
    columns = [column for column in crossing.columns if column != outcome]
    _groups(connection, columns, outcome, measure)
    found = [empty(crossing.columns)]
    for path in crossing.paths:
        if path == (outcome,):
            continue
        for depth in range(len(path)):
            joined = [same(f"p.{quoted(c)}", f"c.{quoted(c)}") for c in columns if c not in path[depth:]]
            joined += [f"c.{quoted(path[depth])} is not null", *(f"c.{quoted(c)} is null" for c in path[depth + 1 :])]
            where = f"p.{quoted(path[depth])} is null and not p.hidden"
            packed = ", ".join(f"{quoted(c)} := c.{quoted(c)}" for c in columns)
            listed = ", ".join(
                f"v.value as {quoted(c)}" if c == outcome else f"chosen.{quoted(c)}" for c in crossing.columns
            )
            found += [
                f"select {listed} from (select arg_min(struct_pack({packed}), c.n) "
                f"filter (not c.hidden and c.{has} >= {minimum}) as chosen "
                f"from groups as p join groups as c on {' and '.join(joined)} where {where} group by p.number "
                f"having bool_or(c.hidden and c.{has} = 0) "
                f"and coalesce(sum(c.{has}) filter (c.hidden), 0) < {minimum}) "
                "cross join (values (0), (1)) as v(value) where chosen is not null"
                for has in ("has", "lacks")
            ]
    return connection.execute(f"select distinct * from ({' union all '.join(found)})").to_arrow_table()


def _groups(connection: duckdb.DuckDBPyConnection, columns: list[str], outcome: str, measure: str) -> None:
    """Each group: how many have the outcome and lack it, and whether its rate is hidden."""
    listed = "".join(f"{quoted(c)}, " for c in columns)
    o, m = quoted(outcome), quoted(measure)
    by = f"group by {', '.join(quoted(c) for c in columns)}" if columns else ""
    on = " and ".join(same(f"e.{quoted(c)}", f"a.{quoted(c)}") for c in columns) or "true"
    kept = "".join(f"e.{quoted(c)}, " for c in columns)
    connection.execute(
        f"create or replace temp table groups as select {kept}row_number() over () as number, e.n, e.has, e.lacks, "
        f"a.hidden from (select {listed}coalesce(sum({m}) filter ({o} is null), 0) as n, "
        f"coalesce(sum({m}) filter ({o} = 1), 0) as has, coalesce(sum({m}) filter ({o} = 0), 0) as lacks "
        f"from exact {by}) as e join (select {listed}bool_or({SUPPRESSED}) as hidden from answer {by}) as a on {on}"
    )
