"""What SharePoint delivers: only what is new, from where it was configured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Cause, Source, Unchanged
from emtp_assets.sources.sharepoint import SharePointSource
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.graph import GraphServer
from emtp_assets_tests.servers.https import (
    rewritten,
)
from emtp_assets_tests.sources.sharepoint.site import (
    BYTES,
    MATRICULA,
    failure,
    fetched,
    put,
    source,
)


def test_the_file_arrives_as_it_is(ours: SharePointSource, inbox: Path) -> None:
    assert isinstance(ours, Source) and ours.name == "sharepoint"
    answer = fetched(ours.fetch(MATRICULA, 2025, inbox))
    assert answer.path == inbox / "matricula_2025.csv"
    assert answer.path.read_bytes() == BYTES
    assert "Datos/Matricula/matricula_2025.csv" in answer.described
    assert list(inbox.iterdir()) == [answer.path]


def test_what_is_known_is_not_downloaded_again(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    first = fetched(ours.fetch(MATRICULA, 2025, inbox))
    downloads = len(graph.content.requests)
    assert isinstance(ours.fetch(MATRICULA, 2025, inbox, known_mark=first.mark), Unchanged)
    assert len(graph.content.requests) == downloads


def test_a_label_put_on_the_file_does_not_make_it_new(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    """The eTag changes with it, the cTag does not."""
    first = fetched(ours.fetch(MATRICULA, 2025, inbox))
    os.utime(graph.root / "Documentos/Datos/Matricula/matricula_2025.csv")
    assert isinstance(ours.fetch(MATRICULA, 2025, inbox, known_mark=first.mark), Unchanged)


def test_new_bytes_are_fetched_and_the_newest_file_wins(
    ours: SharePointSource, graph: GraphServer, inbox: Path
) -> None:
    first = fetched(ours.fetch(MATRICULA, 2025, inbox))
    put(graph.root, "Matricula/matricula_2025_v2.csv", b"otro", at=1_770_000_000)
    second = fetched(ours.fetch(MATRICULA, 2025, inbox, known_mark=first.mark))
    assert second.path.read_bytes() == b"otro"
    assert second.mark != first.mark


def test_a_long_list_is_read_to_its_last_page(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.page_size = 2
    for year in range(2015, 2025):
        put(graph.root, f"Matricula/matricula_{year}.csv", b"viejo")
    assert fetched(ours.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES
    assert len(graph.graph.asked("/children")) == 12


def test_a_library_is_found_by_its_name_on_whatever_page(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path
) -> None:
    graph.page_size = 1
    put(graph.root, "Matricula/matricula_2025.csv", b"de otra biblioteca", library="Datos SIGE")
    asked = source(graph, authority, tmp_path, library="datos sige")
    assert fetched(asked.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == b"de otra biblioteca"


def test_nothing_for_that_year_is_no_failure(ours: SharePointSource, inbox: Path) -> None:
    assert ours.fetch(MATRICULA, 2019, inbox) is None


def test_a_dataset_without_folder_is_no_failure_but_is_said(
    ours: SharePointSource, inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert ours.fetch(contract_for("docentes"), 2025, inbox) is None
    assert "«Datos/Docentes»" in caplog.text


def test_the_same_file_gives_the_same_bytes_and_mark_twice(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path
) -> None:
    once = fetched(source(graph, authority, tmp_path).fetch(MATRICULA, 2025, inbox))
    bytes_once = once.path.read_bytes()
    again = fetched(source(graph, authority, tmp_path).fetch(MATRICULA, 2025, inbox))
    assert (again.path.read_bytes(), again.mark) == (bytes_once, once.mark)


def test_without_permission_on_the_site(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.granted = False
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.PERMISSION, False)
    assert "Sites.Selected" in told.explanation.action


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"site_url": "https://mineduc.sharepoint.example/sites/otro"}, "SHAREPOINT_SITE_URL"),
        ({"library": "Biblioteca que no existe"}, "SHAREPOINT_LIBRARY"),
        ({"folder": "Carpeta que no existe"}, "SHAREPOINT_FOLDER"),
    ],
)
def test_what_is_configured_and_not_there(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, given: dict[str, Any], says: str
) -> None:
    told = failure(source(graph, authority, tmp_path, **given), inbox)
    assert (told.cause, told.passing) == (Cause.MISSING_VIEW, False)
    assert says in told.explanation.action


def test_a_renamed_folder_is_named(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    (graph.root / "Documentos/Datos").rename(graph.root / "Documentos/Datos viejos")
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.MISSING_VIEW, False)
    assert "«Datos»" in told.explanation.what


def test_a_list_that_goes_on_elsewhere_does_not_take_the_token_there(
    ours: SharePointSource, graph: GraphServer, inbox: Path
) -> None:
    elsewhere = f'{{"value": [], "@odata.nextLink": "{graph.content.url}/v1.0/mas"}}'.encode()
    graph.graph.fail(rewritten(lambda _: elsewhere), path="/children")
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.ANSWER, False)
    assert graph.content.requests == []
