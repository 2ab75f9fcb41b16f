"""Settings of the alarms: who is told, by what channel. What deserves an alarm is the business of `alerts`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic.functional_validators import BeforeValidator
from pydantic_settings import BaseSettings, NoDecode

from emtp_assets.settings.home import read_with
from emtp_assets.settings.secrets import secret


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Addresses = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
"""``persona@mineduc.cl, otra@mineduc.cl``."""


class AlertSettings(BaseSettings):
    """Each field is the variable ``EMTP_ALERT_<FIELD>``. With no channel, alarms are only in the UI and the log."""

    model_config = read_with("EMTP_ALERT_")

    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_password_file: Path | None = None
    email_from: str = "emtp@localhost"
    email_to: Addresses = ()
    # Told as well when a source has failed more than `escalate_after` times in a row.
    developer_email: Addresses = ()

    # The address itself lets anyone post: it is a secret.
    webhook_url: SecretStr | None = None
    webhook_url_file: Path | None = None
    webhook_kind: Literal["teams", "slack"] = "teams"

    escalate_after: Annotated[int, Field(ge=1)] = 3
    # Of the Dagster UI and of the manual, as people reach them; alarms link to both.
    ui_url: str = "http://127.0.0.1:3000"
    manual_url: str = "docs/MANUAL_MANTENIMIENTO.md"
    instance_name: str = "EMTP"
    timeout: Annotated[float, Field(gt=0)] = 20
    # A message that a channel has refused for so long is given up; the cause itself goes on standing.
    keep_trying_days: Annotated[int, Field(ge=1)] = 7

    @property
    def configured(self) -> bool:
        return self.by_email or self.by_webhook

    @property
    def by_email(self) -> bool:
        return bool(self.smtp_host and self.email_to)

    @property
    def by_webhook(self) -> bool:
        return self.webhook_url is not None or self.webhook_url_file is not None

    def smtp_secret(self) -> str | None:
        return secret(self.smtp_password, self.smtp_password_file, "EMTP_ALERT_SMTP_PASSWORD")

    def webhook_secret(self) -> str | None:
        return secret(self.webhook_url, self.webhook_url_file, "EMTP_ALERT_WEBHOOK_URL")
