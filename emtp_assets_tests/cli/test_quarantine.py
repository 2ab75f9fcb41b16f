"""`emtp quarantine`: which deliveries have lines set aside, the reason of each, and their bytes for whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from emtp_assets.cli import app
from emtp_assets.settings import Settings
from emtp_assets_tests.intake.conftest import Instance
from emtp_assets_tests.intake.tables import enrolment

BAD = b"2024;8489;JUANA MARIA"


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    made = Instance(Settings(data_dir=tmp_path / "data", drop_dir=tmp_path / "drop"))
    monkeypatch.setenv("EMTP_DATA_DIR", str(made.settings.data_dir))
    monkeypatch.setenv("EMTP_DROP_DIR", str(made.settings.drop))
    return made


def quarantine(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["quarantine", *arguments])


def test_nothing_set_aside_is_said(instance: Instance) -> None:
    instance.accepted(enrolment(3))
    assert "Ninguna entrega" in quarantine().output


def test_lines_are_listed_without_what_they_hold_and_saved_as_they_came(instance: Instance, tmp_path: Path) -> None:
    delivery = instance.accepted(enrolment(3) + BAD + b"\r\n")
    assert delivery.sha256[:12] in quarantine().output
    assert "1 columnas" in quarantine().output
    saved = tmp_path / "lineas"
    told = quarantine(delivery.sha256[:8], "--guardar", str(saved))
    assert told.exit_code == 0, told.output
    assert "línea 5  columnas: " in told.output
    assert "JUANA" not in told.output + quarantine().output
    assert saved.read_bytes() == BAD + b"\n"
    assert saved.stat().st_mode & 0o077 == 0


def test_a_file_that_is_there_already_is_not_written_over(instance: Instance, tmp_path: Path) -> None:
    delivery = instance.accepted(enrolment(3) + BAD + b"\r\n")
    saved = tmp_path / "lineas"
    saved.write_text("de otro")
    told = quarantine(delivery.sha256[:8], "--guardar", str(saved))
    assert told.exit_code == 1
    assert "ya existe" in told.output
    assert saved.read_text() == "de otro"


def test_a_hash_of_no_delivery_is_said(instance: Instance) -> None:
    instance.accepted(enrolment(3))
    told = quarantine("ffff")
    assert told.exit_code == 1
    assert "ninguna entrega" in told.output
