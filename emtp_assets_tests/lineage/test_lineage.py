"""From official columns to published ones, over the SQL of this checkout as it runs."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from subprocess import run

import dagster as dg
import duckdb
import pytest

from emtp_assets import lineage
from emtp_assets.contracts import DATASETS, all_contracts
from emtp_assets.keys import PUBLISHED, key_of
from emtp_assets.lineage import store
from emtp_assets.lineage.build import build_graph
from emtp_assets.lineage.graph import ColumnGraph, OfficialColumn
from emtp_assets.lineage.relation import LineageError
from emtp_assets.privacy.plans import Plan, plan_for
from emtp_assets.publication.catalogue import all_tables
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Layer
from emtp_assets.transformation.models import aggregated_models
from emtp_assets_tests.lineage.conftest import copy_of_project

DATASETS_OF_MODELS = {model.name: model.dataset for model in aggregated_models()}
PROVENANCE = {"origen_datos", "OrigenDatos"}
ENS = {f"establecimientos.ENS_{i:02d}" for i in range(1, 13)}
ESPE = {f"establecimientos.ESPE_{i:02d}" for i in range(1, 12)}
IDENTIFIERS = {OfficialColumn(f"{c.dataset}.{i.official}") for c in all_contracts() for i in c.direct_identifiers}


@pytest.mark.parametrize(
    ("published", "official"),
    [
        ("matricula_completa.año", {"matricula.AGNO"}),
        ("matricula_completa.comuna", {"matricula.COD_COM_RBD"}),
        ("matricula_completa.region", {"matricula.COD_REG_RBD"}),
        ("matricula_completa.ciclo", {"matricula.COD_GRADO"}),
        ("matricula_completa.matricula_total", {"matricula.*"}),
        ("matricula_completa.matricula_mujeres", {"matricula.*", "matricula.GEN_ALU"}),
        ("matricula_completa.tasa_retencion", {"matricula.*", "matricula.MRUN", "matricula.MRUN_IPE"}),
        ("matricula_region.lectura", {"matricula.COD_GRADO"}),
        ("matricula_region.cantidad_establecimientos", {"matricula.RBD"}),
        ("egresados.especialidad", {"matricula.COD_ESPE"}),
        ("egresados.egresados_total", {"egresados.*"}),
        ("egresados.dependencia", {"egresados.COD_DEPE2"}),
        ("egresados.transicion_esup", set()),
        ("titulacion.año", {"titulacion.AGNO_TITULACION"}),
        (
            "titulacion.tiempo_titulacion_meses",
            {"titulacion.*", "titulacion.AGNO_ESCOLAR", "titulacion.FECHA_REGISTRO_TITULO"},
        ),
        ("titulacion.tasa_titulacion", {"egresados.*", "titulacion.*", "titulacion.MRUN"}),
        ("docentes.edad_media", {"docentes.*", "docentes.AGNO", "docentes.DOC_FEC_NAC"}),
        ("docentes.especialidad", {"docentes.SUBSECTOR1", "docentes.SUBSECTOR2"}),
        ("docentes.genero", {"docentes.DOC_GENERO"}),
        ("establecimientos.nombre", {"establecimientos.NOM_RBD"}),
        ("establecimientos.especialidad", ESPE | {"matricula.COD_ESPE"}),
        ("establecimientos.matricula_especialidad", {"matricula.*"}),
        ("establecimientos_resumen.matricula_tp_jovenes", {"establecimientos.MAT_ENS_7"}),
        ("establecimientos_resumen.establecimientos_emtp", ENS | {"establecimientos.*"}),
        ("proyectos.cod_region", {"proyectos.REGION"}),
        ("proyectos.monto_asignado", {"proyectos.MONTO_ASIGNADO"}),
        ("cache_docentes.PromedioEdad", {"docentes.*", "docentes.AGNO", "docentes.DOC_FEC_NAC"}),
        ("cache_titulados.CantidadTitulados", {"titulacion.*"}),
    ],
)
def test_a_published_column_comes_from_its_official_columns(
    project: Settings, published: str, official: set[str]
) -> None:
    table, column = published.split(".")
    assert set(lineage.official_origins(project)[table][column]) == official


def test_every_published_column_has_an_origin_but_those_never_available_and_the_rows_own_provenance(
    project: Settings,
) -> None:
    never = {("egresados", c) for c in ("transicion_esup", "tasa_transicion", "a_universidades", "a_institutos")}
    never |= {(table, f"{column}_nota") for table, column in never}
    origins = lineage.official_origins(project)
    for table in all_tables():
        assert list(origins[table.name]) == [column.name for column in table.columns]
        without = {(table.name, column) for column, found in origins[table.name].items() if not found}
        assert without - {(table.name, column) for column in PROVENANCE} == {n for n in never if n[0] == table.name}


def test_every_official_column_named_is_one_of_its_contract(project: Settings) -> None:
    known = {f"{c.dataset}.{column.official}" for c in all_contracts() for column in c.columns}
    known |= {f"{dataset}.*" for dataset in DATASETS}
    named = {o for columns in lineage.official_origins(project).values() for found in columns.values() for o in found}
    assert named <= known


def test_a_cleaned_column_comes_from_its_official_column_as_the_contract_says(graph: ColumnGraph) -> None:
    for contract in all_contracts():
        for column in contract.cleaned_columns:
            found = graph.official(f"cleaned/{contract.dataset}", column.name)
            officials = {name for name in (column.official, column.provisional) if name}
            assert found.value == {(f"raw/{contract.dataset}", name) for name in officials}, (
                contract.dataset,
                column.name,
            )


def test_a_computed_column_comes_from_those_of_its_expression(graph: ColumnGraph) -> None:
    found = graph.official("cleaned/establecimientos", "dv_rbd_valido").value
    assert found == {("raw/establecimientos", "RBD"), ("raw/establecimientos", "DGV_RBD")}


def test_the_columns_read_are_those_duckdb_gives(graph: ColumnGraph, compiled: dict[str, str]) -> None:
    """Stars, USING and unions are expanded here by hand; the database says whether rightly."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("create macro pseudonym(identity, text) as text")
        for contract in all_contracts():
            listed = ", ".join(f'null::varchar as "{column.official}"' for column in contract.columns)
            connection.execute(
                f"create view raw_{contract.dataset} as"
                f" select 2025 as academic_year, 'x' as _delivery, 1 as _row, {listed} where false"
            )
        order = [name for name in compiled if name.startswith("cleaned_")] + list(DATASETS_OF_MODELS)
        for model in order:
            connection.execute(f"create view {model} as {compiled[model]}")
            described = [row[0] for row in connection.sql(f"describe {model}").fetchall()]
            table = f"aggregated/{model}" if model in DATASETS_OF_MODELS else model.replace("_", "/", 1)
            assert list(graph.tables[table].columns) == described


