"""Every hidden cell of a protected release is proven closed by tables that SQL alone adds up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from emtp_assets_tests.audit.releases import Published, country, exact, protected
from emtp_assets_tests.audit.test_insiders import lonely
from emtp_assets_tests.audit.test_second_method import YEAR
from emtp_assets_tests.audit.witnesses import FalseTableError, Witnesses, checked, noted

WIDTH = 9


def released(folder: Path, cells: pa.Table, **options: Any) -> tuple[Path, Witnesses]:
    with noted() as witnesses:
        tables = protected(cells, **options)
    return Published({YEAR: tables}).write(folder), witnesses


@pytest.mark.parametrize("seed", range(4))
def test_every_hidden_cell_is_closed_to_all_and_to_each_lone_student(tmp_path: Path, seed: int) -> None:
    folder, witnesses = released(tmp_path / "r", lonely(seed), insider_width=WIDTH)
    verdict = checked(folder, YEAR, witnesses, "n", width=WIDTH)
    assert verdict.primary > 10 < verdict.hidden - verdict.primary
    assert verdict.lone > 0 < verdict.witnesses
    assert (verdict.unproven, verdict.false, verdict.opened) == (0, 0, 0)


def test_without_a_witness_nothing_is_proven(tmp_path: Path) -> None:
    folder, witnesses = released(tmp_path / "r", lonely(1))
    verdict = checked(folder, YEAR, Witnesses(witnesses.base), "n", width=WIDTH)
    assert verdict.unproven == verdict.hidden > 0
    assert verdict.opened > 0


def test_where_nobody_thought_of_the_lone_students_some_pairs_are_open(tmp_path: Path) -> None:
    folder, witnesses = released(tmp_path / "r", lonely(1), insiders=False)
    verdict = checked(folder, YEAR, witnesses, "n", width=WIDTH)
    assert verdict.unproven == 0 < verdict.opened


def test_a_witness_that_would_move_a_shown_figure_proves_nothing(tmp_path: Path) -> None:
    folder, witnesses = released(tmp_path / "r", country(seed=3))
    before = checked(folder, YEAR, witnesses, "n", width=WIDTH)
    atoms, change = witnesses.changes[0]
    witnesses.changes.append((atoms[:1], change[:1]))
    after = checked(folder, YEAR, witnesses, "n", width=WIDTH)
    assert (before.false, after.false) == (0, 1)
    assert after.unproven == before.unproven == 0


def test_a_figure_that_is_not_true_is_no_witness_of_anything(tmp_path: Path) -> None:
    cells = country(seed=3)
    with noted() as witnesses:
        tables = protected(cells)
    name, rows = next(iter(exact(cells).items()))
    tables[name] = rows.set_column(rows.column_names.index("n"), "n", pa.array(rows["n"].to_numpy() + 1))
    folder = Published({YEAR: tables}).write(tmp_path / "r")
    with pytest.raises(FalseTableError, match="not the truth"):
        checked(folder, YEAR, witnesses, "n", width=WIDTH)
