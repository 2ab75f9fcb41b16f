"""A download is whole, verified and resumed, by links that expire."""

from __future__ import annotations

from pathlib import Path

from emtp_assets.sources import Cause
from emtp_assets.sources.sharepoint import SharePointSource
from emtp_assets_tests.servers.graph import GraphServer
from emtp_assets_tests.servers.https import (
    cut,
    rewritten,
    shortened,
    status,
)
from emtp_assets_tests.sources.sharepoint.site import (
    BYTES,
    MATRICULA,
    failure,
    fetched,
)


def test_a_cut_download_goes_on_where_it_ended(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.content.fail(cut(100_000), times=1)
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.CUT, True)
    (part,) = inbox.iterdir()
    had = part.stat().st_size
    assert 0 < had <= 100_000
    assert fetched(ours.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES
    assert graph.content.requests[-1].headers["range"] == f"bytes={had}-"
    assert [path.name for path in inbox.iterdir()] == ["matricula_2025.csv"]


def test_a_server_that_ignores_the_range_gives_the_same_file(
    ours: SharePointSource, graph: GraphServer, inbox: Path
) -> None:
    graph.content.fail(cut(100_000), times=1)
    failure(ours, inbox)
    graph.content.fail(status(200, {"Content-Type": "application/octet-stream"}, BYTES))
    assert fetched(ours.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES


def test_another_part_than_the_one_asked_for_is_refused(
    ours: SharePointSource, graph: GraphServer, inbox: Path
) -> None:
    graph.content.fail(cut(100_000), times=1)
    failure(ours, inbox)
    graph.content.fail(status(206, {"Content-Range": f"bytes 5-9/{len(BYTES)}"}, b"12345"))
    assert failure(ours, inbox).cause is Cause.ANSWER


def test_an_expired_link_is_asked_for_again(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.content.fail(status(401), times=1)
    assert fetched(ours.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES
    assert len(graph.graph.asked("/content")) == 2


def test_links_that_never_open_are_for_people_to_mend(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.link_uses = 0
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.PERMISSION, False)
    assert "acceso condicional" in told.explanation.action


def test_a_truncated_file_is_no_delivery(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.content.fail(shortened(5_000), times=1)
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.TRUNCATED, True)
    assert fetched(ours.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES


def test_bytes_that_changed_on_the_way_are_no_delivery(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.content.fail(rewritten(lambda body: body.replace(b"2025;7;", b"2025;8;")), times=1)
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.TRUNCATED, True)
    assert "QuickXorHash" in told.explanation.what
    assert fetched(ours.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES


def test_a_library_that_gives_no_hash_is_read_all_the_same(
    ours: SharePointSource, graph: GraphServer, inbox: Path
) -> None:
    graph.tells_hash = False
    assert fetched(ours.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES
