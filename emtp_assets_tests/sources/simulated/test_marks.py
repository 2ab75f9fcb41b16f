"""Simulated files can never be taken for real ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize("year", [2012, 2025])
@pytest.mark.parametrize("dataset", ["matricula", "egresados", "docentes", "establecimientos"])
def test_every_rbd_is_ninety_thousand_or_more(dataset: str, year: int, read: Callable) -> None:
    lowest, highest = read(dataset, year).aggregate("min(RBD::BIGINT), max(RBD::BIGINT)").fetchall()[0]
    assert 90_000 <= lowest <= highest < 110_000


def test_titulacion_is_marked_too(read: Callable) -> None:
    rows = read("titulacion", 2025)
    marks = rows.aggregate(
        "min(RBD_EGRESO::BIGINT), bool_and(NOM_RBD LIKE 'SIMULADO %'),"
        " bool_and(NOMBRE_EMPRESA LIKE 'EMPRESA SIMULADA %')"
    )
    lowest, schools, companies = marks.fetchall()[0]
    assert lowest >= 90_000
    assert schools
    assert companies


@pytest.mark.parametrize("dataset", ["matricula", "docentes", "establecimientos"])
def test_every_school_says_that_it_is_simulated(dataset: str, read: Callable) -> None:
    assert read(dataset, 2025).filter("NOM_RBD NOT LIKE 'SIMULADO %'").count("*").fetchall() == [(0,)]


def test_every_project_number_says_so(read: Callable) -> None:
    assert read("proyectos", 2025).filter("ID_PROYECTO NOT LIKE 'SIM-%'").count("*").fetchall() == [(0,)]


def test_no_person_has_a_number_in_use(read: Callable) -> None:
    """Students lie between 60 and 100 million, teachers between 50 and 60: no person's RUN is there."""
    assert read("matricula", 2025).aggregate(
        "min(MRUN::BIGINT) >= 60000000, max(MRUN::BIGINT) < 100000000"
    ).fetchall() == [(True, True)]
    assert read("docentes", 2025).aggregate(
        "min(MRUN::BIGINT) >= 50000000, max(MRUN::BIGINT) < 60000000"
    ).fetchall() == [(True, True)]


def test_companies_and_owners_have_no_number_in_use(read: Callable) -> None:
    """Above every person's RUN and under the companies' 50 million, or above the last company's number."""
    in_use = "RUT_EMPRESA::BIGINT < 40000000 OR RUT_EMPRESA::BIGINT BETWEEN 50000000 AND 99699999"
    assert read("titulacion", 2025).filter(in_use).count("*").fetchall() == [(0,)]
    owners = read("establecimientos", 2025).filter("trim(RUT_SOSTENEDOR) <> ''")
    assert owners.filter("RUT_SOSTENEDOR::BIGINT NOT BETWEEN 40000000 AND 49999999").count("*").fetchall() == [(0,)]
    assert owners.count("*").fetchall()[0][0] > 0
