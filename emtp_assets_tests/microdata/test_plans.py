"""A plan decides on every column that comes near a person, and never lets one through that names him."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emtp_assets.contracts import Classification, contract_for
from emtp_assets.microdata.plans import MICRODATA_SETS, MicrodataPlanError, _agrees, microdata_plan

PLAN, CONTRACT = microdata_plan("matricula"), contract_for("matricula")


def test_every_dataset_about_persons_has_one() -> None:
    assert set(MICRODATA_SETS) == {"matricula", "egresados", "titulacion", "docentes"}


@pytest.mark.parametrize("dataset", MICRODATA_SETS)
def test_neither_school_nor_comuna_nor_birth_date_nor_course_is_published(dataset: str) -> None:
    plan = microdata_plan(dataset)
    published = {q.name for q in plan.quasi} | {s.name for s in plan.sensitive}
    assert not published & {"rbd", "cod_comuna", "comuna", "mes_nacimiento", "letra_curso", plan.person}
    direct = {c.name for c in contract_for(dataset).columns if c.classification is Classification.DIRECT_IDENTIFIER}
    assert not direct.intersection(plan.columns_read)


@pytest.mark.parametrize("dataset", MICRODATA_SETS)
def test_what_reaches_a_published_column_is_what_its_levels_read(dataset: str) -> None:
    """The named origins are what the search, the attack and the review of columns go by."""
    import sqlglot
    from sqlglot import exp

    plan = microdata_plan(dataset)
    for made_from, sql in [
        *((q.made_from, level.sql) for q in plan.quasi for level in q.levels),
        *((s.made_from, s.sql) for s in plan.sensitive),
    ]:
        read = {column.name for column in sqlglot.parse_one(sql, read="duckdb").find_all(exp.Column)}
        assert read <= set(made_from), sql


def test_a_column_about_a_person_that_nobody_decided_on_is_refused() -> None:
    forgotten = {name: why for name, why in PLAN.withheld.items() if name != "letra_curso"}
    with pytest.raises(MicrodataPlanError, match="no decide sobre letra_curso"):
        _agrees(replace(PLAN, withheld=forgotten), CONTRACT)


def test_a_direct_identifier_is_refused() -> None:
    region = replace(PLAN.quasi[0], made_from=("id_estudiante",))
    with pytest.raises(MicrodataPlanError, match="identifica a una persona"):
        _agrees(replace(PLAN, quasi=(region, *PLAN.quasi[1:])), CONTRACT)


def test_a_column_that_cleaning_does_not_give_is_refused() -> None:
    with pytest.raises(MicrodataPlanError, match="nombra columnas que la capa limpia no tiene: apellido"):
        _agrees(replace(PLAN, withheld={**PLAN.withheld, "apellido": "x"}), CONTRACT)


def test_a_column_both_given_and_withheld_is_refused() -> None:
    with pytest.raises(MicrodataPlanError, match="a la vez: edad"):
        _agrees(replace(PLAN, withheld={**PLAN.withheld, "edad": "x"}), CONTRACT)
