"""Mail: what arrives, over which encryption, and what each refusal of a server is called."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emtp_assets.alerts.alert import Event, Notice
from emtp_assets.alerts.channels import ChannelFailure, EmailChannel
from emtp_assets.alerts.message import Message
from emtp_assets_tests.alerts.conftest import alarm, instance, mailing
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.smtp import MailServer

PASSWORD = "contraseña-del-buzón"


def message(*, developers: bool = False) -> Message:
    return Message("abc123", datetime.now(UTC), (Notice(Event.NEW, alarm(), "23-11-2026 06:04"),), developers)


def failure(channel: EmailChannel, seconds: float = 3) -> ChannelFailure:
    with pytest.raises(ChannelFailure) as raised:
        channel.send(message(), seconds=seconds)
    return raised.value


def test_a_mail_says_what_where_and_what_to_do(tmp_path: Path, mail_server: MailServer) -> None:
    settings = instance(tmp_path, mailing(mail_server, ui_url="https://emtp.mineduc.test/"))
    assert EmailChannel(settings).send(message(), seconds=3) == "ti@mineduc.test"
    (mail,) = mail_server.mails
    assert mail["Subject"] == "[EMTP] FALLA matricula 2025: no pasó un control bloqueante (filas_no_bajan)"
    assert (mail["From"], mail["To"]) == ("emtp@mineduc.test", "ti@mineduc.test")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-EMTP-Causa"] == "corrida:matricula:2025"
    assert mail["Message-ID"] == "<abc123@mineduc.test>"
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    for told in (
        "Qué pasó: matricula/raw: no se reemplazó 2025",
        "Último dato bueno: 2025, publicado el 16-11-2026 06:04",
        "Qué hacer: Entregue el archivo completo.",
        "Ver la corrida: https://emtp.mineduc.test/runs/abc",
        "Manual, 7.1 Un control bloqueante falló: docs/MANUAL_MANTENIMIENTO.md#71-un-control-bloqueante-falló",
        "SIMULADOS",
    ):
        assert told in text.get_content()
    assert '<a href="https://emtp.mineduc.test/runs/abc">Ver la corrida</a>' in html.get_content()


def test_developers_get_what_concerns_them_and_nothing_else(tmp_path: Path, mail_server: MailServer) -> None:
    channel = EmailChannel(instance(tmp_path, mailing(mail_server, developer_email=("codigo@mineduc.test",))))
    channel.send(message(), seconds=3)
    channel.send(message(developers=True), seconds=3)
    assert mail_server.recipients == [["ti@mineduc.test"], ["ti@mineduc.test", "codigo@mineduc.test"]]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_and_signed_in(
    security: str, tmp_path: Path, authority: Authority, certificate: tuple[Path, Path]
) -> None:
    server = MailServer(certificate=certificate, security=security, user="emtp", password=PASSWORD)  # pyright: ignore[reportArgumentType]
    with server:
        alerts = mailing(server, smtp_user="emtp", smtp_password=PASSWORD)
        channel = EmailChannel(instance(tmp_path, alerts, ca_file=authority.ca_file))
        channel.send(message(), seconds=3)
        assert server.logins == [("emtp", PASSWORD)]
        assert len(server.mails) == 1
        assert [probe.good for probe in channel.examine()] == [True]
        assert len(server.mails) == 1, "looking sends nothing"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_is_not_recognised_gets_nothing(
    security: str, tmp_path: Path, authority: Authority, certificate: tuple[Path, Path]
) -> None:
    rogue = Authority.create(tmp_path / "otra").issue("correo")
    server = MailServer(certificate=rogue, security=security, user="emtp", password=PASSWORD)  # pyright: ignore[reportArgumentType]
    with server:
        alerts = mailing(server, smtp_user="emtp", smtp_password=PASSWORD)
        refused = failure(EmailChannel(instance(tmp_path, alerts, ca_file=authority.ca_file)))
        assert "no es de confianza" in refused.what
        assert "EMTP_CA_FILE" in refused.action
        assert server.logins == server.mails == []


def test_a_server_without_encryption_gets_nothing(tmp_path: Path, mail_server: MailServer) -> None:
    refused = failure(EmailChannel(instance(tmp_path, mailing(mail_server, smtp_security="starttls"))))
    assert "no ofrece el cifrado" in refused.what
    assert mail_server.mails == []


def test_a_password_is_never_sent_in_clear(tmp_path: Path, mail_server: MailServer) -> None:
    alerts = mailing(mail_server, smtp_user="emtp", smtp_password=PASSWORD)
    assert "viajaría sin cifrar" in failure(EmailChannel(instance(tmp_path, alerts))).what
    assert mail_server.connections == 0


def test_a_wrong_password_is_said_without_it(
    tmp_path: Path, authority: Authority, certificate: tuple[Path, Path]
) -> None:
    with MailServer(certificate=certificate, security="starttls", user="emtp", password="otra") as server:
        alerts = mailing(server, smtp_user="emtp", smtp_password=PASSWORD)
        refused = failure(EmailChannel(instance(tmp_path, alerts, ca_file=authority.ca_file)))
    assert "código 535" in refused.what
    assert PASSWORD not in str(refused)


def test_one_refused_recipient_does_not_cost_the_others_theirs(tmp_path: Path, mail_server: MailServer) -> None:
    mail_server.fault, mail_server.rejected = "reject", {"se-fue@mineduc.test"}
    alerts = mailing(mail_server, email_to=("ti@mineduc.test", "se-fue@mineduc.test"))
    refused = failure(EmailChannel(instance(tmp_path, alerts)))
    assert "se-fue@mineduc.test (código 550)" in refused.what
    assert (refused.accepted_for, refused.whole) == ({"ti@mineduc.test"}, False)
    assert mail_server.recipients == [["ti@mineduc.test"]]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("refuse", "cortó la conexión"),
        ("cut", "cortó la conexión"),
        ("cut_after_data", "cortó la conexión"),
        ("temporary", "código 451"),
    ],
)
def test_what_a_server_does_is_named(fault: str, said: str, tmp_path: Path, mail_server: MailServer) -> None:
    mail_server.fault = fault  # pyright: ignore[reportAttributeAccessIssue]
    refused = failure(EmailChannel(instance(tmp_path, mailing(mail_server))))
    assert said in refused.what
    assert refused.whole


def test_a_server_that_hangs_costs_no_more_than_it_is_given(tmp_path: Path, mail_server: MailServer) -> None:
    mail_server.fault = "hang"
    began = time.monotonic()
    assert "a tiempo" in failure(EmailChannel(instance(tmp_path, mailing(mail_server))), seconds=0.6).what
    assert time.monotonic() - began < 2


def test_nobody_there(tmp_path: Path, mail_server: MailServer) -> None:
    channel = EmailChannel(instance(tmp_path, mailing(mail_server)))
    mail_server.stop()
    assert "rechazó la conexión" in failure(channel).what
    (probe,) = channel.examine()
    assert not probe.good
    mail_server.start()
