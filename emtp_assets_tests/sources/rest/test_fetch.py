"""What a REST service delivers: every page or nothing, values as sent."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from emtp_assets.sources import Source, Unchanged
from emtp_assets_tests.servers.https import (
    rewritten,
    status,
)
from emtp_assets_tests.servers.rest import JSON, Paging, RestServer
from emtp_assets_tests.sources.rest.service import KEY, MATRICULA, ROWS, Maker, fetched, read, row, serve


@pytest.mark.parametrize("paging", ["numbers", "links", "relative_links", "none"])
@pytest.mark.parametrize("total", [True, False])
def test_every_row_comes_once_however_the_service_pages(
    service: RestServer, source: Maker, inbox: Path, paging: Any, total: bool
) -> None:
    service.paging, service.total = paging, total
    asked = source()
    assert isinstance(asked, Source) and asked.name == "rest"
    answer = fetched(asked.fetch(MATRICULA, 2025, inbox))
    assert answer.path == inbox / "matricula_2025.parquet"
    assert list(inbox.iterdir()) == [answer.path]
    assert read(answer.path) == {
        "AGNO": ["2025"] * 950,
        "RBD": [str(r["RBD"]) for r in ROWS],
        "COD_ENSE": ["410"] * 950,
        "MRUN": [r["MRUN"] for r in ROWS],
        "COD_ESPE": [str(r["COD_ESPE"]) if r["COD_ESPE"] else None for r in ROWS],
    }
    assert "950 filas" in answer.described


def test_a_service_that_gives_fewer_rows_a_page_than_asked_is_read_to_its_end(
    service: RestServer, source: Maker, inbox: Path
) -> None:
    service.largest, service.total = 90, False
    assert pq.read_table(fetched(source().fetch(MATRICULA, 2025, inbox)).path).num_rows == 950


def test_the_key_and_the_year_are_asked_with_as_agreed(service: RestServer, source: Maker, inbox: Path) -> None:
    source(page_size=1_000).fetch(MATRICULA, 2025, inbox)
    (request,) = service.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (request.path, request.query) == (
        "/sige/v1/matricula",
        {"ano": "2025", "page": "1", "page_size": "1000"},
    )


def test_names_and_parameters_can_be_the_services_own(service: RestServer, source: Maker, inbox: Path) -> None:
    def translated(body: bytes) -> bytes:
        found = json.loads(body)
        return json.dumps({"siguiente": None, "cuantos": found["total"], "filas": found["records"]}).encode()

    service.server.fail(rewritten(translated))
    asked = source(page_size=1_000, records_field="filas", next_field="siguiente", total_field="cuantos")
    assert pq.read_table(fetched(asked.fetch(MATRICULA, 2025, inbox)).path).num_rows == 950


def test_values_are_the_text_that_was_sent(service: RestServer, source: Maker, inbox: Path) -> None:
    text = (
        '{"records": [{"AGNO": 2025, "RBD": 1, "MRUN": 12345678901234567890, "COD_ENSE": "0410",'
        ' "NOM_RBD": "Liceo \\u00d1u\\u00f1oa \\ud83d\\ude00", "EDAD_ALU": 5.10, "COD_SEC": 1e3,'
        ' "COD_RAMA": "", "COD_JOR": null, "COD_MEN": true}], "total": 1}'
    )
    service.server.fail(status(200, JSON, text.encode()))
    assert read(fetched(source().fetch(MATRICULA, 2025, inbox)).path) == {
        "AGNO": ["2025"],
        "RBD": ["1"],
        "NOM_RBD": ["Liceo Ñuñoa 😀"],
        "COD_ENSE": ["0410"],
        "COD_JOR": [None],
        "MRUN": ["12345678901234567890"],
        "EDAD_ALU": ["5.10"],
        "COD_SEC": ["1e3"],
        "COD_RAMA": [""],
        "COD_MEN": ["1"],
    }


def test_columns_get_their_official_names_in_the_contracts_order(
    service: RestServer, source: Maker, inbox: Path
) -> None:
    serve(service, {"rut_estudiante": "7", "codigo_ensenanza": 410, "rbd": 5, "ano_lectivo": 2025})
    answer = fetched(source().fetch(MATRICULA, 2025, inbox))
    assert list(read(answer.path)) == ["AGNO", "RBD", "COD_ENSE", "MRUN"]


def test_a_field_that_only_later_pages_have_is_kept(service: RestServer, source: Maker, inbox: Path) -> None:
    serve(service, *[row(n) for n in range(300)], row(300, COD_ESPE=51001))
    columns = read(fetched(source().fetch(MATRICULA, 2025, inbox)).path)
    assert columns["COD_ESPE"] == [None] * 300 + ["51001"]


def test_what_the_contract_does_not_know_is_dropped_and_said(
    service: RestServer, source: Maker, inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    serve(service, row(1, COLUMNA_NUEVA=3, **{"11111111-1": "x"}))
    answer = fetched(source().fetch(MATRICULA, 2025, inbox))
    assert "COLUMNA_NUEVA" in answer.described and "COLUMNA_NUEVA" in caplog.text
    assert "11111111-1" not in answer.described + caplog.text
    assert "COLUMNA_NUEVA" not in read(answer.path)


def test_names_and_birth_dates_are_kept_in_mode_c_only(service: RestServer, source: Maker, inbox: Path) -> None:
    personal = {"NOMBRES": "A", "APELLIDO_PATERNO": "B", "FECHA_NACIMIENTO": "200801", "COD_ETNIA_ALU": "1"}
    serve(service, row(1, **personal))
    names = {"NOMBRES", "APELLIDO_PATERNO", "FEC_NAC_ALU"}
    for mode in "AB":
        kept = read(fetched(source(mode).fetch(MATRICULA, 2025, inbox)).path)
        assert not (names | {"COD_ETNIA_ALU"}) & set(kept)
    kept = read(fetched(source("C").fetch(MATRICULA, 2025, inbox)).path)
    assert names <= set(kept)
    assert "COD_ETNIA_ALU" not in kept, "nothing uses it, in no mode"


def test_the_same_rows_give_the_same_bytes_whatever_the_page(service: RestServer, source: Maker, inbox: Path) -> None:
    made: set[bytes] = set()
    ways: list[tuple[Paging, int]] = [
        ("numbers", 200),
        ("numbers", 70),
        ("links", 333),
        ("none", 200),
        ("numbers", 200),
    ]
    for paging, size in ways:
        service.paging = paging
        made.add(fetched(source(page_size=size).fetch(MATRICULA, 2025, inbox)).path.read_bytes())
    assert len(made) == 1


def test_an_answer_that_fits_one_page_is_not_sent_again_while_its_etag_holds(
    service: RestServer, source: Maker, inbox: Path
) -> None:
    service.etag = True
    asked = source(page_size=1_000)
    first = fetched(asked.fetch(MATRICULA, 2025, inbox))
    assert first.mark
    first.path.unlink()
    assert isinstance(asked.fetch(MATRICULA, 2025, inbox, known_mark=first.mark), Unchanged)
    assert list(inbox.iterdir()) == []
    serve(service, *ROWS[:-1])
    assert fetched(asked.fetch(MATRICULA, 2025, inbox, known_mark=first.mark)).mark != first.mark


def test_another_mode_asks_again_although_the_etag_holds(service: RestServer, source: Maker, inbox: Path) -> None:
    service.etag = True
    first = fetched(source("A", page_size=1_000).fetch(MATRICULA, 2025, inbox))
    fetched(source("C", page_size=1_000).fetch(MATRICULA, 2025, inbox, known_mark=first.mark))


def test_the_etag_of_a_first_page_says_nothing_of_the_others(service: RestServer, source: Maker, inbox: Path) -> None:
    service.etag = True
    assert fetched(source().fetch(MATRICULA, 2025, inbox)).mark == ""


def test_a_dataset_without_resource_has_nothing_here(source: Maker, inbox: Path) -> None:
    assert source().fetch(dataclasses.replace(MATRICULA, locations={}), 2025, inbox) is None
