"""`emtp audit`: the verdict is the exit code, and says why."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from typer.testing import CliRunner

from emtp_assets.cli import app
from emtp_assets_tests.audit.releases import Published

PLAN = {"t": (("a",),)}


def release(folder: Path, *values: int | None, release_id: str = "2026-04-30.1") -> str:
    parts = list(range(len(values) - 1))
    rows = pa.table({"a": pa.array([None, *parts], pa.int64()), "n": pa.array(values, pa.int64())})
    return str(Published({2025: {"t": rows}}, release_id=release_id, plan=PLAN).write(folder))


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", *arguments])
    return result.exit_code, result.output


def test_a_closed_release_ends_in_zero_and_leaves_its_report(tmp_path: Path) -> None:
    folder = release(tmp_path / "r", 90, 30, None, None, None)
    code, output = run(folder, "--escribir", str(tmp_path / "informe"))
    assert code == 0
    assert "aprobada" in output
    assert {p.name for p in (tmp_path / "informe").iterdir()} == {"auditoria.json", "auditoria.md", "auditoria.svg"}
    assert not (Path(folder) / "auditoria.md").exists()


def test_an_open_one_ends_in_one_and_says_what_is_open(tmp_path: Path) -> None:
    code, output = run(release(tmp_path / "r", 90, 84, None))
    assert code == 1
    assert "celda_recuperada_exactamente: t 2025 [a 1]" in output


def test_it_is_tried_against_what_was_published_before(tmp_path: Path) -> None:
    before = release(tmp_path / "old", 90, 40, 50, release_id="2025-04-30.1")
    code, output = run(release(tmp_path / "new", 91, 41, 50), "--contra", before)
    assert code == 1
    assert "2025-04-30.1" in output


def test_what_is_no_release_ends_in_two(tmp_path: Path) -> None:
    code, output = run(str(tmp_path))
    assert code == 2
    assert "publicacion.json" in output
