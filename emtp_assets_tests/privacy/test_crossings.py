"""Crossings: a table with its margins, over hierarchies; one fate for a group wherever it stands."""

from __future__ import annotations

import pyarrow as pa
import pytest

from emtp_assets.audit.attack import recoverable
from emtp_assets.privacy.crossings import Crossing, protect_crossings
from emtp_assets.privacy.disclosure import DisclosureError

DIMENSIONS = {"territorio": ["region", "comuna", "rbd"], "especialidad": ["sector", "especialidad"], "sexo": ["sexo"]}
BY_SCHOOL = Crossing.down_to("escuelas", DIMENSIONS, {"territorio": "rbd"})
BY_SEX = Crossing.down_to("sexos", DIMENSIONS, {"territorio": "comuna", "sexo": "sexo"})
CELLS = pa.table(
    {
        "region": [1, 1, 1, 1, 1, 1, 2],
        "comuna": [11, 11, 12, 12, 13, 13, 21],
        "rbd": [111, 112, 121, 121, 131, 132, 211],
        "sexo": [1, 2, 1, 2, 1, 2, 1],
        "n": [50, 60, 3, 40, 70, 80, 90],
    }
)


def rows(table: pa.Table) -> dict[tuple, int | None]:
    *columns, measure, _ = table.column_names
    return {tuple(row[c] for c in columns): row[measure] for row in table.to_pylist()}


def test_a_crossing_stops_at_the_level_it_names_and_has_every_level_above() -> None:
    crossing = Crossing.down_to("t", DIMENSIONS, {"sexo": "sexo", "territorio": "comuna"})
    assert crossing.columns == ("region", "comuna", "sexo")
    assert crossing.levels == (
        (),
        ("region",),
        ("sexo",),
        ("region", "comuna"),
        ("region", "sexo"),
        ("region", "comuna", "sexo"),
    )


def test_the_margins_are_rows_of_the_table_and_come_before_their_parts() -> None:
    table = protect_crossings(CELLS, "n", [BY_SEX], minimum=1)["sexos"]
    assert table.column_names == ["region", "comuna", "sexo", "n", "suppressed"]
    found = rows(table)
    assert found[(None, None, None)] == 393
    assert found[(1, None, 2)] == 180
    assert found[(1, 12, None)] == 43
    assert next(iter(found)) == (None, None, None)
    assert list(found).index((1, None, None)) < list(found).index((1, 11, None))


def test_the_total_alone_is_a_crossing_of_nothing() -> None:
    table = protect_crossings(CELLS, "n", [Crossing("pais", ())], minimum=10)["pais"]
    assert table.to_pydict() == {"n": [393], "suppressed": [False]}


def test_a_comuna_with_one_school_shares_its_schools_fate_in_every_table() -> None:
    published = protect_crossings(
        CELLS, "n", [BY_SCHOOL, BY_SEX], minimum=10, hide={"sexos": named(BY_SEX, region=1, comuna=12)}
    )
    assert rows(published["sexos"])[(1, 12, None)] is None
    assert rows(published["escuelas"])[(1, 12, None)] is None
    assert rows(published["escuelas"])[(1, 12, 121)] is None


def named(crossing: Crossing, **values: int) -> pa.Table:
    """One row of a crossing; the columns not named are added up over."""
    return pa.table({c: pa.array([values.get(c)], pa.int64()) for c in crossing.columns})


@pytest.mark.parametrize("values", [{}, {"region": 1}, {"region": 1, "comuna": 13, "sexo": 2}])
def test_a_row_of_any_level_can_be_asked_to_be_hidden_and_is_not_to_be_worked_out(values: dict[str, int]) -> None:
    asked = named(BY_SEX, **values)
    published = protect_crossings(CELLS, "n", [BY_SEX, BY_SCHOOL], minimum=10, hide={"sexos": asked})
    assert rows(published["sexos"])[tuple(values.get(c) for c in BY_SEX.columns)] is None
    assert recoverable(by_level(published), CELLS, "n", minimum=10) == []


def by_level(published: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Each level of each crossing as the table of its own that the attacker reads."""
    tables = {}
    for crossing in (BY_SEX, BY_SCHOOL):
        for level in crossing.levels:
            lines = [
                row
                for row in published[crossing.name].to_pylist()
                if all((row[c] is not None) == (c in level) for c in crossing.columns)
            ]
            columns = [*level, "n", "suppressed"]
            types = published[crossing.name].select(columns).schema
            tables[f"{crossing.name} {level}"] = pa.Table.from_pylist(
                [{c: row[c] for c in columns} for row in lines], schema=types
            )
    return tables


def test_rows_that_do_not_exist_are_nothing_to_hide() -> None:
    asked = named(BY_SEX, region=9, comuna=91)
    calm = protect_crossings(CELLS, "n", [BY_SEX], minimum=10)
    assert protect_crossings(CELLS, "n", [BY_SEX], minimum=10, hide={"sexos": asked})["sexos"].equals(calm["sexos"])


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (lambda: Crossing.down_to("t", DIMENSIONS, {"edad": "edad"}), "dimensiones que no existen: edad"),
        (lambda: Crossing.down_to("t", DIMENSIONS, {"territorio": "manzana"}), "solo tiene region, comuna, rbd"),
        (lambda: Crossing("t", (("a",), ("a", "b"))), "se repiten"),
        (lambda: protect_crossings(CELLS.drop_columns("rbd"), "n", [BY_SCHOOL], minimum=10), "Faltan columnas"),
        (
            lambda: protect_crossings(
                CELLS.set_column(0, "region", pa.array([None] * 7, pa.int64())), "n", [BY_SEX], minimum=10
            ),
            "valores vacíos en region",
        ),
        (lambda: protect_crossings(CELLS, "n", [BY_SEX], minimum=10, hide={"x": CELLS}), "no existen: x"),
        (
            lambda: protect_crossings(CELLS, "n", [BY_SEX], minimum=10, hide={"sexos": named(BY_SEX, comuna=11)}),
            "ningún nivel",
        ),
    ],
)
def test_what_cannot_be_a_crossing_is_refused_in_words(problem, message: str) -> None:
    with pytest.raises(DisclosureError, match=message):
        problem()
