"""What whoever sets the alarms up is told: whether each channel would take one, and that a trial arrived."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from emtp_assets.alerts import Outbox, probe, send_test
from emtp_assets.alerts.channels import configured_channels
from emtp_assets.alerts.delivery import deliver, read_channels
from emtp_assets_tests.alerts.conftest import NOW, alarm, board_with, instance, mailing
from emtp_assets_tests.servers.smtp import MailServer
from emtp_assets_tests.servers.webhook import WebhookServer


def test_a_trial_goes_through_every_channel_to_everybody(
    tmp_path: Path, mail_server: MailServer, webhook_server: WebhookServer
) -> None:
    alerts = mailing(mail_server, developer_email=("codigo@mineduc.test",), webhook_url=webhook_server.url)
    assert send_test(instance(tmp_path, alerts)) == [
        "webhook: enviado a teams",
        "correo: enviado a ti@mineduc.test, codigo@mineduc.test",
    ]
    assert mail_server.mails[0]["Subject"] == "[EMTP] PRUEBA: aviso de prueba"
    assert len(webhook_server.received) == 1


def test_a_trial_that_arrives_ends_the_trouble_of_a_channel_that_is_owed_nothing(
    tmp_path: Path, mail_server: MailServer
) -> None:
    """All that it did not take was given up: without the trial it would be thought to fail until the next alarm."""
    settings = instance(tmp_path, mailing(mail_server))
    outbox, channels = Outbox.of(settings), configured_channels(settings)
    outbox.settle(board_with(alarm()), channels=["correo"], now=NOW)
    mail_server.fault = "refuse"
    for hours in (0, 1, 200):
        deliver(settings, outbox, channels, now=NOW + timedelta(hours=hours), seconds=5)
    assert outbox.waiting() == 0
    board = outbox.board()
    read_channels(board, outbox, channels)
    assert "canal:correo" in board.standing
    mail_server.fault = ""
    send_test(settings)
    read_channels(board, outbox, channels)
    assert "canal:correo" not in board.standing


def test_a_trial_that_fails_says_why_and_what_to_do(tmp_path: Path, mail_server: MailServer) -> None:
    mail_server.fault = "refuse"
    (line,) = send_test(instance(tmp_path, mailing(mail_server)))
    assert line.startswith("correo: NO salió. No se pudo hablar con el servidor de correo")
    assert "Qué hacer:" in line


def test_with_nothing_configured_nobody_is_told_and_that_is_said(tmp_path: Path) -> None:
    (line,) = send_test(instance(tmp_path, {}))
    assert "nadie recibe los avisos" in line
    (demonstration,) = probe(instance(tmp_path, {}))
    assert demonstration.good
    (production,) = probe(instance(tmp_path, {}, mode="produccion"))
    assert not production.good
    assert "EMTP_ALERT_SMTP_HOST" in production.remedy


def test_the_doctor_sees_the_channels_what_stands_and_what_waits(tmp_path: Path, mail_server: MailServer) -> None:
    settings = instance(tmp_path, mailing(mail_server))
    assert [p.good for p in probe(settings)] == [True, True]
    Outbox.of(settings).settle(board_with(alarm()), channels=["correo"], now=NOW)
    found = {p.what: p for p in probe(settings)}
    assert found["avisos por enviar"].found.startswith("1 ")
    assert "matricula 2025: no pasó un control bloqueante" in found["aviso vigente"].found
    assert "clave corrida:matricula:2025" in found["aviso vigente"].found
    assert mail_server.mails == []
