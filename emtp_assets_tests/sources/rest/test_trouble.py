"""The service or the network in trouble: what passes, what a person must mend, nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emtp_assets.sources import Cause
from emtp_assets.sources.rest import RestSource
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.https import (
    Request,
    Spoiling,
    cut,
    http_date,
    page,
    shortened,
    silence,
    slow,
    status,
    trickle,
)
from emtp_assets_tests.servers.rest import RestServer
from emtp_assets_tests.sources.rest.service import KEY, MATRICULA, ROWS, Maker, failure, fetched, row, serve


@pytest.mark.parametrize("skip", [0, 2])
@pytest.mark.parametrize(
    ("spoil", "cause", "passing", "after"),
    [
        (status(429, {"Retry-After": "12"}), Cause.THROTTLED, True, 12),
        (status(500), Cause.SERVER, True, None),
        (status(503, {"Retry-After": "3"}), Cause.SERVER, True, 3),
        (status(401), Cause.CREDENTIAL, False, None),
        (status(403), Cause.PERMISSION, False, None),
        (status(404), Cause.MISSING_VIEW, False, None),
        (page(), Cause.ANSWER, False, None),
        (status(200, {"Content-Type": "text/csv"}, b"AGNO;RBD"), Cause.ANSWER, False, None),
        (cut(5_000), Cause.CUT, True, None),
        (shortened(5_000), Cause.TRUNCATED, True, None),
        (shortened(0), Cause.TRUNCATED, True, None),
    ],
)
def test_a_fault_on_any_page_is_sorted_and_leaves_nothing(
    service: RestServer,
    source: Maker,
    inbox: Path,
    skip: int,
    spoil: Spoiling,
    cause: Cause,
    passing: bool,
    after: float | None,
) -> None:
    service.server.fail(spoil, skip=skip)
    told = failure(source(), inbox)
    assert (told.cause, told.passing, told.retry_after) == (cause, passing, after)
    service.server.heal()
    assert pq.read_table(fetched(source().fetch(MATRICULA, 2025, inbox)).path).num_rows == 950


def test_a_page_cut_anywhere_is_never_taken_for_whole(service: RestServer, source: Maker, inbox: Path) -> None:
    serve(service, row(1, NOM_RBD='Ñuñoa \\ " fin', EDAD_ALU=-1.5e3), row(2, COD_MEN=True, COD_JOR=None))
    whole = service.answer(_request()).body
    for length in range(len(whole)):
        service.server.heal()
        service.server.fail(shortened(length))
        told = failure(source(), inbox)
        assert (told.cause, told.passing) == (Cause.TRUNCATED, True), length


def test_a_renamed_resource_is_named_in_the_remedy(service: RestServer, source: Maker, inbox: Path) -> None:
    service.tables = {"matriculas": {2025: ROWS}}
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.MISSING_VIEW, False)
    assert "recurso" in told.explanation.action


def test_a_refused_key_says_which_setting_holds_it(service: RestServer, source: Maker, inbox: Path) -> None:
    service.keys = {"otra"}
    told = failure(source(), inbox)
    assert (told.cause, told.passing) == (Cause.CREDENTIAL, False)
    assert "MINEDUC_API_KEY" in told.explanation.action


def test_waiting_may_be_asked_for_by_a_date(service: RestServer, source: Maker, inbox: Path) -> None:
    service.server.fail(status(429, {"Retry-After": http_date(45)}))
    after = failure(source(), inbox).retry_after
    assert after is not None and 40 <= after <= 46


@pytest.mark.parametrize("spoil", [silence(), trickle(0.05)])
def test_a_service_that_stops_talking_is_given_up(
    service: RestServer, source: Maker, inbox: Path, spoil: Spoiling
) -> None:
    service.server.fail(spoil, skip=1)
    told = failure(source(timeout=0.3), inbox)
    assert (told.cause, told.passing) == (Cause.TIMEOUT, True)


def test_a_slow_service_is_waited_for(service: RestServer, source: Maker, inbox: Path) -> None:
    service.server.fail(slow(0.2))
    fetched(source(page_size=1_000).fetch(MATRICULA, 2025, inbox))


def test_a_wrong_certificate_gets_no_key(service: RestServer, tmp_path: Path, inbox: Path) -> None:
    other = Authority.create(tmp_path / "otra")
    settings = isolated_settings(
        data_dir=tmp_path / "data", ca_file=other.ca_file, rest={"url": service.url, "key": KEY}
    )
    told = failure(RestSource(settings), inbox)
    assert (told.cause, told.passing) == (Cause.CERTIFICATE, False)
    assert service.requests == []


def _request() -> Request:
    return Request("GET", "/sige/v1/matricula?ano=2025", {"authorization": f"Bearer {KEY}"}, b"")
