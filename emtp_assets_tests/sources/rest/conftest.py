"""A service, a stranger and a watch over every log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emtp_assets.settings import PrivacyMode
from emtp_assets.sources.rest import RestSource
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.https import (
    HttpsServer,
    Reply,
)
from emtp_assets_tests.servers.rest import JSON, RestServer
from emtp_assets_tests.sources.rest.service import KEY, ROWS, Maker


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def service(authority: Authority) -> Iterator[RestServer]:
    with RestServer(authority.issue("rest"), {"matricula": {2025: ROWS}}, key=KEY) as running:
        yield running


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "llegada"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def no_key_in_any_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a test does, with every logger at DEBUG: neither the key nor a person's number is logged."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("NO_PROXY", "*")
    yield
    told = "\n".join(f"{r.getMessage()}\n{r.exc_text or ''}" for r in caplog.get_records("call"))
    assert KEY not in told
    assert "00000007" not in told


@pytest.fixture
def source(service: RestServer, authority: Authority, tmp_path: Path) -> Maker:
    def make(mode: str = "A", **given: Any) -> RestSource:
        rest = {"url": service.url, "key": KEY, "page_size": 200, "timeout": 2, **given}
        return RestSource(
            isolated_settings(
                data_dir=tmp_path / "data", ca_file=authority.ca_file, rest=rest, privacy_mode=PrivacyMode(mode)
            )
        )

    return make


@pytest.fixture
def stranger(authority: Authority) -> Iterator[HttpsServer]:
    with HttpsServer(authority.issue("ajeno"), lambda _: Reply(200, JSON, b'{"records": []}')) as running:
        yield running
