"""What goes wrong when the loopback TDS server is told that it shall, as each driver reports it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from emtp_assets_tests.servers.tds import Faults, Login, TdsServer
from emtp_assets_tests.servers.tds.clients import freetds, microsoft

READER = Login("readonly_emtp", "Clave-1")
VIEWS = {"v": "SELECT range::INTEGER AS a, 'texto ' || range AS b FROM range(20000)"}


@pytest.fixture(scope="module")
def running() -> Iterator[TdsServer]:
    with TdsServer(VIEWS, logins=[READER]) as server:
        yield server


@pytest.fixture
def server(running: TdsServer) -> Iterator[TdsServer]:
    yield running
    running.faults.clear()


@pytest.fixture(params=["microsoft", "freetds"])
def driver(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def connection_string(server: TdsServer, driver: str) -> str:
    if driver == "microsoft":
        return microsoft(server, READER, encrypt="no", ConnectRetryCount=0)
    return freetds(server, READER, encrypt="off")


def fetch(connection_string: str, sql: str = "SELECT * FROM v", *, login_seconds: int = 3, seconds: int = 0) -> int:
    import pyodbc

    with contextlib.closing(pyodbc.connect(connection_string, timeout=login_seconds)) as connection:
        connection.timeout = seconds
        return len(connection.execute(sql).fetchall())


def failure(connection_string: str, sql: str = "SELECT * FROM v", **limits: int) -> tuple[str, str]:
    import pyodbc

    with pytest.raises(pyodbc.Error) as caught:
        fetch(connection_string, sql, **limits)
    return caught.value.args[0], caught.value.args[1]


def test_a_closed_port_refuses_and_an_open_one_is_the_same_again(
    server: TdsServer, driver: str, connection_string: str
) -> None:
    port = server.port
    server.faults.refuse_connections = True
    # Microsoft's driver goes on knocking until its login time is over.
    assert failure(connection_string, login_seconds=1)[0] == {"microsoft": "HYT00", "freetds": "08S01"}[driver]
    server.faults.clear()
    assert server.port == port
    assert fetch(connection_string) == 20_000


def test_a_server_that_never_answers_lets_the_login_time_run_out(server: TdsServer, connection_string: str) -> None:
    server.faults.never_answer = True
    start = time.monotonic()
    assert failure(connection_string, login_seconds=1)[0] == "HYT00"
    assert time.monotonic() - start < 3


def test_a_reset_during_login_is_a_broken_connection(server: TdsServer, connection_string: str) -> None:
    server.faults.reset_during_login = True
    assert failure(connection_string)[0] in {"08S01", "08001"}


def test_a_refused_login_is_18456(server: TdsServer, driver: str, connection_string: str) -> None:
    server.faults.refuse_login = True
    state, message = failure(connection_string)
    assert "(18456)" in message
    assert state == {"microsoft": "28000", "freetds": "42000"}[driver]
    server.faults.clear()
    assert "(18456)" in failure(connection_string.replace(READER.password, "otra"))[1]
    assert not server.logins[-1].accepted


def test_a_database_that_is_not_there_is_4060(connection_string: str, server: TdsServer, driver: str) -> None:
    _, message = failure(connection_string.replace(server.database, "SIGE_Otra"))
    # Two errors come, and FreeTDS shows the more severe, which is the login's.
    assert {"microsoft": "(4060)", "freetds": "(18456)"}[driver] in message


@pytest.mark.parametrize(("number", "state"), [(1205, "40001"), (701, "42000"), (8645, "42000"), (1222, "42000")])
def test_an_ordered_error_comes_as_often_as_ordered(
    server: TdsServer, driver: str, connection_string: str, number: int, state: str
) -> None:
    server.faults.times = 2
    server.faults.error = number
    for _ in range(2):
        found, message = failure(connection_string)
        assert f"({number})" in message
        # FreeTDS has no SQLSTATE of its own for a deadlock.
        assert found == ("42000" if driver == "freetds" else state)
    assert fetch(connection_string) == 20_000


def test_a_secondary_that_cannot_be_read_says_so_at_login(server: TdsServer, connection_string: str) -> None:
    server.faults.error = 976
    assert "(976)" in failure(connection_string)[1]
    assert not server.logins[-1].accepted


def test_a_connection_cut_in_the_middle_of_a_row_never_looks_like_an_end(
    server: TdsServer, driver: str, connection_string: str
) -> None:
    server.faults.cut_after_rows = 9_000
    assert failure(connection_string)[0] in {"microsoft": {"08S01"}, "freetds": {"HY000", "08S01"}}[driver]


def test_a_cut_reaches_the_arrow_reader_as_an_error(server: TdsServer) -> None:
    import arrow_odbc

    server.faults.cut_after_rows = 9_000
    rows = 0
    with pytest.raises(arrow_odbc.Error, match="08S01"):
        reader = arrow_odbc.read_arrow_batches_from_odbc(
            "SELECT * FROM v", microsoft(server, READER, encrypt="no"), batch_size=1000
        )
        assert reader is not None
        for batch in reader:
            rows += batch.num_rows
    assert 0 < rows <= 9_000


def test_a_slow_server_delivers_everything_late(server: TdsServer, connection_string: str) -> None:
    server.faults.slow_after_rows, server.faults.slow_seconds = 8_000, 0.2
    start = time.monotonic()
    assert fetch(connection_string) == 20_000
    assert time.monotonic() - start >= 0.4


def test_a_query_time_holds_between_rows_too(server: TdsServer, connection_string: str) -> None:
    server.faults.slow_after_rows, server.faults.slow_seconds = 5_000, 30
    start = time.monotonic()
    assert failure(connection_string, seconds=1)[0] == "HYT00"
    assert time.monotonic() - start < 5


def test_a_renamed_view_is_gone_under_its_old_name(server: TdsServer, connection_string: str) -> None:
    server.faults.renamed_views = {"V": "v_2026"}
    assert failure(connection_string)[0] == "42S02"
    assert fetch(connection_string, "SELECT * FROM v_2026") == 20_000
    assert fetch(connection_string, "SELECT * FROM sys.views WHERE name = 'v'") == 0


def test_a_missing_column_is_missing_from_the_catalogue_too(server: TdsServer, connection_string: str) -> None:
    server.faults.missing_columns = {"v": {"B"}}
    assert failure(connection_string, "SELECT a, b FROM v")[0] == "42S22"
    assert fetch(connection_string, "SELECT * FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'v'") == 1
    server.faults.clear()
    assert fetch(connection_string, "SELECT a, b FROM v") == 20_000


def test_a_view_can_become_empty(server: TdsServer, connection_string: str) -> None:
    server.faults.zero_rows = {"v"}
    assert fetch(connection_string) == 0
    server.faults.zero_rows = ()
    assert fetch(connection_string) == 20_000


def test_faults_may_be_there_from_the_start() -> None:
    with TdsServer(VIEWS, logins=[READER], faults=Faults(zero_rows={"*"})) as server:
        assert fetch(freetds(server, READER, encrypt="off")) == 0
