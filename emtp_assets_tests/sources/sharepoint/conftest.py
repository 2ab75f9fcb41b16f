"""A site, an application and a watch over every log. What they are made of is `site`'s."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from emtp_assets.sources.sharepoint import SharePointSource
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.graph import GraphServer
from emtp_assets_tests.sources.sharepoint.site import BYTES, SECRET, application_certificate, put, secrets_of, source


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return application_certificate(tmp_path_factory.mktemp("aplicacion"))


@pytest.fixture
def graph(authority: Authority, tmp_path: Path) -> Iterator[GraphServer]:
    put(tmp_path / "sitio", "Matricula/matricula_2025.csv", BYTES)
    with GraphServer(authority.issue("microsoft"), tmp_path / "sitio", secret=SECRET) as running:
        yield running


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "llegada"
    folder.mkdir()
    return folder


@pytest.fixture(autouse=True)
def no_secret_in_any_log(
    graph: GraphServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    application: tuple[Path, Path],
) -> Iterator[None]:
    """Whatever a test does, with every logger at DEBUG: no secret, token, link, assertion or key is logged."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("NO_PROXY", "*")
    yield
    records = caplog.get_records("call")
    told = "\n".join(f"{record.getMessage()}\n{record.exc_text or ''}" for record in records)
    for hidden in secrets_of(graph, application):
        assert hidden not in told


@pytest.fixture
def ours(graph: GraphServer, authority: Authority, tmp_path: Path) -> SharePointSource:
    return source(graph, authority, tmp_path)
