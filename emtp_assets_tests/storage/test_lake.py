"""The lake: a year's file is as it was or as it is, never in between."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from emtp_assets.storage.lake import Lake, Layer


def test_a_year_is_replaced_whole(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for content in ("first", "second"):
        with lake.staging() as staging:
            (staging / "part").write_text(content)
            lake.promote(staging / "part", Layer.RAW, "matricula", 2025)
    assert lake.part(Layer.RAW, "matricula", 2025).read_text() == "second"
    assert lake.years(Layer.RAW, "matricula") == [2025]


def test_a_reader_that_opened_the_old_year_goes_on_reading_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with lake.staging() as staging:
        (staging / "a").write_text("old")
        (staging / "b").write_text("new")
        with lake.promote(staging / "a", Layer.RAW, "t", 2025).open() as reader:
            lake.promote(staging / "b", Layer.RAW, "t", 2025)
            assert reader.read() == "old"


def test_what_is_not_promoted_leaves_no_trace_even_when_the_work_fails(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    with pytest.raises(RuntimeError), lake.staging() as staging:
        (staging / "half").write_text("x")
        raise RuntimeError
    assert list((tmp_path / ".staging").iterdir()) == []


def test_the_leavings_of_a_killed_process_go_and_those_of_one_at_work_stay(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    abandoned = tmp_path / ".staging" / uuid.uuid4().hex
    abandoned.mkdir(parents=True)
    with lake.staging() as at_work, lake.staging():
        assert not abandoned.exists()
        assert at_work.exists()


def test_parts_are_listed_oldest_first_and_only_those_that_exist(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for year in (2025, 2023):
        with lake.staging() as staging:
            (staging / "part").write_text("")
            lake.promote(staging / "part", Layer.CLEANED, "t", year)
    assert [p.parent.name for p in lake.parts(Layer.CLEANED, "t", [2025, 2024, 2023])] == [
        "academic_year=2023",
        "academic_year=2025",
    ]
