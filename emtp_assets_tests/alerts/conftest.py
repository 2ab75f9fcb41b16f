"""What the alarms' tests share: an alarm to send, and an instance with channels to send it by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from emtp_assets.alerts.alert import Alert, Kind, Severity
from emtp_assets.alerts.board import Board
from emtp_assets.alerts.manual import Page
from emtp_assets.settings import Settings
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.smtp import MailServer
from emtp_assets_tests.servers.webhook import WebhookServer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MailTo = Callable[..., Settings]


def alarm(key: str = "corrida:matricula:2025", **changes: Any) -> Alert:
    """A blocking check that did not hold."""
    fields: dict[str, Any] = {
        "key": key,
        "kind": Kind.CHECK,
        "severity": Severity.FAILURE,
        "title": "no pasó un control bloqueante (filas_no_bajan)",
        "cause": "matricula/raw: no se reemplazó 2025; lo publicado antes sigue en su lugar.",
        "action": "Entregue el archivo completo.",
        "page": Page.CHECK,
        "dataset": "matricula",
        "years": (2025,),
        "last_good": "2025, publicado el 16-11-2026 06:04",
        "link": "/runs/abc",
        "told_apart_by": ("matricula__raw", "filas_no_bajan"),
    }
    return Alert(**(fields | changes))


def board_with(*alerts: Alert) -> Board:
    board = Board()
    for alert in alerts:
        board.stand(alert)
    return board


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("autoridad"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> tuple[Path, Path]:
    return authority.issue("correo")


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def webhook_server() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


def mailing(server: MailServer, **changes: object) -> dict[str, object]:
    """Settings of the alarms for a mail server of the tests."""
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "smtp_security": server.security,
        "email_from": "emtp@mineduc.test",
        "email_to": ("ti@mineduc.test",),
        "timeout": 3,
        **changes,
    }


def instance(tmp_path: Path, alerts: dict[str, object], **changes: object) -> Settings:
    return isolated_settings(data_dir=tmp_path / "data", alerts=alerts, **changes)
