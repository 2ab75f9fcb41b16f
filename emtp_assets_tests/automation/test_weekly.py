"""Monday 06:00 in Santiago, the running academic year, what is due."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from emtp_assets.automation.impact import chain_of
from emtp_assets.automation.weekly import CRON, newest_due, weekly_schedule
from emtp_assets.contracts import DATASETS, contract_for
from emtp_assets.definitions import build_definitions
from emtp_assets.intake import Ledger
from emtp_assets.keys import PUBLICATION
from emtp_assets.partitions import TIMEZONE, academic_year_of
from emtp_assets.settings import Mode, Settings
from emtp_assets_tests.conftest import isolated_settings

MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=ZoneInfo(TIMEZONE))


def requests_at(settings: Settings, moment: datetime) -> dict[str, set[dg.AssetKey]]:
    """What the schedule asks for at a moment: assets by partition."""
    context = dg.build_schedule_context(
        scheduled_execution_time=moment, repository_def=build_definitions(settings).get_repository_def()
    )
    made = weekly_schedule(settings)(context)
    assert isinstance(made, list)
    return {r.partition_key or "": set(r.asset_selection or []) for r in made if isinstance(r, dg.RunRequest)}


def chains(*datasets: str) -> set[dg.AssetKey]:
    return {*PUBLICATION, *(key for dataset in datasets for key in chain_of(dataset))}


def test_it_is_monday_at_six_by_the_clock_of_santiago(settings: Settings) -> None:
    schedule = weekly_schedule(settings)
    assert (schedule.cron_schedule, schedule.execution_timezone) == (CRON, "America/Santiago")
    assert CRON == "0 6 * * 1"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_demonstration_asks_for_all_six_of_the_running_year(settings: Settings) -> None:
    assert requests_at(settings, MONDAY) == {"2026": chains(*DATASETS)}


@pytest.mark.parametrize(
    ("moment", "year"),
    [
        (datetime(2026, 1, 5, 9, 0, tzinfo=UTC), 2025),
        (datetime(2026, 3, 1, 2, 59, tzinfo=UTC), 2025),
        (datetime(2026, 3, 1, 3, 0, tzinfo=UTC), 2026),
        (datetime(2026, 12, 31, tzinfo=UTC), 2026),
    ],
)
def test_an_academic_year_begins_on_the_first_of_march_in_santiago(moment: datetime, year: int) -> None:
    assert academic_year_of(moment) == year


def test_production_asks_for_the_newest_year_that_can_exist(settings: Settings) -> None:
    production = isolated_settings(data_dir=settings.data_dir, mode=Mode.PRODUCTION)
    assert requests_at(production, MONDAY) == {
        "2026": chains("matricula", "establecimientos", "docentes"),
        "2025": chains("egresados", "titulacion", "proyectos"),
    }, "graduates and titles of 2026 come in 2027"
    in_april = datetime(2026, 4, 6, 6, 0, tzinfo=ZoneInfo(TIMEZONE))
    assert requests_at(production, in_april) == {
        "2025": chains("matricula", "establecimientos", "docentes", "proyectos"),
        "2024": chains("egresados", "titulacion"),
    }


def test_nothing_is_due_before_the_first_year_of_the_instance(settings: Settings) -> None:
    production = isolated_settings(data_dir=settings.data_dir, mode=Mode.PRODUCTION, first_year=2026)
    assert newest_due(contract_for("egresados"), MONDAY, production, Ledger(production.data_dir)) is None


class TestWithALiveSystem:
    """A replica knows the running year long before its official file is issued."""

    @pytest.mark.parametrize(
        ("dataset", "moment", "by_file", "by_replica"),
        [
            ("matricula", "2026-05-04", 2025, 2026),
            ("matricula", "2026-03-09", 2025, 2025),
            ("docentes", "2026-06-01", 2025, 2026),
            ("establecimientos", "2026-03-16", 2025, 2026),
            ("egresados", "2027-01-18", 2025, 2026),
            ("titulacion", "2026-11-23", 2025, 2025),
        ],
    )
    def test_it_is_due_from_the_day_that_the_contract_says(
        self, dataset: str, moment: str, by_file: int, by_replica: int, settings: Settings
    ) -> None:
        at = datetime.fromisoformat(moment + "T06:00").replace(tzinfo=ZoneInfo(TIMEZONE))
        ledger = Ledger(settings.data_dir)
        files = isolated_settings(data_dir=settings.data_dir, mode=Mode.PRODUCTION)
        replica = isolated_settings(data_dir=settings.data_dir, mode=Mode.PRODUCTION, sqlserver={"host": "replica"})
        assert newest_due(contract_for(dataset), at, files, ledger) == by_file
        assert newest_due(contract_for(dataset), at, replica, ledger) == by_replica

    def test_the_day_is_the_one_of_santiago_whatever_clock_the_moment_is_told_by(self, settings: Settings) -> None:
        replica = isolated_settings(data_dir=settings.data_dir, mode=Mode.PRODUCTION, sqlserver={"host": "replica"})
        contract, ledger = contract_for("matricula"), Ledger(settings.data_dir)
        midnight = datetime.combine(contract.live_from(2026), time(), ZoneInfo(TIMEZONE)).astimezone(UTC)
        assert newest_due(contract, midnight, replica, ledger) == 2026
        assert newest_due(contract, midnight - timedelta(minutes=1), replica, ledger) == 2025

    def test_a_demonstration_with_a_system_is_due_like_the_ministry(self, settings: Settings) -> None:
        with_sftp = isolated_settings(data_dir=settings.data_dir, sftp={"host": "127.0.0.1"})
        asked = requests_at(with_sftp, datetime(2026, 7, 6, 6, tzinfo=ZoneInfo(TIMEZONE)))
        assert set(asked) == {"2025"}
