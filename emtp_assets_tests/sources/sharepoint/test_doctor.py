"""What `emtp doctor` finds out about SharePoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emtp_assets.sources.sharepoint import SharePointSource
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.graph import GraphServer
from emtp_assets_tests.sources.sharepoint.site import (
    SECRET,
    source,
)


def test_the_doctor_walks_from_the_settings_to_the_first_bytes(ours: SharePointSource) -> None:
    probes = list(ours.examine())
    steps = [probe.what for probe in probes if probe.good]
    assert steps[:4] == ["configuración", "inicio de sesión", "sitio", "biblioteca"]
    assert {"carpeta Matricula", "lectura", "sólo lectura"} <= set(steps)
    missing = next(probe for probe in probes if probe.what == "carpeta Docentes")
    assert not missing.good and missing.remedy
    assert SECRET not in repr(probes)


def test_the_doctor_says_when_the_application_may_do_more_than_read_one_site(
    ours: SharePointSource, graph: GraphServer
) -> None:
    graph.roles.append("Sites.ReadWrite.All")
    *_, last = ours.examine()
    assert (last.what, last.good) == ("sólo lectura", False)
    assert "Sites.ReadWrite.All" in last.found


@pytest.mark.parametrize(
    ("given", "last"),
    [
        ({"client_secret": None}, "configuración"),
        ({"client_secret": "otro"}, "inicio de sesión"),
        ({"site_url": "https://mineduc.sharepoint.example/sites/otro"}, "sitio"),
        ({"library": "otra"}, "biblioteca"),
        ({"folder": "otra"}, "archivos"),
        ({"authority_url": "https://localhost:1"}, "inicio de sesión"),
    ],
)
def test_the_doctor_stops_where_the_rest_is_pointless(
    graph: GraphServer, authority: Authority, tmp_path: Path, given: dict[str, Any], last: str
) -> None:
    probes = list(source(graph, authority, tmp_path, **given).examine())
    assert [probe.what for probe in probes if not probe.good] == [last]
    assert probes[-1].what == last
    assert probes[-1].found and probes[-1].remedy
