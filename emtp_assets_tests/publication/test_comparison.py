"""What two versions of a table say differently, worked out by hand on tables of a few rows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import duckdb
import pytest

from emtp_assets.publication.catalogue import PublishedTable, read_catalogue
from emtp_assets.publication.comparison import Change, changes


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def table(**more: object) -> PublishedTable:
    """Persons and a rate by commune, laid out as `tables.yaml` would."""
    column = {"unit": "", "description": "x", "origin": "x"}
    entry = {
        "name": "prueba",
        "title": "Prueba",
        "description": "x",
        "grain": "x",
        "dataset": "matricula",
        "key": ["año", "comuna"],
        "columns": [
            {"name": "año", "type": "INTEGER", **column},
            {"name": "cod_region", "type": "INTEGER", **column},
            {"name": "region", "type": "VARCHAR", **column},
            {"name": "comuna", "type": "VARCHAR", **column},
            {"name": "alumnos", "type": "BIGINT", "nota": True, **column},
            {"name": "tasa", "type": "DOUBLE", "nota": True, "figure": "mean", **column},
        ],
        "select": "SELECT * FROM {prueba}",
        **more,
    }
    (made,), _ = read_catalogue({"consultas": {}, "tablas": [entry], "caches": []})
    return made


def version(connection: duckdb.DuckDBPyConnection, name: str, rows: list[tuple[object, ...]]) -> str:
    connection.execute(
        f'CREATE TABLE {name} ("año" INTEGER, cod_region INTEGER, region VARCHAR, comuna VARCHAR, alumnos BIGINT,'
        " alumnos_nota VARCHAR, tasa DOUBLE, tasa_nota VARCHAR)"
    )
    if rows:
        connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return name


def row(comuna: str, alumnos: int | None, tasa: float | None = 0.5, *, region: int = 13) -> tuple[object, ...]:
    """A row of 2024; None is suppressed."""
    names = {0: "País", 5: "Valparaíso", 13: "Metropolitana"}
    notes = "" if alumnos is not None else "s", "" if tasa is not None else "s"
    return (2024, region, names.get(region), comuna, alumnos, notes[0], tasa, notes[1])


def compared(
    connection: duckdb.DuckDBPyConnection,
    before: list[tuple[object, ...]],
    after: list[tuple[object, ...]],
    described: PublishedTable | None = None,
) -> dict[tuple[str, str], Change]:
    """Changes by region and indicator."""
    sides = version(connection, "antes", before), version(connection, "despues", after)
    found = changes(connection, described or table(), *sides)
    return {(change.region_name, change.indicator): change for change in found}


def test_equal_versions_say_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [row("Santiago", 100), row("Maipú", None, None), row("Quilpué", 40, region=5)]
    assert compared(connection, rows, list(reversed(rows))) == {}


def test_a_count_is_summed_by_region_and_for_the_country(connection: duckdb.DuckDBPyConnection) -> None:
    before = [row("Santiago", 100), row("Maipú", 60), row("Quilpué", 40, region=5)]
    after = [row("Santiago", 90), row("Maipú", 60), row("Quilpué", 40, region=5)]
    found = compared(connection, before, after)
    assert {key for key in found if key[1] == "alumnos"} == {("País", "alumnos"), ("Metropolitana", "alumnos")}
    country, region = found["País", "alumnos"], found["Metropolitana", "alumnos"]
    assert (country.before, country.after, country.difference, country.share) == (200, 190, -10, Decimal("-0.05"))
    assert (region.before, region.after) == (160, 150)


def test_a_suppressed_cell_enters_on_neither_side(connection: duckdb.DuckDBPyConnection) -> None:
    before = [row("Santiago", 100), row("Maipú", 60), row("Puente Alto", None)]
    after = [row("Santiago", 101), row("Maipú", None), row("Puente Alto", 50)]
    region = compared(connection, before, after)["Metropolitana", "alumnos"]
    assert (region.before, region.after) == (100, 101), "neither Maipú's 60 nor Puente Alto's 50"
    assert (region.hidden, region.shown) == (1, 1)


def test_a_cell_without_a_row_is_nobody(connection: duckdb.DuckDBPyConnection) -> None:
    found = compared(connection, [row("Santiago", 100)], [row("Santiago", 100), row("Maipú", 30)])
    assert found["Metropolitana", "alumnos"].difference == 30


def test_what_only_moves_inside_a_region_is_told_although_the_sum_stays(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    before = [row("Santiago", 100), row("Maipú", 60)]
    after = [row("Santiago", 70), row("Maipú", 90)]
    found = compared(connection, before, after)
    region = found["Metropolitana", "alumnos"]
    assert (region.difference, region.moved, region.restates) == (0, 30, True)
    assert found["País", "alumnos"].moved == 30


def test_a_school_that_changes_regions_leaves_one_and_comes_to_the_other(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = compared(connection, [row("Santiago", 50), row("X", 20)], [row("Santiago", 50), row("X", 20, region=5)])
    assert found["Metropolitana", "alumnos"].difference == -20
    assert found["Valparaíso", "alumnos"].difference == 20
    assert found["País", "alumnos"].moved == 20


def test_a_rate_is_the_mean_of_the_persons_it_is_of(connection: duckdb.DuckDBPyConnection) -> None:
    before = [row("Santiago", 300, 0.8), row("Maipú", 100, 0.4)]
    after = [row("Santiago", 300, 0.8), row("Maipú", 100, 0.6)]
    rate = compared(connection, before, after)["Metropolitana", "tasa"]
    assert (rate.before, rate.after) == (Decimal("0.7"), Decimal("0.75"))
    assert (rate.weight, rate.moved) == (400, 0)


def test_a_rate_beside_a_hidden_number_of_persons_is_not_compared(connection: duckdb.DuckDBPyConnection) -> None:
    before = [row("Santiago", 300, 0.8), row("Maipú", None, 0.4)]
    after = [row("Santiago", 300, 0.8), row("Maipú", None, 0.6)]
    assert ("Metropolitana", "tasa") not in compared(connection, before, after)


def test_a_figure_that_was_not_available_yet_is_filled_and_not_restated(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    unknown = (*row("Santiago", 300)[:6], None, "nd")
    rate = compared(connection, [unknown], [row("Santiago", 300, 0.8)])["Metropolitana", "tasa"]
    assert (rate.filled, rate.restates) == (1, False)


def test_rows_of_the_country_are_the_country_and_are_not_added_to_it(connection: duckdb.DuckDBPyConnection) -> None:
    before = [row("-", 150, region=0), row("Santiago", 100), row("Quilpué", None, region=5)]
    after = [row("-", 160, region=0), row("Santiago", 110), row("Quilpué", None, region=5)]
    country = compared(connection, before, after)["País", "alumnos"]
    assert (country.before, country.after) == (150, 160)


def test_readings_that_must_not_be_added_up_are_told_one_by_one(connection: duckdb.DuckDBPyConnection) -> None:
    apart = table(apart=["comuna"])
    sides = (
        version(connection, "antes", [row("1º a 4º", 100), row("3º y 4º", 60)]),
        version(connection, "despues", [row("1º a 4º", 100), row("3º y 4º", 50)]),
    )
    found = changes(connection, apart, *sides)
    assert {(c.region_name, c.apart, c.difference) for c in found if c.indicator == "alumnos"} == {
        ("País", "3º y 4º", -10),
        ("Metropolitana", "3º y 4º", -10),
    }


def test_without_a_key_a_region_is_the_finest_that_is_compared(connection: duckdb.DuckDBPyConnection) -> None:
    before = [row("a", 10), row("a", 20)]
    after = [row("a", 10), row("a", 20), row("a", 5)]
    assert compared(connection, before, after, table(key=[]))["Metropolitana", "alumnos"].difference == 5


def test_a_column_that_the_older_version_does_not_have_is_not_compared(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    version(connection, "antes", [row("Santiago", 100, 0.5)])
    version(connection, "despues", [row("Santiago", 100, 0.9)])
    old = "(SELECT * EXCLUDE (tasa, tasa_nota) FROM antes)"
    assert changes(connection, table(), old, "despues") == []


def test_a_year_that_only_one_version_has_is_no_difference(connection: duckdb.DuckDBPyConnection) -> None:
    old, new = row("Santiago", 100), (2025, *row("Santiago", 10)[1:])
    assert compared(connection, [old], [new, old]) == {}


def test_what_is_out_of_sight_now_is_measured_against_what_can_be_compared(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    before = [row("Santiago", 100), row("Maipú", 60), row("Quilpué", 40, region=5), row("Viña", 45, region=5)]
    after = [row("Santiago", 100), row("Maipú", None), row("Quilpué", None, region=5), row("Viña", None, region=5)]
    found = compared(connection, before, after)
    santiago, coast, country = (found[name, "alumnos"] for name in ("Metropolitana", "Valparaíso", "País"))
    assert (santiago.lost, santiago.weight, santiago.obscured) == (60, 100, False)
    assert (coast.lost, coast.weight, coast.obscured) == (85, 0, True)
    assert (country.lost, country.weight, country.obscured) == (145, 100, True)
    assert not coast.restates


def test_a_year_that_is_gone_is_a_fall_to_nobody(connection: duckdb.DuckDBPyConnection) -> None:
    of_2025 = (2025, *row("Santiago", 10)[1:])
    found = compared(connection, [row("Santiago", 100), of_2025], [of_2025])
    assert found["País", "alumnos"].difference == -100
