"""Rates, means and money: what may be shown of them, and what follows from them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.audit import AuditReport, Kind, audit
from emtp_assets_tests.audit.releases import Paths, Published, as_csv

YEAR = 2025
PLAN: dict[str, Paths] = {"t": (("region", "rbd"),)}
CELLS = pa.table(
    {
        "region": [None, 1, 1, 1, 1],
        "rbd": [None, None, 90, 91, 92],
        "n": pa.array([300, 300, 100, 100, 100], pa.int64()),
    }
)
RATE = {"columna": "tasa", "nota": "tasa_nota", "decimales": 1}


def released(
    folder: Path,
    figures: dict[str, list[Any]],
    declared: dict[str, Any],
    cells: pa.Table = CELLS,
    plan: dict[str, Paths] = PLAN,
) -> Path:
    """A release whose table has more columns than counts."""
    Published({YEAR: {"t": cells}}, plan=plan, extra={"t": declared}).write(folder)
    rows = pq.read_table(folder / "t.parquet")
    for name, values in figures.items():
        kind = pa.string() if name.endswith("_nota") else pa.int64() if name == "n_promedio" else pa.float64()
        rows = rows.append_column(name, pa.array(values, kind))
    pq.write_table(rows, folder / "t.parquet")
    (folder / "t.csv").write_bytes(as_csv(rows))
    manifest = json.loads((folder / "publicacion.json").read_text(encoding="utf-8"))
    for kind in ("csv", "parquet"):
        content = (folder / f"t.{kind}").read_bytes()
        manifest["tablas"][0][kind]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "publicacion.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def rated(folder: Path, rates: list[Any], cells: pa.Table = CELLS) -> AuditReport:
    """A number is shown; a note is not."""
    figures = {
        "tasa": [r if isinstance(r, float) else None for r in rates],
        "tasa_nota": ["" if isinstance(r, float) else r for r in rates],
    }
    return audit(released(folder, figures, {"tasas": [RATE]}, cells), alone={})


def kinds(report: AuditReport) -> set[Kind]:
    return {finding.kind for finding in report.errors}


@pytest.mark.parametrize(
    "rates",
    [
        [50.0, 50.0, 40.0, 50.0, 60.0],
        ["c>95", "c>95", "c>95", "c>95", "c>95"],
        [50.0, 50.0, "s", "s", 50.0],
        ["nd", "nd", "nd", "nd", "nd"],
    ],
    ids=["all shown", "all coded", "two hidden", "none there"],
)
def test_rates_that_give_nobody_away_pass(tmp_path: Path, rates: list[Any]) -> None:
    assert rated(tmp_path / "r", rates).findings == ()


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ([50.0, 50.0, 40.0, 50.0, 97.0], "sin codificar"),
        ([50.0, 50.0, 40.0, 50.0, 3.0], "sin codificar"),
        ([50.0, 50.0, 40.0, 50.0, 7.0], "menos de 10"),
        ([50.0, 50.0, 40.0, 50.0, 93.0], "menos de 10"),
        ([50.0, 50.0, 40.0, 50.0, 60.5], "ningún número entero"),
        ([50.0, 50.0, 40.0, 50.0, "x"], "nota de tasa"),
    ],
    ids=["over 95", "under 5", "7 people", "7 others", "no quotient", "no such note"],
)
def test_a_rate_that_may_not_be_shown_is_red(tmp_path: Path, rates: list[Any], said: str) -> None:
    report = rated(tmp_path / "r", rates)
    assert any(f.kind is Kind.RATE and said in f.detail for f in report.errors)


def test_a_rate_beside_a_hidden_count_is_red(tmp_path: Path) -> None:
    cells = CELLS.set_column(2, "n", pa.array([300, 300, 100, None, None], pa.int64()))
    report = rated(tmp_path / "r", [50.0, 50.0, 50.0, 50.0, "s"], cells)
    assert any("sin su denominador" in f.detail for f in report.errors)


def test_a_hidden_rate_that_follows_from_the_others_is_red(tmp_path: Path) -> None:
    report = rated(tmp_path / "r", [50.0, 50.0, 40.0, 14.0, "s"])
    assert kinds(report) == {Kind.RATE_OPEN}
    assert {f.cell for f in report.errors} == {"region 1, rbd 92"}
    assert any("entre 96 y 96" in f.detail for f in report.errors)


def test_a_hidden_rate_that_codes_leave_little_room_is_red(tmp_path: Path) -> None:
    """The others are below 5 %, so that of 30 people with the attribute 22 or more are in the last."""
    report = rated(tmp_path / "r", [10.0, 10.0, "c<5", "c<5", "s"])
    assert kinds(report) == {Kind.RATE_OPEN}


PUBLISHED = {"tasas": [{**RATE, "dimension": "retenido", "valor": 1}]}


@pytest.mark.parametrize(
    ("counts", "rate", "said"),
    [
        ([100, 60, 40], 60.0, None),
        ([100, 60, 40], 61.0, "no es el cociente"),
        ([None, None, None], 60.0, "sin su denominador"),
        ([400, 388, 12], "c>95", "codificada"),
    ],
    ids=["their quotient", "another", "hidden counts", "coded in vain"],
)
def test_a_rate_whose_numerators_are_published_agrees_with_them(
    tmp_path: Path, counts: list[int | None], rate: float | str, said: str | None
) -> None:
    folder = tmp_path / "r"
    cells = pa.table({"retenido": pa.array([None, 1, 0], pa.int64()), "n": pa.array(counts, pa.int64())})
    shown = [rate if isinstance(rate, float) else None, None, None]
    notes = ["" if isinstance(rate, float) else rate, "na", "na"]
    plan: dict[str, Paths] = {"t": (("retenido",),)}
    report = audit(released(folder, {"tasa": shown, "tasa_nota": notes}, PUBLISHED, cells, plan), alone={})
    assert (said is None) == report.passed
    told = " ".join(f.detail for f in report.errors if f.kind is Kind.RATE)
    assert (said or "") in told


MEAN = {"medias": [{"columna": "promedio", "nota": "promedio_nota", "n": "n_promedio"}]}


@pytest.mark.parametrize(
    ("means", "n", "said"),
    [
        ([None, None, 5.5, 6.0, None], [None, None, 50, 10, None], None),
        ([None, None, 5.5, 6.0, None], [None, None, 50, 9, None], "menos de 10"),
        ([None, None, 5.5, 6.0, None], [None, None, 50, None, None], "menos de 10"),
        ([None, 5.7, 5.5, 6.0, None], [None, 60, 50, 10, None], "2 niveles"),
    ],
    ids=["one level", "few people", "hidden number", "two levels"],
)
def test_means_need_people_and_one_level(tmp_path: Path, means: list[Any], n: list[Any], said: str | None) -> None:
    figures = {"promedio": means, "promedio_nota": ["" if m else "na" for m in means], "n_promedio": n}
    report = audit(released(tmp_path / "r", figures, MEAN), alone={})
    assert len(report.errors) == (said is not None)
    assert (said or "") in " ".join(f.detail for f in report.errors)


def test_money_is_published_at_one_level(tmp_path: Path) -> None:
    declared = {"montos": [{"columna": "monto", "nota": "monto_nota"}]}
    for name, amounts in (("one", [None, None, 1e6, 2e6, 3e6]), ("two", [None, 6e6, 1e6, 2e6, 3e6])):
        figures = {"monto": amounts, "monto_nota": ["" if a else "na" for a in amounts]}
        report = audit(released(tmp_path / name, figures, declared), alone={})
        assert report.passed == (name == "one")


def test_a_number_that_the_manifest_does_not_mention_is_a_warning(tmp_path: Path) -> None:
    report = audit(released(tmp_path / "r", {"otro": [1.0, 2.0, 3.0, 4.0, 5.0]}, {}), alone={})
    assert report.passed
    assert [f.kind for f in report.warnings] == [Kind.UNDECLARED]
