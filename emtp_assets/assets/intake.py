"""The drop folder as the graph shows it: the door by which deliveries come in. Taking them is the sensor's work."""

from __future__ import annotations

import dagster as dg

from emtp_assets.keys import DROP_FOLDER, INTAKE_GROUP
from emtp_assets.settings import Settings


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
