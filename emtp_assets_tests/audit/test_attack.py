"""The attacker can attack: it breaks what is naive, agrees with exhaustive search, rejects nonsense."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emtp_assets.audit.attack import AttackError, recoverable
from emtp_assets.privacy.disclosure import ProtectedTable, protect
from emtp_assets_tests.privacy.realistic_cells import PLAN, school_year


def naive(cells: pa.Table, tables: Sequence[ProtectedTable], minimum: int) -> dict[str, pa.Table]:
    """Small counts blanked and nothing else: what is often taken for protection."""
    published = {}
    for table in tables:
        totals: dict[tuple, int] = {}
        for row in cells.to_pylist():
            key = tuple(row[d] for d in table.dimensions)
            totals[key] = totals.get(key, 0) + row["n"]
        columns: dict[str, Any] = {
            d: pa.array([key[i] for key in totals], cells.schema.field(d).type) for i, d in enumerate(table.dimensions)
        }
        shown = [value if value >= minimum else None for value in totals.values()]
        columns["n"] = pa.array(shown, pa.int64())
        columns["suppressed"] = pa.array([value is None for value in shown])
        published[table.name] = pa.table(columns)
    return published


def test_blanking_small_counts_alone_is_undone_by_subtraction_and_protection_is_not() -> None:
    cells = school_year(schools=120)
    undone = recoverable(naive(cells, PLAN, 10), cells, "n", minimum=10)
    assert sum(finding.exactly for finding in undone) > 50
    assert recoverable(protect(cells, "n", PLAN, minimum=10), cells, "n", minimum=10) == []


def test_what_the_attacker_recovers_is_the_truth() -> None:
    cells = school_year(schools=60)
    exact = {table.name: naive(cells, [table], 0)[table.name].to_pylist() for table in PLAN}
    found = [f for f in recoverable(naive(cells, PLAN, 10), cells, "n", minimum=10) if f.exactly]
    assert found
    for finding in found:
        (row,) = [r for r in exact[finding.table] if finding.cell.items() <= r.items()]
        assert row["n"] == finding.low


def test_a_subtraction_across_tables_is_found() -> None:
    """The comuna's total less its one large school gives the small one, in no table of its own."""
    cells = pa.table({"comuna": [1, 1, 2], "rbd": [10, 11, 20], "n": [95, 4, 50]})
    published = {
        "comuna": pa.table({"comuna": [1, 2], "n": [99, 50], "suppressed": [False, False]}),
        "escuela": pa.table({"rbd": [10, 11, 20], "n": [95, None, 50], "suppressed": [False, True, False]}),
    }
    (finding,) = recoverable(published, cells, "n", minimum=10)
    assert (finding.table, finding.cell, finding.low, finding.high) == ("escuela", {"rbd": 11}, 4, 4)


def test_a_row_that_is_not_there_is_a_zero_the_attacker_uses() -> None:
    structure = pa.table({"a": ["x", "x", "y"], "b": ["p", "q", "p"]})
    published = {
        "a": pa.table({"a": ["x"], "n": [30], "suppressed": [False]}),
        "b": pa.table({"b": ["p", "q"], "n": pa.array([None, 12]), "suppressed": [True, False]}),
    }
    (finding,) = recoverable(published, structure, "n", minimum=10)
    assert (finding.cell, finding.low, finding.high) == ({"b": "p"}, 18, 18)


def test_a_small_count_in_plain_sight_is_reported() -> None:
    published = {"a": pa.table({"a": ["x", "y"], "n": [3, 12], "suppressed": [False, False]})}
    (finding,) = recoverable(published, pa.table({"a": ["x", "y"]}), "n", minimum=10)
    assert finding.exactly
    assert (finding.cell, finding.low) == ({"a": "x"}, 3)


def test_a_hidden_cell_known_to_be_small_is_betrayed_though_not_exactly() -> None:
    published = {
        "todo": pa.table({"n": [12], "suppressed": [False]}),
        "a": pa.table({"a": ["x", "y", "z"], "n": [None] * 3, "suppressed": [True] * 3}).cast(
            pa.schema([("a", pa.string()), ("n", pa.int64()), ("suppressed", pa.bool_())])
        ),
    }
    findings = recoverable(published, pa.table({"a": ["x", "y", "z"]}), "n", minimum=11)
    assert [(f.low, f.high) for f in findings] == [(1, 10)] * 3
    assert recoverable(published, pa.table({"a": ["x", "y", "z"]}), "n", minimum=10) == []


@pytest.mark.parametrize(
    "published",
    [
        {
            "todo": pa.table({"n": [40], "suppressed": [False]}),
            "a": pa.table({"a": ["x", "y"], "n": [20, 21], "suppressed": [False, False]}),
        },
        {
            "todo": pa.table({"n": [40], "suppressed": [False]}),
            "a": pa.table({"a": ["x", "y"], "n": pa.array([45, None]), "suppressed": [False, True]}),
        },
        {"a": pa.table({"a": ["x", "y"], "n": [20, 21], "suppressed": [False, True]})},
        {"a": pa.table({"a": ["x", "w"], "n": [20, 21], "suppressed": [False, False]})},
        {"a": pa.table({"a": ["x", "x"], "n": [20, 21], "suppressed": [False, False]})},
    ],
    ids=["totals do not add", "a part above its total", "hidden but shown", "impossible row", "row twice"],
)
def test_tables_that_cannot_be_true_together_are_an_error_not_a_clean_bill(
    published: dict[str, pa.Table],
) -> None:
    with pytest.raises(AttackError):
        recoverable(published, pa.table({"a": ["x", "y"]}), "n", minimum=10)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_attacker_finds_just_what_exhaustive_search_finds(data: st.DataObject) -> None:
    chosen = data.draw(
        st.lists(st.sampled_from(list(itertools.product("xy", "pq", "uv"))), min_size=1, max_size=4, unique=True)
    )
    counts = [data.draw(st.integers(1, 4)) for _ in chosen]
    subsets = [s for size in range(4) for s in itertools.combinations("abc", size)]
    plan = data.draw(st.lists(st.sampled_from(subsets), min_size=1, max_size=5, unique=True))
    minimum = data.draw(st.integers(2, 4))
    cells = pa.table({d: [row[i] for row in chosen] for i, d in enumerate("abc")} | {"n": pa.array(counts, pa.int64())})
    published = naive(cells, [ProtectedTable("-".join(s), s) for s in plan], minimum)

    span = sum(counts) + minimum + 1
    possible = np.indices((span,) * len(chosen)).reshape(len(chosen), -1).T
    agrees = np.ones(len(possible), dtype=bool)
    hidden: dict[tuple, np.ndarray] = {}
    for subset in plan:
        name = "-".join(subset)
        for row in published[name].to_pylist():
            members = [i for i, c in enumerate(chosen) if all(c["abc".index(d)] == row[d] for d in subset)]
            total = possible[:, members].sum(axis=1)
            agrees &= (total >= 1) if row["suppressed"] else (total == row["n"])
            if row["suppressed"]:
                hidden[(name, *(row[d] for d in subset))] = total
    expected = {
        key: (int(t[agrees].min()), int(t[agrees].max()))
        for key, t in hidden.items()
        if t[agrees].max() - t[agrees].min() < minimum - 1 or t[agrees].max() < minimum
    }
    found = recoverable(published, cells, "n", minimum=minimum)
    assert {(f.table, *f.cell.values()): (f.low, f.high) for f in found} == expected
