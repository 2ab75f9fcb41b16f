"""The one door: assembles what Dagster loads. Nothing is defined here, and nothing in the package imports it."""

from __future__ import annotations

import dagster as dg

from emtp_assets.assets.aggregated import aggregated_asset
from emtp_assets.assets.anonymized import anonymized_asset
from emtp_assets.assets.cleaned import cleaned_asset
from emtp_assets.assets.corrections import corrections_asset
from emtp_assets.assets.intake import drop_folder_asset, system_assets
from emtp_assets.assets.marking import marked
from emtp_assets.assets.microdata import microdata_asset
from emtp_assets.assets.published import published_asset
from emtp_assets.assets.raw import raw_asset
from emtp_assets.assets.released import candidate_asset, releases_asset
from emtp_assets.automation.alerting import alert_sensor
from emtp_assets.automation.drop_folder import drop_folder_sensor
from emtp_assets.automation.jobs import jobs
from emtp_assets.automation.microdata import microdata_jobs
from emtp_assets.automation.retention import retention_job, retention_schedule
from emtp_assets.automation.rotating import rotation_job
from emtp_assets.automation.weekly import weekly_schedule
from emtp_assets.contracts import all_contracts, contract_for
from emtp_assets.microdata.plans import MICRODATA_SETS
from emtp_assets.partitions import academic_years
from emtp_assets.settings import Settings

LAYERS = (raw_asset, cleaned_asset, aggregated_asset, anonymized_asset)


def build_definitions(settings: Settings) -> dg.Definitions:
    """The whole code location for an instance's settings: assets, checks, jobs, schedule, sensor."""
    years = academic_years(settings)
    return dg.Definitions(
        assets=marked(
            [
                drop_folder_asset(settings),
                *system_assets(settings),
                *(build(contract, settings, years) for contract in all_contracts() for build in LAYERS),
                corrections_asset(settings),
                published_asset(settings),
                candidate_asset(settings),
                releases_asset(settings),
                *_microdata_assets(settings, years),
            ],
            settings,
        ),
        jobs=[
            *jobs(years, settings),
            *microdata_jobs(settings, years),
            retention_job(settings),
            rotation_job(settings, build_definitions),
        ],
        schedules=[weekly_schedule(settings), retention_schedule(settings)],
        sensors=[drop_folder_sensor(settings), alert_sensor(settings)],
        executor=dg.in_process_executor,
        metadata={"modo_privacidad": settings.privacy_mode.in_words},
    )


def _microdata_assets(settings: Settings, years: dg.PartitionsDefinition) -> list[dg.AssetsDefinition]:
    if not settings.privacy_mode.gives_microdata:
        return []
    return [microdata_asset(contract_for(dataset), settings, years) for dataset in MICRODATA_SETS]


defs = build_definitions(Settings())
