"""The audit against a second method that shares no code with it: the same ranges, the same insiders, cell by cell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from emtp_assets.audit import Kind, audit
from emtp_assets.audit.opening import attack
from emtp_assets.audit.reading import Release
from emtp_assets.audit.system import System
from emtp_assets.audit.universe import Universe
from emtp_assets_tests.audit.releases import Published, country, naive, protected
from emtp_assets_tests.audit.second_method import Claims, Key, opened_by_insiders, ranges

YEAR = 2025


def universe(folder: Path) -> Universe:
    return Universe.of([table.counts(YEAR) for table in Release.read(folder).tables.values()])


def first_method(folder: Path, minimum: int) -> dict[Key, tuple[int, int]]:
    together = universe(folder)
    system = System(together.levels, together.atoms, minimum)
    low, high = system.intervals()
    return {frozenset(system.name(int(row))[1].items()): (int(low[row]), int(high[row])) for row in system.hidden_rows}


def safe(low: int, high: int, minimum: int) -> bool:
    return high - low >= minimum - 1 and high >= minimum


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["naive", "half", "protected"])
def test_both_methods_find_the_same_cells_open_and_the_same_values_for_them(
    tmp_path: Path, seed: int, kind: str
) -> None:
    cells = country(schools=7, seed=seed)
    tables = protected(cells) if kind == "protected" else naive(cells)
    if kind == "half":
        tables = blanked(tables, seed)
    folder = Published({YEAR: tables}).write(tmp_path / "r")
    mine, other = first_method(folder, 10), ranges(folder, YEAR)
    assert set(mine) == set(other)
    for cell, (low, high) in other.items():
        assert safe(*mine[cell], 10) == safe(low, high, 10)
        if safe(low, high, 10):
            assert low <= mine[cell][0] <= mine[cell][1] <= high
        else:
            assert mine[cell] == (low, high)
    if kind == "protected":
        assert all(safe(*interval, 10) for interval in other.values())


def blanked(tables: dict[str, pa.Table], seed: int) -> dict[str, pa.Table]:
    """A third of the figures more hidden, by chance, alike wherever they stand: neither open nor closed."""
    made = {}
    for name, table in tables.items():
        columns = [c for c in table.column_names if c != "n"]
        keys = [
            hash((seed, *sorted((c, v) for c, v in row.items() if v is not None))) % 3
            for row in table.select(columns).to_pylist()
        ]
        counts = [None if k == 0 else n for k, n in zip(keys, table.column("n").to_pylist(), strict=True)]
        made[name] = table.set_column(table.column_names.index("n"), "n", pa.array(counts, pa.int64()))
    return made


@pytest.mark.parametrize("seed", range(2))
def test_both_methods_find_the_same_insiders(tmp_path: Path, seed: int) -> None:
    cells = country(schools=5, seed=seed + 20)
    folder = Published({YEAR: protected(cells, insiders=False)}).write(tmp_path / "r")
    expected = opened_by_insiders(folder, YEAR)
    opening = attack(universe(folder), YEAR, 10, 1)
    assert opening.opened == len({other for _, other in expected})
    assert opening.openers == len({mine for mine, _ in expected})


def test_nothing_that_could_be_true_is_taken_for_impossible(tmp_path: Path) -> None:
    """What an attacker deems possible holds at least the combinations that there are."""
    cells = country(schools=25, seed=3)
    folder = Published({YEAR: protected(cells)}).write(tmp_path / "r")
    real = {tuple(row.items()) for row in cells.drop_columns("n").to_pylist()}
    columns = [c for c in cells.column_names if c != "n"]
    mine = {tuple((c, row[c]) for c in columns) for row in universe(folder).atoms.to_pylist()}
    other = {tuple((c, row[c]) for c in columns) for row in Claims(folder, YEAR).atoms}
    assert real <= mine
    assert real <= other


def test_the_second_method_is_red_where_the_first_is(tmp_path: Path) -> None:
    cells = country(schools=6, seed=9)
    folder = Published({YEAR: naive(cells)}).write(tmp_path / "r")
    exact = sum(low == high for low, high in ranges(folder, YEAR).values())
    assert exact > 0
    assert audit(folder, alone={}).count(Kind.EXACT) == exact
    assert np.isfinite(exact)
