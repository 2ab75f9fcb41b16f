"""The names of the assets, so that no room spells another's. Nothing but names lives here."""

from __future__ import annotations

import dagster as dg

from emtp_assets.contracts import Contract
from emtp_assets.storage.lake import Layer

PUBLISHED = dg.AssetKey(["publicacion", "conjunto_publicado"])
CORRECTIONS = dg.AssetKey(["publicacion", "correcciones"])
PUBLICATION = (CORRECTIONS, PUBLISHED)
"""What every run that publishes ends with: what would be restated is looked at, then the set is swapped."""

APPROVE = "aprobar_correccion"
"""The job by which a person approves a restatement; it is named in messages of rooms below the jobs."""

CANDIDATE = dg.AssetKey(["publicacion", "candidata"])
RELEASES = dg.AssetKey(["publicacion", "liberaciones"])
"""What the public may have. Neither is ever part of a run that a schedule or a sensor starts."""

PREPARE_RELEASE = "preparar_liberacion"
RELEASE = "aprobar_liberacion"
"""The jobs by which a person makes a candidate, and lets it out."""

DELIVER_MICRODATA = "entregar_microdatos"
"""The job by which a person delivers microdata; it exists in privacy modes B and C alone."""

MICRODATA_GROUP = "microdatos"

DROP_FOLDER = dg.AssetKey(["entrada", "carpeta_de_entrega"])
INTAKE_GROUP = "entrada"
PUBLICATION_GROUP = "publicacion"

PRIVACY_TAG = "emtp/privacidad"
"""On every asset, job and run: the privacy mode (A, B or C) of the instance."""

HANDED_OVER_TAG = "emtp/entrega"
"""On a run that a file in the drop folder asked for: its raw layer is made of that file, and no system is asked."""


def system_key(name: str) -> dg.AssetKey:
    """A system of the ministry's, beside the drop folder."""
    return dg.AssetKey([INTAKE_GROUP, name])


def key_of(layer: Layer, dataset: str) -> dg.AssetKey:
    """``matricula/raw``, ``matricula/cleaned`` …: the graph shows the last part, so the last part is the layer."""
    return dg.AssetKey([dataset, layer.value])


def microdata_key(dataset: str) -> dg.AssetKey:
    """``matricula/microdatos``: beside the layers, and read by none of them."""
    return dg.AssetKey([dataset, MICRODATA_GROUP])


def tags_of(contract: Contract, layer: Layer) -> dict[str, str]:
    """Tags by which people filter the graph in the UI."""
    return {"emtp/dataset": contract.dataset, "emtp/capa": layer.value}
