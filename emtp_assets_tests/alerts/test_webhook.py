"""Webhooks: the shapes of Teams and Slack, their refusals, and an address that nobody gets to see."""

from __future__ import annotations

import io
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from emtp_assets.alerts.alert import Alert, Event, Notice
from emtp_assets.alerts.channels import ChannelFailure, WebhookChannel
from emtp_assets.alerts.message import Message
from emtp_assets.settings import Settings
from emtp_assets_tests.alerts.conftest import alarm, instance
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.webhook import WebhookServer


def message(*alerts: Alert) -> Message:
    notices = tuple(Notice(Event.NEW, alert, "23-11-2026 06:04") for alert in alerts or (alarm(),))
    return Message("abc123", datetime.now(UTC), notices, developers=False)


def hooked(tmp_path: Path, server: WebhookServer) -> Settings:
    return instance(tmp_path, {"webhook_url": server.url, "webhook_kind": server.kind, "timeout": 2})


def failure(settings: Settings, seconds: float = 3) -> ChannelFailure:
    with pytest.raises(ChannelFailure) as raised:
        WebhookChannel(settings).send(message(), seconds=seconds)
    assert "secreto-del-webhook" not in str(raised.value)
    return raised.value


def test_teams_gets_an_adaptive_card(tmp_path: Path, webhook_server: WebhookServer) -> None:
    assert WebhookChannel(hooked(tmp_path, webhook_server)).send(message(), seconds=3) == "teams"
    (post,) = webhook_server.received
    (attachment,) = post["attachments"]
    assert (post["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    shown = json.dumps(card, ensure_ascii=False)
    assert "FALLA matricula 2025: no pasó un control bloqueante" in shown
    assert "2025, publicado el 16-11-2026 06:04" in shown
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Ver la corrida", "url": "http://127.0.0.1:3000/runs/abc"}
    ]


def test_a_card_never_grows_beyond_what_teams_takes(tmp_path: Path, webhook_server: WebhookServer) -> None:
    many = [alarm(f"corrida:{n}", cause="x" * 9000) for n in range(40)]
    WebhookChannel(hooked(tmp_path, webhook_server)).send(message(*many), seconds=3)
    assert len(json.dumps(webhook_server.received[0])) < 28_000


def test_slack_gets_blocks_in_which_nothing_is_markup(tmp_path: Path) -> None:
    with WebhookServer(kind="slack") as server:
        alert = alarm(cause="archivo «<!channel> <https://malo.test|aquí>.csv»", title="<!channel> & otros")
        WebhookChannel(hooked(tmp_path, server)).send(message(alert), seconds=3)
    (post,) = server.received
    assert post["text"] == "[EMTP] FALLA matricula 2025: &lt;!channel&gt; &amp; otros"
    quoting = [block for block in post["blocks"] if "malo.test" in json.dumps(block)]
    assert [block["text"]["type"] for block in quoting] == ["plain_text"]


@pytest.mark.parametrize(
    ("status", "said", "whole"),
    [
        (429, "pide esperar", True),
        (500, "el servicio falla", True),
        (503, "el servicio falla", True),
        (400, "no aceptó el mensaje", False),
        (401, "ya no sirve", True),
        (404, "ya no sirve", True),
        (410, "ya no sirve", True),
        (302, "ya no sirve", True),
    ],
)
def test_what_the_service_answers_is_named(
    status: int, said: str, whole: bool, tmp_path: Path, webhook_server: WebhookServer
) -> None:
    webhook_server.status = status
    refused = failure(hooked(tmp_path, webhook_server))
    assert said in refused.what
    assert refused.whole is whole


def test_retry_after_is_seconds_or_a_date(tmp_path: Path, webhook_server: WebhookServer) -> None:
    settings = hooked(tmp_path, webhook_server)
    webhook_server.status, webhook_server.retry_after = 429, "120"
    assert failure(settings).retry_after == 120
    webhook_server.retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    waits = failure(settings).retry_after
    assert waits is not None
    assert 85 < waits <= 90
    webhook_server.retry_after = "mañana".encode("ascii", "ignore").decode()
    assert failure(settings).retry_after is None


def test_a_service_that_hangs_costs_no_more_than_it_is_given(tmp_path: Path, webhook_server: WebhookServer) -> None:
    webhook_server.delay = 20
    began = time.monotonic()
    assert "no respondió a tiempo" in failure(hooked(tmp_path, webhook_server), seconds=0.8).what
    assert time.monotonic() - began < 2


def test_the_certificate_is_verified(tmp_path: Path, authority: Authority, certificate: tuple[Path, Path]) -> None:
    with WebhookServer(certificate=certificate) as server:
        alerts = {"webhook_url": server.url, "timeout": 2}
        assert "no es de confianza" in failure(instance(tmp_path, alerts)).what
        assert server.received == []
        trusting = instance(tmp_path, alerts, ca_file=authority.ca_file)
        WebhookChannel(trusting).send(message(), seconds=3)
        assert len(server.received) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://ejemplo.test/secreto-del-webhook", "es http"),
        ("ejemplo.test/secreto-del-webhook", "no se entiende"),
        ("https://ejemplo.test:secreto-del-webhook/", "no se entiende"),
        ("https:///secreto-del-webhook", "no se entiende"),
    ],
)
def test_an_address_that_cannot_be_used_is_not_asked(url: str, said: str, tmp_path: Path) -> None:
    settings = instance(tmp_path, {"webhook_url": url})
    assert said in failure(settings).what
    (probe,) = WebhookChannel(settings).examine()
    assert not probe.good
    assert "secreto" not in probe.found


def test_looking_reaches_the_host_and_posts_nothing(tmp_path: Path, webhook_server: WebhookServer) -> None:
    channel = WebhookChannel(hooked(tmp_path, webhook_server))
    (probe,) = channel.examine()
    assert probe.good
    assert "secreto" not in probe.found
    assert webhook_server.asked == 0
    webhook_server.stop()
    assert [probe.good for probe in channel.examine()] == [False]
    webhook_server.start()


def test_no_log_shows_the_address(tmp_path: Path, webhook_server: WebhookServer) -> None:
    heard = io.StringIO()
    handler, root = logging.StreamHandler(heard), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        WebhookChannel(hooked(tmp_path, webhook_server)).send(message(), seconds=3)
        webhook_server.status = 500
        failure(hooked(tmp_path, webhook_server))
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert "secreto-del-webhook" not in heard.getvalue()


def test_the_address_may_come_from_a_file(tmp_path: Path, webhook_server: WebhookServer) -> None:
    kept = tmp_path / "webhook"
    kept.write_text(webhook_server.url + "\n")
    settings = instance(tmp_path, {"webhook_url_file": kept})
    assert WebhookChannel(settings).send(message(), seconds=3) == "teams"
    kept.unlink()
    assert "EMTP_ALERT_WEBHOOK_URL" in failure(settings).what
