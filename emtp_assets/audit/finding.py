"""What an audit finds: one thing that is wrong or worth a look, in words. How it was found is told elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AuditError(RuntimeError):
    """What was handed over is no release, so there is nothing to audit. The message says what to do, in Spanish."""


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "aviso"


class Kind(StrEnum):
    """What a finding is about; the value stands in the report."""

    FILE = "archivo"
    FORM = "forma"
    CSV = "csv_distinto_de_parquet"
    SMALL_COUNT = "conteo_pequeño_a_la_vista"
    ADDITIVITY = "totales_no_cuadran"
    UNEVEN = "oculta_en_una_tabla_y_no_en_otra"
    CONTRADICTION = "tablas_contradictorias"
    EXACT = "celda_recuperada_exactamente"
    NARROW = "celda_acotada_de_más"
    INSIDER = "abierta_por_quien_conoce_su_celda"
    NOT_VERBATIM = "año_publicado_que_cambió"
    SMALL_DIFFERENCE = "diferencia_pequeña_entre_publicaciones"
    UNCOVERED = "celda_destapada"
    BY_FORMER = "abierta_con_la_publicación_anterior"
    RATE = "tasa"
    RATE_OPEN = "numerador_de_tasa_recuperable"
    MEAN = "promedio_o_monto"
    UNDECLARED = "columna_no_declarada"


@dataclass(frozen=True)
class Finding:
    """One finding. ``cell`` names the row by its codes; ``detail`` is a Spanish sentence."""

    kind: Kind
    table: str
    detail: str
    year: int | None = None
    cell: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = " ".join(str(part) for part in (self.table, self.year, self.cell and f"[{self.cell}]") if part)
        return f"{where}: {self.detail}"


def cell_name(cell: dict[str, object]) -> str:
    """A row by its codes, for people."""
    return ", ".join(f"{column} {value}" for column, value in cell.items() if value is not None) or "total"
