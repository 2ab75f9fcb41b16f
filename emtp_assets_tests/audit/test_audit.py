"""The audit of a release: what it passes, and each thing that turns it red."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.audit import AuditError, AuditReport, Kind, audit
from emtp_assets.audit.report import JSON, MARKDOWN, PLOT, write_report
from emtp_assets_tests.audit.releases import (
    PLAN,
    Published,
    Tables,
    as_csv,
    changed,
    exact,
    naive,
    protected,
    singles,
)

YEAR = 2025


def kinds(report: AuditReport) -> set[Kind]:
    return {finding.kind for finding in report.errors}


def hidden(tables: Tables) -> int:
    return sum(table.column("n").null_count for table in tables.values())


def test_a_protected_release_passes_with_insiders_tried(tmp_path: Path, cells: pa.Table, closed: Tables) -> None:
    report = audit(Published({YEAR: closed}).write(tmp_path / "r"), alone=singles(cells, YEAR))
    assert report.passed
    assert report.findings == ()
    (result,) = report.universes
    assert result.opening is not None
    assert result.opening.hidden > 100
    assert result.opening.insiders > 0
    assert int(result.opening.width.min()) >= 9


def test_hiding_small_counts_alone_is_red_for_every_one_of_them(tmp_path: Path, cells: pa.Table) -> None:
    tables = naive(cells)
    report = audit(Published({YEAR: tables}).write(tmp_path / "r"))
    (result,) = report.universes
    assert result.opening is not None
    assert result.opening.exact == result.opening.hidden > 30
    assert kinds(report) == {Kind.EXACT}


def test_republishing_a_secondary_is_red_wherever_it_opens_anything(
    tmp_path: Path, cells: pa.Table, closed: Tables
) -> None:
    """Tried for every third secondary of one table; the few that stay green leave every other cell open as before.

    `benchmarks.disclosure` tries a hundred of a national year.
    """
    name = "sexo_establecimiento"
    true = [row["n"] for row in exact(cells)[name].to_pylist()]
    rows = closed[name].to_pylist()
    secondaries = [
        row | {"n": n} for row, n in zip(rows, true, strict=True) if row["n"] is None and row["sexo"] and n >= 10
    ][::3]
    assert len(secondaries) > 5
    red = 0
    for number, cell in enumerate(secondaries):
        tables = changed(closed, name, lambda row, cell=cell: row | {"n": cell["n"]} == cell, cell["n"])
        report = audit(Published({YEAR: tables}).write(tmp_path / str(number)), alone={})
        assert kinds(report) <= {Kind.EXACT, Kind.NARROW}
        red += not report.passed
    assert red >= 0.8 * len(secondaries)


def test_a_lone_student_who_knows_his_cell_opens_others_where_nobody_thought_of_him(
    tmp_path: Path, cells: pa.Table
) -> None:
    thoughtless = Published({YEAR: protected(cells, insiders=False)}).write(tmp_path / "r")
    report = audit(thoughtless, alone=singles(cells, YEAR))
    assert kinds(report) == {Kind.INSIDER}
    # Nobody says who is alone: each that might be is tried, and it is for a person to judge.
    unknown = audit(thoughtless)
    assert unknown.passed
    assert unknown.count(Kind.INSIDER) > report.count(Kind.INSIDER)


def test_the_insider_of_three_cells_and_their_sum(tmp_path: Path) -> None:
    """30 = a + b, both hidden: closed to all, open to whoever is a. With c hidden too it is not."""
    plan = {"t": (("a",),)}

    def release(values: list[int | None]) -> Published:
        rows = pa.table({"a": [None, *range(len(values) - 1)], "n": pa.array(values, pa.int64())})
        return Published({YEAR: {"t": rows}}, plan=plan)

    me = {"t": pa.table({"año": [YEAR], "a": [0]})}
    report = audit(release([30, None, None]).write(tmp_path / "two"), alone=me)
    (finding,) = report.errors
    assert (finding.kind, finding.cell) == (Kind.INSIDER, "a 0")
    assert audit(release([30, None, None, None]).write(tmp_path / "three"), alone=me).passed


def test_what_lies_within_the_insiders_own_cell_is_no_discovery(tmp_path: Path) -> None:
    """A school with one especialidad: its only student knows both rows, and they are his."""
    plan = {"t": (("rbd", "especialidad"),)}
    rows = pa.table(
        {
            "rbd": [None, 1, 1, 2, 2, 3, 3],
            "especialidad": [None, None, 7, None, 7, None, 7],
            "n": pa.array([40, None, None, None, None, None, None], pa.int64()),
        }
    )
    me = {"t": pa.table({"año": [YEAR, YEAR], "rbd": [1, 1], "especialidad": [None, 7]})}
    assert audit(Published({YEAR: {"t": rows}}, plan=plan).write(tmp_path / "r"), alone=me).passed


@pytest.mark.parametrize("by", [1, -1, 10])
def test_a_total_that_is_not_the_sum_of_its_parts_is_red(tmp_path: Path, cells: pa.Table, by: int) -> None:
    tables = exact(cells)
    total = next(row["n"] for row in tables["sexo_establecimiento"].to_pylist() if row["region"] == 2)
    for name in PLAN:
        tables = changed(tables, name, lambda r: _at(r, region=2), total + by)
    report = audit(Published({YEAR: tables}, minimum=1).write(tmp_path / "r"))
    assert kinds(report) == {Kind.ADDITIVITY}
    assert any(f"{total + by}" in f.detail for f in report.errors)


def _at(row: dict[str, Any], **wanted: int) -> bool:
    """Whether a row is the one at just these columns."""
    return all(value == wanted.get(column) for column, value in row.items() if column not in ("n", "año"))


def test_one_wrong_figure_among_all_is_red(tmp_path: Path, closed: Tables) -> None:
    rows = closed["especialidad_establecimiento"].to_pylist()
    shown = next(row for row in rows if row["n"] and row["especialidad"] is not None and row["rbd"] is not None)
    tables = changed(closed, "especialidad_establecimiento", lambda row: row == shown, shown["n"] + 1)
    assert kinds(audit(Published({YEAR: tables}).write(tmp_path / "r"))) & {Kind.ADDITIVITY, Kind.CONTRADICTION}


def test_the_same_cell_hidden_in_one_table_and_shown_in_another_is_red(tmp_path: Path, closed: Tables) -> None:
    tables = changed(closed, "sexo_establecimiento", _at, None)
    report = audit(Published({YEAR: tables}).write(tmp_path / "r"), alone={})
    assert Kind.UNEVEN in kinds(report)


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ({"a": [None, 1, 2], "n": [30, 4, 26]}, Kind.SMALL_COUNT),
        ({"a": [None, 1, 1], "n": [30, 15, 15]}, Kind.CONTRADICTION),
        ({"a": [1, 2], "n": [15, 15]}, Kind.ADDITIVITY),
        ({"a": [None, 1], "n": [30, 0]}, Kind.SMALL_COUNT),
    ],
    ids=["small count shown", "row twice", "no total", "zero with a row"],
)
def test_figures_that_may_not_be_so_are_red(tmp_path: Path, rows: dict[str, list[Any]], kind: Kind) -> None:
    table = pa.table({"a": pa.array(rows["a"], pa.int64()), "n": pa.array(rows["n"], pa.int64())})
    assert kind in kinds(audit(Published({YEAR: {"t": table}}, plan={"t": (("a",),)}).write(tmp_path / "r")))


def test_a_fine_level_without_the_coarse_one_that_holds_it_is_red(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([None, None], pa.int64()), "b": [None, 5], "n": [30, 30]})
    report = audit(Published({YEAR: {"t": table}}, plan={"t": (("a", "b"),)}).write(tmp_path / "r"))
    assert kinds(report) == {Kind.CONTRADICTION}


def test_files_that_are_not_what_the_manifest_says_are_red(tmp_path: Path, closed: Tables) -> None:
    folder = Published({YEAR: closed}).write(tmp_path / "r")
    path = folder / "sexo_establecimiento.csv"
    path.write_bytes(path.read_bytes().replace(b";2;", b";3;", 1))
    report = audit(folder, alone={})
    assert {Kind.FILE, Kind.CSV} <= kinds(report)
    assert any("SHA-256" in f.detail for f in report.errors)
    path.unlink()
    assert Kind.FILE in kinds(audit(folder, alone={}))


def test_a_csv_that_says_something_else_than_the_parquet_is_red_though_both_hashes_are_right(
    tmp_path: Path, closed: Tables
) -> None:
    folder = Published({YEAR: closed}).write(tmp_path / "r")
    rows = pq.read_table(folder / "sexo_establecimiento.parquet")
    first = next(i for i, n in enumerate(rows.column("n").to_pylist()) if n)
    counts = rows.column("n").to_pylist()
    counts[first] += 1
    _rewrite(folder, rows.set_column(rows.column_names.index("n"), "n", pa.array(counts, pa.int64())))
    report = audit(folder, alone={})
    assert kinds(report) == {Kind.CSV}
    assert "1 filas con otro valor en n" in report.errors[0].detail


def _rewrite(folder: Path, rows: pa.Table) -> None:
    """Another CSV, with its right hash in the manifest."""
    import hashlib

    (folder / "sexo_establecimiento.csv").write_bytes(as_csv(rows))
    manifest = json.loads((folder / "publicacion.json").read_text(encoding="utf-8"))
    for table in manifest["tablas"]:
        if table["tabla"] == "sexo_establecimiento":
            table["csv"]["sha256"] = hashlib.sha256(as_csv(rows)).hexdigest()
    (folder / "publicacion.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize("content", [None, "{", '{"formato": 1}', '{"formato": 9}'])
def test_what_is_no_release_is_no_verdict(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "publicacion.json").write_text(content, encoding="utf-8")
    with pytest.raises(AuditError, match=r"publicacion\.json"):
        audit(tmp_path)


def test_a_manifest_cannot_point_outside_its_folder(tmp_path: Path, closed: Tables) -> None:
    folder = Published({YEAR: closed}).write(tmp_path / "r")
    text = (folder / "publicacion.json").read_text(encoding="utf-8")
    path = folder / "publicacion.json"
    path.write_text(text.replace('"sexo_establecimiento.csv"', '"../otra.csv"'), encoding="utf-8")
    with pytest.raises(AuditError, match="otra"):
        audit(folder)


def test_the_report_says_what_was_found_and_is_the_same_every_time(tmp_path: Path, cells: pa.Table) -> None:
    folder = Published({YEAR: naive(cells)}).write(tmp_path / "r")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_report(audit(folder), tmp_path / name)
    for file in (JSON, MARKDOWN, PLOT):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    stored = json.loads((tmp_path / "one" / JSON).read_text(encoding="utf-8"))
    assert stored["aprobada"] is False
    (year,) = stored["por_universo_y_anio"]
    assert year["recuperadas_exactamente"] == year["suprimidas"] == stored["anchura_de_intervalos"]["0"]
    assert "RECHAZADA" in (tmp_path / "one" / MARKDOWN).read_text(encoding="utf-8")
    assert (tmp_path / "one" / PLOT).read_text(encoding="utf-8").count("<svg") == 1


def test_a_published_report_does_not_say_how_many_people_are_alone(
    tmp_path: Path, cells: pa.Table, closed: Tables
) -> None:
    report = audit(Published({YEAR: closed}).write(tmp_path / "r"), alone=singles(cells, YEAR))
    (year,) = json.loads(json.dumps(report.stored()))["por_universo_y_anio"]
    assert year["celdas_que_pueden_ser_una_persona"] is None
    assert year["personas_que_abren_otra_celda"] == 0
