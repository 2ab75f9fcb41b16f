"""What was published before, beside what is published now: verbatim years, differences, what was uncovered.

Here: row against row. What follows for hidden cells by arithmetic is `opening`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from emtp_assets.audit.finding import Finding, Kind, cell_name
from emtp_assets.audit.manifest import Entry, Manifest
from emtp_assets.audit.reading import ReadTable, Release


@dataclass(frozen=True)
class Former:
    """An earlier release, and what has been restated since by a release or by the one that is audited."""

    release: Release
    restated: frozenset[tuple[str, int]]

    def stands(self, entry: Entry, year: int) -> bool:
        """Whether its figures of that year are still the ones in force."""
        return (entry.dataset, year) not in self.restated


def in_order(release: Manifest, former: Sequence[Release]) -> list[Former]:
    """The former releases from first to last, each with what was restated after it."""
    ordered = sorted(former, key=lambda r: r.manifest.order)
    manifests = [*(r.manifest for r in ordered), release]
    return [
        Former(
            earlier,
            frozenset(
                (dataset, year)
                for later in manifests[index + 1 :]
                for dataset, years in later.restated.items()
                for year in years
            ),
        )
        for index, earlier in enumerate(ordered)
    ]


def compared(new: Release, former: Former) -> list[Finding]:
    """Every table and year that both hold: verbatim, or restated by the rules."""
    findings: list[Finding] = []
    minimum, told = new.manifest.minimum, former.release.manifest.release_id
    for name in sorted(set(new.tables) & set(former.release.tables)):
        mine, theirs = new.tables[name], former.release.tables[name]
        for year in sorted(set(mine.entry.years) & set(theirs.entry.years)):
            if former.stands(mine.entry, year):
                findings += _verbatim(mine, theirs, year, told)
            elif mine.entry.measure and theirs.entry.measure:
                findings += _restated(mine, theirs, year, minimum, told)
    return findings


def _verbatim(mine: ReadTable, theirs: ReadTable, year: int, told: str) -> list[Finding]:
    name = mine.entry.name
    same_rows = mine.of_year(year).equals(theirs.of_year(year))
    lines = mine.lines_of(year), theirs.lines_of(year)
    same_lines = None not in lines and lines[0] == lines[1] and mine.header == theirs.header
    if same_rows and same_lines:
        return []
    where = " y ".join(kind for kind, same in (("Parquet", same_rows), ("CSV", same_lines)) if not same)
    detail = (
        f"el año ya se publicó en {told} y sus filas del {where} no son las mismas. "
        "Repítalas, o declare el año en «rehechos»"
    )
    return [Finding(Kind.NOT_VERBATIM, name, detail, year), *_changes(mine, theirs, year, told)]


def _changes(mine: ReadTable, theirs: ReadTable, year: int, told: str) -> list[Finding]:
    """For a year that ought not to have changed, the cells that did uncover something."""
    if not (mine.entry.measure and theirs.entry.measure):
        return []
    return [f for f in _restated(mine, theirs, year, 1, told) if f.kind is Kind.UNCOVERED]


def _restated(mine: ReadTable, theirs: ReadTable, year: int, minimum: int, told: str) -> list[Finding]:
    if mine.entry.columns != theirs.entry.columns:
        return []
    entry = mine.entry
    found = joined(mine, theirs, year).to_pylist()
    return [
        Finding(
            Kind.UNCOVERED if row["was"] is None else Kind.SMALL_DIFFERENCE,
            entry.name,
            f"estaba suprimida en {told} y ahora se muestra: {row['is']}"
            if row["was"] is None
            else f"decía {row['was']} en {told} y ahora {row['is']}: la diferencia es menor que {minimum}",
            year,
            cell_name({c: row[c] for c in entry.columns}),
        )
        for row in found
        if row["is"] is not None and (row["was"] is None or 0 < abs(row["is"] - row["was"]) < minimum)
    ]


def joined(mine: ReadTable, theirs: ReadTable, year: int) -> pa.Table:
    """The rows that both hold of a year: columns, ``is`` and ``was``, null where hidden."""
    columns = mine.entry.columns
    on = " and ".join(f'n."{c}" is not distinct from o."{c}"' for c in columns) or "true"
    keys = "".join(f'n."{c}", ' for c in columns)
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.register("new", mine.counts(year).rows)
        connection.register("old", theirs.counts(year).rows)
        return connection.sql(
            f'select {keys}n.value as "is", o.value as was from new n join old o on {on}'
        ).to_arrow_table()


def shown_before(mine: ReadTable, theirs: ReadTable, year: int) -> dict[frozenset[str], pa.Table]:
    """By a level's columns: these and ``value``, what was shown before of cells are hidden now."""
    both = joined(mine, theirs, year)
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.register("pairs", both)
        changed = connection.sql(
            'select * exclude ("is", was), was as value from pairs where "is" is null and was is not null'
        ).to_arrow_table()
    return mine.counts(year).by_level(changed)
