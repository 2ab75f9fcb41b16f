"""The simulated country has the real one's proportions: official directorio and matrícula of 2025."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

ENROLMENT_BY_REGION = {
    1: 87433, 2: 133981, 3: 64715, 4: 171870, 5: 357246, 6: 195945, 7: 225660, 8: 306525, 9: 205500,
    10: 177590, 11: 21837, 12: 30237, 13: 1335414, 14: 78090, 15: 53147, 16: 96657,
}  # fmt: skip
TP_BY_REGION = {
    1: 7835, 2: 13517, 3: 8210, 4: 12219, 5: 22978, 6: 11280, 7: 23226, 8: 22021, 9: 20326, 10: 14234,
    11: 1078, 12: 2452, 13: 65550, 14: 8029, 15: 4875, 16: 6321,
}  # fmt: skip
TP_BY_DEPENDENCY = {1: 72922, 2: 96966, 4: 26727, 5: 47536}
SCHOOLS_BY_DEPENDENCY = {1: 407, 2: 2787, 3: 5382, 4: 596, 5: 70, 6: 1707}
MOST_TAUGHT = [41005, 61003, 53014, 41002, 52010]
TWO_POINTS = 0.02


def near(counted: list[tuple], real: dict[int, int]) -> bool:
    simulated = {int(code): float(n or 0) for code, n in counted}
    gaps = {
        code: abs(simulated.get(code, 0) / sum(simulated.values()) - n / sum(real.values())) for code, n in real.items()
    }
    return max(gaps.values()) < TWO_POINTS


def by(rows: duckdb.DuckDBPyRelation, column: str, measure: str) -> list[tuple]:
    return rows.aggregate(f"{column}, {measure}", column).fetchall()


def test_national_directory(read: Callable) -> None:
    schools = read("establecimientos", 2025, 1.0)
    assert schools.count("*").fetchall() == [(16_768,)]
    assert near(by(schools, "COD_REG_RBD", "sum(MAT_TOTAL::INT)"), ENROLMENT_BY_REGION)
    assert near(by(schools, "COD_REG_RBD", "sum(MAT_ENS_7::INT)"), TP_BY_REGION)
    assert near(by(schools, "COD_DEPE2", "sum(MAT_ENS_7::INT)"), TP_BY_DEPENDENCY)
    assert near(by(schools.filter("MATRICULA = '1'"), "COD_DEPE", "count(*)"), SCHOOLS_BY_DEPENDENCY)
    total, youths, adults, with_tp = schools.aggregate(
        "sum(MAT_TOTAL::INT), sum(MAT_ENS_7::INT), sum(MAT_ENS_8::INT), count(*) FILTER (MAT_ENS_7::INT > 0)"
    ).fetchall()[0]
    assert abs(total - 3_541_790) < 60_000
    assert abs(youths - 244_151) < 8_000
    assert abs(adults - 7_484) < 1_500
    assert abs(with_tp - 931) < 10


def test_check_digits_follow_modulo_eleven_but_for_a_few(read: Callable) -> None:
    weights = " + ".join(
        f"(RBD::INT // {10**place} % 10) * {weight}" for place, weight in enumerate((2, 3, 4, 5, 6, 7))
    )
    broken = read("establecimientos", 2025, 1.0).filter(f"(11 - ({weights}) % 11) % 11 <> DGV_RBD::INT")
    assert 20 <= broken.count("*").fetchall()[0][0] <= 90


def test_most_taught_especialidades(read: Callable) -> None:
    students = read("matricula", 2025, 0.25).filter("COD_ESPE <> '0'")
    ranked = students.aggregate("COD_ESPE::INT AS espe, count(*) AS n", "COD_ESPE").order("n DESC").fetchall()
    assert ranked[0][0] == MOST_TAUGHT[0]
    assert set(MOST_TAUGHT) <= {espe for espe, _ in ranked[:8]}


def test_women_by_especialidad(read: Callable) -> None:
    students = read("matricula", 2025, 0.25)
    women = dict(by(students.filter("COD_ESPE <> '0'"), "COD_ESPE", "avg((GEN_ALU = '2')::INT)"))
    assert women["64001"] > 0.9, "Atención de párvulos"
    assert women["53014"] < 0.25, "Electricidad"


def test_a_tenth_of_the_enrolment_is_tp_most_of_it_in_the_last_two_grades(read: Callable) -> None:
    students = read("matricula", 2025, 0.25)
    tp, last = students.aggregate(
        "avg((COD_ENSE2 = '7')::INT), avg((COD_GRADO >= '3')::INT) FILTER (COD_ENSE2 = '7')"
    ).fetchall()[0]
    assert 0.05 < tp < 0.1
    assert 0.6 < last < 0.85


def test_scale_is_the_share_of_schools_and_schools_keep_their_size(read: Callable) -> None:
    size = "count(*), avg(MAT_TOTAL::INT) FILTER (MATRICULA = '1')"
    schools, mean = read("establecimientos", 2025, 1.0).aggregate(size).fetchall()[0]
    fewer, mean_of_fewer = read("establecimientos", 2025, 0.1).aggregate(size).fetchall()[0]
    assert abs(fewer - schools / 10) <= 1
    assert abs(mean_of_fewer / mean - 1) < 0.1
    active = read("establecimientos", 2025, 0.1).filter("MATRICULA = '1'")
    assert near(by(active, "COD_DEPE", "count(*)"), SCHOOLS_BY_DEPENDENCY)


def test_posts_and_people(read: Callable) -> None:
    posts, people, principal, tp = (
        read("docentes", 2025, 0.25)
        .aggregate("count(*), count(DISTINCT MRUN), sum(PERSONAS::INT), sum((COD_ENS_1::INT BETWEEN 410 AND 863)::INT)")
        .fetchall()[0]
    )
    assert abs(posts / 0.25 - 282_026) < 25_000
    assert people == principal
    assert 0.9 < people / posts < 0.98
    assert tp > 0.04 * posts
