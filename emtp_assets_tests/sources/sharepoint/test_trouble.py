"""Microsoft or the network in trouble: what passes, what a person must mend, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from emtp_assets.sources import Cause
from emtp_assets.sources.sharepoint import SharePointSource
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.graph import GraphServer
from emtp_assets_tests.servers.https import (
    Spoiling,
    http_date,
    moved,
    page,
    silence,
    slow,
    status,
    trickle,
)
from emtp_assets_tests.sources.sharepoint.site import (
    BYTES,
    MATRICULA,
    SECRET,
    failure,
    fetched,
    source,
)


@pytest.mark.parametrize("where", ["/sites/", "/children", "/content"])
@pytest.mark.parametrize(
    ("spoil", "cause", "passing", "after"),
    [
        (status(429, {"Retry-After": "21"}), Cause.THROTTLED, True, 21),
        (status(503, {"Retry-After": "4"}), Cause.SERVER, True, 4),
        (status(500), Cause.SERVER, True, None),
        (page(), Cause.ANSWER, False, None),
        (moved("https://otro.example/", 308), Cause.ANSWER, False, None),
    ],
)
def test_graph_in_trouble_is_sorted(
    ours: SharePointSource,
    graph: GraphServer,
    inbox: Path,
    where: str,
    spoil: Spoiling,
    cause: Cause,
    passing: bool,
    after: float | None,
) -> None:
    graph.graph.fail(spoil, path=where)
    told = failure(ours, inbox)
    assert (told.cause, told.passing, told.retry_after) == (cause, passing, after)


def test_errors_that_end_leave_nothing_behind(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.graph.fail(status(500), times=2)
    assert failure(ours, inbox).passing
    assert failure(ours, inbox).passing
    assert fetched(ours.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES


def test_waiting_may_be_asked_for_by_a_date(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.graph.fail(status(429, {"Retry-After": http_date(45)}))
    after = failure(ours, inbox).retry_after
    assert after is not None and 40 <= after <= 46


@pytest.mark.parametrize("place", ["login", "graph", "content"])
def test_a_server_that_never_answers(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, place: str
) -> None:
    getattr(graph, place).fail(silence())
    told = failure(source(graph, authority, tmp_path, timeout=0.3), inbox)
    assert (told.cause, told.passing) == (Cause.TIMEOUT, True)


def test_a_slow_server_is_waited_for(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.content.fail(slow(0.3))
    fetched(ours.fetch(MATRICULA, 2025, inbox))


@pytest.mark.parametrize("place", ["login", "graph", "content"])
def test_a_server_that_trickles_is_given_up(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, place: str
) -> None:
    getattr(graph, place).fail(trickle(0.05))
    told = failure(source(graph, authority, tmp_path, timeout=0.3), inbox)
    assert (told.cause, told.passing) == (Cause.TIMEOUT, True)


def test_a_wrong_certificate_gets_no_secret(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path
) -> None:
    stranger = Authority.create(tmp_path / "otra")
    settings = isolated_settings(
        data_dir=tmp_path / "data", ca_file=stranger.ca_file, sharepoint={**graph.settings, "client_secret": SECRET}
    )
    told = failure(SharePointSource(settings), inbox)
    assert (told.cause, told.passing) == (Cause.CERTIFICATE, False)
    assert not any(server.requests for server in graph.servers)


def test_nobody_listening(graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path) -> None:
    told = failure(source(graph, authority, tmp_path, authority_url="https://localhost:1"), inbox)
    assert (told.cause, told.passing) == (Cause.REFUSED, True)
