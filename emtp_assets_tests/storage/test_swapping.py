"""Folders are replaced all or none, wherever a process is killed, and nobody adds to what was replaced."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.swapping import ROOM, SwappedError, made_beside, settle, swap
from emtp_assets_tests.faults import chosen, kill_at, points_of

NAMES = ("cleaned", "aggregated", "crosswalk")
YEARS = (2024, 2025)


def standing(data: Path) -> Path:
    """An instance whose layers say "former", and beside it some that say "new"; neither has all of the names."""
    for folder, word, names in ((data, "former", NAMES[:2]), (made_beside(data), "new", (NAMES[0], NAMES[2]))):
        for name in names:
            for year in YEARS:
                path = folder / name / "table" / f"academic_year={year}" / "part.parquet"
                path.parent.mkdir(parents=True)
                path.write_text(word)
    (data / "raw").mkdir()
    (data / "raw" / "kept").write_text("raw")
    (made_beside(data) / "raw").symlink_to(data / "raw")
    return data


def said(data: Path) -> dict[str, list[str]]:
    return {name: sorted(p.read_text() for p in (data / name).rglob("*.parquet")) for name in NAMES}


def opened(data: Path) -> None:
    Lake(data)


FORMER = {"cleaned": ["former"] * 2, "aggregated": ["former"] * 2, "crosswalk": []}
NEW = {"cleaned": ["new"] * 2, "aggregated": [], "crosswalk": ["new"] * 2}


def test_all_are_replaced_and_nothing_of_the_former_is_left(tmp_path: Path) -> None:
    data = standing(tmp_path)
    before = settle(data)
    swap(data, NAMES)
    assert said(data) == NEW
    assert settle(data) != before
    assert (data / "raw" / "kept").read_text() == "raw", "what was only looked at stays"
    assert not [p for p in (data / ROOM).rglob("*") if p.is_dir()]


def test_what_says_no_at_the_last_moment_leaves_all_as_it_was(tmp_path: Path) -> None:
    def no() -> None:
        raise RuntimeError("no")

    data = standing(tmp_path)
    with pytest.raises(RuntimeError):
        swap(data, NAMES, no)
    assert said(data) == FORMER
    swap(data, NAMES)
    assert said(data) == NEW


def test_killed_anywhere_whoever_opens_the_lake_sees_all_or_none(tmp_path: Path) -> None:
    model = standing(tmp_path / "model")

    def at(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(model, folder, symlinks=True)
        (made_beside(folder) / "raw").unlink()
        (made_beside(folder) / "raw").symlink_to(folder / "raw")
        return folder

    counted = at("counted")
    points = points_of(lambda: swap(counted, NAMES))
    outcomes = set()
    for point in chosen(points, 40, seed=5):
        data = at(f"killed{point}")
        kill_at(partial(swap, data, NAMES), point)
        # Whoever comes next may be killed too.
        for again in (3, 9):
            kill_at(partial(opened, data), again)
        Lake(data)
        found = said(data)
        assert found in (FORMER, NEW), points[point]
        outcomes.add(found == NEW)
        if found == FORMER:
            swap(data, NAMES)
        assert said(data) == NEW, "and the next try ends it"
        assert (data / "raw" / "kept").read_text() == "raw"
    assert outcomes == {True, False}, "else no kill was in the middle"


def test_what_was_made_of_the_former_folders_is_not_put_into_the_new(tmp_path: Path) -> None:
    data = standing(tmp_path)
    open_before = Lake(data)
    staged = data / "staged"
    staged.write_text("made of the former")
    swap(data, NAMES)
    with pytest.raises(SwappedError, match="Ejecútela de nuevo"):
        open_before.promote(staged, Layer.CLEANED, "table", 2025)
    assert said(data) == NEW
    Lake(data).promote(staged, Layer.CLEANED, "table", 2025)
    assert (data / "cleaned" / "table" / "academic_year=2025" / "part.parquet").read_text() == "made of the former"
