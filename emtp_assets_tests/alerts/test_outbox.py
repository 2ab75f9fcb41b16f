"""One alarm per cause until it changes, kept through anything; a channel that fails gets it later, once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from emtp_assets.alerts.alert import Alert, Kind, Severity
from emtp_assets.alerts.board import Board
from emtp_assets.alerts.channels import configured_channels
from emtp_assets.alerts.delivery import deliver, read_channels
from emtp_assets.alerts.outbox import Outbox
from emtp_assets.settings import Settings
from emtp_assets_tests.alerts.conftest import NOW, alarm, board_with, instance, mailing
from emtp_assets_tests.servers.smtp import MailServer
from emtp_assets_tests.servers.webhook import WebhookServer


class Office:
    """An instance that looks and sends, minute by minute."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now = NOW

    def tick(self, *alerts: Alert, once: tuple[Alert, ...] = (), after: timedelta = timedelta(minutes=1)) -> list[str]:
        """A look at which exactly these causes stand; the events of what is new."""
        self.now += after
        outbox, channels = Outbox.of(self.settings), configured_channels(self.settings)
        board = Board({key: cause for key, cause in outbox.board().standing.items() if key.startswith("canal:")})
        read_channels(board, outbox, channels)
        for alert in alerts:
            board.stand(alert)
        for alert in once:
            board.say(alert)
        notices = outbox.settle(board, channels=[c.name for c in channels], now=self.now)
        deliver(self.settings, outbox, channels, now=self.now, seconds=4)
        return [f"{n.event} {n.alert.key}" for n in notices]


@pytest.fixture
def office(tmp_path: Path, mail_server: MailServer) -> Office:
    return Office(instance(tmp_path, mailing(mail_server)))


def subjects(server: MailServer) -> list[str]:
    return [mail["Subject"].removeprefix("[EMTP] ") for mail in server.mails]


def bodies(server: MailServer) -> list[str]:
    """Text and HTML of the first mail."""
    parts = (server.mails[0].get_body((kind,)) for kind in ("plain", "html"))
    return [part.get_content() for part in parts if part is not None]


def test_fifty_ticks_are_one_mail(office: Office, mail_server: MailServer) -> None:
    for minute in range(50):
        office.tick(alarm(link=f"/runs/{minute}", cause=f"{minute} filas el 23-11-2026 a las 06:{minute:02}"))
    assert len(mail_server.mails) == 1
    (standing,) = Outbox.of(office.settings).standing()
    assert (standing.times, standing.seen_at - standing.opened_at) == (50, timedelta(minutes=49))
    assert standing.alert.link == "/runs/49", "the newest run is the one to look at"


def test_a_cause_that_changes_is_told_again(office: Office, mail_server: MailServer) -> None:
    office.tick(alarm())
    office.tick(alarm(told_apart_by=("matricula__cleaned", "clave_unica"), title="no pasó clave_unica"))
    assert subjects(mail_server)[1] == "CAMBIÓ matricula 2025: no pasó clave_unica"


def test_a_cause_that_ends_is_told_once_and_may_come_back(office: Office, mail_server: MailServer) -> None:
    assert office.tick(alarm()) == ["nueva corrida:matricula:2025"]
    assert office.tick() == ["resuelta corrida:matricula:2025"]
    assert office.tick() == []
    assert office.tick(alarm()) == ["nueva corrida:matricula:2025"]
    assert [subject.split()[0] for subject in subjects(mail_server)] == ["FALLA", "RESUELTO", "FALLA"]


def test_what_happens_at_once_is_one_mail(office: Office, mail_server: MailServer) -> None:
    office.tick(*(alarm(f"corrida:{name}:2026", dataset=name) for name in ("matricula", "docentes", "egresados")))
    assert subjects(mail_server) == ["FALLA 3 avisos: matricula 2025, docentes 2025, egresados 2025"]


def test_something_said_once_does_not_stand(office: Office, mail_server: MailServer) -> None:
    assert office.tick(once=(alarm("rechazo:abc"),)) == ["nueva rechazo:abc"]
    assert office.tick() == []
    assert len(mail_server.mails) == 1
    assert Outbox.of(office.settings).standing() == []