# Dagster's own view, one layer back.


def test_dagster_sees_each_layer_derive_from_the_one_before(project: Settings) -> None:
    for layer, upstream in (
        ("cleaned", {"raw"}),
        ("aggregated", {"cleaned"}),
        ("anonymized", {"aggregated", "anonymized"}),
    ):
        for dataset in DATASETS:
            found = lineage.column_lineage(project, key_of(Layer(layer), dataset))
            assert found is not None
            deps = [dep for column in found.deps_by_column.values() for dep in column]
            assert deps
            assert {dep.asset_key.path[-1] for dep in deps} <= upstream
    published = lineage.column_lineage(project, PUBLISHED)
    assert published is not None
    assert {d.asset_key.path[-1] for column in published.deps_by_column.values() for d in column} == {"anonymized"}


def test_dagster_deps_name_columns_that_the_upstream_asset_has(project: Settings) -> None:
    officials = {c.dataset: {column.official for column in c.columns} for c in all_contracts()}
    for layer in ("cleaned", "aggregated", "anonymized"):
        for dataset in DATASETS:
            found = lineage.column_lineage(project, key_of(Layer(layer), dataset))
            assert found is not None
            for dep in (dep for column in found.deps_by_column.values() for dep in column):
                if dep.asset_key.path[-1] == "raw":
                    has = officials[dep.asset_key.path[0]]
                else:
                    above = lineage.column_lineage(project, dep.asset_key)
                    assert above is not None
                    has = set(above.deps_by_column)
                assert dep.column_name in {*has, "*"}


def test_dagster_accepts_it_as_metadata(project: Settings) -> None:
    found = lineage.column_lineage(project, key_of(Layer.AGGREGATED, "matricula"))
    dg.MaterializeResult(metadata={"dagster/column_lineage": found})
    assert found is not None
    assert dg.TableColumnDep(key_of(Layer.CLEANED, "matricula"), "cod_grado") in found.deps_by_column["ciclo"]


@pytest.mark.parametrize("path", [["matricula", "raw"], ["entrada", "carpeta_de_entrega"], ["nada", "cleaned"]])
def test_an_asset_that_no_sql_makes_has_no_lineage(project: Settings, path: list[str]) -> None:
    assert lineage.column_lineage(project, dg.AssetKey(path)) is None


# Privacy.


def test_no_identifier_reaches_a_published_column(project: Settings) -> None:
    assert {"matricula.MRUN", "docentes.MRUN"} <= IDENTIFIERS
    assert lineage.identifiers_reaching(project) == []


