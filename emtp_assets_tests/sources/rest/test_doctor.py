"""What `emtp doctor` finds out about the REST service."""

from __future__ import annotations

from typing import Any

import pytest

from emtp_assets_tests.servers.rest import RestServer
from emtp_assets_tests.sources.rest.service import KEY, Maker, row


def test_the_doctor_reads_one_row_of_each_resource(service: RestServer, source: Maker) -> None:
    service.tables = {"matricula": {y: [row(1, AGNO=y)] for y in range(2020, 2100)}, "egresados": {}}
    probes = {probe.what: probe for probe in source().examine()}
    assert probes["configuración"].good
    assert probes["matricula"].good and "una fila" in probes["matricula"].found
    assert probes["egresados"].good and "sin filas" in probes["egresados"].found
    assert not probes["docentes"].good and probes["docentes"].remedy
    assert "GET" in probes["sólo lectura"].found
    assert {request.query["page_size"] for request in service.requests} == {"1"}
    assert KEY not in repr(probes)


@pytest.mark.parametrize(
    ("given", "what"), [({"key": None}, "configuración"), ({"url": "https://localhost:1"}, "conexión y clave")]
)
def test_the_doctor_stops_where_the_rest_is_pointless(source: Maker, given: dict[str, Any], what: str) -> None:
    probes = list(source(**given).examine())
    assert [probe.what for probe in probes if not probe.good] == [what]
    assert probes[-1].what == what and probes[-1].remedy
