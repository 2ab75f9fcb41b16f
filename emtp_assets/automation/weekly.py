"""The weekly schedule: Monday 06:00 in Santiago, the running academic year, the datasets that are due."""

from __future__ import annotations

from datetime import datetime

import dagster as dg

from emtp_assets.automation.impact import chain_of
from emtp_assets.automation.jobs import EVERYTHING
from emtp_assets.contracts import Contract, all_contracts
from emtp_assets.intake import Ledger
from emtp_assets.keys import PUBLISHED
from emtp_assets.partitions import TIMEZONE, academic_year_of
from emtp_assets.settings import Settings

CRON = "0 6 * * 1"
NAME = "lunes_0600"


def weekly_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule of ``actualizar_todo``.

    A dataset whose official file for the year does not exist yet is left out rather than failed every Monday
    until it does; once it is due, a Monday without it fails loudly.
    """

    @dg.schedule(
        name=NAME,
        job_name=EVERYTHING,
        cron_schedule=CRON,
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Cada lunes a las 06:00 (hora de Chile continental) actualiza el año académico en curso.",
    )
    def weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        moment = context.scheduled_execution_time
        year = academic_year_of(moment)
        ledger = Ledger(settings.data_dir)
        due = [c.dataset for c in all_contracts() if is_due(c, year, moment, settings, ledger)]
        if not due:
            return dg.SkipReason(f"Ningún conjunto tiene aún archivo oficial del año {year}.")
        keys = [key for dataset in due for key in chain_of(dataset)]
        return dg.RunRequest(
            run_key=f"{NAME}:{moment.date().isoformat()}",
            partition_key=str(year),
            asset_selection=[*keys, PUBLISHED],
            tags={"emtp/motivo": "programación semanal"},
        )

    return weekly


def is_due(contract: Contract, year: int, moment: datetime, settings: Settings, ledger: Ledger) -> bool:
    """Whether the year's figures can be expected: delivered already, simulated, or past their official date."""
    if not settings.production and "simulado" in contract.sources:
        return True
    if ledger.latest(contract.dataset, year, simulated_too=False) is not None:
        return True
    return moment.date() >= contract.available_from(year)
