"""The typed reader of `revision.yaml`: which columns that come near a person may show in what is published, and why.

Whether anything else does is the lineage's to find out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from emtp_assets.contracts import Classification, all_contracts
from emtp_assets.privacy.plans import FOLDER

SOURCE = FOLDER / "revision.yaml"
_DOORS = ("semanal", "publico")


class ReviewError(ValueError):
    """`revision.yaml` admits what must not be, or names what does not exist; raised when it is read, in Spanish."""


@dataclass(frozen=True)
class Reviewed:
    """One official column (``dataset.OFFICIAL``). ``weekly`` and ``public``: by table, the columns it may show in."""

    official: str
    reason: str
    weekly: Mapping[str, tuple[str, ...]]
    public: Mapping[str, tuple[str, ...]]


@cache
def reviewed() -> tuple[Reviewed, ...]:
    """What was reviewed in this version of the code."""
    return read_review(yaml.safe_load(SOURCE.read_text(encoding="utf-8")))


def read_review(document: Mapping[str, Any]) -> tuple[Reviewed, ...]:
    """The entries of a parsed `revision.yaml`.

    Raises:
        ReviewError: an identifier is admitted, a column is unknown or public, or a reason is missing.
    """
    known = {f"{c.dataset}.{column.official}": column.classification for c in all_contracts() for column in c.columns}
    entries = []
    for official, said in document["columnas"].items():
        classification = known.get(official)
        if classification is None:
            raise ReviewError(f"revision.yaml: ningún contrato tiene la columna {official}. Corrija el nombre.")
        if classification is Classification.DIRECT_IDENTIFIER:
            raise ReviewError(
                f"revision.yaml admite {official}, que identifica directamente a una persona: no se publica por ningún "
                "motivo. Quítela."
            )
        if classification is Classification.PUBLIC:
            raise ReviewError(f"revision.yaml: {official} es pública según su contrato; no necesita revisión. Quítela.")
        if not str(said.get("motivo") or "").strip():
            raise ReviewError(f"revision.yaml: falta el motivo de {official}. Diga por qué puede publicarse.")
        if unknown := sorted(set(said) - {"motivo", *_DOORS}):
            raise ReviewError(f"revision.yaml, {official}: sobra {', '.join(unknown)}; use {', '.join(_DOORS)}.")
        weekly, public = (
            {table: tuple(columns) for table, columns in (said.get(door) or {}).items()} for door in _DOORS
        )
        entries.append(Reviewed(official, said["motivo"].strip(), weekly, public))
    return tuple(entries)
