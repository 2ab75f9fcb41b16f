"""Hidden rates of groups that are all alike: what everybody has, or nobody, must not follow from the others' rates.

The suppressor protects counts that exist. That nobody is left over in a hidden group is no count, and yet says of each
of its persons what they have; where all hidden groups beside one another are so, a subtraction tells it. So does a
coded rate of few: that more than 95 % of fifteen have it says that all of them have.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from emtp_assets.privacy.crossings import Crossing
from emtp_assets.privacy.disclosure import SUPPRESSED
from emtp_assets.releases.former import empty
from emtp_assets.releases.layout import quoted, same


def outcomes_to_hide(connection: duckdb.DuckDBPyConnection, crossing: Crossing, outcome: str, minimum: int) -> pa.Table:
    """Rows of both outcomes to hide besides those hidden in the relation ``answer``; none when none is needed.

    Reads ``groups`` (see `group_rates`). Under a total whose rate is shown, with a part whose
    rate is hidden and of which nobody has one of the outcomes: the smallest part that is shown and has ``minimum`` of
    that outcome or more, unless the hidden parts together have as many. The question is then put again.
    """
    packed = ", ".join(f"{quoted(c)} := c.{quoted(c)}" for c in crossing.columns if c != outcome)
    listed = ", ".join(f"v.value as {quoted(c)}" if c == outcome else f"chosen.{quoted(c)}" for c in crossing.columns)
    found = [empty(crossing.columns)]
    for families in _families(crossing, outcome):
        found += [
            f"select {listed} from (select arg_min(struct_pack({packed}), c.n) "
            f"filter (not c.hidden and c.{has} >= {minimum}) as chosen from {families} and not p.hidden "
            f"group by p.number having bool_or(c.hidden and c.{has} = 0) "
            f"and coalesce(sum(c.{has}) filter (c.hidden), 0) < {minimum}) "
            "cross join (values (0), (1)) as v(value) where chosen is not null"
            for has in ("has", "lacks")
        ]
    return connection.execute(f"select distinct * from ({' union all '.join(found)})").to_arrow_table()


def group_rates(
    connection: duckdb.DuckDBPyConnection, crossing: Crossing, outcome: str, measure: str, minimum: int
) -> None:
    """The relation ``groups``: how many each group are (``n``), have the outcome and lack it, and whether its rate is
    ``hidden``.

    Reads ``answer`` and ``exact`` (all levels of the crossing). A rate is hidden where one of its counts is. A coded
    one is too where, less what its shown parts tell, it leaves fewer than ``minimum`` values to those who are the few
    in its hidden parts.
    """
    _counted(connection, [column for column in crossing.columns if column != outcome], outcome, measure)
    nearly_all, hardly_any = "(20 * {0}.has > 19 * {0}.n)", "(20 * {0}.has < {0}.n)"
    few = "(({0}.n + 19) // 20 - 1)"  # as many as are still under 5 %
    sides = [
        (
            nearly_all.format("p"),
            f"case when {nearly_all.format('c')} then 0 when {hardly_any.format('c')} then c.n - {few.format('c')} "
            "else c.lacks end",
        ),
        (
            hardly_any.format("p"),
            f"case when {hardly_any.format('c')} then 0 when {nearly_all.format('c')} then c.n - {few.format('c')} "
            "else c.has end",
        ),
    ]
    told = " union ".join(
        f"select p.number from {families} and not p.hidden and {coded} group by p.number, p.n "
        "having bool_or(c.hidden) "
        f"and {few.format('p')} - coalesce(sum({least}) filter (not c.hidden), 0) < {minimum - 1}"
        for families in _families(crossing, outcome)
        for coded, least in sides
    )
    while told:
        changed = connection.execute(
            f"update groups set hidden = true where not hidden and number in ({told})"
        ).fetchone()
        if not changed or not changed[0]:
            return


def _families(crossing: Crossing, outcome: str) -> list[str]:
    """Each group ``p`` beside its parts ``c`` one level down, as the end of a SELECT that goes on with ``and``."""
    columns = [column for column in crossing.columns if column != outcome]
    found = []
    for path in crossing.paths:
        if path == (outcome,):
            continue
        for depth in range(len(path)):
            joined = [same(f"p.{quoted(c)}", f"c.{quoted(c)}") for c in columns if c not in path[depth:]]
            joined += [f"c.{quoted(path[depth])} is not null", *(f"c.{quoted(c)} is null" for c in path[depth + 1 :])]
            found.append(
                f"groups as p join groups as c on {' and '.join(joined)} where p.{quoted(path[depth])} is null"
            )
    return found


def _counted(connection: duckdb.DuckDBPyConnection, columns: list[str], outcome: str, measure: str) -> None:
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
