"""The dictionary of what is published names what the Visualizador reads, and refuses to contradict itself."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml

from emtp_assets.contracts import DATASETS
from emtp_assets.publication.catalogue import (
    SOURCE,
    CatalogueError,
    all_tables,
    cache_tables,
    published_tables,
    read_catalogue,
)
from emtp_assets.publication.symbols import Symbol

CLIENT_COLUMNS = {
    "matricula_completa": "año region comuna cod_comuna especialidad dependencia zona matricula_total"
    " matricula_hombres matricula_mujeres tasa_retencion",
    "egresados": "año region especialidad dependencia egresados_total transicion_esup tasa_transicion"
    " a_universidades a_institutos",
    "titulacion": "año region especialidad dependencia titulados tasa_titulacion tiempo_titulacion_meses"
    " titulacion_oportuna",
    "establecimientos": "establecimiento_id nombre region comuna dependencia zona especialidad"
    " matricula_especialidad latitud longitud",
    "docentes": "especialidad genero region",
    "proyectos": "año region tipo_proyecto estado monto_asignado monto_ejecutado pct_ejecucion"
    " establecimientos_beneficiados",
    "cache_establecimientos": "Region Comuna Especialidad RBD",
    "cache_matricula": "Region Comuna Año Especialidad TotalMatricula Hombres Mujeres",
    "cache_matricula_agregado": "Region CodigoRegion Año TotalMatricula Hombres Mujeres CantidadEstablecimientos",
    "cache_docentes": "Region Especialidad Año",
    "cache_titulados": "Region Especialidad Año",
}


@pytest.mark.parametrize("name", CLIENT_COLUMNS)
def test_the_visualizador_finds_its_columns(name: str) -> None:
    table = next(table for table in all_tables() if table.name == name)
    assert {column.name for column in table.columns} >= set(CLIENT_COLUMNS[name].split())


def test_the_six_datasets_come_first_and_every_table_belongs_to_one() -> None:
    assert {table.dataset for table in published_tables()} == set(DATASETS)
    first = {table.name for table in published_tables()[:6]}
    assert first == set(DATASETS) - {"matricula"} | {"matricula_completa"}


def test_every_row_says_whose_figure_it_is() -> None:
    assert {t.columns[-1].name for t in published_tables()} == {"origen_datos"}
    assert {t.columns[-1].name for t in cache_tables()} == {"OrigenDatos"}


def test_a_protected_measure_is_followed_by_its_note_also_in_the_caches() -> None:
    for table in all_tables():
        names = [column.name for column in table.columns]
        for measure, note in table.notes:
            assert names.index(note) == names.index(measure) + 1, (table.name, measure)
    assert ("TotalMatricula", "TotalMatricula_nota") in cache_tables()[1].notes


def test_no_column_of_a_person_is_published() -> None:
    published = {column.name for table in all_tables() for column in table.columns}
    assert not published & {"docente_id", "id_docente", "id_estudiante", "edad", "mes_nacimiento"}


def test_every_symbol_has_a_meaning_of_its_own() -> None:
    assert [symbol.value for symbol in Symbol] == ["", "s", "nd", "na"]
    assert len({symbol.meaning for symbol in Symbol}) == 4


def document() -> dict[str, Any]:
    return deepcopy(yaml.safe_load(SOURCE.read_text(encoding="utf-8")))


def test_a_key_must_be_published() -> None:
    broken = document()
    broken["tablas"][0]["key"].append("mrun")
    with pytest.raises(CatalogueError, match="mrun"):
        read_catalogue(broken)


def test_a_column_may_not_stand_twice() -> None:
    broken = document()
    broken["tablas"][1]["columns"].append(broken["tablas"][1]["columns"][0])
    with pytest.raises(CatalogueError, match="repetidos: año"):
        read_catalogue(broken)


def test_a_cache_repeats_published_columns_only() -> None:
    broken = document()
    broken["caches"][0]["columns"]["Telefono"] = "telefono"
    with pytest.raises(CatalogueError, match="telefono"):
        read_catalogue(broken)
