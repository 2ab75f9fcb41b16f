"""The ways in as the graph shows them: the drop folder and the systems. Taking what they give is done elsewhere."""

from __future__ import annotations

import dagster as dg

from emtp_assets.contracts import Contract
from emtp_assets.keys import DROP_FOLDER, INTAKE_GROUP, system_key
from emtp_assets.settings import Settings
from emtp_assets.sources.choosing import SYSTEMS, configured_systems


def drop_folder_asset(settings: Settings) -> dg.AssetSpec:
    """An external asset: each file received or refused is an observation of it."""
    return dg.AssetSpec(
        DROP_FOLDER,
        group_name=INTAKE_GROUP,
        kinds={"file"},
        description=(
            f"Carpeta donde se copian los archivos oficiales: `{settings.drop}`. Cada archivo recibido o rechazado "
            "queda como una observación con su motivo; los rechazados están en `rejected/` junto a su explicación."
        ),
    )


def system_assets(settings: Settings) -> list[dg.AssetSpec]:
    """An external asset for each system that the instance is configured to ask."""
    return [
        dg.AssetSpec(
            system_key(name),
            group_name=INTAKE_GROUP,
            kinds={"sqlserver" if name == "sqlserver" else "file"},
            description=(
                f"**{SYSTEMS[name]}**: se le pide cada lunes el año que corresponde de cada conjunto. Qué entregó, o "
                "por qué falló, queda en la materialización de la capa cruda; `emtp doctor` prueba la conexión."
            ),
        )
        for name in configured_systems(settings)
    ]


def ways_in(contract: Contract, settings: Settings) -> list[dg.AssetKey]:
    """Where a dataset's raw layer may come from."""
    return [DROP_FOLDER, *(system_key(n) for n in contract.sources if n in configured_systems(settings))]
