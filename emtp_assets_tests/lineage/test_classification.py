"""Nothing that comes near a person leaves unless somebody said why it may: over the SQL of this checkout as it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from emtp_assets.assets.classified import CLASSIFIED, classification_result
from emtp_assets.contracts import DATASETS, Classification, all_contracts
from emtp_assets.lineage.build import build_graph
from emtp_assets.lineage.classification import Door, Showing, showing, showing_in, stale, unreviewed
from emtp_assets.lineage.graph import ColumnGraph
from emtp_assets.microdata.plans import MICRODATA_SETS, MicrodataPlan, microdata_plan
from emtp_assets.privacy.plans import plan_for
from emtp_assets.privacy.plans.public import SOURCE as PUBLIC
from emtp_assets.privacy.plans.public import PublicPlan, public_plan, read_public_plan
from emtp_assets.privacy.plans.review import SOURCE, ReviewError, read_review, reviewed
from emtp_assets.publication.catalogue import all_tables
from emtp_assets.releases.layout import columns_of
from emtp_assets.settings import Settings
from emtp_assets.transformation.models import aggregated_models
from emtp_assets_tests.lineage.conftest import copy_of_project

MODELS = {model.name: model.dataset for model in aggregated_models()}


def graph_with(
    compiled: Mapping[str, str],
    models: Mapping[str, str] | None = None,
    public: PublicPlan | None = None,
    microdata: MicrodataPlan | None = None,
) -> ColumnGraph:
    """The graph of this checkout with some of its SQL replaced."""
    plans = [microdata_plan(name) for name in MICRODATA_SETS]
    if microdata is not None:
        plans = [microdata if plan.dataset == microdata.dataset else plan for plan in plans]
    return build_graph(
        {**compiled, **(models or {})},
        MODELS,
        all_contracts(),
        [plan_for(dataset) for dataset in DATASETS],
        all_tables(),
        public or public_plan(),
        plans,
    )


def stopped(graph: ColumnGraph, *doors: Door) -> list[Showing]:
    return [each for each in showing_in(graph, reviewed(), doors or tuple(Door)) if each.reason is None]


# This checkout.


def test_nothing_unreviewed_leaves(project: Settings) -> None:
    assert [each.in_words for each in unreviewed(project)] == []


def test_nothing_is_admitted_that_does_not_leave(graph: ColumnGraph) -> None:
    assert stale(graph, reviewed()) == []


def test_every_door_is_looked_at_table_by_table_and_column_by_column(graph: ColumnGraph) -> None:
    """The control: a table that the graph does not know could hold anything."""
    plan = public_plan()
    for population, table in plan.tables:
        wanted = [column.name for column in columns_of(population, table, plan.codes)]
        assert list(graph.tables[f"released/{table.name}"].columns) == wanted
    for table in all_tables():
        assert list(graph.tables[f"processed/{table.name}"].columns) == [column.name for column in table.columns]
    for dataset in MICRODATA_SETS:
        plan = microdata_plan(dataset)
        wanted = {"id_persona", "agno", *(each.name for each in (*plan.quasi, *plan.sensitive))}
        assert set(graph.tables[f"microdata/{dataset}"].columns) == wanted


def test_what_shows_is_told_column_by_column(project: Settings) -> None:
    told = {each.in_words for each in showing(project, Door.WEEKLY)}
    assert (
        "conjunto publicado docentes.edad_media ← capa anonimizada docentes.edad_media ← "
        "capa agregada aggregated_docentes.suma_edad ← capa limpia docentes.mes_nacimiento ← "
        "columna oficial docentes.DOC_FEC_NAC (cuasi identificador)"
    ) in told


def test_only_microdata_show_an_identifier_and_that_as_the_pseudonym_of_a_delivery(project: Settings) -> None:
    direct = [e for e in showing(project) if e.classification is Classification.DIRECT_IDENTIFIER]
    assert {(e.door, e.column) for e in direct} == {(Door.MICRODATA, "id_persona")}
    assert all(e.reason and "clave propia de la entrega" in e.reason for e in direct)


# What must stop a publication.


def test_a_quasi_identifier_that_a_model_lets_through_stops_the_weekly_set(tmp_path: Path) -> None:
    spoiled = copy_of_project(tmp_path)
    model = spoiled.dbt_dir / "models" / "aggregated" / "aggregated_docentes.sql"
    sql = model.read_text(encoding="utf-8")
    model.write_text(sql.replace("{{ sex('p.cod_sexo') }}", "any_value(p.esp_id_1)::varchar"), encoding="utf-8")
    result, found = classification_result(spoiled, Door.WEEKLY)
    assert not result.passed and result.check_name == CLASSIFIED
    assert {(e.table, e.column, e.official) for e in found} == {
        ("docentes", "genero", "docentes.ESP_ID_1"),
        ("cache_docentes", "Genero", "docentes.ESP_ID_1"),
    }
    assert result.description is not None
    assert "capa limpia docentes.esp_id_1 ← columna oficial docentes.ESP_ID_1" in result.description


@pytest.mark.parametrize(
    ("expression", "official"),
    [
        ("m.rbd", "matricula.RBD"),
        ("case when m.sexo = 'Hombre' then 1 else 2 end", "matricula.GEN_ALU"),
    ],
)
def test_a_release_that_shows_more_than_was_reviewed_is_stopped(
    compiled: dict[str, str], expression: str, official: str
) -> None:
    document = yaml.safe_load(PUBLIC.read_text(encoding="utf-8"))
    cells = document["populations"]["matricula"]["cells"]
    assert "max(coalesce(d.codigo, 0)) as cod_dependencia" in cells
    document["populations"]["matricula"]["cells"] = cells.replace("coalesce(d.codigo, 0)", expression)
    found = stopped(graph_with(compiled, public=read_public_plan(document)), Door.PUBLIC)
    assert ("dependencia_region", "cod_dependencia", official) in {(e.table, e.column, e.official) for e in found}


def test_a_pseudonym_that_reaches_a_release_is_stopped(compiled: dict[str, str]) -> None:
    named = compiled["aggregated_titulacion"].replace("count(*) as n,", "count(*) as n, min(t.id_estudiante) as quien,")
    assert named != compiled["aggregated_titulacion"]
    document = yaml.safe_load(PUBLIC.read_text(encoding="utf-8"))
    cells = document["populations"]["titulados"]["cells"]
    document["populations"]["titulados"]["cells"] = cells.replace("t.region,", "left(t.quien, 4) as region,", 1)
    graph = graph_with(compiled, {"aggregated_titulacion": named}, read_public_plan(document))
    assert [(e.table, e.column, e.official, e.classification) for e in stopped(graph, Door.PUBLIC)] == [
        ("titulados_sector_region", "region", "titulacion.MRUN", Classification.DIRECT_IDENTIFIER)
    ]


def test_a_microdata_form_that_reads_more_than_its_plan_says_is_stopped(compiled: dict[str, str]) -> None:
    plan = microdata_plan("matricula")
    (age,) = [quasi for quasi in plan.quasi if quasi.name == "edad"]
    finer = replace(age, levels=(replace(age.levels[0], sql="edad || '-' || letra_curso"), *age.levels[1:]))
    spoiled = replace(plan, quasi=tuple(finer if quasi is age else quasi for quasi in plan.quasi))
    found = stopped(graph_with(compiled, microdata=spoiled))
    assert [(e.door, e.column, e.official) for e in found] == [(Door.MICRODATA, "edad", "matricula.LET_CUR")]


def test_another_column_with_a_pseudonym_is_stopped_in_microdata_too(compiled: dict[str, str]) -> None:
    plan = microdata_plan("egresados")
    spoiled = replace(plan, sensitive=(replace(plan.sensitive[0], sql="left(id_estudiante, 8)"),))
    found = stopped(graph_with(compiled, microdata=spoiled))
    assert {e.classification for e in found} == {Classification.DIRECT_IDENTIFIER}
    assert {e.column for e in found} == {plan.sensitive[0].name}


@pytest.mark.parametrize("official", [entry.official for entry in reviewed()])
def test_each_entry_of_the_review_is_needed(graph: ColumnGraph, official: str) -> None:
    without = [entry for entry in reviewed() if entry.official != official]
    found = [e for e in showing_in(graph, without, tuple(Door)) if e.reason is None]
    assert {e.official for e in found} == {official}


# What the review list may not say.


def said(**changes: Any) -> dict[str, Any]:
    return {"columnas": {"docentes.ESP_ID_1": {"motivo": "porque sí", "semanal": {"docentes": ["genero"]}, **changes}}}


def test_a_review_is_read() -> None:
    (entry,) = read_review(said())
    assert (entry.official, entry.weekly, entry.public) == ("docentes.ESP_ID_1", {"docentes": ("genero",)}, {})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"columnas": {"docentes.MRUN": {"motivo": "x"}}}, "identifica directamente a una persona"),
        ({"columnas": {"docentes.NADA": {"motivo": "x"}}}, "ningún contrato"),
        ({"columnas": {"docentes.COD_REG_RBD": {"motivo": "x"}}}, "es pública"),
        (said(motivo=" "), "falta el motivo"),
        (said(mensual={}), "sobra mensual"),
    ],
)
def test_a_review_that_must_not_be_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ReviewError, match=message):
        read_review(document)


def test_each_reason_is_a_sentence_that_a_person_can_judge() -> None:
    assert SOURCE.read_text(encoding="utf-8").startswith("#")
    for entry in reviewed():
        assert len(entry.reason.split()) > 8 and entry.reason.endswith(".")
