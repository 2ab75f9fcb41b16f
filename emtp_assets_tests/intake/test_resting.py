"""A file is taken once it has stopped growing, by our clock alone."""

from __future__ import annotations

import os
from pathlib import Path

from emtp_assets.intake.resting import Snapshot, from_json, resting, to_json


def test_a_growing_file_is_not_ready_until_it_has_rested(tmp_path: Path) -> None:
    path = tmp_path / "matricula.csv"
    path.write_bytes(b"a" * 10)
    ready, seen = resting(tmp_path, {}, now=100.0, rest_seconds=10)
    assert ready == []
    path.write_bytes(b"a" * 20)
    ready, seen = resting(tmp_path, seen, now=111.0, rest_seconds=10)
    assert ready == []
    ready, seen = resting(tmp_path, from_json(to_json(seen)), now=120.9, rest_seconds=10)
    assert ready == []
    ready, seen = resting(tmp_path, seen, now=121.0, rest_seconds=10)
    assert ready == [path]


def test_bytes_rewritten_in_place_start_the_rest_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1")
    os.utime(path, ns=(1, 1))
    _, seen = resting(tmp_path, {}, now=0.0, rest_seconds=5)
    path.write_bytes(b"2")
    os.utime(path, ns=(2, 2))
    ready, _ = resting(tmp_path, seen, now=60.0, rest_seconds=5)
    assert ready == []


def test_a_date_in_the_future_or_the_past_does_not_matter(tmp_path: Path) -> None:
    for name, stamp in (("futuro.csv", 4_000_000_000), ("pasado.csv", 1)):
        (tmp_path / name).write_bytes(b"1")
        os.utime(tmp_path / name, (stamp, stamp))
    assert resting(tmp_path, {}, now=0.0, rest_seconds=5)[0] == []
    _, seen = resting(tmp_path, {}, now=0.0, rest_seconds=5)
    assert len(resting(tmp_path, seen, now=5.0, rest_seconds=5)[0]) == 2


def test_what_is_no_delivery_is_passed_over(tmp_path: Path) -> None:
    for name in (
        ".~lock.m.csv#", "~$m.xlsx", "m.csv.part", "m.tmp", "README.md", "LEAME.txt", "x.explicacion.txt",
        "Thumbs.db", "m.csv.crdownload", ".oculto",
    ):  # fmt: skip
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "rejected").mkdir()
    (tmp_path / "rejected" / "malo.csv").write_bytes(b"1")
    (tmp_path / "real.csv").write_bytes(b"1")
    (tmp_path / "enlace.csv").symlink_to(tmp_path / "real.csv")
    ready, _ = resting(tmp_path, {}, now=0.0, rest_seconds=0)
    assert [path.name for path in ready] == ["real.csv"]


def test_a_file_that_left_is_forgotten_and_a_missing_folder_is_empty(tmp_path: Path) -> None:
    assert resting(tmp_path, {"ido.csv": Snapshot(1, 1, 0.0)}, now=9.0, rest_seconds=0) == ([], {})
    assert resting(tmp_path / "no", {}, now=9.0, rest_seconds=0) == ([], {})


def test_a_cursor_that_is_not_ours_starts_anew() -> None:
    for text in (None, "", "x", "[]", '{"a": {"size": 1}}', '{"a": 3}'):
        assert from_json(text) == {}
