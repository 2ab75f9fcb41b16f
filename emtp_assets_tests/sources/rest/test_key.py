"""The key goes to the configured server and to nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emtp_assets.sources import Cause
from emtp_assets_tests.servers.https import (
    HttpsServer,
    moved,
    rewritten,
)
from emtp_assets_tests.servers.rest import RestServer
from emtp_assets_tests.sources.rest.service import KEY, MATRICULA, Maker, failure, fetched


def test_a_redirect_to_another_server_is_not_followed(
    service: RestServer, source: Maker, inbox: Path, stranger: HttpsServer
) -> None:
    service.server.fail(moved(f"{stranger.url}/sige/v1/matricula"))
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.ANSWER, False)
    assert stranger.requests == []


def test_a_next_page_on_another_server_is_not_asked_for(
    service: RestServer, source: Maker, inbox: Path, stranger: HttpsServer
) -> None:
    service.server.fail(rewritten(lambda body: json.dumps({**json.loads(body), "next": f"{stranger.url}/2"}).encode()))
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.ANSWER, False)
    assert stranger.requests == []


def test_a_redirect_within_the_server_is_followed(service: RestServer, source: Maker, inbox: Path) -> None:
    service.server.fail(moved("/sige/v1/matricula?ano=2025&page=1&page_size=200", 307), times=1)
    fetched(source().fetch(MATRICULA, 2025, inbox))


def test_redirects_without_end_are_given_up(service: RestServer, source: Maker, inbox: Path) -> None:
    service.server.fail(moved("/sige/v1/matricula"))
    assert failure(source(), inbox).cause is Cause.ANSWER


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"key": None}, "clave"),
        ({"url": "http://localhost/sige"}, "MINEDUC_API_URL"),
        ({"url": "https://[localhost"}, "MINEDUC_API_URL"),
        ({"key": None, "key_file": Path("no-existe")}, "MINEDUC_API_KEY_FILE"),
    ],
)
def test_incomplete_settings_ask_nobody(
    service: RestServer, source: Maker, inbox: Path, given: dict[str, Any], says: str
) -> None:
    told = failure(source(**given), inbox)
    assert (told.cause, told.passing) == (Cause.SETTINGS, False)
    assert says in told.explanation.action
    assert service.requests == []


def test_the_key_may_be_in_a_file(service: RestServer, source: Maker, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "clave").write_text(f"{KEY}\n")
    fetched(source(key=None, key_file=tmp_path / "clave").fetch(MATRICULA, 2025, inbox))
