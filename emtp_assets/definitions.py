"""The one door: assembles what Dagster loads. Nothing is defined here, and nothing in the package imports it."""

from __future__ import annotations

import dagster as dg

from emtp_assets.assets.aggregated import aggregated_asset
from emtp_assets.assets.anonymized import anonymized_asset
from emtp_assets.assets.cleaned import cleaned_asset
from emtp_assets.assets.corrections import corrections_asset
from emtp_assets.assets.intake import drop_folder_asset, system_assets
from emtp_assets.assets.published import published_asset
from emtp_assets.assets.raw import raw_asset
from emtp_assets.automation.alerting import alert_sensor
from emtp_assets.automation.drop_folder import drop_folder_sensor
from emtp_assets.automation.jobs import jobs
from emtp_assets.automation.retention import retention_job, retention_schedule
from emtp_assets.automation.weekly import weekly_schedule
from emtp_assets.contracts import all_contracts
from emtp_assets.partitions import academic_years
from emtp_assets.settings import Settings

LAYERS = (raw_asset, cleaned_asset, aggregated_asset, anonymized_asset)


def build_definitions(settings: Settings) -> dg.Definitions:
    """The whole code location for an instance's settings: assets, checks, jobs, schedule, sensor."""
    years = academic_years(settings)
    return dg.Definitions(
        assets=[
            drop_folder_asset(settings),
            *system_assets(settings),
            *(build(contract, settings, years) for contract in all_contracts() for build in LAYERS),
            corrections_asset(settings),
            published_asset(settings),
        ],
        jobs=[*jobs(years), retention_job(settings)],
        schedules=[weekly_schedule(settings), retention_schedule(settings)],
        sensors=[drop_folder_sensor(settings), alert_sensor(settings)],
        executor=dg.in_process_executor,
    )


defs = build_definitions(Settings())