def test_counts_dates_and_identifiers_do_not_make_a_cause_another() -> None:
    told = (
        "falló: 4.999 de 16.694 filas (-70,1%) el 2026-11-23T06:04:11+00:00, corrida 3f2a9c1e-77aa-4b1c-9d10-aabbccddee"
    )
    again = "falló: 12 de 90 filas (+3%) el 2026-11-30T06:05:00+00:00, corrida 11111111-77aa-4b1c-9d10-aabbccddee"
    assert alarm(told_apart_by=(told,)).fingerprint == alarm(told_apart_by=(again,)).fingerprint
    assert alarm(told_apart_by=("falta ENS_01",)).fingerprint != alarm(told_apart_by=("falta ENS_02",)).fingerprint


class TestAChannelThatFails:
    def test_nothing_is_lost_and_nothing_comes_twice(self, office: Office, mail_server: MailServer) -> None:
        mail_server.fault = "refuse"
        office.tick(alarm())
        for _ in range(30):
            office.tick(alarm())
        assert mail_server.connections < 8, "it is asked less and less often"
        assert Outbox.of(office.settings).waiting() == 1
        mail_server.fault = ""
        for _ in range(70):
            office.tick(alarm())
        assert subjects(mail_server) == ["FALLA matricula 2025: no pasó un control bloqueante (filas_no_bajan)"]
        assert Outbox.of(office.settings).waiting() == 0

    def test_what_waits_keeps_its_order(self, office: Office, mail_server: MailServer) -> None:
        mail_server.fault = "temporary"
        office.tick(alarm())
        office.tick()
        mail_server.fault = ""
        for _ in range(70):
            office.tick()
        assert [subject.split()[0] for subject in subjects(mail_server)] == ["FALLA", "RESUELTO"]

    def test_it_survives_the_process(self, office: Office, mail_server: MailServer) -> None:
        mail_server.fault = "refuse"
        office.tick(alarm())
        mail_server.fault = ""
        again = Office(office.settings)
        again.now = office.now
        assert again.tick(alarm(), after=timedelta(hours=2)) == []
        assert len(mail_server.mails) == 1

    def test_the_other_channel_tells_it_and_that_it_is_back(
        self, tmp_path: Path, mail_server: MailServer, webhook_server: WebhookServer
    ) -> None:
        office = Office(instance(tmp_path, mailing(mail_server, webhook_url=webhook_server.url)))
        mail_server.fault = "refuse"
        for _ in range(12):
            office.tick(alarm())
        said = [post["attachments"][0]["content"]["fallbackText"] for post in webhook_server.received]
        assert [text.removeprefix("[EMTP] ") for text in said] == [
            "FALLA matricula 2025: no pasó un control bloqueante (filas_no_bajan)",
            "ADVERTENCIA: los avisos por correo no salen",
        ]
        mail_server.fault = ""
        for _ in range(70):
            office.tick(alarm())
        assert "RESUELTO: los avisos por correo no salen" in str(webhook_server.received[2])
        assert len(webhook_server.received) == 3
        assert len(mail_server.mails) == 1, "the mail channel is not told of its own trouble"

    def test_who_asks_to_wait_is_left_alone(self, tmp_path: Path, webhook_server: WebhookServer) -> None:
        office = Office(instance(tmp_path, {"webhook_url": webhook_server.url, "timeout": 2}))
        webhook_server.status, webhook_server.retry_after = 429, "600"
        office.tick(alarm())
        webhook_server.status = 0
        for _ in range(9):
            office.tick(alarm())
        assert webhook_server.asked == 1
        office.tick(alarm())
        office.tick(alarm())
        assert (webhook_server.asked, len(webhook_server.received)) == (2, 1)

    def test_only_the_refused_recipient_is_tried_again(self, tmp_path: Path, mail_server: MailServer) -> None:
        office = Office(instance(tmp_path, mailing(mail_server, email_to=("ti@mineduc.test", "nuevo@mineduc.test"))))
        mail_server.fault, mail_server.rejected = "reject", {"nuevo@mineduc.test"}
        office.tick(alarm())
        mail_server.fault = ""
        for _ in range(5):
            office.tick(alarm())
        assert mail_server.recipients == [["ti@mineduc.test"], ["nuevo@mineduc.test"]]

    def test_a_message_that_is_refused_does_not_hold_up_the_next(
        self, tmp_path: Path, webhook_server: WebhookServer
    ) -> None:
        office = Office(instance(tmp_path, {"webhook_url": webhook_server.url, "timeout": 2}))
        webhook_server.status = 400
        office.tick(alarm())
        webhook_server.status = 0
        office.tick(alarm(), once=(alarm("rechazo:abc", title="otra cosa"),), after=timedelta(seconds=1))
        assert "otra cosa" in str(webhook_server.received[0])

    def test_after_a_week_it_is_given_up(self, office: Office, mail_server: MailServer) -> None:
        mail_server.fault = "refuse"
        office.tick(alarm())
        office.tick(alarm(), after=timedelta(days=7, hours=1))
        assert Outbox.of(office.settings).waiting() == 0
        assert [s.alert.key for s in Outbox.of(office.settings).standing()] == ["corrida:matricula:2025"]

    def test_a_hanging_one_takes_no_more_than_its_share(
        self, tmp_path: Path, mail_server: MailServer, webhook_server: WebhookServer
    ) -> None:
        settings = instance(tmp_path, mailing(mail_server, webhook_url=webhook_server.url, timeout=20))
        outbox, channels = Outbox.of(settings), configured_channels(settings)
        mail_server.fault, webhook_server.delay = "hang", 20
        outbox.settle(board_with(alarm()), channels=[c.name for c in channels], now=NOW)
        began = datetime.now()
        lines = deliver(settings, outbox, channels, now=NOW, seconds=1.6)
        assert (datetime.now() - began).total_seconds() < 3
        assert len(lines) == 2


