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
        ledger = Ledger(settings.data_dir)
        due: dict[int, list[dg.AssetKey]] = {}
        for contract in all_contracts():
            year = newest_due(contract, moment, settings, ledger)
            if year is not None:
                due.setdefault(year, []).extend(chain_of(contract.dataset))
        if not due:
            return dg.SkipReason("Ningún conjunto tiene todavía un año que se pueda esperar.")
        return [
            dg.RunRequest(
                run_key=f"{NAME}:{moment.date().isoformat()}:{year}",
                partition_key=str(year),
                asset_selection=[*keys, PUBLISHED],
                tags={"emtp/motivo": "programación semanal"},
            )
            for year, keys in sorted(due.items())
        ]

    return weekly


def newest_due(contract: Contract, moment: datetime, settings: Settings, ledger: Ledger) -> int | None:
    """The newest academic year of a dataset that can be expected at a moment; None when none can."""
    running = academic_year_of(moment)
    years = range(running, max(running - 2, settings.first_year) - 1, -1)
    return next((year for year in years if is_due(contract, year, moment, settings, ledger)), None)


def is_due(contract: Contract, year: int, moment: datetime, settings: Settings, ledger: Ledger) -> bool:
    """Whether the year's figures can be expected: delivered already, simulated, or past their official date."""
    if not settings.production and "simulado" in contract.sources:
        return True
    if ledger.latest(contract.dataset, year, simulated_too=False) is not None:
        return True
    return moment.date() >= contract.available_from(year)
