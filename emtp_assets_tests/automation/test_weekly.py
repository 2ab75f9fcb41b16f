"""Monday 06:00 in Santiago, the running academic year, what is due."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from emtp_assets.automation.impact import chain_of
from emtp_assets.automation.weekly import CRON, is_due, weekly_schedule
from emtp_assets.contracts import DATASETS, contract_for
from emtp_assets.definitions import build_definitions
from emtp_assets.intake import Ledger
from emtp_assets.keys import PUBLISHED
from emtp_assets.partitions import TIMEZONE, academic_year_of
from emtp_assets.settings import Mode, Settings
from emtp_assets_tests.conftest import isolated_settings

MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=ZoneInfo(TIMEZONE))


def request_at(settings: Settings, moment: datetime) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_schedule_context(
        scheduled_execution_time=moment, repository_def=build_definitions(settings).get_repository_def()
    )
    made = weekly_schedule(settings)(context)
    assert isinstance(made, (dg.RunRequest, dg.SkipReason))
    return made


def test_it_is_monday_at_six_by_the_clock_of_santiago(settings: Settings) -> None:
    schedule = weekly_schedule(settings)
    assert (schedule.cron_schedule, schedule.execution_timezone) == (CRON, "America/Santiago")
    assert CRON == "0 6 * * 1"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_demonstration_asks_for_all_six_of_the_running_year(settings: Settings) -> None:
    request = request_at(settings, MONDAY)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026"
    assert set(request.asset_selection or []) == {PUBLISHED, *(k for d in DATASETS for k in chain_of(d))}


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


def test_production_leaves_out_what_does_not_exist_yet(settings: Settings) -> None:
    production = isolated_settings(data_dir=settings.data_dir, mode=Mode.PRODUCTION)
    ledger = Ledger(production.data_dir)
    due = {d for d in DATASETS if is_due(contract_for(d), 2026, MONDAY, production, ledger)}
    assert due == {"matricula", "establecimientos", "docentes"}, "graduates and titles of 2026 come in 2027"
    in_april = datetime(2026, 4, 6, 6, 0, tzinfo=ZoneInfo(TIMEZONE))
    assert isinstance(request_at(production, in_april), dg.SkipReason)
