"""`emtp doctor` says what is wrong and what to do, above all where it can hardly look."""

from __future__ import annotations

from pathlib import Path

import pytest

from emtp_assets.doctor import Finding, examine
from emtp_assets.intake import Archive
from emtp_assets.settings import Settings
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.intake.conftest import Instance
from emtp_assets_tests.intake.tables import enrolment


def red(settings: Settings) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(settings) if not finding.good}


def test_a_new_instance_without_systems_can_work(settings: Settings) -> None:
    assert set(red(settings)) <= {"espacio en disco"}


def test_a_data_folder_that_cannot_be_used_is_a_line_and_not_the_end(tmp_path: Path) -> None:
    taken = tmp_path / "data"
    taken.write_text("no es una carpeta")
    found = red(isolated_settings(data_dir=taken, drop_dir=tmp_path / "drop", sqlserver={"host": "replica"}))
    assert str(taken) in found["carpeta de datos"].remedy
    assert "no se pudo revisar" in found["sqlserver"].found
    assert all(finding.remedy for finding in found.values())


def test_a_damaged_journal_is_said_with_what_to_do(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "sources.sqlite").write_bytes(b"no es una base" * 100)
    assert "sources.sqlite" in red(settings)["historial de las fuentes"].remedy


def test_every_system_is_looked_at_though_one_cannot_be(tmp_path: Path) -> None:
    settings = isolated_settings(
        data_dir=tmp_path / "data", sqlserver={"host": "replica"}, rest={"url": "http://sin.cifrar"}
    )
    found = red(settings)
    assert "SIGE_DB_NAME" in found["sqlserver: configuración"].found
    assert "MINEDUC_API_URL" in found["rest: configuración"].found


def test_a_secret_that_other_accounts_can_read_is_a_red_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, dotenv = tmp_path / "clave", tmp_path / ".env"
    key.write_text("0123456789abcdef" * 4)
    dotenv.write_text("")
    key.chmod(0o600)
    dotenv.chmod(0o644)
    monkeypatch.setitem(Settings.model_config, "env_file", dotenv)
    settings = isolated_settings(data_dir=tmp_path / "data", pseudonym_key_file=key)
    assert str(dotenv) in red(settings)["archivos de secretos"].found
    assert str(key) not in red(settings)["archivos de secretos"].found
    dotenv.chmod(0o600)
    assert "archivos de secretos" not in red(settings)


def test_ledger_and_archive_that_agree_are_said_to_and_a_wrong_byte_shows_when_all_are_read(settings: Settings) -> None:
    delivery = Instance(settings).accepted(enrolment(3))
    said = {finding.what: finding for finding in examine(settings)}
    assert said["registro y archivos"].good
    assert "--completo" in said["registro y archivos"].found
    path = Archive(settings).path(delivery.sha256)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-3] + b"9\r\n")
    assert "registro y archivos" not in red(settings)
    wrong = {f.what: f for f in examine(settings, every_byte=True) if not f.good}["registro y archivos"]
    assert delivery.sha256[:12] in wrong.found
    assert "Vuelva a dejar el archivo" in wrong.remedy


def test_a_delivery_whose_bytes_are_gone_is_a_red_line(settings: Settings) -> None:
    delivery = Instance(settings).accepted(enrolment(3))
    Archive(settings).path(delivery.sha256).unlink()
    assert delivery.sha256[:12] in red(settings)["registro y archivos"].found


@pytest.mark.parametrize(("days", "words"), [(None, "sin plazo"), (365, "365 días")])
def test_how_long_bytes_are_kept_is_said_and_is_no_fault(tmp_path: Path, days: int | None, words: str) -> None:
    settings = isolated_settings(data_dir=tmp_path / "data", retention_days=days)
    (said,) = [finding for finding in examine(settings) if finding.what == "conservación"]
    assert said.good
    assert words in said.found
