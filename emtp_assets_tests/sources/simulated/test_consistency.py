"""The six files tell of the same schools and the same people, from one year to the next."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

TP = "COD_ENSE::INT BETWEEN 410 AND 863"


def shared(a: duckdb.DuckDBPyRelation, b: duckdb.DuckDBPyRelation, condition: str) -> float:
    """The share of ``a``'s rows that have a partner in ``b``."""
    matched = a.set_alias("a").join(b.set_alias("b"), condition, how="semi").count("*").fetchall()[0][0]
    return matched / a.count("*").fetchall()[0][0]


@pytest.mark.parametrize("dataset", ["matricula", "egresados"])
def test_one_row_a_student(dataset: str, read: Callable) -> None:
    rows, students = read(dataset, 2025).aggregate("count(*), count(DISTINCT MRUN)").fetchall()[0]
    assert rows == students


def test_one_row_a_post(read: Callable) -> None:
    rows, posts = read("docentes", 2025).aggregate("count(*), count(DISTINCT (RBD, MRUN))").fetchall()[0]
    assert rows == posts


def test_a_teacher_with_two_posts_is_one_person(read: Callable) -> None:
    posts = read("docentes", 2025, 0.25)
    person = "count(DISTINCT (DOC_GENERO, DOC_FEC_NAC, TIT_ID_1, TIP_TIT_ID_1, ESP_ID_1, ANO_SERVICIO_SISTEMA))"
    people = posts.aggregate(f"MRUN, count(*) AS posts, {person} AS faces", "MRUN")
    assert people.filter("faces > 1 OR posts > 2").count("*").fetchall() == [(0,)]
    assert people.filter("posts = 2").count("*").fetchall()[0][0] > 0


def test_directory_counts_the_enrolment(read: Callable) -> None:
    levels = ", ".join(f"count(*) FILTER (COD_ENSE2 = '{i}') AS l{i}" for i in range(1, 9))
    counted = read("matricula", 2025).aggregate(f"RBD, {levels}, count(*) AS total", "RBD").order("RBD").fetchall()
    listed = ", ".join(f"MAT_ENS_{i}::INT AS l{i}" for i in range(1, 9))
    schools = read("establecimientos", 2025).filter("MATRICULA = '1'")
    assert schools.select(f"RBD, {listed}, MAT_TOTAL::INT AS total").order("RBD").fetchall() == counted


def test_directory_lists_what_is_taught(read: Callable) -> None:
    for column, prefix, length in (("COD_ENSE", "ENS", 11), ("COD_ESPE", "ESPE", 11)):
        taught = read("matricula", 2025).filter(f"{column} <> '0'").select(f"RBD, {column}::INT AS code").distinct()
        columns = ", ".join(f"{prefix}_{i:02d}::INT" for i in range(1, length + 1))
        listed = read("establecimientos", 2025).select(f"RBD, unnest([{columns}]) AS code").filter("code > 0")
        assert sorted(taught.fetchall()) == sorted(listed.fetchall())


@pytest.mark.parametrize("dataset", ["matricula", "egresados", "docentes"])
def test_a_school_is_the_same_in_every_file(dataset: str, read: Callable) -> None:
    same = ("RBD", "COD_REG_RBD", "COD_COM_RBD", "COD_DEPE", "COD_DEPE2", "RURAL_RBD")
    condition = " AND ".join(f"a.{name} = b.{name}" for name in same)
    assert shared(read(dataset, 2025), read("establecimientos", 2025), condition) == 1


def test_students_move_up_in_their_school_and_especialidad(read: Callable) -> None:
    third = read("matricula", 2024).filter(f"{TP} AND COD_GRADO = '3' AND COD_ENSE2 = '7'")
    fourth = read("matricula", 2025).filter(f"{TP} AND COD_GRADO = '4'")
    stay = shared(third, fourth, "a.MRUN = b.MRUN AND a.RBD = b.RBD AND a.COD_ESPE = b.COD_ESPE")
    assert 0.88 < stay < 0.96
    person = "a.MRUN = b.MRUN AND (a.GEN_ALU <> b.GEN_ALU OR a.FEC_NAC_ALU <> b.FEC_NAC_ALU)"
    assert shared(third, fourth, person) == 0, "sex and month of birth are the person's own"


def test_fourth_grade_then_graduate_then_titled(read: Callable) -> None:
    fourth = read("matricula", 2024).filter(f"{TP} AND COD_GRADO = '4'")
    graduates = read("egresados", 2024)
    titled = read("titulacion", 2025)
    assert 0.93 < shared(fourth, graduates, "a.MRUN = b.MRUN AND a.RBD = b.RBD") < 0.97
    assert 0.62 < shared(fourth, titled, "a.MRUN = b.MRUN AND a.RBD = b.RBD_EGRESO AND a.COD_ESPE = b.COD_ESPE") < 0.72
    assert shared(titled.filter("AGNO_ESCOLAR = '2024'"), graduates, "a.MRUN = b.MRUN") == 1
    (prompt,) = titled.aggregate("avg((AGNO_ESCOLAR = '2024')::INT)").fetchall()[0]
    assert 0.94 < prompt < 0.98


def test_titles_come_after_practices(read: Callable) -> None:
    wrong = "FECHA_INICIO > FECHA_TERMINO OR FECHA_TERMINO > FECHA_REGISTRO_TITULO"
    late = "FECHA_REGISTRO_TITULO[1:4] <> AGNO_TITULACION OR HORAS_TOTALES::INT < HORAS_MINIMAS_PP::INT"
    assert read("titulacion", 2025).filter(f"{wrong} OR {late}").count("*").fetchall() == [(0,)]


def test_public_schools_pass_to_local_services_over_the_years(read: Callable) -> None:
    def services(year: int) -> int:
        return read("establecimientos", year).filter("COD_DEPE = '6'").count("*").fetchall()[0][0]

    assert services(2017) == 0 < services(2024) < services(2025)


def test_before_it_was_a_region_nuble_was_a_province_of_biobio(read: Callable) -> None:
    before = {row[0] for row in read("establecimientos", 2017).select("COD_REG_RBD").distinct().fetchall()}
    after = {row[0] for row in read("establecimientos", 2025).select("COD_REG_RBD").distinct().fetchall()}
    assert after - before == {"16"}
    old = read("matricula", 2017).filter("COD_COM_RBD LIKE '16___' OR COD_COM_ALU LIKE '16___'")
    assert old.count("*").fetchall() == [(0,)]
