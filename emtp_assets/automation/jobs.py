"""The jobs people start: everything, one dataset, or the publication alone; each also as a backfill of years."""

from __future__ import annotations

import dagster as dg

from emtp_assets.automation.impact import chain_of
from emtp_assets.contracts import DATASETS
from emtp_assets.keys import PUBLISHED

EVERYTHING = "actualizar_todo"
PUBLISH = "publicar"


def job_of(dataset: str) -> str:
    return f"actualizar_{dataset}"


def jobs(years: dg.PartitionsDefinition) -> list[dg.UnresolvedAssetJobDefinition]:
    """Every job. A range of years started from one of them, in the UI or by `emtp backfill`, is a single run."""
    everything = [key for dataset in DATASETS for key in chain_of(dataset)]
    return [
        dg.define_asset_job(
            EVERYTHING,
            selection=dg.AssetSelection.assets(*everything, PUBLISHED),
            partitions_def=years,
            description="Actualiza los seis conjuntos de un año académico (o de un rango de años) y publica.",
        ),
        *(
            dg.define_asset_job(
                job_of(dataset),
                selection=dg.AssetSelection.assets(*chain_of(dataset), PUBLISHED),
                partitions_def=years,
                description=f"Actualiza {dataset} de un año académico (o de un rango de años) y publica.",
            )
            for dataset in DATASETS
        ),
        dg.define_asset_job(
            PUBLISH,
            selection=dg.AssetSelection.assets(PUBLISHED),
            description="Publica de nuevo el conjunto completo con lo que hay en la capa anonimizada.",
        ),
    ]
