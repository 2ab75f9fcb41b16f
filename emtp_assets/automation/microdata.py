"""The job by which a person delivers microdata, and how it is filled in. Making them is `assets.microdata`'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from emtp_assets.keys import DELIVER_MICRODATA, microdata_key
from emtp_assets.microdata.plans import MICRODATA_SETS
from emtp_assets.settings import Settings


def microdata_jobs(settings: Settings, years: dg.PartitionsDefinition) -> list[dg.UnresolvedAssetJobDefinition]:
    """The job, in the modes that have microdata."""
    if not settings.privacy_mode.gives_microdata:
        return []
    return [
        dg.define_asset_job(
            DELIVER_MICRODATA,
            selection=dg.AssetSelection.assets(*map(microdata_key, MICRODATA_SETS)),
            partitions_def=years,
            config=microdata_request(MICRODATA_SETS),
            description=(
                "Una persona entrega microdatos k-anónimos de un año a un destinatario del ministerio. En «Open "
                "launchpad»: destinatario, nombre de la entrega, quién autoriza y para qué. Queda registrado."
            ),
        )
    ]


def microdata_request(
    datasets: Sequence[str],
    destinatario: str = "",
    entrega: str = "",
    quien: str = "",
    finalidad: str = "",
    rehacer: bool = False,
) -> dict[str, Any]:
    """The run configuration of a delivery of those datasets; blank, as the Launchpad shows it to be filled in."""
    asked = {
        "destinatario": destinatario,
        "entrega": entrega,
        "quien": quien,
        "finalidad": finalidad,
        "rehacer": rehacer,
    }
    return {"ops": {microdata_key(dataset).to_python_identifier(): {"config": dict(asked)} for dataset in datasets}}
