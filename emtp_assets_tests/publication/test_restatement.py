"""What is a restatement, which of them wait for a person, and what the fingerprint stands for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from emtp_assets.publication.catalogue import Figure
from emtp_assets.publication.comparison import Change
from emtp_assets.publication.gate import NotApprovedError
from emtp_assets.publication.publish import publish
from emtp_assets.publication.restatement import Cause, Restatement, Thresholds
from emtp_assets.publication.sets import SetStore
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin
from emtp_assets_tests.publication.fake_lake import NOW, delivery, describe, fill
from emtp_assets_tests.publication.restating import LATER, digest, doubled, knowing, look, put


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With the thresholds that an instance has unless it says otherwise."""
    return settings.model_copy(update={"restatement_floor": 30})


def causes(restated: Restatement) -> dict[tuple[str, int], Cause]:
    return {(year.table, year.year): year.cause for year in restated.years}


class TestWhatIsARestatement:
    def test_nothing_before_the_first_publication(self, settings: Settings, lake: Lake) -> None:
        restated = look(settings, lake, now=NOW)
        assert (restated.replaced, restated.changes, restated.waiting) == (None, [], [])

    def test_the_same_figures_from_another_file_are_none(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", "egresados_total AS egresados_total")
        assert look(settings, published).years == ()

    def test_another_delivery_of_a_published_year_is_one(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"))
        restated = look(settings, published)
        assert causes(restated) == {("egresados", 2024): Cause.OTHER_DELIVERY}
        (year,) = restated.waiting
        assert (year.gone, year.come) == ((delivery("egresados", 2024),), (digest("otra"),))

    def test_a_new_year_is_an_addition(self, settings: Settings, published: Lake) -> None:
        fill(settings, years=[2026])
        changed = {(y.table, y.year) for y in look(settings, published).years if y.waiting}
        assert changed == set()

    def test_official_figures_in_place_of_simulated_ones_never_wait(self, settings: Settings) -> None:
        lake = fill(settings, origins={2024: Origin.SIMULATED})
        publish(settings, lake, now=NOW, run_id="a")
        put(settings, lake, "egresados", doubled("egresados_total"))
        restated = look(settings, lake)
        assert causes(restated) == {("egresados", 2024): Cause.REAL_FOR_SIMULATED}
        assert restated.changes
        assert not restated.waiting

    def test_a_simulated_year_in_place_of_an_official_one_does(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"), origin=Origin.SIMULATED)
        assert look(settings, published).waiting

    def test_what_a_missing_delivery_completes_never_waits(self, settings: Settings, published: Lake) -> None:
        """Graduates get their specialty once the enrolment of their year is there."""
        put(settings, published, "egresados", doubled("egresados_total"), by=",la que faltaba")
        ledger = knowing(digest("la que faltaba"), "matricula", [2024])
        restated = look(settings, published, describe=ledger)
        assert causes(restated) == {("egresados", 2024): Cause.COMPLETED}
        assert not restated.waiting

    def test_a_delivery_that_replaces_a_year_of_another_completes_nothing(
        self, settings: Settings, published: Lake
    ) -> None:
        """One file of 2024 and 2025; 2025 comes again alone: the first stands behind 2024 still, and rates change."""
        put(settings, published, "egresados", doubled("egresados_total"), by=",otra vez 2025")
        both = knowing(delivery("egresados", 2024), "egresados", [2024, 2025])
        again = knowing(digest("otra vez 2025"), "egresados", [2025], beside=both)
        restated = look(settings, published, describe=again)
        assert causes(restated) == {("egresados", 2024): Cause.OTHER_DELIVERY}
        assert restated.waiting

    def test_nor_does_one_that_the_ledger_does_not_know(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"), by=",desconocida")
        assert causes(look(settings, published)) == {("egresados", 2024): Cause.OTHER_DELIVERY}

    def test_a_year_that_is_gone_is_one(self, settings: Settings, published: Lake) -> None:
        published.withdraw(Layer.ANONYMIZED, "titulacion", 2023)
        restated = look(settings, published)
        assert causes(restated) == {("titulacion", 2023): Cause.GONE}
        with pytest.raises(NotApprovedError, match="vuelva a materializar los años que faltan") as refused:
            publish(settings, published, now=LATER, run_id="b", describe=describe)
        assert refused.value.restatement.fingerprint == restated.fingerprint

    def test_simulated_years_may_go(self, settings: Settings) -> None:
        lake = fill(settings, origins={2023: Origin.SIMULATED})
        publish(settings, lake, now=NOW, run_id="a")
        lake.withdraw(Layer.ANONYMIZED, "titulacion", 2023)
        restated = look(settings, lake)
        assert causes(restated) == {("titulacion", 2023): Cause.GONE}
        assert not restated.waiting

    def test_a_collapse_that_suppression_hides_is_one(self, settings: Settings, published: Lake) -> None:
        """Every cell of a region falls below the minimum: none is left whose figures could be compared."""
        gone = "cod_region = 5 AND egresados_total_nota = ''"
        hidden = (
            f"if({gone}, NULL, egresados_total) AS egresados_total,"
            f" if({gone}, 's', egresados_total_nota) AS egresados_total_nota"
        )
        put(settings, published, "egresados", hidden)
        (year,) = look(settings, published).waiting
        (waits,) = year.waiting
        assert (waits.region, waits.difference, waits.weight) == (5, 0, 0)
        assert waits.lost > 30
        with pytest.raises(NotApprovedError, match="más dejan de verse"):
            publish(settings, published, now=LATER, run_id="b", describe=describe)

    def test_other_figures_of_the_same_delivery_are_one_too(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"), by="")
        restated = look(settings, published)
        assert causes(restated) == {("egresados", 2024): Cause.OTHER_CALCULATION}
        assert restated.waiting

    def test_a_lower_suppression_minimum_shows_cells_and_restates_none(
        self, settings: Settings, published: Lake
    ) -> None:
        shown = "coalesce(egresados_total, 5) AS egresados_total, '' AS egresados_total_nota"
        put(settings, published, "egresados", shown, by="")
        restated = look(settings, published)
        assert not any(change.restates for change in restated.changes)
        assert sum(change.shown for change in restated.changes if change.national) > 20

    def test_a_damaged_present_set_is_said(self, settings: Settings, published: Lake) -> None:
        current = SetStore(settings.data_dir).current()
        assert current is not None
        (current / "egresados.parquet").write_bytes(b"no es un parquet")
        (current / "docentes.parquet").unlink()
        said = look(settings, published).unread
        assert [line.partition(":")[0] for line in said] == ["egresados", "docentes"]


def change(**values: object) -> Change:
    counted = {
        "table": "egresados",
        "year": 2024,
        "region": 0,
        "region_name": "País",
        "indicator": "egresados_total",
        "apart": "",
        "figure": Figure.SUM,
        "before": Decimal(10_000),
        "after": Decimal(10_000),
        "moved": Decimal(),
        **values,
    }
    return Change(**{"weight": counted["before"], **counted})  # pyright: ignore[reportArgumentType]


class TestWhatWaits:
    limits = Thresholds(Decimal("0.01"), Decimal("0.05"), Decimal("0.1"), Decimal(30))

    @pytest.mark.parametrize(
        ("values", "waits"),
        [
            ({"after": Decimal(10_099)}, False),
            ({"after": Decimal(10_100)}, True),
            ({"after": Decimal(9_900)}, True),
            ({"after": Decimal(10_400), "region": 13}, False),
            ({"after": Decimal(10_500), "region": 13}, True),
            # A tiny region does not cry wolf.
            ({"before": Decimal(40), "after": Decimal(60), "region": 11}, False),
            ({"before": Decimal(40), "after": Decimal(70), "region": 11}, True),
            # Nobody was published, now somebody is.
            ({"before": Decimal(0), "after": Decimal(29)}, False),
            ({"before": Decimal(0), "after": Decimal(30)}, True),
            # The sum stays and people changed specialties.
            ({"moved": Decimal(99)}, False),
            ({"moved": Decimal(100)}, True),
            # A rate: its share of the persons behind it.
            (
                {"figure": Figure.MEAN, "before": Decimal("0.8"), "after": Decimal("0.82"), "weight": Decimal(900)},
                False,
            ),
            (
                {"figure": Figure.MEAN, "before": Decimal("0.8"), "after": Decimal("0.82"), "weight": Decimal(1200)},
                True,
            ),
            # A rate of nobody is one of somebody now.
            ({"figure": Figure.MEAN, "before": Decimal(0), "after": Decimal("0.9"), "weight": Decimal(29)}, False),
            ({"figure": Figure.MEAN, "before": Decimal(0), "after": Decimal("0.9"), "weight": Decimal(30)}, True),
            # Most of what was shown cannot be compared any more.
            ({"lost": Decimal(10_000)}, False),
            ({"lost": Decimal(10_001)}, True),
            ({"before": Decimal(20), "after": Decimal(20), "lost": Decimal(29), "region": 11}, False),
        ],
    )
    def test_a_closed_year(self, values: dict[str, object], waits: bool) -> None:
        assert self.limits.reached(change(**values), living=False) is waits

    @pytest.mark.parametrize(
        ("after", "waits"), [(10_100, False), (30_000, False), (9_900, False), (9_001, False), (9_000, True)]
    )
    def test_a_living_year_fills_up_and_must_not_fall_far(self, after: int, waits: bool) -> None:
        assert self.limits.reached(change(after=Decimal(after)), living=True) is waits

    def test_what_a_region_of_a_living_year_hides_may_change_from_week_to_week(self) -> None:
        lost = {"lost": Decimal(10_001)}
        assert self.limits.reached(change(**lost), living=True)
        assert not self.limits.reached(change(**lost, region=11), living=True)

    @pytest.mark.parametrize(
        ("now", "waits"),
        [(datetime(2024, 5, 6, 12, tzinfo=UTC), False), (datetime(2026, 5, 4, 12, tzinfo=UTC), True)],
    )
    def test_a_year_lives_until_its_official_file_is_due(
        self, now: datetime, waits: bool, settings: Settings, published: Lake
    ) -> None:
        put(settings, published, "docentes", doubled("docentes_total"))
        assert bool(look(settings, published, now=now).waiting) is waits

    def test_the_settings_say_from_when(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"))
        generous = settings.model_copy(update={"restatement_national": 2.0, "restatement_region": 2.0})
        restated = look(generous, published)
        assert restated.changes
        assert not restated.waiting


class TestTheFingerprint:
    def test_the_lake_and_the_set_made_of_it_say_the_same(self, settings: Settings, published: Lake) -> None:
        """One looks before anything is written, the other at what was written: what is approved must be what comes."""
        put(settings, published, "titulacion", "titulados * 2 AS titulados, tasa_titulacion / 3 AS tasa_titulacion")
        put(settings, published, "proyectos", "monto_asignado * 1.7 AS monto_asignado")
        seen = look(settings, published)
        with pytest.raises(NotApprovedError) as refused:
            publish(settings, published, now=LATER, run_id="b", describe=describe)
        assert refused.value.restatement.fingerprint == seen.fingerprint
        assert refused.value.restatement.years == seen.years

    def test_looking_twice_gives_the_same(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "docentes", "edad_media * 1.3 AS edad_media")
        threads = settings.model_copy(update={"duckdb_threads": 1})
        seen = {look(each, published).fingerprint for each in (settings, settings, threads)}
        assert len(seen) == 1

    def test_another_figure_another_delivery_or_another_set_before_it_give_another(
        self, settings: Settings, published: Lake
    ) -> None:
        seen = set()
        for value, by in (("2", "otra"), ("3", "otra"), ("2", "una más")):
            put(settings, published, "egresados", f"egresados_total * {value} AS egresados_total", by=by)
            restated = look(settings, published)
            seen |= {restated.fingerprint, replace(restated, replaced="20270101T000000Z-00000000").fingerprint}
        assert len(seen) == 6

    def test_what_does_not_wait_does_not_enter(self, settings: Settings, published: Lake) -> None:
        """The living year goes on while a correction is looked at."""
        put(settings, published, "egresados", doubled("egresados_total"))
        before = look(settings, published).fingerprint
        put(
            settings,
            published,
            "proyectos",
            "establecimientos_beneficiados + 0 AS establecimientos_beneficiados,"
            " pct_ejecucion * 1.001 AS pct_ejecucion",
        )
        after = look(settings, published)
        assert {year.table for year in after.years} == {"egresados", "proyectos"}
        assert after.fingerprint == before
