"""The search finds the generalisation of least loss, and says so only when nobody stays alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import duckdb
import pytest

from emtp_assets.microdata.lattice import (
    CELLS,
    PERSONS,
    Demand,
    NoAdmissibleTableError,
    count_node,
    least_loss,
    prepare,
)
from emtp_assets.microdata.names import install_names
from emtp_assets.microdata.plans import Level, MicrodataPlan, Quasi, microdata_plan
from emtp_assets_tests.microdata.conftest import students_sql


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        install_names(opened)
        yield opened


def lattice_of(plan: MicrodataPlan) -> product[tuple[int, ...]]:
    return product(*(range(len(q.levels) + 1) for q in plan.quasi))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("demand", [Demand(10), Demand(10, average_risk=0.05), Demand(25, 0.03, left_out=0.01)])
def test_no_admissible_node_of_the_whole_lattice_loses_less(
    connection: duckdb.DuckDBPyConnection, seed: int, demand: Demand
) -> None:
    plan = replace(microdata_plan("matricula"), quasi=microdata_plan("matricula").quasi[:5])
    connection.execute(f"create temp table {PERSONS} as {students_sql(4000, 2025, seed)}")
    prepare(connection, plan)
    found = least_loss(connection, plan, demand)
    every = [count_node(connection, plan, node, demand.k) for node in lattice_of(plan)]
    admissible = [
        each
        for each in every
        if each.left_out <= demand.left_out * each.persons and each.classes <= demand.average_risk * each.shown
    ]
    assert found.loss == pytest.approx(min(each.loss for each in admissible))
    assert found.evaluated < found.lattice / 2, "it must not have to count them all"


def test_the_loss_is_the_share_of_the_other_true_values_that_a_value_is_now_one_with(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    halves = Level("mitades", "case when v < 5 then 'a' else 'b' end")
    plan = MicrodataPlan("x", "x", "p", None, None, (Quasi("v", "v", ("v",), 1.0, (halves,)),), (), {})
    connection.execute(f"create temp table {PERSONS} as select i as p, i % 9 as v from range(90) t(i)")
    prepare(connection, plan)
    # 0 to 4 are one with four others out of eight, 5 to 8 with three; five ninths of the persons are of the first.
    assert count_node(connection, plan, (0,), 10).loss == pytest.approx((5 * 4 / 8 + 4 * 3 / 8) / 9)
    assert count_node(connection, plan, (1,), 10).loss == 1
    assert count_node(connection, plan, (0,), 45).loss == pytest.approx((5 * 4 / 8 + 4) / 9), "left out is lost whole"


def test_of_too_few_persons_nothing_is_made(connection: duckdb.DuckDBPyConnection) -> None:
    plan = microdata_plan("matricula")
    connection.execute(f"create temp table {PERSONS} as {students_sql(60, 2025, 1)}")
    prepare(connection, plan)
    with pytest.raises(NoAdmissibleTableError, match="muy pocas personas"):
        least_loss(connection, plan, Demand(10))


def test_every_person_is_in_one_group(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Blank ages, unknown sexes: a join that lost them would make the table look safer than it is."""
    plan = microdata_plan("matricula")
    connection.execute(f"create temp table {PERSONS} as {students_sql(4000, 2025, 1)}")
    prepare(connection, plan)
    assert connection.execute(f"select sum(n) from {CELLS}").fetchone() == (4000,)
