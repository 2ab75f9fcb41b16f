"""The jobs people start: everything, one dataset, the publication alone, the approval of a restatement."""

from __future__ import annotations

from typing import Any

import dagster as dg

from emtp_assets.automation.impact import chain_of
from emtp_assets.contracts import DATASETS
from emtp_assets.keys import APPROVE, CORRECTIONS, PUBLICATION

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
            selection=dg.AssetSelection.assets(*everything, *PUBLICATION),
            partitions_def=years,
            description="Actualiza los seis conjuntos de un año académico (o de un rango de años) y publica.",
        ),
        *(
            dg.define_asset_job(
                job_of(dataset),
                selection=dg.AssetSelection.assets(*chain_of(dataset), *PUBLICATION),
                partitions_def=years,
                description=f"Actualiza {dataset} de un año académico (o de un rango de años) y publica.",
            )
            for dataset in DATASETS
        ),
        dg.define_asset_job(
            PUBLISH,
            selection=dg.AssetSelection.assets(*PUBLICATION),
            description="Publica de nuevo el conjunto completo con lo que hay en la capa anonimizada.",
        ),
        dg.define_asset_job(
            APPROVE,
            selection=dg.AssetSelection.assets(*PUBLICATION),
            config=approval(),
            description=(
                "Una persona aprueba una corrección de años ya publicados, y se publica. En «Open launchpad»: la "
                "`huella` que dio el control `correccion_aprobada`, quién aprueba y por qué. Queda registrado."
            ),
        ),
    ]


def approval(huella: str = "", quien: str = "", motivo: str = "") -> dict[str, Any]:
    """The run configuration by which somebody approves; blank, as the Launchpad shows it to be filled in."""
    step = CORRECTIONS.to_python_identifier()
    return {"ops": {step: {"config": {"huella": huella, "quien": quien, "motivo": motivo}}}}