def test_a_crash_between_sending_and_noting_it_repeats_the_same_mail(
    office: Office, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Outbox, "accepted", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            office.tick(alarm())
    office.tick(alarm())
    first, second = mail_server.mails
    assert first["Message-ID"] == second["Message-ID"], "at least once; mail programs show one"


def test_with_no_channel_it_is_kept_and_a_channel_that_comes_is_told_what_stands(
    tmp_path: Path, mail_server: MailServer
) -> None:
    office = Office(instance(tmp_path, {}))
    assert office.tick(alarm(), alarm("corrida:docentes:2025", dataset="docentes")) != []
    assert Outbox.of(office.settings).waiting() == 0
    office.settings = instance(tmp_path, mailing(mail_server))
    office.tick(alarm())
    assert subjects(mail_server) == [
        "FALLA matricula 2025: no pasó un control bloqueante (filas_no_bajan)",
        "RESUELTO docentes 2025: no pasó un control bloqueante (filas_no_bajan)",
    ]
    assert "Desde: 23-11-2026 09:01" in bodies(mail_server)[0]


def test_a_channel_that_is_taken_away_owes_nothing(office: Office, tmp_path: Path, mail_server: MailServer) -> None:
    mail_server.fault = "refuse"
    office.tick(alarm())
    office.settings = instance(tmp_path, {})
    office.tick(alarm())
    assert Outbox.of(office.settings).waiting() == 0


def test_a_person_may_close_what_nothing_mends(office: Office) -> None:
    office.tick(alarm())
    outbox = Outbox.of(office.settings)
    assert outbox.dismiss("corrida:matricula:2025", NOW)
    assert not outbox.dismiss("corrida:matricula:2025", NOW)
    assert outbox.standing() == []


def test_what_a_later_version_wrote_can_still_be_read() -> None:
    written = json.loads(alarm().written) | {"de_otra_version": 1, "kind": "otra", "severity": "OTRA", "page": "OTRA"}
    read = Alert.read(json.dumps(written))
    assert (read.key, read.kind, read.severity) == (alarm().key, Kind.RUN, Severity.WARNING)


def test_a_secret_never_gets_in(tmp_path: Path, mail_server: MailServer) -> None:
    settings = instance(tmp_path, mailing(mail_server), sqlserver={"host": "sige", "password": "clave-del-sige"})
    told = alarm(cause="login con clave-del-sige", told_apart_by=("clave-del-sige",), details=("PWD=clave-del-sige",))
    Office(settings).tick(told)
    for body in bodies(mail_server):
        assert "login con •••" in body
        assert "clave-del-sige" not in body
    for file in settings.data_dir.glob("alerts.sqlite*"):
        assert b"clave-del-sige" not in file.read_bytes()
    changed = replace(told, told_apart_by=("otra",))
    assert "clave-del-sige" not in changed.mapped(lambda text: text.replace("clave-del-sige", "")).written