def test_an_identifier_that_a_model_lets_through_under_an_innocent_name_is_found(tmp_path: Path) -> None:
    spoiled = copy_of_project(tmp_path)
    model = spoiled.dbt_dir / "models" / "aggregated" / "aggregated_docentes.sql"
    sql = model.read_text(encoding="utf-8")
    model.write_text(sql.replace("{{ sex('p.cod_sexo') }}", "any_value(p.id_docente)"), encoding="utf-8")
    assert lineage.identifiers_reaching(spoiled) == [
        "docentes.genero ← docentes.MRUN",
        "cache_docentes.Genero ← docentes.MRUN",
    ]


def with_plan(compiled: dict[str, str], expression: str) -> list[str]:
    """What is reached when docentes' plan publishes an expression over a model that kept the pseudonyms."""
    kept = compiled["aggregated_docentes"].replace("count(*) as n,", "count(*) as n, list(p.id_docente) as quienes,")
    plan = plan_for("docentes")
    outputs = {name: sql.replace("c.genero,", f"{expression} as genero,", 1) for name, sql in plan.outputs.items()}
    plans: list[Plan] = [replace(plan, outputs=outputs) if d == "docentes" else plan_for(d) for d in DATASETS]
    models = {**compiled, "aggregated_docentes": kept}
    return build_graph(models, DATASETS_OF_MODELS, all_contracts(), plans, all_tables()).reached_by(IDENTIFIERS)


@pytest.mark.parametrize(
    "expression",
    [
        "a.quienes",
        "max(a.quienes) over ()",
        "left(a.quienes[1], 4)",
        "'docente ' || a.quienes[1]",
        "case when c.n > 1 then a.quienes[1] end",
        "[lower(q) for q in a.quienes]",
        "(select any_value(quienes) from aggregated_docentes)",
        "shown(a.quienes, c.suppressed)",
        "count(*) || a.quienes[1]",
    ],
)
def test_a_plan_that_publishes_an_identifier_is_found(compiled: dict[str, str], expression: str) -> None:
    assert "docentes.genero ← docentes.MRUN" in with_plan(compiled, expression)


@pytest.mark.parametrize("expression", ["c.genero", "count(a.quienes) over ()", "count(distinct a.quienes) over ()"])
def test_to_count_persons_does_not_show_who_they_are(compiled: dict[str, str], expression: str) -> None:
    assert with_plan(compiled, expression) == []


# What goes wrong is said.


def test_a_plan_that_names_no_column_of_its_model_is_an_error(compiled: dict[str, str]) -> None:
    with pytest.raises(LineageError, match=r"plan de docentes, docentes: .*a\.inventada"):
        with_plan(compiled, "a.inventada")


def test_a_published_column_that_the_query_does_not_give_is_an_error(compiled: dict[str, str]) -> None:
    (table, *_) = all_tables()
    plans = [plan_for(dataset) for dataset in DATASETS]
    with pytest.raises(LineageError, match="matricula_completa: la consulta no da"):
        build_graph(
            compiled,
            DATASETS_OF_MODELS,
            all_contracts(),
            plans,
            [replace(table, select='select "año" from {matricula_completa}')],
        )


# What it costs.


def test_the_answer_is_kept_and_read_back_the_same(project: Settings, graph: ColumnGraph) -> None:
    origins = lineage.official_origins(project)
    assert origins == graph.published()
    (stored,) = (project.dbt_dir / "target").glob("lineage-*.json")
    written = stored.stat().st_mtime_ns
    store._graphs.clear()
    started = time.perf_counter()
    assert lineage.official_origins(project) == origins
    assert time.perf_counter() - started < 0.5  # measured: 0.015; the machine may be busy
    assert stored.stat().st_mtime_ns == written


def test_a_changed_model_is_read_anew(tmp_path: Path) -> None:
    changed = copy_of_project(tmp_path)
    before = lineage.official_origins(changed)
    model = changed.dbt_dir / "models" / "aggregated" / "aggregated_proyectos.sql"
    sql = model.read_text(encoding="utf-8")
    model.write_text(sql.replace("p.tipo_proyecto,", "p.estado as tipo_proyecto,"), encoding="utf-8")
    assert before["proyectos"]["tipo_proyecto"] == ("proyectos.TIPO_PROYECTO",)
    assert lineage.official_origins(changed)["proyectos"]["tipo_proyecto"] == ("proyectos.ESTADO",)


def test_reading_the_sql_needs_no_pseudonym_key_and_makes_none(project: Settings, graph: ColumnGraph) -> None:
    assert graph.tables
    assert not project.data_dir.exists()


def test_loading_the_room_loads_neither_sqlglot_nor_dbt() -> None:
    code = "import sys, emtp_assets.lineage; assert not {'sqlglot', 'dbt.cli.main'} & set(sys.modules)"
    run([sys.executable, "-c", code], check=True)
