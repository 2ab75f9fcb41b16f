"""A driver's record becomes a cause, a nature and words; what a record quotes is never repeated."""

from __future__ import annotations

import pytest

from emtp_assets.sources.failure import Cause, Nature
from emtp_assets.sources.sqlserver.errors import Diagnostic, Place, read_diagnostic, sort, unclear_connection

PLACE = Place("sql-sige-replica:1433", "SIGE_DataMart", "readonly_emtp", "dbo.vw_sige_matricula_emtp_ano")
PASSING, PERMANENT = Nature.PASSING, Nature.PERMANENT
MS, TDS, SERVER = (
    "[Microsoft][ODBC Driver 18 for SQL Server]",
    "[FreeTDS][SQL Server]",
    "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]",
)


@pytest.mark.parametrize(
    ("state", "native", "text", "cause", "nature"),
    [
        # Signing in: Microsoft's driver says 28000, FreeTDS 42000; the number is the same.
        ("28000", 18456, f"{SERVER}Login failed for user 'x'.", Cause.CREDENTIAL, PERMANENT),
        ("42000", 18456, f"{TDS}Login failed for user 'x'.", Cause.CREDENTIAL, PERMANENT),
        ("42000", 18488, f"{SERVER}The password of the account must be changed.", Cause.CREDENTIAL, PERMANENT),
        ("28000", 0, f"{MS}Invalid authorization specification", Cause.CREDENTIAL, PERMANENT),
        ("42000", 4060, f"{SERVER}Cannot open database", Cause.PERMISSION, PERMANENT),
        # Reaching the server.
        ("08001", 10061, f"{MS}TCP Provider: Error code 0x274D", Cause.REFUSED, PASSING),
        ("08001", 0, f"{TDS}Unable to connect to data source", Cause.REFUSED, PASSING),
        ("08S01", 20009, f"{TDS}Unable to connect: Adaptive Server is unavailable", Cause.REFUSED, PASSING),
        ("HYT00", 0, f"{MS}Login timeout expired", Cause.TIMEOUT, PASSING),
        ("HYT01", 0, f"{TDS}Timeout expired", Cause.TIMEOUT, PASSING),
        ("08S01", 10054, f"{MS}TCP Provider: Error code 0x2746", Cause.CUT, PASSING),
        ("08S01", 104, f"{MS}TCP Provider: Error code 0x68", Cause.CUT, PASSING),
        ("08S01", 20004, f"{TDS}Read from the server failed", Cause.CUT, PASSING),
        ("HY000", 0, f"{TDS}Unknown error", Cause.CUT, PASSING),
        ("08001", -1, f"{MS}SSL Provider: [error:0A000086:SSL routines::certificate verify failed:...]", *2 * ("",)),
        ("08001", -1, f"{MS}SSL Provider: The target principal name is incorrect.", *2 * ("",)),
        ("08S01", 20002, f"{TDS}TLS handshake failed", *2 * ("",)),
        # Asking.
        ("42S02", 208, f"{SERVER}Invalid object name", Cause.MISSING_VIEW, PERMANENT),
        ("42S22", 207, f"{SERVER}Invalid column name", Cause.STRUCTURE, PERMANENT),
        ("42000", 229, f"{SERVER}The SELECT permission was denied", Cause.PERMISSION, PERMANENT),
        ("22018", 245, f"{SERVER}Conversion failed when converting", Cause.STRUCTURE, PERMANENT),
        ("22003", 0, f"{MS}Numeric value out of range", Cause.STRUCTURE, PERMANENT),
        ("22007", 0, f"{MS}Invalid datetime format", Cause.STRUCTURE, PERMANENT),
        ("42000", 102, f"{SERVER}Incorrect syntax near", Cause.ANSWER, PERMANENT),
        # What passes.
        ("40001", 1205, f"{SERVER}deadlock victim", Cause.SERVER, PASSING),
        ("42000", 1222, f"{SERVER}Lock request time out", Cause.SERVER, PASSING),
        ("42000", 976, f"{SERVER}not accessible for queries", Cause.SERVER, PASSING),
        ("42000", 40613, f"{SERVER}not currently available", Cause.SERVER, PASSING),
        ("42000", 701, f"{SERVER}insufficient system memory", Cause.THROTTLED, PASSING),
        ("42000", 8645, f"{SERVER}waiting for memory resources", Cause.THROTTLED, PASSING),
        ("42000", 10928, f"{SERVER}Resource ID: 1. The request limit has been reached", Cause.THROTTLED, PASSING),
        ("HY000", 99999, f"{SERVER}an error nobody has seen", Cause.SERVER, PASSING),
    ],
)
def test_records_are_sorted(state: str, native: int, text: str, cause: Cause | str, nature: Nature | str) -> None:
    failure = sort(Diagnostic(state, native, text), PLACE)
    assert failure.cause is (cause or Cause.CERTIFICATE)
    assert failure.nature is (nature or PERMANENT)
    assert f"SQLSTATE {state}, error {native}" in failure.explanation.what


def test_what_the_server_quotes_is_not_repeated() -> None:
    text = f"{SERVER}Conversion failed when converting the varchar value 'PÉREZ SOTO' to data type int."
    diagnostic = Diagnostic("22018", 245, text)
    failure = sort(diagnostic, PLACE)
    assert "PÉREZ" not in str(failure) + repr(failure) + repr(diagnostic)


def test_a_technician_reads_what_where_and_what_to_do() -> None:
    failure = sort(Diagnostic("42S02", 208, f"{SERVER}Invalid object name"), PLACE)
    assert str(failure) == (
        "sqlserver: En la base «SIGE_DataMart» no existe la vista dbo.vw_sige_matricula_emtp_ano, o «readonly_emtp» no "
        "la ve (SQLSTATE 42S02, error 208). Se esperaba: Esa vista, con permiso SELECT para el login. Qué hacer: Pida "
        "a TI crear la vista o dar el permiso (docs/solicitud_acceso.md); si tiene otro nombre, indíquelo en "
        "SIGE_DB_VIEWS."
    )


def test_a_refused_password_needs_no_second_look_and_a_timeout_does() -> None:
    assert not unclear_connection(sort(Diagnostic("28000", 18456, ""), PLACE))
    assert unclear_connection(sort(Diagnostic("HYT00", 0, ""), PLACE))


def test_the_record_is_read_from_the_library_s_message() -> None:
    message = (
        "ODBC emitted an error calling 'SQLExecute':\nState: 42S02, Native error: 208, Message: [x]No existe\notra"
    )
    read = read_diagnostic(message)
    assert read is not None
    assert (read.state, read.native, read.text) == ("42S02", 208, "[x]No existe\notra")
    assert read_diagnostic("An unsigned tinyint overflowed") is None
