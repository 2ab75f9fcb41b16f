"""An answer of another form, year or number of rows than agreed is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emtp_assets.sources import Cause
from emtp_assets_tests.servers.https import (
    rewritten,
    status,
)
from emtp_assets_tests.servers.rest import JSON, RestServer
from emtp_assets_tests.sources.rest.service import MATRICULA, ROWS, Maker, failure, fetched, row, serve


def test_no_rows_is_a_failure(service: RestServer, source: Maker, inbox: Path) -> None:
    serve(service)
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.NO_ROWS, False)


def test_rows_of_another_year_are_refused(service: RestServer, source: Maker, inbox: Path) -> None:
    serve(service, *ROWS, row(950, AGNO=2024))
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.ANSWER, False)
    assert "MINEDUC_API_YEAR_PARAMETER" in told.explanation.action


@pytest.mark.parametrize("missing", ["AGNO", "MRUN"])
def test_a_required_column_that_is_missing_is_named(
    service: RestServer, source: Maker, inbox: Path, missing: str
) -> None:
    serve(service, *({k: v for k, v in r.items() if k != missing} for r in ROWS))
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.STRUCTURE, False)
    assert missing in told.explanation.what
    assert len(service.requests) == 1


def test_one_column_by_two_names_is_refused(service: RestServer, source: Maker, inbox: Path) -> None:
    serve(service, row(1, RUT_ESTUDIANTE="8"))
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.STRUCTURE, False)
    assert "MRUN" in told.explanation.what


@pytest.mark.parametrize("announced", [949, 951])
def test_another_number_of_rows_than_announced_is_no_delivery(
    service: RestServer, source: Maker, inbox: Path, announced: int
) -> None:
    service.server.fail(rewritten(lambda body: body.replace(b'"total": 950', f'"total": {announced}'.encode())))
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.TRUNCATED, True)
    assert f"envió 950 filas y anuncia {announced}" in told.explanation.what


def test_rows_that_change_while_they_are_read_are_read_again(service: RestServer, source: Maker, inbox: Path) -> None:
    service.server.fail(rewritten(lambda body: body.replace(b'"total": 950', b'"total": 951')), skip=2)
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.CUT, True)


def test_a_service_that_repeats_its_page_is_refused(service: RestServer, source: Maker, inbox: Path) -> None:
    """It knows the size but not the page: what it keeps back cannot be known."""
    body = json.dumps({"records": ROWS[:200]}).encode()
    service.server.fail(status(200, JSON, body))
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.ANSWER, False)
    assert "MINEDUC_API_PAGE_PARAMETER" in told.explanation.action


def test_links_in_a_circle_end(service: RestServer, source: Maker, inbox: Path) -> None:
    service.paging = "links"
    service.server.fail(
        rewritten(lambda body: json.dumps({**json.loads(body), "next": "?ano=2025&page=1&page_size=200"}).encode())
    )
    assert failure(source(), inbox).cause is Cause.ANSWER
    assert len(service.requests) <= 3


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "no es un objeto JSON"),
        (b'{"data": []}', "no tiene el campo records"),
        (b'{"records": {}}', "no es una lista"),
        (b'{"records": [1]}', "no es una lista de objetos"),
        (b'{"records": [{"AGNO": NaN}]}', "tiene NaN, que no es JSON"),
        (b'{"records": [{"AGNO" 2025}], "total": 100000000}', "no es JSON bien formado"),
        (b'{"records": []} y algo', "algo más después"),
        (b'{"records": [], "total": "muchos"}', "no da un número"),
        (b'{"records": [{"AGNO": 2025, "RBD": [1]}]}', "RBD hay una lista o un objeto"),
        (b'{"records": [{"AGNO": 2025, "RBD": "\\ud800"}]}', "no es Unicode válido"),
        (b'{"records": [{"AGNO": "A\xd1O"}], "n": 1}', "no es texto UTF-8"),
        (b'{"records": [' + b"[" * 200_000, "anidados"),
        (b'{"records": [{"AGNO": "' + b"x" * 1_200_000, "no es JSON bien formado"),
    ],
)
def test_an_answer_of_another_form_is_told_apart(
    service: RestServer, source: Maker, inbox: Path, body: bytes, says: str
) -> None:
    service.server.fail(status(200, JSON, body))
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.ANSWER, False)
    assert says in told.explanation.what


def test_a_byte_order_mark_and_spaces_are_no_matter(service: RestServer, source: Maker, inbox: Path) -> None:
    service.server.fail(rewritten(lambda body: b"\xef\xbb\xbf \r\n" + json.dumps(json.loads(body), indent=3).encode()))
    fetched(source().fetch(MATRICULA, 2025, inbox))
