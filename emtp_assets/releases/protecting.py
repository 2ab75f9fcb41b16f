"""One population's year, from exact counts to rows that may be public. Former years and files are other modules'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from emtp_assets.contracts.codes import code_list_path
from emtp_assets.privacy.crossings import Crossing, protect_crossings
from emtp_assets.privacy.disclosure import DisclosureError
from emtp_assets.privacy.plans.public import Population, Protection, PublicPlan, PublicTable
from emtp_assets.releases import former, layout
from emtp_assets.releases.layout import note_of, quoted, same
from emtp_assets.releases.manifest import YEAR, Release, ReleaseError
from emtp_assets.releases.outcomes import group_rates, outcomes_to_hide
from emtp_assets.releases.remainders import rests_to_hide
from emtp_assets.storage.duck import literal, parquet
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Provenance

_ROUNDS = 25


@dataclass(frozen=True)
class Made:
    """A population's year, whose rows lie in the tables that were asked for. ``withheld``: why none do, in Spanish.

    ``alone``: by table, the rows that count one person: year and code columns. It never leaves the house; with it the
    audit knows who there is to ask what he can find out.
    """

    provenance: Provenance
    withheld: str = ""
    alone: Mapping[str, pa.Table] = field(default_factory=dict)


class Maker:
    """Makes years in a DuckDB session whose tables, one a published table, take the rows.

    ``former`` are all public releases in the order in which they were made; ``restated`` says whether this year was
    released before.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: Lake,
        plan: PublicPlan,
        releases: Sequence[Release],
        minimum: int,
    ) -> None:
        self.connection, self.lake, self.plan, self.releases, self.minimum = connection, lake, plan, releases, minimum

    def available(self, population: Population) -> list[int]:
        """The years of which all that the population reads is in the aggregated layer."""
        years = [set(self.lake.years(Layer.AGGREGATED, model)) for model in population.reads]
        return sorted(set.intersection(*years))

    def make(self, population: Population, year: int, target: dict[str, str]) -> Made:
        """Insert the year's rows into ``target``'s tables, by the name of the published table.

        Raises:
            ReleaseError: the counts cannot be protected.
            duckdb.Error: the plan's SQL does not fit the models.
        """
        provenance = self._read(population, year)
        origin = provenance.origin.value
        if population.protection is Protection.PERSONS:
            withheld, alone = self._persons(population, year, origin, target)
            return Made(provenance, withheld, alone)
        for table in population.tables:
            rows = (
                layout.recorded_rows(table, self.plan.codes, year, origin)
                if population.protection is Protection.PUBLIC_RECORD
                else layout.contributed_rows(table, self.plan.codes, year, origin, self.plan.p_percent)
            )
            self._insert(population, table, year, rows, target[table.name])
        return Made(provenance)

    def _read(self, population: Population, year: int) -> Provenance:
        """Views of what the plan reads, and where it comes from."""
        files: list[Path] = []
        for model in population.reads:
            path = self.lake.part(Layer.AGGREGATED, model, year)
            self.connection.execute(
                f"create or replace temp view {model} as select * exclude (academic_year) from {parquet(path)}"
            )
            files.append(path)
        for name in population.codes:
            self.connection.execute(
                f"create or replace temp view {name} as select * from read_csv({literal(code_list_path(name))})"
            )
        return Provenance.merge(Provenance.of(path) for path in files)

    def _persons(
        self, population: Population, year: int, origin: str, target: dict[str, str]
    ) -> tuple[str, dict[str, pa.Table]]:
        """Why the year is withheld, or nothing; and who is alone in a row of it."""
        assert population.measure is not None and population.cells is not None
        measure = population.measure
        self.connection.execute(
            f"create or replace temp table cells as select * from ({population.cells}) where {quoted(measure)} > 0"
        )
        crossings = {table.name: crossing_of(table) for table in population.tables}
        before = former.seen_before(population, year, self.releases)
        beside = former.seen_beside(population, year, self.releases, self._beside(population, year, target))
        hide: dict[str, pa.Table] = {}
        alone: dict[str, pa.Table] = {}
        for table in population.tables:
            outcome, rate = (table.rate.outcome, table.rate.name) if table.rate else (None, None)
            self._exact(crossings[table.name], measure)
            alone[table.name] = self._alone(table, year, measure)
            hide[table.name] = former.to_hide(
                self.connection, crossings[table.name], outcome, rate, measure, [*before, *beside], self.minimum
            )
        cells = self._base(crossings.values(), measure)
        answers = self._protected(population, year, cells, crossings, hide, before)
        rows: dict[str, str] = {}
        for table in population.tables:
            self._answer(answers[table.name])
            self._exact(crossings[table.name], measure)
            outcome = table.rate.outcome if table.rate else None
            known = former.shown_but_hidden_here(self.connection, crossings[table.name], outcome, measure, beside)
            if known:
                return (
                    f"{population.name} {year}: {known} de sus cifras por suprimir están publicadas en "
                    f"{population.known} {year + population.known_years}, y con ellas se deduciría el resto; ese año "
                    "no se incluye.",
                    {},
                )
            if outcome is not None:
                group_rates(self.connection, crossings[table.name], outcome, measure, self.minimum)
            staged = f"staged_{table.name}"
            self.connection.execute(
                f"create or replace temp table {quoted(staged)} as "
                + layout.counted_rows(population, table, self.plan.codes, year, origin, self.minimum)
            )
            rows[table.name] = f"select * from {quoted(staged)}"
        for table in population.tables:
            self._insert(population, table, year, rows[table.name], target[table.name])
        return "", alone

    def _protected(
        self,
        population: Population,
        year: int,
        cells: pa.Table,
        crossings: Mapping[str, Crossing],
        hide: dict[str, pa.Table],
        before: Sequence[former.Seen],
    ) -> dict[str, pa.Table]:
        """The crossings, protected together, until neither a rest of a total nor a rate of others tells of a few."""
        assert population.measure is not None
        more = 0
        for _ in range(_ROUNDS):
            try:
                answers = protect_crossings(
                    cells,
                    population.measure,
                    list(crossings.values()),
                    minimum=self.minimum,
                    hide={name: rows for name, rows in hide.items() if rows.num_rows},
                )
            except DisclosureError as error:
                raise ReleaseError(
                    f"{population.name} {year}: no se pudo proteger, y no se hizo ninguna candidata. {error}"
                ) from error
            more = 0
            for table in population.tables:
                for rows in self._further(population, table, crossings[table.name], answers[table.name], before):
                    more += rows.num_rows
                    hide[table.name] = pa.concat_tables([hide[table.name], rows.cast(hide[table.name].schema)])
            if not more:
                return answers
        raise ReleaseError(
            f"{population.name} {year}: no se logró proteger de las restas entre totales y partes ({more} quedan tras "
            f"{_ROUNDS} intentos). Si el año ya es público, repítalo como se liberó en vez de rehacerlo."
        )

    def _further(
        self,
        population: Population,
        table: PublicTable,
        crossing: Crossing,
        answer: pa.Table,
        before: Sequence[former.Seen],
    ) -> Iterator[pa.Table]:
        """What is to be hidden besides, by what no suppressor of counts looks at."""
        assert population.measure is not None
        outcome = table.rate.outcome if table.rate else None
        if not before and outcome is None:
            return
        self._answer(answer)
        if before:
            yield rests_to_hide(self.connection, crossing, outcome, population.measure, before, self.minimum)
        if outcome is not None:
            self._exact(crossing, population.measure)
            group_rates(self.connection, crossing, outcome, population.measure, self.minimum)
            yield outcomes_to_hide(self.connection, crossing, outcome, self.minimum)

    def _answer(self, rows: pa.Table) -> None:
        """The relation ``answer``: one protected crossing."""
        self.connection.register("protected_rows", rows)
        self.connection.execute("create or replace temp table answer as select * from protected_rows")
        self.connection.unregister("protected_rows")

    def _base(self, crossings: Iterable[Crossing], measure: str) -> pa.Table:
        columns = list(dict.fromkeys(c for crossing in crossings for c in crossing.columns))
        listed = ", ".join(f"{quoted(c)}::integer as {quoted(c)}" for c in columns)
        return self.connection.execute(
            f"select {listed}, sum({quoted(measure)})::bigint as {quoted(measure)} from cells group by all order by all"
        ).to_arrow_table()

    def _exact(self, crossing: Crossing, measure: str) -> None:
        """The relation ``exact``: the true counts at every level of a crossing."""
        sets = ", ".join("(" + ", ".join(quoted(c) for c in level) + ")" for level in crossing.levels)
        listed = ", ".join(quoted(c) for c in crossing.columns)
        self.connection.execute(
            f"create or replace temp table exact as select {listed}, "
            f"sum({quoted(measure)})::bigint as {quoted(measure)} from cells group by grouping sets ({sets})"
        )

    def _alone(self, table: PublicTable, year: int, measure: str) -> pa.Table:
        """The rows of a published table, out of ``exact``, that count one person."""
        listed = ", ".join(f"{quoted(c)}::integer as {quoted(c)}" for c in table.columns)
        whole = f" and {quoted(table.rate.outcome)} is null" if table.rate else ""
        return self.connection.execute(
            f"select {year}::integer as {quoted(YEAR)}, {listed} from exact where {quoted(measure)} = 1{whole}"
        ).to_arrow_table()

    def _beside(self, population: Population, year: int, target: dict[str, str]) -> list[former.Seen]:
        """The bounding population's rows in the release that is being made."""
        if population.known is None:
            return []
        known = self.plan.population(population.known)
        assert known.measure is not None
        return [
            former.Seen(
                f"(select * from {quoted(target[table.name])} where {quoted(YEAR)} = {year + population.known_years})",
                table.columns,
                known.measure,
                (),
                exactly=False,
            )
            for table in known.tables
        ]

    def _insert(self, population: Population, table: PublicTable, year: int, rows: str, target: str) -> None:
        columns = layout.columns_of(population, table, self.plan.codes)
        listed = ", ".join(f"cast({quoted(c.name)} as {c.type}) as {quoted(c.name)}" for c in columns)
        self.connection.execute(f"insert into {quoted(target)} select {listed} from ({rows})")
        self._withdraw_changed(population, table, year, target)

    def _withdraw_changed(self, population: Population, table: PublicTable, year: int, target: str) -> None:
        """Means and money of a year that was public before: hidden where they were, or where the change would tell of
        a few. A sum that grew by one person's years, or by one project's money, is that person's or that project's."""
        means = {mean.name for mean in population.means_of(table)}
        amounts = {a.name for a in table.amounts} if population.protection.protects_amounts else set()
        for release in self.releases:
            before = next((t for t in release.of_universe(population.name, year) if t.name == table.name), None)
            if before is None:
                continue
            matched = " and ".join(same(f"b.{quoted(c)}", f"n.{quoted(c)}") for c in table.columns) or "true"
            for figure in sorted(means | amounts):
                if figure not in before.figures:
                    continue
                name, note = quoted(figure), quoted(note_of(figure))
                differs = f"b.{name} <> n.{name}"
                if figure in means and population.measure:
                    count = quoted(population.measure)
                    differs += f" and abs(coalesce(b.{count}, n.{count}) - n.{count}) < {self.minimum}"
                self.connection.execute(
                    f"update {quoted(target)} as n set {name} = null, {note} = 's' "
                    f"from read_parquet({literal(before.parquet)}) as b "
                    f"where n.{quoted(YEAR)} = {year} and b.{quoted(YEAR)} = {year} and {matched} "
                    f"and n.{note} = '' and (b.{note} = 's' or ({differs}))"
                )


def crossing_of(table: PublicTable) -> Crossing:
    """A public table as what the suppressor protects: its outcome is one more dimension of it."""
    outcome = ((table.rate.outcome,),) if table.rate else ()
    return Crossing(table.name, (*table.paths.values(), *outcome))
