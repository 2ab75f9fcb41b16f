"""What two versions of a published table say differently, by year, region and indicator. What it means is not asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from emtp_assets.publication.catalogue import YEAR, Figure, PublishedColumn, PublishedTable, identifier
from emtp_assets.publication.symbols import Symbol

REGION = "cod_region"
COUNTRY = 0
_ABSENT = "-"
_SIX = Decimal("0.000001")


@dataclass(frozen=True)
class Change:
    """One indicator of one region, or of the country (``region`` 0), that two versions say differently.

    ``before`` and ``after`` are worked out of the cells that both versions show, a cell without a row counting as
    zero: the sum of a count, the mean of a rate (weighted by the persons it is of, where the table shows them). Nothing
    hidden in either version enters. ``moved`` of the sum left some cells for others of the same region. ``weight``: the
    units behind ``before``; ``lost``: those of cells that were shown and have no figure now, so that nothing of them
    can be compared. Then cells: ``hidden`` are now suppressed and were shown, ``shown`` the other way round, ``filled``
    had no figure yet, ``emptied`` have none any more.
    """

    table: str
    year: int
    region: int | None
    region_name: str
    indicator: str
    apart: str
    figure: Figure
    before: Decimal | None
    after: Decimal | None
    moved: Decimal
    weight: Decimal
    hidden: int = 0
    shown: int = 0
    filled: int = 0
    emptied: int = 0
    lost: Decimal = Decimal()

    @property
    def national(self) -> bool:
        return self.region == COUNTRY

    @property
    def difference(self) -> Decimal:
        return (self.after or Decimal()) - (self.before or Decimal())

    @property
    def restates(self) -> bool:
        """Whether a figure that was published is another now; cells that only appear or disappear do not."""
        return self.difference != 0 or self.moved != 0

    @property
    def obscured(self) -> bool:
        """Whether more of what was shown is out of sight now than can be compared: then equal sums prove nothing."""
        return self.lost > self.weight

    @property
    def share(self) -> Decimal | None:
        """The difference as a share of ``before``; None where that was nothing."""
        return self.difference / abs(self.before) if self.before else None


def changes(connection: duckdb.DuckDBPyConnection, table: PublishedTable, before: str, after: str) -> list[Change]:
    """Every difference between two versions of a table, given as table expressions, in the years of the former.

    In a table that has rows of the country (region 0) they are the country; in any other it is all regions together.
    A year that the later one no longer has is a year of cells without a row.
    Columns that a version of the table did not have yet are not compared. Sums are exact decimals, so that the same
    two versions always give the same answer.

    Raises:
        duckdb.Error: a version lacks a column of the key, or cannot be read.
    """
    there = [{name for name, *_ in connection.execute(f"DESCRIBE FROM {side}").fetchall()} for side in (before, after)]
    present = there[0] & there[1]
    indicators = [column for column in table.indicators if column.name in present]
    notes = [note for measure, note in table.notes if measure in present]
    compared = [*_key(table), *(column.name for column in indicators), *notes]
    former, later = (digests(connection, side, compared) for side in (before, after))
    years = sorted(year for year, digest in former.items() if later.get(year) != digest)
    if not years or not indicators:
        return []
    _cells(connection, table, [before, after], years, indicators)
    names = dict(connection.execute(f"SELECT {REGION}, max(region) FROM cell GROUP BY ALL").fetchall())
    found = [change for column in indicators for change in _of(connection, table, column, indicators, names)]
    connection.execute("DROP TABLE cell")
    return sorted(found, key=lambda c: (c.year, not c.national, c.region or 0, c.apart))


def digests(connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]) -> dict[int, tuple[int, int]]:
    """By year what is the same for the same rows in whichever order: most years of most weeks need no more."""
    listed = ", ".join(identifier(name) for name in columns)
    rows = connection.execute(
        f"SELECT {identifier(YEAR)}, count(*), sum(hash({listed})::HUGEINT) FROM {relation} GROUP BY ALL"
    ).fetchall()
    return {year: (count, digest) for year, count, digest in rows}


def _cells(
    connection: duckdb.DuckDBPyConnection,
    table: PublishedTable,
    sides: Sequence[str],
    years: Sequence[int],
    indicators: Sequence[PublishedColumn],
) -> None:
    """One row a cell of the table's key, with what each version says of it; without a key a cell is a region's year."""
    listed = ", ".join(str(int(year)) for year in years)
    key = _key(table)
    notes = dict(table.notes)
    read, told = [], []
    for at, column in enumerate(indicators):
        value = f"CAST({identifier(column.name)} AS DECIMAL(24, 6))"
        note = identifier(notes[column.name]) if column.name in notes else f"'{Symbol.PUBLISHED}'"
        weight = _weight(table, column, indicators)
        if column.figure is Figure.MEAN:
            # Both or neither: a rate beside a hidden number of persons weighs nothing.
            persons = f"CAST({identifier(weight.name)} AS DECIMAL(12, 0))" if weight else "1"
            weighed = f"if({identifier(column.name)} IS NULL, NULL, {persons})"
            rate = f"CAST({identifier(column.name)} AS DECIMAL(18, 6))"
            read.append(f"{rate} * {persons} AS value_{at}, {weighed} AS weight_{at}, {note} AS note_{at}")
        else:
            read.append(f"{value} AS value_{at}, {value} AS weight_{at}, {note} AS note_{at}")
        for side in (0, 1):
            of_side = f"FILTER (side = {side})"
            told.append(
                f"sum(value_{at}) {of_side} AS value_{at}_{side}, sum(weight_{at}) {of_side} AS weight_{at}_{side},"
                f" coalesce(max(note_{at}) {of_side}, '{_ABSENT}') AS note_{at}_{side}"
            )
    columns = ", ".join(identifier(name) for name in key)
    wanted = f"{identifier(YEAR)} IN ({listed})"
    rows = " UNION ALL ".join(
        f"SELECT {side} AS side, {columns}, region, {', '.join(read)} FROM {relation} WHERE {wanted}"
        for side, relation in enumerate(sides)
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE cell AS SELECT {columns}, max(region) AS region, {', '.join(told)}"
        f" FROM ({rows}) GROUP BY {columns}"
    )


def _of(
    connection: duckdb.DuckDBPyConnection,
    table: PublishedTable,
    column: PublishedColumn,
    indicators: Sequence[PublishedColumn],
    names: dict[int | None, str | None],
) -> Iterator[Change]:
    """The differences of one indicator, from the cells."""
    at = indicators.index(column)
    apart = [identifier(name) for name in table.apart]
    both = f"note_{at}_0 IN ({_seen(column)}) AND note_{at}_1 IN ({_seen(column)})"
    if column.figure is Figure.MEAN:
        both += f" AND weight_{at}_0 IS NOT NULL AND weight_{at}_1 IS NOT NULL"
    change = f"coalesce(value_{at}_1, 0) - coalesce(value_{at}_0, 0)"
    told, missing = "('', 's')", f"('{Symbol.NOT_AVAILABLE}', '{Symbol.NOT_APPLICABLE}')"
    out_of_sight = f"note_{at}_0 = '' AND (note_{at}_1 = 's' OR note_{at}_1 IN {missing})"
    groups = ", ".join([identifier(YEAR), *apart])
    part = " || ', ' || ".join(apart) or "''"
    sums = ", ".join(
        f"coalesce(sum({what}_{at}_{side}) FILTER ({both}), 0)" for what in ("value", "weight") for side in (0, 1)
    )
    rows = connection.execute(
        f"""SELECT {identifier(YEAR)}, grouping({REGION}) AS whole, {REGION}, {part} AS part, {sums},
            coalesce(sum(abs({change})) FILTER ({both}), 0),
            coalesce(sum(abs(weight_{at}_0)) FILTER ({out_of_sight}), 0),
            count(*) FILTER (note_{at}_0 = '' AND note_{at}_1 = 's'),
            count(*) FILTER (note_{at}_0 = 's' AND note_{at}_1 = ''),
            count(*) FILTER (note_{at}_0 IN {missing} AND note_{at}_1 IN {told}),
            count(*) FILTER (note_{at}_0 IN {told} AND note_{at}_1 IN {missing})
        FROM cell GROUP BY GROUPING SETS (({groups}, {REGION}), ({groups}))
        ORDER BY ALL"""
    ).fetchall()
    of_country = {(year, part) for year, whole, region, part, *_ in rows if not whole and region == COUNTRY}
    for year, whole, region, part, b, a, wb, wa, gross, lost, *cells in rows:
        if whole and (year, part) in of_country:
            continue
        place = COUNTRY if whole else region
        mean = column.figure is Figure.MEAN
        before, after = (_mean(b, wb), _mean(a, wa)) if mean else (Decimal(b), Decimal(a))
        moved = Decimal() if mean else (Decimal(gross) - abs(Decimal(a) - Decimal(b))) / 2
        found = Change(
            table=table.name,
            year=year,
            region=place,
            region_name="País" if place == COUNTRY else names.get(place) or "Sin región",
            indicator=column.name,
            apart=part or "",
            figure=column.figure or Figure.SUM,
            before=before,
            after=after,
            moved=moved,
            weight=abs(Decimal(wb)),
            hidden=cells[0],
            shown=cells[1],
            filled=cells[2],
            emptied=cells[3],
            lost=Decimal(lost),
        )
        if found.restates or any(cells):
            yield found


def _key(table: PublishedTable) -> list[str]:
    """The region is part of it: a school that changed regions left one and came to the other."""
    return list(dict.fromkeys([YEAR, REGION, *table.key]))


def _weight(
    table: PublishedTable, column: PublishedColumn, indicators: Sequence[PublishedColumn]
) -> PublishedColumn | None:
    """What a mean is weighted by: the table's first count of persons."""
    noted = {measure for measure, _ in table.notes}
    counts = [c for c in indicators if c.figure is Figure.SUM and c.name in noted]
    return counts[0] if counts and column.figure is Figure.MEAN else None


def _seen(column: PublishedColumn) -> str:
    """The notes of cells that can be compared. A count without a row is zero; a mean of nobody is no mean."""
    return "''" if column.figure is Figure.MEAN else f"'', '{_ABSENT}'"


def _mean(total: Decimal, weight: Decimal) -> Decimal | None:
    return (Decimal(total) / Decimal(weight)).quantize(_SIX) if weight else None
