"""The symbols beside a published figure, defined once. Which figure gets which belongs to privacy."""

from __future__ import annotations

from enum import StrEnum

NOTE_SUFFIX = "_nota"


class Symbol(StrEnum):
    """What a measure's ``…_nota`` column says; every symbol but ``PUBLISHED`` leaves the measure null."""

    PUBLISHED = ""
    SUPPRESSED = "s"
    NOT_AVAILABLE = "nd"
    NOT_APPLICABLE = "na"

    @property
    def meaning(self) -> str:
        """For the people who read the tables, in Spanish."""
        return _MEANINGS[self]


_MEANINGS = {
    Symbol.PUBLISHED: "Dato publicado (la nota va vacía).",
    Symbol.SUPPRESSED: "Dato suprimido por secreto estadístico: publicarlo podría revelar a una persona.",
    Symbol.NOT_AVAILABLE: "Dato no disponible: la fuente no lo entrega, o todavía no existe.",
    Symbol.NOT_APPLICABLE: "No aplica: la cifra no tiene sentido en esa fila.",
}
