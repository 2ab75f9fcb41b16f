"""Why a source did not deliver, sorted: what passes by itself and what a person must mend. Trying again is `asking`'s.

A source turns every error of its libraries into one of these, ``from None``: a library's own text may hold a
connection string, a token or a value, and a traceback would carry it into logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Nature(StrEnum):
    """Whether trying again can help."""

    PASSING = "pasajera"
    PERMANENT = "permanente"


class Cause(StrEnum):
    """What went wrong, the same words for every source; docs/fuentes.md has a row for each."""

    SETTINGS = "configuracion"
    REFUSED = "conexion_rechazada"
    TIMEOUT = "tiempo_agotado"
    SLOW = "consulta_lenta"
    CUT = "conexion_cortada"
    CERTIFICATE = "certificado"
    HOST_KEY = "clave_del_servidor"
    CREDENTIAL = "credencial"
    PERMISSION = "permiso"
    WRITABLE = "puede_escribir"
    NOT_A_REPLICA = "no_es_replica"
    HOURS = "fuera_de_horario"
    THROTTLED = "limite_de_consultas"
    SERVER = "error_del_servidor"
    MISSING_VIEW = "vista_inexistente"
    STRUCTURE = "estructura"
    NO_ROWS = "sin_filas"
    TRUNCATED = "archivo_truncado"
    ANSWER = "respuesta_inesperada"


@dataclass(frozen=True)
class Explanation:
    """What a technician reads, in Spanish: what happened, what was expected, what to do. No secret, no value."""

    what: str
    expected: str
    action: str


class SourceFailure(Exception):  # noqa: N818 - it is what the run reports, not a programming error
    """A source that could not deliver.

    ``source``: its name; ``retry_after``: seconds that the server asked to wait, if it did.
    """

    def __init__(
        self,
        source: str,
        cause: Cause,
        nature: Nature,
        explanation: Explanation,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(source, cause, nature, explanation)
        self.source = source
        self.cause = cause
        self.nature = nature
        self.explanation = explanation
        self.retry_after = retry_after

    @property
    def passing(self) -> bool:
        return self.nature is Nature.PASSING

    @property
    def told(self) -> str:
        """The explanation in one line, without the source's name."""
        return f"{self.explanation.what} Se esperaba: {self.explanation.expected} Qué hacer: {self.explanation.action}"

    def __str__(self) -> str:
        return f"{self.source}: {self.told}"
