"""Trying many lone students at once changes what an audit costs, not what it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from emtp_assets.audit import AuditReport, Kind, audit, opening
from emtp_assets.audit.insiders import _each_before_each
from emtp_assets_tests.audit.releases import Published, country, protected, singles
from emtp_assets_tests.audit.test_second_method import YEAR


def insiders(report: AuditReport) -> set[tuple[str, str | None]]:
    return {(f.table, f.cell) for f in report.findings if f.kind is Kind.INSIDER}


def lonely(seed: int) -> pa.Table:
    """A country in which every tenth cell is one student."""
    cells = country(schools=14, seed=seed)
    lone = np.random.default_rng(seed).random(cells.num_rows) < 0.1
    return cells.set_column(cells.column_names.index("n"), "n", pa.array(np.where(lone, 1, cells["n"].to_numpy())))


@pytest.mark.parametrize("width", [1, 9])
@pytest.mark.parametrize(
    ("options", "opened"),
    [
        ({"minimum": 3, "insiders": False}, True),
        ({"insiders": False}, True),
        ({"insider_width": 9}, False),
    ],
    ids=["hardly protected", "nobody thought of them", "protected"],
)
@pytest.mark.parametrize("seed", range(3))
def test_together_or_one_by_one_the_same_students_open_the_same_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, options: dict[str, Any], opened: bool, width: int
) -> None:
    cells = lonely(seed)
    folder, alone = Published({YEAR: protected(cells, **options)}).write(tmp_path / "r"), singles(cells, YEAR)
    together = audit(folder, alone=alone, insider_width=width)
    monkeypatch.setattr(opening, "look_together", lambda *_, **__: None)
    one_by_one = audit(folder, alone=alone, insider_width=width)
    assert insiders(together) == insiders(one_by_one)
    assert bool(insiders(together)) == opened
    for mine, other in zip(together.universes, one_by_one.universes, strict=True):
        assert mine.opening is not None and other.opening is not None
        assert mine.opening.insiders == other.opening.insiders > 0
        assert (mine.opening.exact, mine.opening.narrow, mine.opening.opened) == (
            other.opening.exact,
            other.opening.narrow,
            other.opening.opened,
        )


@pytest.mark.parametrize("families", [1, 2, 3, 7, 30, 100])
def test_each_family_is_moved_once_while_any_other_is_held(families: int) -> None:
    rounds = [set(moved) for moved in _each_before_each(families)]
    for one in range(families):
        assert any(one in moved for moved in rounds)
        for other in set(range(families)) - {one}:
            assert any(one in moved and other not in moved for moved in rounds)
    assert len(rounds) <= 2 + 2 * families.bit_length()
