"""Puts generated parts between their markers. What they say is `parts`'s; the rest of the document is people's."""

from __future__ import annotations

import re

from emtp_assets.data_protection.parts import PARTS
from emtp_assets.settings import HOME, Settings

DOCUMENT = HOME / "docs" / "proteccion_datos.md"
_PART = re.compile(r"<!-- generado: (\w+) -->\n(.*?)<!-- fin: (\w+) -->", re.DOTALL)


class DocumentError(ValueError):
    """The document's markers do not agree with the parts that there are; said in Spanish."""


def renewed_parts(settings: Settings | None = None) -> dict[str, str]:
    """Each generated part by name: as this instance is set, or, without settings, as a new instance would be."""
    given = settings or Settings.model_construct()
    return {name: part(given).strip() + "\n" for name, part in PARTS.items()}


def renewed(text: str, settings: Settings | None = None) -> str:
    """The document with its generated parts made anew.

    Raises:
        DocumentError: a marker is unknown, unbalanced, repeated or missing.
    """
    parts = renewed_parts(settings)
    opened = re.findall(r"<!-- generado: (\w+) -->", text)
    closed = [last for first, _, last in _PART.findall(text) if first == last]
    if sorted(opened) != sorted(parts) or opened != closed:
        raise DocumentError(
            f"Las marcas «generado» y «fin» del documento son {', '.join(opened) or 'ninguna'}; deben estar, una vez y "
            f"cerradas, estas: {', '.join(parts)}. Recupere {DOCUMENT.name} de git, o reponga la marca que falta."
        )
    return _PART.sub(lambda at: f"<!-- generado: {at[1]} -->\n{parts[at[1]]}<!-- fin: {at[1]} -->", text)
