"""The audit of a release: every attack on every table and year, put together into one report.

Here: which tables are attacked together and in what order. The attacks are rooms of their own beside this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from emtp_assets.audit.additivity import broken_sums, misshown
from emtp_assets.audit.finding import Finding, Kind
from emtp_assets.audit.former import Former, compared, in_order, shown_before
from emtp_assets.audit.knot import AttackError
from emtp_assets.audit.manifest import Manifest
from emtp_assets.audit.opening import Opening, attack, supposed_unchanged
from emtp_assets.audit.rates import hidden_numerators, published_numerators, shown_figures
from emtp_assets.audit.reading import ReadTable, Release
from emtp_assets.audit.report import AuditReport, TableCost, UniverseResult
from emtp_assets.audit.universe import CountTable, Universe

INSIDER_WIDTH = 1


def audit(
    release: Path,
    former: Sequence[Path] = (),
    *,
    alone: Mapping[str, pa.Table] | None = None,
    insider_width: int = INSIDER_WIDTH,
) -> AuditReport:
    """Try to open a release, with nothing but what is published.

    Args:
        release: its folder, candidate or not.
        former: the folders of every earlier public release.
        alone: what insiders bring along, for no file says who is alone in his cell: by table, its year and dimension
            columns for the rows whose true count is one. Any of them opening another cell is an error. Without it,
            every hidden cell that may be one is tried, and what follows is a warning, for there may be no such
            person.
        insider_width: how far apart the possible values of every other hidden cell stay for somebody who knows
            that his own is 1; at 1 he recovers none exactly.

    Everything that is wrong is a finding; the report has not passed when one of them is an error.

    Raises:
        AuditError: a folder is no release.
    """
    new = Release.read(release)
    earlier = in_order(new.manifest, [Release.read(folder) for folder in former])
    findings = list(new.findings)
    for known in earlier:
        # A former release that is no longer what it was would be attacked with figures that nobody saw.
        findings += [f for f in known.release.findings if f.kind is Kind.FILE]
        findings += compared(new, known)
    for table in new.tables.values():
        findings += [*misshown(table, new.manifest.minimum), *shown_figures(table, new.manifest.minimum)]
        for rate in table.entry.rates:
            if rate.dimension is not None:
                findings += published_numerators(table, rate)
    results = []
    for name, year, tables in _universes(new, earlier):
        attempt = _Attempt(new.manifest, name, year, tables, alone, insider_width)
        attempt.make(new, earlier)
        findings += attempt.findings
        results.append(UniverseResult(name, year, attempt.opening, alone is not None))
    return AuditReport(
        release_id=new.manifest.release_id,
        minimum=new.manifest.minimum,
        former=tuple(known.release.manifest.release_id for known in earlier),
        findings=tuple(findings),
        universes=tuple(results),
        tables=tuple(_costs(new)),
    )


def _universes(new: Release, earlier: Sequence[Former]) -> Iterator[tuple[str, int, list[ReadTable]]]:
    """What is attacked together: the tables of a population and year, those of former releases in force included."""
    found: dict[tuple[str, int], dict[str, ReadTable]] = {}
    for table in new.tables.values():
        if table.entry.measure is not None:
            for year in table.entry.years:
                found.setdefault((table.entry.universe, year), {})[table.entry.name] = table
    for known in reversed(earlier):
        for table in known.release.tables.values():
            entry = table.entry
            for year in entry.years:
                together = found.get((entry.universe, year))
                if together is not None and entry.measure is not None and known.stands(entry, year):
                    together.setdefault(entry.name, table)
    for (name, year), tables in sorted(found.items()):
        if any(year in table.entry.rows and table.entry.rows[year] for table in tables.values()):
            yield name, year, list(tables.values())


@dataclass
class _Attempt:
    """The attacks on one population and year; ends at the first contradiction, for then nothing can be told."""

    manifest: Manifest
    name: str
    year: int
    tables: list[ReadTable]
    alone: Mapping[str, pa.Table] | None
    insider_width: int
    findings: list[Finding] = field(default_factory=list)
    opening: Opening | None = None

    def make(self, new: Release, earlier: Sequence[Former]) -> None:
        try:
            counts = [table.counts(self.year) for table in self.tables]
            universe = Universe.of(counts)
            names = ", ".join(table.name for table in counts)
            self.findings += [Finding(Kind.UNEVEN, names, told, self.year) for told in universe.uneven]
            sums = broken_sums(universe, counts, self.year)
            self.findings += sums
            if sums:
                return
            self.opening = attack(universe, self.year, self.manifest.minimum, self.insider_width, self._alone(counts))
            self.findings += self.opening.findings
            self._rates(universe, counts)
            self._former(universe, new, earlier)
        except AttackError as error:
            self.findings.append(Finding(Kind.CONTRADICTION, self.name, str(error), self.year))

    def _alone(self, counts: Sequence[CountTable]) -> dict[frozenset[str], pa.Table] | None:
        if self.alone is None:
            return None
        together: dict[frozenset[str], pa.Table] = {}
        for table, counted in zip(self.tables, counts, strict=True):
            rows = self.alone.get(table.entry.name)
            if rows is None:
                continue
            rows = rows.filter(pa.array(rows.column(table.entry.year).to_numpy() == self.year))
            rows = rows.select(list(counted.columns)).append_column("value", pa.array(np.ones(rows.num_rows, np.int64)))
            together.update({level: part for level, part in counted.by_level(rows).items() if part.num_rows})
        return together

    def _rates(self, universe: Universe, counts: Sequence[CountTable]) -> None:
        for table, counted in zip(self.tables, counts, strict=True):
            for rate in table.entry.rates:
                if rate.dimension is None:
                    rows = table.of_year(self.year)
                    told = counted.rows.append_column("rate", rows.column(rate.column).cast(pa.float64()))
                    told = told.append_column("note", rows.column(rate.note))
                    self.findings += hidden_numerators(
                        universe, counted, told, rate, year=self.year, minimum=self.manifest.minimum
                    )

    def _former(self, universe: Universe, new: Release, earlier: Sequence[Former]) -> None:
        """For a restated year, the last figures before it are filled in."""
        before: dict[frozenset[str], pa.Table] = {}
        for known in earlier:
            for table in self.tables:
                theirs = known.release.tables.get(table.entry.name)
                mine = new.tables.get(table.entry.name)
                if (
                    mine is not None
                    and theirs is not None
                    and self.year in theirs.entry.years
                    and not known.stands(mine.entry, self.year)
                    and mine.entry.columns == theirs.entry.columns
                ):
                    before.update(shown_before(mine, theirs, self.year))
        if any(table.num_rows for table in before.values()):
            self.findings += supposed_unchanged(universe, before, self.year, self.manifest.minimum)


def _costs(release: Release) -> Iterator[TableCost]:
    """Per table and year, what is hidden; students as far as the published figures themselves tell."""
    for table in release.tables.values():
        entry = table.entry
        if entry.measure is None:
            continue
        for year in entry.years:
            rows = table.of_year(year)
            if not rows.num_rows:
                continue
            hidden = int(rows.column(entry.measure).null_count)
            values = rows.column(entry.measure).fill_null(0).to_numpy()
            depth = np.zeros(len(values), dtype=np.int64)
            for column in entry.columns:
                depth += np.asarray(rows.column(column).is_valid().to_numpy(), dtype=np.int64)
            finest, whole = depth == len(entry.columns), depth == 0
            total = int(values[whole].sum())
            yield TableCost(
                table=entry.name,
                year=year,
                cells=rows.num_rows,
                hidden=hidden,
                people=total or None,
                people_hidden=total - int(values[finest].sum()) if total else None,
            )
