"""The jobs people start: everything, one dataset, the publication alone, approvals, releases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from emtp_assets.automation.impact import chain_of, publication_of
from emtp_assets.contracts import DATASETS
from emtp_assets.keys import (
    APPROVE,
    CANDIDATE,
    CORRECTIONS,
    PREPARE_RELEASE,
    PRIVACY_TAG,
    PUBLICATION,
    RELEASE,
    RELEASES,
)
from emtp_assets.settings import Settings

EVERYTHING = "actualizar_todo"
PUBLISH = "publicar"


def job_of(dataset: str) -> str:
    return f"actualizar_{dataset}"


def jobs(years: dg.PartitionsDefinition, settings: Settings) -> list[dg.UnresolvedAssetJobDefinition]:
    """Every job. A range of years started from one of them, in the UI or by `emtp backfill`, is a single run."""
    publication = publication_of(settings)
    mode = {PRIVACY_TAG: settings.privacy_mode.value}
    everything = [key for dataset in DATASETS for key in chain_of(dataset)]
    return [
        dg.define_asset_job(
            EVERYTHING,
            tags=mode,
            selection=dg.AssetSelection.assets(*everything, *publication),
            partitions_def=years,
            description="Actualiza los seis conjuntos de un año académico (o de un rango de años) y publica.",
        ),
        *(
            dg.define_asset_job(
                job_of(dataset),
                tags=mode,
                selection=dg.AssetSelection.assets(*chain_of(dataset), *publication),
                partitions_def=years,
                description=f"Actualiza {dataset} de un año académico (o de un rango de años) y publica.",
            )
            for dataset in DATASETS
        ),
        dg.define_asset_job(
            PUBLISH,
            tags=mode,
            selection=dg.AssetSelection.assets(*PUBLICATION),
            description="Publica de nuevo el conjunto completo con lo que hay en la capa anonimizada.",
        ),
        dg.define_asset_job(
            APPROVE,
            tags=mode,
            selection=dg.AssetSelection.assets(*PUBLICATION),
            config=approval(),
            description=(
                "Una persona aprueba una corrección de años ya publicados, y se publica. En «Open launchpad»: la "
                "`huella` que dio el control `correccion_aprobada`, quién aprueba y por qué. Queda registrado."
            ),
        ),
        dg.define_asset_job(
            PREPARE_RELEASE,
            tags=mode,
            selection=dg.AssetSelection.assets(CANDIDATE),
            config=preparation(),
            description=(
                "Hace una candidata a liberación pública con la capa agregada y la audita. En «Open launchpad» se "
                "puede dar el `corte` y los años ya liberados por `rehacer`. No libera nada."
            ),
        ),
        dg.define_asset_job(
            RELEASE,
            tags=mode,
            selection=dg.AssetSelection.assets(RELEASES),
            config=releasing(),
            description=(
                "Una persona hace pública la candidata, para siempre. En «Open launchpad»: la `huella` que está en "
                "`publicacion/candidata`, quién aprueba y por qué. Queda registrado."
            ),
        ),
    ]


def approval(huella: str = "", quien: str = "", motivo: str = "") -> dict[str, Any]:
    """The run configuration by which somebody approves; blank, as the Launchpad shows it to be filled in."""
    step = CORRECTIONS.to_python_identifier()
    return {"ops": {step: {"config": {"huella": huella, "quien": quien, "motivo": motivo}}}}


def preparation(corte: str = "", rehacer: Sequence[str] = ()) -> dict[str, Any]:
    """The run configuration of a candidate; blank is of today, with every public year as it was released."""
    return {"ops": {CANDIDATE.to_python_identifier(): {"config": {"corte": corte, "rehacer": list(rehacer)}}}}


def releasing(huella: str = "", quien: str = "", motivo: str = "") -> dict[str, Any]:
    """The run configuration by which somebody releases; blank, as the Launchpad shows it to be filled in."""
    step = RELEASES.to_python_identifier()
    return {"ops": {step: {"config": {"huella": huella, "quien": quien, "motivo": motivo}}}}
