"""What the public has already seen, and what that forbids to show again. It reads releases and writes nothing.

Two rules make releases of one year safe to subtract from one another: what was hidden once stays hidden, and a figure
that would differ from one already shown by fewer persons than the minimum is hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from emtp_assets.privacy.crossings import Crossing
from emtp_assets.privacy.plans.public import Population
from emtp_assets.privacy.primary import small_change
from emtp_assets.releases.layout import NOTE_SUFFIX, note_of, quoted, same
from emtp_assets.releases.manifest import YEAR, Release, ReleasedTable
from emtp_assets.storage.duck import literal


@dataclass(frozen=True)
class Seen:
    """Rows that the public has, or will have with the same release, as a SQL relation of one population and year.

    ``exactly``: they count the same persons, so that rates may be compared too; else they only bound ours.
    """

    relation: str
    columns: tuple[str, ...]
    measure: str
    rates: tuple[str, ...]
    exactly: bool


def seen_before(population: Population, year: int, releases: Sequence[Release]) -> list[Seen]:
    """A population's year in every release there was: not only the last one is public."""
    return [
        _seen(table, table.measure, year, exactly=True)
        for release in releases
        for table in release.of_universe(population.name, year)
        if table.measure
    ]


def seen_beside(population: Population, year: int, releases: Sequence[Release], beside: Iterable[Seen]) -> list[Seen]:
    """The population that bounds this one: in every release there was, and ``beside`` it in the one being made."""
    if population.known is None:
        return []
    return [
        *beside,
        *(
            _seen(table, table.measure, year + population.known_years, exactly=False)
            for release in releases
            for table in release.of_universe(population.known, year + population.known_years)
            if table.measure
        ),
    ]


def _seen(table: ReleasedTable, measure: str, year: int, *, exactly: bool) -> Seen:
    relation = f"(select * from read_parquet({literal(table.parquet)}) where {quoted(YEAR)} = {year})"
    return Seen(relation, table.columns, measure, table.rates, exactly)


def to_hide(
    connection: duckdb.DuckDBPyConnection,
    crossing: Crossing,
    outcome: str | None,
    rate: str | None,
    measure: str,
    seen: Iterable[Seen],
    minimum: int,
) -> pa.Table:
    """The rows of a crossing that must be hidden for the sake of what was seen; null where a row adds up.

    Reads the exact counts from the relation ``exact`` (the crossing's columns and ``measure``, at every level).

    A rate already shown gives away how many had the outcome, to within its rounding. So where one changes, and those
    who have the outcome and those who do not did not both move by the minimum or more, both are hidden.
    """
    columns = [column for column in crossing.columns if column != outcome]
    found = [empty(crossing.columns)]
    for before in seen:
        found.append(_counts_to_hide(crossing.columns, columns, outcome, measure, before, minimum))
        if outcome and rate and before.exactly and rate in before.rates:
            found.append(_outcomes_to_hide(crossing.columns, columns, outcome, rate, measure, before, minimum))
    return connection.execute(f"select distinct * from ({' union all '.join(found)})").to_arrow_table()


def empty(columns: Sequence[str]) -> str:
    """No rows, with a crossing's columns."""
    return f"select {', '.join(f'null::integer as {quoted(c)}' for c in columns)} where false"


def _counts_to_hide(
    wanted: Sequence[str], columns: Sequence[str], outcome: str | None, measure: str, before: Seen, minimum: int
) -> str:
    whole = f" and e.{quoted(outcome)} is null" if outcome else ""
    hidden = f"b.{quoted(before.measure + NOTE_SUFFIX)} = 's'"
    now = f"coalesce(e.{quoted(measure)}, 0)"
    near = small_change(now, f"b.{quoted(before.measure)}", minimum)
    return (
        f"select {_listed(wanted, columns, before, 'b')} from {before.relation} as b "
        f"left join exact as e on {matched(columns, before)}{whole} "
        f"where {comparable(columns, before)} and ({hidden} or ({near}))"
    )


def _outcomes_to_hide(
    wanted: Sequence[str],
    columns: Sequence[str],
    outcome: str,
    rate: str,
    measure: str,
    before: Seen,
    minimum: int,
) -> str:
    """Both outcomes of a row whose former rate was hidden, or would betray who changed."""
    had = f"b.{quoted(rate)} * b.{quoted(before.measure)} / 100"
    lacked = f"(100 - b.{quoted(rate)}) * b.{quoted(before.measure)} / 100"
    # Half of the last decimal shown, of all counted: nearer than that nobody knows the former numerator.
    slack = f"(0.05 * b.{quoted(before.measure)} / 100)"
    now = f"coalesce(e.{quoted(measure)}, 0) - coalesce(h.{quoted(measure)}, 0)"
    moved = (
        f"abs(coalesce(h.{quoted(measure)}, 0) - {had}) < {minimum} + {slack} "
        f"or abs({now} - {lacked}) < {minimum} + {slack}"
    )
    same_rate = (
        f"e.{quoted(measure)} = b.{quoted(before.measure)} and "
        f"round(100.0 * coalesce(h.{quoted(measure)}, 0) / e.{quoted(measure)}, 1) = b.{quoted(rate)}"
    )
    return (
        f"select {_listed([c for c in wanted if c != outcome], columns, before, 'b')}, o.outcome as {quoted(outcome)} "
        f"from {before.relation} as b cross join (values (0), (1)) as o(outcome) "
        f"left join exact as e on {matched(columns, before)} and e.{quoted(outcome)} is null "
        f"left join exact as h on {matched(columns, before, 'h')} and h.{quoted(outcome)} = 1 "
        f"where {comparable(columns, before)} and (b.{quoted(note_of(rate))} = 's' "
        f"or (b.{quoted(rate)} is not null and not ({same_rate}) and ({moved})))"
    )


def comparable(columns: Sequence[str], before: Seen) -> str:
    """Only rows that add up over what the crossing does not have."""
    others = [f"b.{quoted(column)} is null" for column in before.columns if column not in columns]
    return " and ".join(others) or "true"


def matched(columns: Sequence[str], before: Seen, alias: str = "e") -> str:
    """The condition that a row of ours (``alias``) and one that was seen (``b``) are of the same group."""
    terms = [
        same(f"{alias}.{quoted(c)}", f"b.{quoted(c)}") if c in before.columns else f"{alias}.{quoted(c)} is null"
        for c in columns
    ]
    return " and ".join(terms) or "true"


def _listed(wanted: Sequence[str], columns: Sequence[str], before: Seen, alias: str) -> str:
    return ", ".join(
        f"{alias}.{quoted(c)}::integer as {quoted(c)}"
        if c in columns and c in before.columns
        else f"null::integer as {quoted(c)}"
        for c in wanted
    )


def shown_but_hidden_here(
    connection: duckdb.DuckDBPyConnection, crossing: Crossing, outcome: str | None, measure: str, beside: Iterable[Seen]
) -> int:
    """How many rows of the relation ``answer`` are hidden although the very figure is public in another table.

    The method would rely on their being unknown, so such an answer must not leave.
    """
    columns = [column for column in crossing.columns if column != outcome]
    whole = f" and a.{quoted(outcome)} is null and e.{quoted(outcome)} is null" if outcome else ""
    total = 0
    for before in beside:
        row = connection.execute(
            f"select count(*) from {before.relation} as b join answer as a on {matched(columns, before, 'a')} "
            f"join exact as e on {matched(columns, before)}{whole} "
            f"where {comparable(columns, before)} and a.suppressed "
            f"and e.{quoted(measure)} = b.{quoted(before.measure)}"
        ).fetchone()
        total += row[0] if row else 0
    return total
