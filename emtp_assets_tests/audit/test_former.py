"""Releases against each other: what is public stays as it was, or changes so that nobody is exposed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from emtp_assets.audit import AuditReport, Kind, audit
from emtp_assets_tests.audit.releases import Paths, Published, Tables, changed, country, protected

PLAN: dict[str, Paths] = {"t": (("a",),)}
FIRST, SECOND, THIRD = "2025-04-30.1", "2026-04-30.1", "2027-04-30.1"


def table(*values: int | None) -> Tables:
    """A total and its parts a = 0, 1, …"""
    rows = pa.table({"a": pa.array([None, *range(len(values) - 1)], pa.int64()), "n": pa.array(values, pa.int64())})
    return {"t": rows}


def kinds(report: AuditReport) -> list[Kind]:
    return sorted({finding.kind for finding in report.errors})


def against(tmp_path: Path, before: Published, after: Published) -> AuditReport:
    folder = after.write(tmp_path / after.release_id)
    return audit(folder, [before.write(tmp_path / before.release_id)], alone={})


def test_a_year_published_before_is_repeated_to_the_byte(tmp_path: Path, closed: Tables) -> None:
    before = Published({2025: closed}, release_id=FIRST)
    report = against(tmp_path, before, Published({2025: closed, 2026: closed}, release_id=SECOND))
    assert report.passed
    assert report.former == (FIRST,)


@pytest.mark.parametrize("value", [141, 150])
def test_a_public_year_that_changes_without_being_declared_is_red(tmp_path: Path, value: int) -> None:
    before = Published({2025: table(200, 140, 60)}, release_id=FIRST, plan=PLAN)
    after = Published({2025: table(60 + value, value, 60)}, release_id=SECOND, plan=PLAN)
    assert kinds(against(tmp_path, before, after)) == [Kind.NOT_VERBATIM]


def test_a_table_whose_rows_are_the_same_and_whose_lines_are_not_is_red(tmp_path: Path) -> None:
    before = Published({2025: table(200, 140, 60)}, release_id=FIRST, plan=PLAN).write(tmp_path / "1")
    after = Published({2025: table(200, 140, 60)}, release_id=SECOND, plan=PLAN).write(tmp_path / "2")
    path = after / "t.csv"
    path.write_bytes(path.read_bytes().replace(b"2025;0;140", b'2025;0;"140"'))
    assert Kind.NOT_VERBATIM in kinds(audit(after, [before], alone={}))


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (table(210, 150, 60), []),
        (table(201, 141, 60), [Kind.SMALL_DIFFERENCE]),
        (table(209, 140, 69), [Kind.SMALL_DIFFERENCE]),
        (table(None, None, 60), []),
    ],
    ids=["ten more", "one more", "nine more", "one more, hidden with its total"],
)
def test_a_restated_figure_is_the_same_or_differs_by_ten_or_is_hidden(
    tmp_path: Path, after: Tables, found: list[Kind]
) -> None:
    before = Published({2025: table(200, 140, 60)}, release_id=FIRST, plan=PLAN)
    restated = Published({2025: after}, release_id=SECOND, plan=PLAN, restated={"matricula": [2025]})
    assert kinds(against(tmp_path, before, restated)) == found


def test_a_cell_once_hidden_stays_hidden_also_two_releases_later(tmp_path: Path) -> None:
    folders = [
        Published({2025: table(200, None, None, None)}, release_id=FIRST, plan=PLAN).write(tmp_path / "1"),
        Published(
            {2025: table(300, None, None, None)}, release_id=SECOND, plan=PLAN, restated={"matricula": [2025]}
        ).write(tmp_path / "2"),
    ]
    last = Published(
        {2025: table(400, 50, None, None, None)}, release_id=THIRD, plan=PLAN, restated={"matricula": [2025]}
    )
    report = audit(last.write(tmp_path / "3"), folders, alone={})
    assert kinds(report) == [Kind.UNCOVERED]
    assert {FIRST, SECOND} <= {word for f in report.errors for word in f.detail.split()}


def test_the_last_release_is_verbatim_though_the_one_before_it_restated_the_first(tmp_path: Path) -> None:
    folders = [
        Published({2025: table(200, 140, 60)}, release_id=FIRST, plan=PLAN).write(tmp_path / "1"),
        Published({2025: table(240, 180, 60)}, release_id=SECOND, plan=PLAN, restated={"matricula": [2025]}).write(
            tmp_path / "2"
        ),
    ]
    last = Published({2025: table(240, 180, 60)}, release_id=THIRD, plan=PLAN).write(tmp_path / "3")
    assert audit(last, folders[::-1], alone={}).passed


def test_two_releases_of_a_year_that_are_closed_each_and_open_together(tmp_path: Path) -> None:
    """The first says how many in each comuna, the second how many in each school of all but one comuna."""
    region: Paths = (("region", "comuna"),)
    school: Paths = (("region", "rbd"),)
    first = pa.table({"region": [None, 1, 1, 1], "comuna": [None, None, 7, 8], "n": [80, 80, 50, 30]})
    schools = pa.table(
        {
            "region": [None, 1, 1, 1, 1],
            "rbd": [None, None, 90, 91, 92],
            "comuna": pa.array([None, None, 7, 8, 8], pa.int64()),
            "n": pa.array([80, 80, None, 20, None], pa.int64()),
        }
    )
    before = Published({2025: {"comunas": first}}, release_id=FIRST, plan={"comunas": region})
    after = Published(
        {2025: {"escuelas": schools}},
        release_id=SECOND,
        plan={"escuelas": school},
        extra={"escuelas": {"atributos": ["comuna"]}},
    )
    old = before.write(tmp_path / "1")
    new = after.write(tmp_path / "2")
    assert audit(old).passed
    assert audit(new, alone={}).passed
    report = audit(new, [old], alone={})
    assert {Kind.EXACT} <= set(kinds(report))
    assert {f.cell for f in report.errors} == {"region 1, rbd 90", "region 1, rbd 92"}


def test_a_change_that_follows_when_all_else_is_supposed_unchanged_is_red(tmp_path: Path) -> None:
    """Of 25 more in the total 20 are shown in a; b is hidden for its 5, and c only to shield it."""
    before = Published({2025: table(300, 100, 100, 100)}, release_id=FIRST, plan=PLAN)
    after = Published({2025: table(325, 120, None, None)}, release_id=SECOND, plan=PLAN, restated={"matricula": [2025]})
    report = against(tmp_path, before, after)
    assert kinds(report) == [Kind.BY_FORMER]
    assert any("pasó de 100 a 105" in f.detail for f in report.errors)


def test_a_former_release_that_was_tampered_with_is_red(tmp_path: Path) -> None:
    old = Published({2025: table(200, 140, 60)}, release_id=FIRST, plan=PLAN).write(tmp_path / "1")
    new = Published({2026: table(200, 140, 60)}, release_id=SECOND, plan=PLAN).write(tmp_path / "2")
    (old / "t.csv").write_bytes((old / "t.csv").read_bytes() + b"\n")
    assert kinds(audit(new, [old])) == [Kind.FILE]


def test_weekly_counts_republished_as_they_are_betray_single_students(tmp_path: Path) -> None:
    """Two protected sets of the same year with a few students between them: what a public release must not do."""
    cells = country(schools=30, seed=4)
    moved = cells.to_pylist()
    for row in moved[::25]:
        row["n"] += 1
    before = Published({2025: protected(cells)}, release_id=FIRST)
    after = Published({2025: protected(pa.Table.from_pylist(moved))}, release_id=SECOND)
    assert Kind.NOT_VERBATIM in kinds(against(tmp_path, before, after))
    declared = Published(after.years, release_id=THIRD, restated={"matricula": [2025]})
    report = audit(declared.write(tmp_path / "3"), [tmp_path / FIRST], alone={})
    assert report.count(Kind.SMALL_DIFFERENCE) > 5


def test_a_secondary_of_a_former_release_that_is_shown_now_is_red(tmp_path: Path, closed: Tables) -> None:
    name = "sexo_establecimiento"
    cell = next(row for row in closed[name].to_pylist() if row["n"] is None and row["sexo"])
    before = Published({2025: closed}, release_id=FIRST)
    after = Published({2025: changed(closed, name, lambda row: row == cell, 77)}, release_id=SECOND)
    assert Kind.UNCOVERED in kinds(against(tmp_path, before, after))
