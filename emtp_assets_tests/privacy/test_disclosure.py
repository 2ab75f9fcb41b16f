"""What `protect` promises: small counts are hidden, none can be worked out, everything shown is true."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from emtp_assets.audit.attack import recoverable
from emtp_assets.privacy.disclosure import DisclosureError, ProtectedTable, protect
from emtp_assets_tests.privacy.realistic_cells import PLAN, school_year

DIMENSIONS = ("a", "b", "c")


def truth(cells: pa.Table, table: ProtectedTable) -> dict[tuple, int]:
    """The exact table, added up the plain way."""
    totals: dict[tuple, int] = {}
    for row in cells.to_pylist():
        if row["n"]:
            key = tuple(row[d] for d in table.dimensions)
            totals[key] = totals.get(key, 0) + row["n"]
    return totals


def answered(published: pa.Table, table: ProtectedTable) -> dict[tuple, tuple[int | None, bool]]:
    return {tuple(row[d] for d in table.dimensions): (row["n"], row["suppressed"]) for row in published.to_pylist()}


def hidden(published: dict[str, pa.Table]) -> int:
    return sum(sum(table["suppressed"].to_pylist()) for table in published.values())


@st.composite
def small_problems(draw: st.DrawFn, atoms: int, largest: int) -> tuple[pa.Table, list[ProtectedTable], int]:
    """A few base cells over three dimensions, any set of linked tables over them, any small minimum."""
    combinations = list(itertools.product("xyz", "pq", "uv"))
    chosen = draw(st.lists(st.sampled_from(combinations), min_size=1, max_size=atoms, unique=True))
    counts = draw(st.lists(st.integers(0, largest), min_size=len(chosen), max_size=len(chosen)))
    subsets = [s for size in range(4) for s in itertools.combinations(DIMENSIONS, size)]
    plan = draw(st.lists(st.sampled_from(subsets), min_size=1, max_size=6, unique=True))
    cells = pa.table(
        {d: pa.array([row[i] for row in chosen], pa.string()) for i, d in enumerate(DIMENSIONS)}
        | {"n": pa.array(counts, pa.int64())}
    )
    return cells, [ProtectedTable("-".join(s) or "total", s) for s in plan], draw(st.integers(2, 6))


def test_a_small_count_is_hidden_and_so_is_another_that_would_give_it_away() -> None:
    cells = pa.table({"region": [1, 1, 1, 2], "sexo": [1, 2, 3, 1], "n": [4, 50, 60, 70]})
    tables = [ProtectedTable("region", ("region",)), ProtectedTable("todo", ("region", "sexo"))]
    published = protect(cells, "n", tables, minimum=10)
    assert published["region"].to_pydict() == {
        "region": [1, 2],
        "n": [114, 70],
        "suppressed": [False, False],
    }
    assert published["todo"].to_pydict() == {
        "region": [1, 1, 1, 2],
        "sexo": [1, 2, 3, 1],
        "n": [None, None, 60, 70],
        "suppressed": [True, True, False, False],
    }


def test_two_small_counts_that_leave_each_other_no_room_do_not_protect_each_other() -> None:
    """1 + 1 = 2 is solved by whoever sees the 2: both rows exist. A third cell has to help."""
    cells = pa.table({"region": [1, 1, 1, 1], "sexo": [1, 2, 3, 4], "n": [1, 1, 40, 90]})
    tables = [ProtectedTable("region", ("region",)), ProtectedTable("todo", ("region", "sexo"))]
    todo = protect(cells, "n", tables, minimum=10)["todo"]
    assert todo["suppressed"].to_pylist() == [True, True, True, False]


@pytest.mark.parametrize(
    "plan", [[()], [(), ("a",)], [(), ("a",), ("a", "b")]], ids=["total", "marginal", "three levels"]
)
def test_when_all_is_small_all_is_hidden_up_to_the_total(plan: list[tuple[str, ...]]) -> None:
    cells = pa.table({"a": ["x", "y"], "b": ["p", "q"], "n": [1, 2]})
    tables = [ProtectedTable("-".join(s) or "total", s) for s in plan]
    published = protect(cells, "n", tables, minimum=10)
    assert all(all(table["suppressed"].to_pylist()) for table in published.values())
    assert recoverable(published, cells, "n", minimum=10) == []


def test_a_single_cell_is_shown_or_hidden_by_its_size_alone() -> None:
    table = ProtectedTable("una", ("a",))
    for count, shown in ((9, None), (10, 10)):
        published = protect(pa.table({"a": ["x"], "n": [count]}), "n", [table], minimum=10)
        assert published["una"]["n"].to_pylist() == [shown]


def test_no_cells_give_empty_tables_of_the_same_form() -> None:
    cells = pa.table({"a": pa.array([], pa.string()), "n": pa.array([], pa.int64())})
    published = protect(cells, "n", [ProtectedTable("t", ()), ProtectedTable("a", ("a",))], minimum=10)
    assert [table.num_rows for table in published.values()] == [0, 0]
    assert published["a"].schema == pa.schema([("a", pa.string()), ("n", pa.int64()), ("suppressed", pa.bool_())])


def test_a_zero_is_no_row_and_an_unknown_dimension_is_a_group_like_any_other() -> None:
    cells = pa.table({"a": ["x", "y", None], "n": [20, 0, 30]})
    published = protect(cells, "n", [ProtectedTable("a", ("a",))], minimum=10)["a"]
    assert published.to_pydict() == {"a": ["x", None], "n": [20, 30], "suppressed": [False, False]}


def test_the_order_of_the_base_cells_changes_nothing() -> None:
    cells = school_year(schools=60)
    mixed = cells.take(pa.array(np.random.default_rng(5).permutation(cells.num_rows)))
    first, second = (protect(c, "n", PLAN, minimum=10) for c in (cells, mixed))
    assert all(first[name].equals(second[name]) for name in first)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (pa.table({"a": ["x"], "n": [-1]}), "negativos"),
        (pa.table({"a": ["x"], "n": pa.array([None], pa.int64())}), "nulos"),
        (pa.table({"a": ["x"], "n": [1.5]}), "entero"),
        (pa.table({"b": ["x"], "n": [1]}), "Faltan columnas en las celdas base: a"),
    ],
)
def test_counts_that_are_none_are_refused(cells: pa.Table, message: str) -> None:
    with pytest.raises(DisclosureError, match=message):
        protect(cells, "n", [ProtectedTable("a", ("a",))], minimum=10)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(small_problems(atoms=12, largest=25))
def test_what_is_shown_is_true_and_what_is_small_is_hidden(
    problem: tuple[pa.Table, list[ProtectedTable], int],
) -> None:
    cells, tables, minimum = problem
    published = protect(cells, "n", tables, minimum=minimum)
    for table in tables:
        exact, answer = truth(cells, table), answered(published[table.name], table)
        assert set(answer) == set(exact)
        for key, (value, suppressed) in answer.items():
            assert value == (None if suppressed else exact[key])
            assert suppressed or exact[key] >= minimum


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(small_problems(atoms=12, largest=25))
def test_the_attacker_finds_nothing_in_any_set_of_linked_tables(
    problem: tuple[pa.Table, list[ProtectedTable], int],
) -> None:
    cells, tables, minimum = problem
    structure = cells.filter(pa.array([n > 0 for n in cells["n"].to_pylist()], pa.bool_()))
    published = protect(cells, "n", tables, minimum=minimum)
    assert recoverable(published, structure, "n", minimum=minimum) == []


def every_table(
    rows: list[dict], published: dict[str, pa.Table], tables: list[ProtectedTable], minimum: int
) -> list[tuple[np.ndarray, int, int | None, frozenset[int]]]:
    """All there is to know by brute force: for each published cell, its value in every table that agrees with what is
    shown, its true value, what is shown of it, and the base cells that it is made of.
    """
    # Larger counts would only widen what is possible, so the search may stop here.
    span = max((row["n"] for row in rows), default=0) + minimum + 1
    possible = np.indices((span,) * len(rows)).reshape(len(rows), -1).T
    cells = []
    for table in tables:
        for key, (value, _) in answered(published[table.name], table).items():
            members = [i for i, row in enumerate(rows) if tuple(row[d] for d in table.dimensions) == key]
            true = sum(rows[i]["n"] for i in members)
            cells.append((possible[:, members].sum(axis=1), true, value, frozenset(members)))
    agrees = np.ones(len(possible), dtype=bool)
    for total, _, value, _ in cells:
        agrees &= (total >= 1) if value is None else (total == value)
    return [(total[agrees], true, value, members) for total, true, value, members in cells]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(small_problems(atoms=5, largest=4), st.booleans())
def test_trying_every_table_that_agrees_with_what_is_shown_leaves_every_hidden_cell_open(
    problem: tuple[pa.Table, list[ProtectedTable], int], insiders: bool
) -> None:
    cells, tables, minimum = problem
    rows = [row for row in cells.to_pylist() if row["n"]]
    assume(rows)
    published = protect(cells, "n", tables, minimum=minimum, insiders=insiders)
    for reached, _, value, _ in every_table(rows, published, tables, minimum):
        if value is None:
            assert reached.max() - reached.min() >= minimum - 1
            assert reached.max() >= minimum


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(small_problems(atoms=5, largest=3), st.booleans())
def test_a_student_alone_in_his_cell_who_tries_every_table_finds_every_other_hidden_cell_open(
    problem: tuple[pa.Table, list[ProtectedTable], int], wide: bool
) -> None:
    cells, tables, minimum = problem
    rows = [row for row in cells.to_pylist() if row["n"]]
    assume(rows)
    width = minimum - 1 if wide else 1
    published = protect(cells, "n", tables, minimum=minimum, insider_width=width)
    found = every_table(rows, published, tables, minimum)
    for own, true, _, alone in found:
        if true != 1:
            continue
        for reached, _, value, members in found:
            if value is None and members != alone:
                known = reached[own == 1]
                assert known.max() - known.min() >= width
                assert not wide or known.max() >= minimum


def test_a_student_alone_in_his_cell_would_open_the_other_one_if_nobody_thought_of_him() -> None:
    """1 + 60 = 61 and 1 + 2 hidden in a total of 63: who is the one knows the two."""
    cells = pa.table({"region": [1, 1, 1, 1], "sexo": [1, 2, 3, 4], "n": [1, 12, 60, 70]})
    tables = [ProtectedTable("region", ("region",)), ProtectedTable("todo", ("region", "sexo"))]
    naive = protect(cells, "n", tables, minimum=10, insiders=False)["todo"]
    assert naive["suppressed"].to_pylist() == [True, True, False, False]
    safe = protect(cells, "n", tables, minimum=10)["todo"]
    assert safe["suppressed"].to_pylist() == [True, True, True, False]


@pytest.mark.parametrize("width", [0, 10])
def test_a_width_before_insiders_that_promises_nothing_or_too_much_is_refused(width: int) -> None:
    cells = pa.table({"a": ["x"], "n": [1]})
    with pytest.raises(DisclosureError, match="entre 1 y 9"):
        protect(cells, "n", [ProtectedTable("a", ("a",))], minimum=10, insider_width=width)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(small_problems(atoms=12, largest=25), st.randoms(use_true_random=False))
def test_whatever_is_asked_to_be_hidden_is_hidden_and_cannot_be_worked_out(
    problem: tuple[pa.Table, list[ProtectedTable], int], random
) -> None:
    cells, tables, minimum = problem
    exact = protect(cells, "n", tables, minimum=1, insiders=False)
    hide = {}
    for table in tables:
        rows = exact[table.name]
        hide[table.name] = rows.filter(pa.array([random.random() < 0.3 for _ in range(rows.num_rows)], pa.bool_()))
    published = protect(cells, "n", tables, minimum=minimum, hide=hide)
    for table in tables:
        answer = answered(published[table.name], table)
        for row in hide[table.name].to_pylist():
            assert answer[tuple(row[d] for d in table.dimensions)] == (None, True)
    structure = cells.filter(pa.array([n > 0 for n in cells["n"].to_pylist()], pa.bool_()))
    assert recoverable(published, structure, "n", minimum=minimum) == []


def test_a_large_count_that_is_asked_to_be_hidden_takes_another_with_it() -> None:
    cells = pa.table({"region": [1, 1, 1], "sexo": [1, 2, None], "n": [400, 50, 600]})
    tables = [ProtectedTable("region", ("region",)), ProtectedTable("todo", ("region", "sexo"))]
    hide = {"todo": pa.table({"sexo": pa.array([None], pa.int32()), "region": [1], "why": ["sticky"]})}
    todo = protect(cells, "n", tables, minimum=10, hide=hide)["todo"]
    assert todo["suppressed"].to_pylist() == [False, True, True]


@pytest.mark.parametrize(
    ("hide", "message"),
    [
        ({"b": pa.table({"a": ["x"]})}, "tablas que no existen: b"),
        ({"a": pa.table({"c": ["x"]})}, "les faltan columnas: a"),
    ],
)
def test_what_is_asked_to_be_hidden_must_be_of_a_table(hide: dict[str, pa.Table], message: str) -> None:
    with pytest.raises(DisclosureError, match=message):
        protect(pa.table({"a": ["x"], "n": [1]}), "n", [ProtectedTable("a", ("a",))], minimum=10, hide=hide)


def test_tables_whose_programs_have_fractional_corners_are_protected_in_whole_numbers() -> None:
    """All three two-way margins of a cube: the textbook case where linear bounds deceive."""
    rng = np.random.default_rng(50)
    grid = np.array(list(itertools.product(range(4), repeat=3)))
    cells = pa.table({d: grid[:, i] for i, d in enumerate(DIMENSIONS)} | {"n": rng.geometric(0.12, len(grid))})
    plan = [ProtectedTable("".join(s), s) for size in (1, 2, 3) for s in itertools.combinations(DIMENSIONS, size)]
    published = protect(cells, "n", plan, minimum=5)
    assert 0 < hidden(published) < sum(table.num_rows for table in published.values())
    assert recoverable(published, cells, "n", minimum=5) == []


def test_a_national_year_is_protected_and_attacked_within_twenty_seconds_of_cpu() -> None:
    cells = school_year()
    started = time.process_time()
    published = protect(cells, "n", PLAN, minimum=10)
    assert recoverable(published, cells, "n", minimum=10) == []
    assert time.process_time() - started < 20
    for name in (
        "pais",
        "pais_sexo",
        "pais_ciclo",
        "pais_ciclo_sexo",
        "region",
        "region_sexo",
        "region_ciclo",
    ):
        assert not any(published[name]["suppressed"].to_pylist()), name
    schools = published["establecimiento"]
    # Thinking of students who are alone in their cell costs a third of it: 17% without them.
    assert sum(schools["suppressed"].to_pylist()) < 0.25 * schools.num_rows
