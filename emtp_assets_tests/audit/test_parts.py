"""Short cuts of the attack change what it costs, not what it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emtp_assets.audit import parts
from emtp_assets.audit.parts import PartedKnot
from emtp_assets.audit.reading import Release
from emtp_assets.audit.system import System
from emtp_assets.audit.universe import Universe
from emtp_assets_tests.audit.releases import Published, country, naive, protected
from emtp_assets_tests.audit.test_second_method import YEAR, blanked

MINIMUM = 10


def attacked(folder: Path) -> System:
    together = Universe.of([table.counts(YEAR) for table in Release.read(folder).tables.values()])
    return System(together.levels, together.atoms, MINIMUM)


def narrow(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (high - low < MINIMUM - 1) | (high < MINIMUM)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["half", "protected"])
def test_a_knot_taken_apart_by_regions_says_the_same_of_every_cell_and_every_insider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, kind: str
) -> None:
    cells = country(schools=12, seed=seed + 40)
    tables = protected(cells, insiders=False) if kind == "protected" else blanked(naive(cells), seed)
    folder = Published({YEAR: tables}).write(tmp_path / "r")
    whole = attacked(folder)
    monkeypatch.setattr(parts, "WORTHWHILE", 1)
    monkeypatch.setattr(parts, "CROSSING", 1.0)
    apart = attacked(folder)
    assert any(isinstance(part.knot, PartedKnot) for part in apart.knots)
    low, high = whole.intervals()
    found_low, found_high = apart.intervals()
    open_cells = narrow(low, high)
    assert (narrow(found_low, found_high) == open_cells).all()
    assert (found_low[open_cells] == low[open_cells]).all()
    assert (found_high[open_cells] == high[open_cells]).all()
    for one, other in zip(whole.knots, apart.knots, strict=True):
        other.knot.flood(6)
        everything = np.ones(len(one.rows), dtype=bool)
        for row in range(len(one.rows)):
            known, value = np.array([row]), np.array([1])
            expected = one.knot.supposing(known, value, among=everything, width=1, reach=0)
            found = other.knot.supposing(known, value, among=everything, width=1, reach=0)
            assert (expected is None) == (found is None)
            if expected is not None and found is not None:
                still = expected[0] == expected[1]
                assert ((found[0] == found[1]) == still).all()
                assert (found[0][still] == expected[0][still]).all()
