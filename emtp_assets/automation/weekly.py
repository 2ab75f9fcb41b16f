"""The weekly schedule: Monday 06:00 in Santiago, the running academic year, the datasets that are due."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from emtp_assets.automation.impact import chain_of, publication_of
from emtp_assets.automation.jobs import EVERYTHING
from emtp_assets.contracts import Contract, all_contracts
from emtp_assets.intake import Ledger
from emtp_assets.partitions import TIMEZONE, academic_year_of
from emtp_assets.settings import Settings
from emtp_assets.sources.choosing import configured_systems, is_live

CRON = "0 6 * * 1"
NAME = "lunes_0600"


def weekly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule of ``actualizar_todo``: for each dataset the newest year that can be expected by now.

    That is the running year for most; graduates, titles and projects are official only the year after. What
    does not exist yet is not failed every Monday; what is due and missing fails loudly.
    """

    @dg.schedule(
        name=NAME,
        job_name=EVERYTHING,
        cron_schedule=CRON,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=(
            "Cada lunes a las 06:00 (hora de Chile continental) actualiza, de cada conjunto, el año académico más "
            "nuevo que ya puede existir, y publica."
        ),
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        moment = context.scheduled_execution_time
        due = due_at(moment, settings)
        if not due:
            return dg.SkipReason("Ningún conjunto tiene todavía un año que se pueda esperar.")
        return [
            dg.RunRequest(
                run_key=f"{NAME}:{moment.date().isoformat()}:{year}",
                partition_key=str(year),
                asset_selection=keys,
                tags={"emtp/motivo": "programación semanal"},
            )
            for year, keys in due.items()
        ]

    return weekly


def due_at(moment: datetime, settings: Settings) -> dict[int, list[dg.AssetKey]]:
    """What the weekly update at a moment consists of: by academic year, earliest first, the assets to make."""
    ledger = Ledger(settings.data_dir)
    due: dict[int, list[dg.AssetKey]] = {}
    for contract in all_contracts():
        year = newest_due(contract, moment, settings, ledger)
        if year is not None:
            due.setdefault(year, []).extend(chain_of(contract.dataset))
    return {year: [*due[year], *publication_of(settings)] for year in sorted(due)}


def newest_due(contract: Contract, moment: datetime, settings: Settings, ledger: Ledger) -> int | None:
    """The newest academic year of a dataset that can be expected at a moment; None when none can."""
    running = academic_year_of(moment)
    years = range(running, max(running - 2, settings.first_year) - 1, -1)
    return next((year for year in years if is_due(contract, year, moment, settings, ledger)), None)


def is_due(contract: Contract, year: int, moment: datetime, settings: Settings, ledger: Ledger) -> bool:
    """Whether the year's figures can be expected.

    They were delivered already; or they are simulated; or their official date has passed; or, where a system is
    asked, the day has come from which it knows the year.
    """
    if not settings.production and "simulado" in contract.sources and not configured_systems(settings):
        return True
    if ledger.latest(contract.dataset, year, simulated_too=False) is not None:
        return True
    known_from = contract.live_from(year) if is_live(contract, settings) else contract.available_from(year)
    return moment.astimezone(ZoneInfo(TIMEZONE)).date() >= known_from
