"""What is a restatement, which of them wait for a person, and that nothing gets around the gate."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from emtp_assets.publication.approvals import Approval, Approvals
from emtp_assets.publication.catalogue import Figure
from emtp_assets.publication.comparison import Change
from emtp_assets.publication.gate import NotApprovedError, pending
from emtp_assets.publication.publish import publish
from emtp_assets.publication.restatement import Cause, Restatement, Thresholds
from emtp_assets.publication.sets import PublicationError, SetStore
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance
from emtp_assets_tests.publication.fake_lake import (
    NOW,
    TABLES,
    delivery,
    describe,
    fill,
    query,
    settings_for,
    table_bytes,
)

LATER = NOW + timedelta(days=7)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With the thresholds that an instance has unless it says otherwise."""
    return settings.model_copy(update={"restatement_floor": 30})


@pytest.fixture(scope="module")
def published_once(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("publicada") / "data"
    shutil.copytree(filled, data)
    publish(settings_for(data), Lake(data), now=NOW, run_id="a", describe=describe)
    return data


@pytest.fixture
def published(settings: Settings, published_once: Path) -> Lake:
    """Three official years, published; a copy that the test may change."""
    shutil.copytree(published_once, settings.data_dir, symlinks=True)
    return Lake(settings.data_dir)


def put(
    settings: Settings,
    lake: Lake,
    table: str,
    change: str,
    *,
    year: int = 2024,
    by: str = "otra",
    origin: Origin = Origin.OFFICIAL,
) -> None:
    """Replace a year's anonymized file by one that another delivery gave; ``change`` is put into its SELECT."""
    deliveries = tuple(
        sorted({delivery(TABLES[table], year) if name == "" else digest(name) for name in by.split(",")})
    )
    footer = Provenance(deliveries, origin, "1+prueba")
    with session(settings) as connection, lake.staging() as folder:
        staged = folder / "part.parquet"
        rows = f"SELECT * REPLACE ({change}) FROM ({query(table, year, 200, origin)})"
        connection.execute(f"COPY ({rows}) TO {literal(staged)} (FORMAT parquet, {footer.copy_option})")
        lake.promote(staged, Layer.ANONYMIZED, table, year)


def digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def doubled(measure: str) -> str:
    return f"{measure} * 2 AS {measure}"


def causes(restated: Restatement) -> dict[tuple[str, int], Cause]:
    return {(year.table, year.year): year.cause for year in restated.years}


class TestWhatIsARestatement:
    def test_nothing_before_the_first_publication(self, settings: Settings, lake: Lake) -> None:
        restated = pending(settings, lake, now=NOW)
        assert (restated.replaced, restated.changes, restated.waiting) == (None, [], [])

    def test_the_same_figures_from_another_file_are_none(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", "egresados_total AS egresados_total")
        assert pending(settings, published, now=LATER).years == ()

    def test_another_delivery_of_a_published_year_is_one(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"))
        restated = pending(settings, published, now=LATER)
        assert causes(restated) == {("egresados", 2024): Cause.OTHER_DELIVERY}
        (year,) = restated.waiting
        assert (year.gone, year.come) == ((delivery("egresados", 2024),), (digest("otra"),))

    def test_a_new_year_is_an_addition(self, settings: Settings, published: Lake) -> None:
        fill(settings, years=[2026])
        changed = {(y.table, y.year) for y in pending(settings, published, now=LATER).years if y.waiting}
        assert changed == set()

    def test_official_figures_in_place_of_simulated_ones_never_wait(self, settings: Settings) -> None:
        lake = fill(settings, origins={2024: Origin.SIMULATED})
        publish(settings, lake, now=NOW, run_id="a")
        put(settings, lake, "egresados", doubled("egresados_total"))
        restated = pending(settings, lake, now=LATER)
        assert causes(restated) == {("egresados", 2024): Cause.REAL_FOR_SIMULATED}
        assert restated.changes
        assert not restated.waiting

    def test_a_simulated_year_in_place_of_an_official_one_does(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"), origin=Origin.SIMULATED)
        assert pending(settings, published, now=LATER).waiting

    def test_what_a_missing_delivery_completes_never_waits(self, settings: Settings, published: Lake) -> None:
        """Graduates get their specialty once the enrolment of their year is there."""
        put(settings, published, "egresados", doubled("egresados_total"), by=",matrícula que faltaba")
        restated = pending(settings, published, now=LATER)
        assert causes(restated) == {("egresados", 2024): Cause.COMPLETED}
        assert not restated.waiting

    def test_other_figures_of_the_same_delivery_are_one_too(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"), by="")
        restated = pending(settings, published, now=LATER)
        assert causes(restated) == {("egresados", 2024): Cause.OTHER_CALCULATION}
        assert restated.waiting

    def test_a_lower_suppression_minimum_shows_cells_and_restates_none(
        self, settings: Settings, published: Lake
    ) -> None:
        shown = "coalesce(egresados_total, 5) AS egresados_total, '' AS egresados_total_nota"
        put(settings, published, "egresados", shown, by="")
        restated = pending(settings, published, now=LATER)
        assert not any(change.restates for change in restated.changes)
        assert sum(change.shown for change in restated.changes if change.national) > 20

    def test_a_damaged_present_set_is_said(self, settings: Settings, published: Lake) -> None:
        current = SetStore(settings.data_dir).current()
        assert current is not None
        (current / "egresados.parquet").write_bytes(b"no es un parquet")
        (current / "docentes.parquet").unlink()
        said = pending(settings, published, now=LATER).unread
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
        ],
    )
    def test_a_closed_year(self, values: dict[str, object], waits: bool) -> None:
        assert self.limits.reached(change(**values), living=False) is waits

    @pytest.mark.parametrize(
        ("after", "waits"), [(10_100, False), (30_000, False), (9_900, False), (9_001, False), (9_000, True)]
    )
    def test_a_living_year_fills_up_and_must_not_fall_far(self, after: int, waits: bool) -> None:
        assert self.limits.reached(change(after=Decimal(after)), living=True) is waits

    @pytest.mark.parametrize(
        ("now", "waits"),
        [(datetime(2024, 5, 6, 12, tzinfo=UTC), False), (datetime(2026, 5, 4, 12, tzinfo=UTC), True)],
    )
    def test_a_year_lives_until_its_official_file_is_due(
        self, now: datetime, waits: bool, settings: Settings, published: Lake
    ) -> None:
        put(settings, published, "docentes", doubled("docentes_total"))
        assert bool(pending(settings, published, now=now).waiting) is waits

    def test_the_settings_say_from_when(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"))
        generous = settings.model_copy(update={"restatement_national": 2.0, "restatement_region": 2.0})
        restated = pending(generous, published, now=LATER)
        assert restated.changes
        assert not restated.waiting


class TestTheFingerprint:
    def test_the_lake_and_the_set_made_of_it_say_the_same(self, settings: Settings, published: Lake) -> None:
        """One looks before anything is written, the other at what was written: what is approved must be what comes."""
        put(settings, published, "titulacion", "titulados * 2 AS titulados, tasa_titulacion / 3 AS tasa_titulacion")
        put(settings, published, "proyectos", "monto_asignado * 1.7 AS monto_asignado")
        seen = pending(settings, published, now=LATER)
        with pytest.raises(NotApprovedError) as refused:
            publish(settings, published, now=LATER, run_id="b", describe=describe)
        assert refused.value.restatement.fingerprint == seen.fingerprint
        assert refused.value.restatement.years == seen.years

    def test_looking_twice_gives_the_same(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "docentes", "edad_media * 1.3 AS edad_media")
        threads = settings.model_copy(update={"duckdb_threads": 1})
        seen = {pending(each, published, now=LATER).fingerprint for each in (settings, settings, threads)}
        assert len(seen) == 1

    def test_another_figure_another_delivery_or_another_set_before_it_give_another(
        self, settings: Settings, published: Lake
    ) -> None:
        seen = set()
        for value, by in (("2", "otra"), ("3", "otra"), ("2", "una más")):
            put(settings, published, "egresados", f"egresados_total * {value} AS egresados_total", by=by)
            restated = pending(settings, published, now=LATER)
            seen |= {restated.fingerprint, replace(restated, replaced="20270101T000000Z-00000000").fingerprint}
        assert len(seen) == 6

    def test_what_does_not_wait_does_not_enter(self, settings: Settings, published: Lake) -> None:
        """The living year goes on while a correction is looked at."""
        put(settings, published, "egresados", doubled("egresados_total"))
        before = pending(settings, published, now=LATER).fingerprint
        put(
            settings,
            published,
            "proyectos",
            "establecimientos_beneficiados + 0 AS establecimientos_beneficiados,"
            " pct_ejecucion * 1.001 AS pct_ejecucion",
        )
        after = pending(settings, published, now=LATER)
        assert {year.table for year in after.years} == {"egresados", "proyectos"}
        assert after.fingerprint == before


class TestTheGate:
    def approve(self, settings: Settings, fingerprint: str) -> None:
        Approvals(settings.data_dir).record(Approval(fingerprint, LATER, "Ana Rojas", "Rectificación", "run", "todo"))

    def test_nothing_is_published_and_the_former_set_stands(self, settings: Settings, published: Lake) -> None:
        before = SetStore(settings.data_dir).current()
        assert before is not None
        held = table_bytes(before)
        put(settings, published, "egresados", doubled("egresados_total"))
        with pytest.raises(PublicationError, match="No se publicó: cambian cifras ya publicadas"):
            publish(settings, published, now=LATER, run_id="b")
        assert SetStore(settings.data_dir).current() == before
        assert table_bytes(before) == held

    def test_approved_it_is_published_once_and_for_this_set_alone(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"))
        self.approve(settings, pending(settings, published, now=LATER).fingerprint)
        publish(settings, published, now=LATER, run_id="b")
        put(settings, published, "egresados", "egresados_total AS egresados_total", by="")
        back = pending(settings, published, now=LATER)
        self.approve(settings, back.fingerprint)
        publish(settings, published, now=LATER, run_id="c")
        put(settings, published, "egresados", doubled("egresados_total"))
        with pytest.raises(NotApprovedError):
            publish(settings, published, now=LATER, run_id="d")

    def test_the_approval_of_something_else_does_not_count(self, settings: Settings, published: Lake) -> None:
        put(settings, published, "egresados", doubled("egresados_total"))
        self.approve(settings, pending(settings, published, now=LATER).fingerprint)
        put(settings, published, "egresados", "egresados_total * 3 AS egresados_total")
        with pytest.raises(NotApprovedError):
            publish(settings, published, now=LATER, run_id="b")

    def test_the_first_approval_of_a_change_stands(self, settings: Settings) -> None:
        approvals = Approvals(settings.data_dir)
        first = Approval("0123456789abcdef", NOW, "Ana Rojas", "Rectificación", "run", "todo")
        assert approvals.record(first) == first
        assert approvals.record(replace(first, who="Otra persona")) == first
        assert approvals.all() == [approvals.find("0123456789abcdef")] == [first]
        assert (settings.data_dir / "approvals.sqlite").stat().st_mode & 0o077 == 0
