"""Every alarm sends people to a page that exists; a subject is one line whatever is in it; long texts are cut."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emtp_assets.alerts.alert import Alert, Event, Notice
from emtp_assets.alerts.manual import Page
from emtp_assets.alerts.message import Message
from emtp_assets.alerts.wording import Wording
from emtp_assets.settings import HOME
from emtp_assets_tests.alerts.conftest import NOW, alarm, instance

MANUAL = (HOME / "docs" / "MANUAL_MANTENIMIENTO.md").read_text(encoding="utf-8")


def message(*alerts: Alert, event: Event = Event.NEW) -> Message:
    return Message("abc", NOW, tuple(Notice(event, alert, "23-11-2026 06:04") for alert in alerts), developers=False)


@pytest.mark.parametrize("page", Page)
def test_the_manual_has_the_page(page: Page) -> None:
    assert re.search(rf"^#+ {re.escape(page.heading)}$", MANUAL, re.MULTILINE), page


def test_anchors_are_those_of_the_manuals_own_index() -> None:
    assert f"(#{Page.FAILURES.anchor})" in MANUAL
    assert f"(#{Page.WEEKLY.anchor})" in MANUAL


def test_a_subject_is_one_line_of_bearable_length(tmp_path: Path) -> None:
    words = Wording(instance(tmp_path, {"instance_name": "EMTP\r\nBcc: todos@mineduc.test"}))
    subject = words.subject(message(alarm(title="línea uno\r\nX-Otra: cabecera\n" + "x" * 500)))
    assert len(subject) <= 180
    assert not set("\r\n") & set(subject)


def test_what_comes_from_a_file_is_no_markup(tmp_path: Path) -> None:
    html = Wording(instance(tmp_path, {})).html(message(alarm(cause="<script>alert(1)</script>\nsegunda línea")))
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>segunda línea" in html


def test_a_day_on_which_everything_fails_stays_readable(tmp_path: Path) -> None:
    words = Wording(instance(tmp_path, {}))
    text = words.text(message(*(alarm(f"corrida:{n}", cause="x" * 10_000) for n in range(40))))
    assert "Hay 28 avisos más" in text
    assert len(text) < 60_000


def test_which_instance_speaks(tmp_path: Path) -> None:
    demonstration = Wording(instance(tmp_path, {"instance_name": "EMTP pruebas"}))
    production = Wording(instance(tmp_path, {}, mode="produccion"))
    assert demonstration.subject(message(alarm())).startswith("[EMTP pruebas] FALLA matricula 2025: ")
    assert "SIMULADOS" in demonstration.footer()
    assert "SIMULADOS" not in production.footer()


def test_an_alarm_is_read_from_the_outbox_as_it_was_written() -> None:
    whole = alarm(details=("una", "otra"), developers=True)
    assert Alert.read(whole.written) == whole
