"""Secrets come from a variable or a file, are shown nowhere, and are masked in any text that leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from emtp_assets.settings import AlertSettings, Settings, SftpSettings, SqlServerSettings
from emtp_assets.settings.problems import problems
from emtp_assets.settings.secrets import SecretError, redacted, secret, secrets_of

SECRET = "clave-Muy;Secreta}1"


class TestReading:
    def test_the_variable_is_worth_more_than_the_file(self, tmp_path: Path) -> None:
        file = tmp_path / "clave"
        file.write_text("otra")
        assert secret(SecretStr(SECRET), file, "X") == SECRET

    def test_a_line_end_in_the_file_is_no_part_of_it(self, tmp_path: Path) -> None:
        file = tmp_path / "clave"
        file.write_text(SECRET + "\r\n")
        assert secret(None, file, "X") == SECRET

    def test_nor_is_the_mark_that_notepad_puts_before_it(self, tmp_path: Path) -> None:
        file = tmp_path / "clave"
        file.write_text(SECRET, encoding="utf-8-sig")
        assert secret(None, file, "X") == SECRET

    def test_none_when_neither_is_given(self) -> None:
        assert secret(None, None, "X") is None

    @pytest.mark.parametrize("content", [None, "", "\n"])
    def test_a_file_that_is_missing_or_empty_is_said(self, tmp_path: Path, content: str | None) -> None:
        file = tmp_path / "clave"
        if content is not None:
            file.write_text(content)
        with pytest.raises(SecretError, match="X_FILE"):
            secret(None, file, "X")


class TestTheClientsNames:
    def test_the_variables_of_the_clients_document(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "SIGE_DB_HOST": "SQL-SIGE-REPLICA",
            "SIGE_DB_NAME": "SIGE_DataMart",
            "SIGE_DB_USER": "readonly_emtp",
            "SIGE_DB_PASS": SECRET,
            "SIGE_DB_PORT": "1434",
            "SHAREPOINT_CLIENT_ID": "app",
            "SHAREPOINT_CLIENT_SECRET": SECRET,
            "FTP_HOST": "ftp",
            "FTP_USER": "emtp",
            "FTP_PASS": SECRET,
            "MINEDUC_API_KEY": SECRET,
        }.items():
            monkeypatch.setenv(name, value)
        settings = Settings()
        assert (settings.sqlserver.host, settings.sqlserver.name) == ("SQL-SIGE-REPLICA", "SIGE_DataMart")
        assert (settings.sqlserver.user, settings.sqlserver.port) == ("readonly_emtp", 1434)
        assert (settings.sftp.host, settings.sftp.user) == ("ftp", "emtp")
        assert settings.sharepoint.client_id == "app"
        for system in (settings.sqlserver, settings.sharepoint, settings.sftp, settings.rest):
            assert system.secret() == SECRET
        assert SECRET not in repr(settings)

    def test_nothing_is_configured_by_default(self) -> None:
        settings = Settings()
        assert not any(
            system.configured
            for system in (settings.sqlserver, settings.sharepoint, settings.sftp, settings.rest, settings.alerts)
        )


class TestWithoutValue:
    """`VARIABLE=` in `.env` or handed down by a container: the same as not there."""

    def test_a_variable_without_value_is_one_that_is_not_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names = ("EMTP_DROP_DIR", "EMTP_CA_FILE", "SIGE_DB_MAX_ROWS", "SIGE_DB_VIEWS", "SHAREPOINT_LIBRARY")
        for name in (*names, "SFTP_KEY_FILE", "EMTP_ALERT_SMTP_PASSWORD_FILE"):
            monkeypatch.setenv(name, "")
        settings = Settings()
        assert settings.drop == settings.data_dir / "drop", "an empty path is the current folder"
        assert (settings.ca_file, settings.sqlserver.max_rows, settings.sqlserver.views) == (None, None, {})
        assert (settings.sharepoint.library, settings.sftp.key_file, settings.alerts.smtp_password_file) == (None,) * 3


class TestMasking:
    def test_every_secret_of_the_settings_is_found(self, tmp_path: Path) -> None:
        file = tmp_path / "clave"
        file.write_text("en-un-archivo\n")
        settings = Settings.model_validate(
            {
                "pseudonym_key": "la-clave-de-seudonimos",
                "sqlserver": {"password": SECRET},
                "sftp": {"password_file": file},
                "alerts": {"webhook_url": "https://aviso/secreto"},
            }
        )
        assert set(secrets_of(settings)) >= {
            "la-clave-de-seudonimos",
            SECRET,
            "en-un-archivo",
            "https://aviso/secreto",
        }

    def test_a_certificate_file_that_holds_the_key_too_is_a_secret(self, tmp_path: Path) -> None:
        both = tmp_path / "todo.pem"
        both.write_text("certificado y clave\n")
        settings = Settings.model_validate({"sharepoint": {"certificate_file": both}})
        assert "certificado y clave" in set(secrets_of(settings))

    def test_a_text_loses_them_all(self) -> None:
        assert redacted(f"PWD={SECRET};", [SECRET, "Secreta"]) == "PWD=•••;"

    def test_what_is_too_short_to_be_a_secret_does_not_eat_the_text(self) -> None:
        assert redacted("una frase", ["", "a"]) == "una frase"


class TestWhatIsWrong:
    def test_it_names_the_variable_and_the_value(self) -> None:
        with pytest.raises(ValidationError) as error:
            SqlServerSettings.model_validate({"port": 99999})
        assert problems(error.value)[0].startswith("SIGE_DB_PORT=99999 no sirve")

    @pytest.mark.parametrize("hours", ["22:00-24:00", "22:00", "25:00-07:00", "07:00-07:00", "de noche"])
    def test_hours_that_no_clock_shows_are_refused_before_anybody_is_asked(self, hours: str) -> None:
        with pytest.raises(ValidationError, match="22:00-07:00"):
            SqlServerSettings.model_validate({"hours": hours})

    def test_views_that_are_no_json_are_said_by_their_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SIGE_DB_VIEWS", "vw_otro_nombre")
        with pytest.raises(ValidationError) as error:
            Settings()
        assert problems(error.value)[0].startswith("SIGE_DB_VIEWS='vw_otro_nombre' no sirve")

    @pytest.mark.parametrize("part", [SqlServerSettings, SftpSettings])
    def test_a_secret_is_not_shown(self, part: type[SqlServerSettings]) -> None:
        with pytest.raises(ValidationError) as error:
            part.model_validate({"password": [SECRET]})
        assert SECRET not in "".join(problems(error.value))
        assert SECRET not in str(error.value)

    def test_the_webhook_is_a_secret(self) -> None:
        with pytest.raises(ValidationError) as error:
            AlertSettings.model_validate({"webhook_url": [SECRET]})
        assert SECRET not in "".join(problems(error.value))
