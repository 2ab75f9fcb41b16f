"""The six datasets as selections, by name. A seventh is one module more and one line here."""

from emtp_assets.sources.simulated.datasets.docentes import DOCENTES
from emtp_assets.sources.simulated.datasets.egresados import EGRESADOS
from emtp_assets.sources.simulated.datasets.establecimientos import ESTABLECIMIENTOS
from emtp_assets.sources.simulated.datasets.matricula import MATRICULA
from emtp_assets.sources.simulated.datasets.proyectos import PROYECTOS
from emtp_assets.sources.simulated.datasets.titulacion import TITULACION
from emtp_assets.sources.simulated.selection import Selection

SELECTIONS: dict[str, Selection] = {
    "matricula": MATRICULA,
    "egresados": EGRESADOS,
    "titulacion": TITULACION,
    "establecimientos": ESTABLECIMIENTOS,
    "docentes": DOCENTES,
    "proyectos": PROYECTOS,
}

__all__ = ["SELECTIONS"]
