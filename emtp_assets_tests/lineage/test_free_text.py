"""Free text may hold whatever slid there, a person's name too: none of a file about persons leaves by any door."""

from __future__ import annotations

import duckdb
import pytest

from emtp_assets.contracts import Column, Contract, Treatment, all_contracts
from emtp_assets.contracts.values import LogicalType
from emtp_assets.lineage.graph import ColumnGraph
from emtp_assets.microdata.plans import MICRODATA_SETS, microdata_plan

# What may, and why: a school's name in the public directory, and what projects are called. No person is a row there.
ALLOWED = {
    ("processed", "establecimientos.NOM_RBD"),
    ("processed", "proyectos.REGION"),
    ("processed", "proyectos.TIPO_PROYECTO"),
    ("processed", "proyectos.ESTADO"),
}
# Free text that microdata show, by codes and known words alone: see the last test.
READ_AS_CODES = {"egresados.SITUACION_FINAL", "titulacion.TIPO_PRACTICA"}


def free_texts(contract: Contract) -> list[Column]:
    return [
        c
        for c in contract.cleaned_columns
        if c.type is LogicalType.STRING and c.treatment is Treatment.KEEP and not c.code_list and not c.identifier
    ]


def shown(graph: ColumnGraph) -> set[tuple[str, str]]:
    """By door, the free texts whose values show in some published column, other than by a join on them."""
    texts = {(f"raw/{c.dataset}", column.official) for c in all_contracts() for column in free_texts(c)}
    found = set()
    for name, table in graph.tables.items():
        if (door := name.partition("/")[0]) in {"processed", "released", "microdata"}:
            for column in table.columns:
                found |= {(door, f"{g[0].removeprefix('raw/')}.{g[1]}") for g in graph.ways(name, column) if g in texts}
    return found


def test_no_free_text_about_persons_leaves(graph: ColumnGraph) -> None:
    told = {text for text in shown(graph) if text[0] != "microdata"}
    # The region's code is looked up by it: a text that is no region's name becomes «Sin información» (below).
    assert told - {("released", "proyectos.REGION")} == ALLOWED
    assert {official for door, official in shown(graph) if door == "microdata"} == READ_AS_CODES


@pytest.mark.parametrize("dataset", MICRODATA_SETS)
def test_microdata_hand_over_no_text_that_is_not_known(dataset: str) -> None:
    plan = microdata_plan(dataset)
    texts = {column.name for column in free_texts(next(c for c in all_contracts() if c.dataset == dataset))}
    forms = [(each.made_from, level.sql) for each in plan.quasi for level in each.levels]
    for made_from, sql in [*forms, *((each.made_from, each.sql) for each in plan.sensitive)]:
        if read := texts & set(made_from):
            columns = ", ".join(f"'MARÍA SOTO 12345678' as {name}" for name in read)
            assert duckdb.sql(f"select {sql} from (select {columns})").fetchall() == [("Otra",)]


def test_a_region_that_is_none_is_not_released() -> None:
    from emtp_assets.privacy.plans.public import public_plan

    (table,) = [t for _, t in public_plan().tables if t.name == "proyectos_region"]
    assert table.rows
    with duckdb.connect() as connection:
        connection.execute("create table region as select 1 as codigo, 'Tarapacá' as nombre")
        connection.execute(
            "create table aggregated_proyectos as from (values (0, 'MARÍA SOTO', 1, 1), (1, 'tarapaca', 2, 2)) "
            "as t(cod_region, region, monto_asignado, monto_ejecutado)"
        )
        told = connection.execute(f"select cod_region, region from ({table.rows}) order by 1").fetchall()
    assert told == [(0, "Sin información"), (1, "Tarapacá")]
