"""`emtp contract propose FILE`: on its output a diff that git takes, beside it words, and no value of the file."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from emtp_assets.cli.contract import app
from emtp_assets.contracts import contract_for
from emtp_assets.contracts.registry import FOLDER
from emtp_assets.contracts.structure import compare
from emtp_assets_tests.contracts.test_proposal import BASE, contract_from, text_of

OFFICIAL = [c.official for c in contract_for("matricula").official_columns(2025)]
SECRET = "JUANAMARIA"


@pytest.fixture(autouse=True)
def _no_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMTP_DATA_DIR", str(tmp_path / "data"))


def file_of(
    folder: Path, names: Sequence[str], *, sep: str = ";", encoding: str = "utf-8-sig", above: str = ""
) -> Path:
    """A file of three rows whose every value but the year says the same."""
    row = sep.join("2026" if name == "AGNO" else SECRET for name in names)
    path = folder / "archivo.csv"
    path.write_text(above + "\r\n".join([sep.join(names), row, row, row, ""]), encoding=encoding, newline="")
    return path


def propose(path: Path) -> Result:
    return CliRunner().invoke(app, ["contract", "propose", str(path)])


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"sep": ",", "encoding": "cp1252"},
        {"sep": "\t", "encoding": "utf-8"},
        {"above": "Ministerio de Educación\r\n\r\n"},
    ],
    ids=["official", "commas in Latin-1", "tabs", "a title above"],
)
def test_the_diff_is_what_git_takes_and_the_structure_is_then_known(tmp_path: Path, form: dict[str, str]) -> None:
    names = [*(n for n in OFFICIAL if n != "COD_MEN"), "AÑO_INGRESO"]
    done = propose(file_of(tmp_path, names, **form))
    assert done.exit_code == 0, done.output
    (tmp_path / BASE).mkdir(parents=True)
    (tmp_path / BASE / "matricula.yaml").write_text(text_of("matricula"), encoding="utf-8")
    subprocess.run(["git", "apply"], input=done.stdout, cwd=tmp_path, check=True, text=True, encoding="utf-8")
    after = contract_from((tmp_path / BASE / "matricula.yaml").read_text(encoding="utf-8"))
    assert not compare(after, 2026, names).changed
    assert "AÑO_INGRESO: columna nueva, ano_ingreso (string)" in done.stderr
    assert "COD_MEN: no viene en 2026; años «2017, 2021-2025»" in done.stderr
    assert SECRET not in done.output


def test_nothing_to_propose_is_said_and_is_no_error(tmp_path: Path) -> None:
    done = propose(file_of(tmp_path, OFFICIAL))
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Nada que proponer" in done.stderr


@pytest.mark.parametrize("year", [2024, 2025])
def test_the_real_directories_ask_for_nothing(shared_samples: Path, year: int) -> None:
    done = propose(shared_samples / f"directorio_oficial_ee_{year}.csv")
    assert (done.exit_code, done.stdout) == (0, "")


def test_the_real_summary_is_named_and_refused(shared_samples: Path) -> None:
    done = propose(shared_samples / "resumen_matricula_ee_2022.csv")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Resumen de matrícula por establecimiento" in done.stderr


@pytest.mark.parametrize("content", ["", "hola\n", "AGNO;RBD\n2025;1\n", f"{';'.join(OFFICIAL)}\n"])
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path, content: str) -> None:
    path = tmp_path / "archivo.csv"
    path.write_text(content, encoding="utf-8")
    done = propose(path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("archivo.csv: ")


def test_the_contracts_themselves_are_not_touched(tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in FOLDER.glob("*.yaml")}
    propose(file_of(tmp_path, [*OFFICIAL, "OTRA"]))
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.yaml")} == before


def test_a_row_that_cannot_be_read_is_said_with_what_to_do_and_without_it(tmp_path: Path) -> None:
    path = file_of(tmp_path, OFFICIAL)
    path.write_bytes(path.read_bytes().replace(SECRET.encode(), b'"' + SECRET.encode() * 20_000, 1))
    told = propose(path)
    assert told.exit_code == 1
    assert "no se puede leer" in told.output
    assert SECRET not in told.output
