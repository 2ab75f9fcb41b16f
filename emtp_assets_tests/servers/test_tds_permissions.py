"""Who a session of the loopback TDS server is, what it may see and do, and what the server remembers of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from emtp_assets_tests.servers.tds import Login, TdsServer, View
from emtp_assets_tests.servers.tds.clients import ask, freetds, microsoft, refusal

READER = Login("readonly_emtp", "Clave-1ñ", permissions={"SELECT"})
WATCHER = Login("vigila", "Clave-5", permissions={"SELECT", "VIEW SERVER STATE"})
ONE_VIEW_ONLY = Login("solo_una", "Clave-2", permissions={"SELECT ON dbo.vw_sige_establecimientos"})
WRITER = Login("escribe", "Clave-3", database_roles={"db_datareader", "db_datawriter", "db_ddladmin"})
ADMINISTRATOR = Login("sa", "Clave-4", server_roles={"sysadmin"})
DECLARED = {
    "RBD": "int",
    "NOMBRE": "nvarchar(100)",
    "MONTO": "decimal(12,2)",
    "INICIO": "datetime",
    "NOTA": "varchar(max)",
}
PROYECTOS = "SELECT 1 AS RBD, 'ñ' AS NOMBRE, 2.5 AS MONTO, TIMESTAMP '2025-03-01' AS INICIO, NULL::VARCHAR AS NOTA"
ESTABLECIMIENTOS = "SELECT range::INTEGER AS RBD, 'LICEO ' || range AS NOMBRE, range % 2 = 0 AS TP FROM range(100)"


@pytest.fixture(scope="module")
def server() -> Iterator[TdsServer]:
    views: dict[str, View] = {
        "vw_sige_proyectos": View(PROYECTOS, types=DECLARED),
        "vw_sige_establecimientos": View(ESTABLECIMIENTOS),
    }
    with TdsServer(views, logins=[READER, WATCHER, ONE_VIEW_ONLY, WRITER, ADMINISTRATOR], primary_replica=0) as running:
        yield running


@pytest.fixture(params=["microsoft", "freetds"])
def connection_string(request: pytest.FixtureRequest, server: TdsServer) -> str:
    if request.param == "microsoft":
        return microsoft(server, READER, encrypt="no")
    return freetds(server, READER, encrypt="off")


def test_a_session_knows_itself_and_its_server(connection_string: str, server: TdsServer) -> None:
    assert ask(
        connection_string,
        "SELECT SUSER_SNAME(), ORIGINAL_LOGIN(), DB_NAME(), @@SERVERNAME, "
        "CAST(SERVERPROPERTY('IsHadrEnabled') AS int), DATABASEPROPERTYEX(DB_NAME(), 'Updateability')",
    ) == [(READER.name, READER.name, server.database, server.name, 1, "READ_ONLY")]
    assert ask(connection_string, "SELECT is_read_only, is_published FROM sys.databases WHERE name = DB_NAME()") == [
        (False, False)
    ]
    assert ask(connection_string, "SELECT login_name FROM sys.dm_exec_sessions WHERE session_id = @@SPID") == [
        (READER.name,)
    ]


def test_the_servers_state_is_for_who_may_see_it(server: TdsServer) -> None:
    watcher, reader = (microsoft(server, login, encrypt="no") for login in (WATCHER, READER))
    for sql, expected in (
        ("SELECT sys.fn_hadr_is_primary_replica(DB_NAME()), sys.fn_hadr_is_primary_replica('master')", (False, None)),
        ("SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID", ("FALSE",)),
        ("SELECT role_desc FROM sys.dm_hadr_availability_replica_states WHERE is_local = 1", ("SECONDARY",)),
    ):
        assert ask(watcher, sql) == [expected]
        assert "(300)" in refusal(reader, sql)[1]


PERMISSIONS = (
    "SELECT IS_SRVROLEMEMBER('sysadmin'), IS_ROLEMEMBER('db_datawriter'), HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', "
    "'INSERT'), HAS_PERMS_BY_NAME('dbo.vw_sige_establecimientos', 'OBJECT', 'SELECT'), HAS_PERMS_BY_NAME(NULL, NULL, "
    "'CONTROL SERVER')"
)


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (READER, (0, 0, 0, 1, 0)),
        (ONE_VIEW_ONLY, (0, 0, 0, 1, 0)),
        (WRITER, (0, 1, 1, 1, 0)),
        (ADMINISTRATOR, (1, 0, 1, 1, 1)),
    ],
    ids=lambda value: value.name if isinstance(value, Login) else "",
)
def test_permissions_are_those_of_the_login(server: TdsServer, login: Login, expected: tuple[int, ...]) -> None:
    text = freetds(server, login, encrypt="off")
    assert ask(text, PERMISSIONS) == [expected]
    of_view = "SELECT permission_name FROM sys.fn_my_permissions(?, 'OBJECT') WHERE permission_name = 'DELETE'"
    assert bool(ask(text, of_view, "dbo.vw_sige_proyectos")) == bool(expected[2])
    held = {str(row[0]) for row in ask(text, "SELECT permission_name FROM fn_my_permissions(NULL, 'DATABASE')")}
    assert ("INSERT" in held) == bool(expected[2])
    assert "CONNECT" in held


def test_a_login_sees_and_reads_only_what_it_was_granted(server: TdsServer) -> None:
    text = microsoft(server, ONE_VIEW_ONLY, encrypt="no")
    assert ask(text, "SELECT name FROM sys.views") == [("vw_sige_establecimientos",)]
    assert ask(text, "SELECT DISTINCT TABLE_NAME FROM INFORMATION_SCHEMA.COLUMNS") == [("vw_sige_establecimientos",)]
    assert ask(text, "SELECT COUNT(*) FROM sys.columns") == [(3,)]
    assert "(229)" in refusal(text, "SELECT * FROM vw_sige_proyectos")[1]


def test_the_columns_of_a_view_can_be_listed(connection_string: str) -> None:
    listed = ask(
        connection_string,
        "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH FROM INFORMATION_SCHEMA.COLUMNS "
        "WHERE TABLE_SCHEMA = 'dbo' AND TABLE_NAME = 'VW_SIGE_Proyectos' ORDER BY ORDINAL_POSITION",
    )
    assert [(row[0], row[1]) for row in listed] == [(name, kind.split("(")[0]) for name, kind in DECLARED.items()]
    assert [row[2] for row in listed] == [None, 100, None, None, -1]
    joined = ask(
        connection_string,
        "SELECT c.name, t.name, c.max_length FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.user_type_id "
        "JOIN sys.views v ON v.object_id = c.object_id WHERE SCHEMA_NAME(v.schema_id) = 'dbo' AND c.object_id = "
        "OBJECT_ID(N'dbo.vw_sige_proyectos') ORDER BY c.column_id",
    )
    assert [row[:2] for row in joined] == [row[:2] for row in listed]
    assert [row[2] for row in joined] == [4, 200, 9, 8, -1]


def test_a_read_only_database_takes_no_changes_even_from_who_may_make_them(server: TdsServer) -> None:
    for login in (WRITER, ADMINISTRATOR):
        for sql in ("CREATE TABLE nueva (a int)", "UPDATE vw_sige_proyectos SET RBD = 1 WHERE 1 = 0"):
            assert "(3906)" in refusal(microsoft(server, login, encrypt="no"), sql)[1]


def test_who_may_write_can_where_the_database_allows() -> None:
    import pyodbc

    with (
        TdsServer({"v": "SELECT 1 AS a"}, logins=[WRITER], updateability="READ_WRITE") as server,
        contextlib.closing(pyodbc.connect(freetds(server, WRITER, encrypt="off"), autocommit=True)) as connection,
    ):
        connection.execute("CREATE TABLE prueba (a int, b nvarchar(10))")
        assert connection.execute("INSERT INTO prueba VALUES (1, N'ñ'), (2, NULL)").rowcount == 2
        assert connection.execute("SELECT b FROM prueba ORDER BY a").fetchall()[0][0] == "ñ"
        assert connection.execute("UPDATE v SET a = 2 WHERE 1 = 0").rowcount == 0


# -- what the server remembers


def test_the_server_tells_what_was_asked_of_it(connection_string: str, server: TdsServer) -> None:
    ask(connection_string, "SELECT TOP 3 RBD FROM vw_sige_establecimientos WHERE RBD > ?", 7)
    last = server.queries[-1]
    assert "TOP 3" in last.sql
    assert list(last.parameters.values()) == [7]
    assert (last.user, last.rows, last.error) == (READER.name, 3, None)
    ask(connection_string + "ApplicationIntent=ReadOnly;", "SELECT 1")
    assert server.logins[-1].read_only_intent
    assert not server.logins[-2].read_only_intent
    assert server.logins[-1].accepted
    assert server.bytes_sent > 0


def test_remembered_answers_are_the_same_answers() -> None:
    with TdsServer(
        {"v": "SELECT range AS a, 'ñ' || range AS b FROM range(30000)"}, logins=[READER], remember_answers=True
    ) as server:
        text = microsoft(server, READER, encrypt="no")
        first = ask(text, "SELECT * FROM v WHERE a >= ?", 10)
        assert ask(text, "SELECT * FROM v WHERE a >= ?", 10) == first
        assert len(ask(text, "SELECT * FROM v WHERE a >= ?", 29_990)) == 10
        assert len(first) == 29_990


def test_nothing_is_left_running_when_it_stops() -> None:
    import pyodbc

    before = set(threading.enumerate())
    with TdsServer({"v": "SELECT 1 AS a"}, logins=[READER]) as server:
        connection = pyodbc.connect(freetds(server, READER, encrypt="off"))
        connection.execute("SELECT * FROM v").fetchall()
    assert set(threading.enumerate()) == before
    with pytest.raises(pyodbc.Error):
        connection.execute("SELECT 1")
