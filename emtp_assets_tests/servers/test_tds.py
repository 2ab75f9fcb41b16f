"""The loopback TDS server as ODBC drivers see it: values, parameters, T-SQL, errors and queries given up."""

from __future__ import annotations

import contextlib
import datetime as dt
import struct
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets_tests.servers.tds import Login, TdsServer, View
from emtp_assets_tests.servers.tds.clients import ask, freetds, microsoft, refusal

READER = Login("readonly_emtp", "Clave-1ñ", permissions={"SELECT"})
DRIVERS = {"microsoft": microsoft, "freetds": freetds}

DECLARED = {
    "id": "int",
    "octet": "tinyint",
    "small": "smallint",
    "large": "bigint",
    "flag": "bit",
    "single": "real",
    "double": "float",
    "price": "decimal(18,4)",
    "wide": "decimal(38,6)",
    "cash": "money",
    "latin": "varchar(20)",
    "national": "nvarchar(20)",
    "padded": "nchar(4)",
    "day": "date",
    "old_moment": "datetime",
    "moment": "datetime2(7)",
    "minute": "smalldatetime",
    "clock": "time(7)",
    "identity": "uniqueidentifier",
    "octets": "varbinary(50)",
    "long_text": "nvarchar(max)",
    "long_octets": "varbinary(max)",
}
ROWS: list[tuple[object, ...]] = [
    (
        *(
            1,
            200,
            -3,
            -(2**63),
            True,
            1.5,
            -2.25,
            Decimal("12345.6789"),
            Decimal("-99999999999999999999999999999999.123456"),
        ),
        *(Decimal("922337203685477.5807"), "ñandú €", "Ñuñoa 日本 𝄞", "ab  ", dt.date(9999, 12, 31)),
        *(dt.datetime(2024, 2, 29, 23, 59, 59, 997000), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
        *(
            dt.datetime(2079, 6, 6, 23, 59),
            dt.time(23, 59, 59, 999999),
            uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        ),
        *(b"\x00\xff\n", "á" * 9000, b"z" * 20000),
    ),
    (
        *(2, 0, 32767, 2**63 - 1, False, -1.0, 1e300, Decimal("-0.0001"), Decimal("0.000001"), Decimal("-1.0000")),
        *("", "", "    ", dt.date(1, 1, 1), dt.datetime(1753, 1, 1), dt.datetime(1, 1, 1), dt.datetime(1900, 1, 1)),
        *(dt.time(0, 0), uuid.UUID(int=1), b"", "", b""),
    ),
    (3, *[None] * 21),
]


MATRICULA = """
SELECT (range % 12000)::INTEGER AS RBD, (range % 10)::VARCHAR AS DV_RBD,
    'LICEO POLITÉCNICO N° ' || (range % 900) AS NOMBRE_ESTABLECIMIENTO, (range % 16 + 1)::SMALLINT AS REGION,
    'COMUNA DE ÑUÑOA ' || (range % 346) AS COMUNA, range * 7919 AS MRUN, 'PERSONA ' || range AS NOMBRES,
    'APELLIDO' AS APELLIDO_PATERNO, CASE WHEN range % 11 > 0 THEN 'OTRO' END AS APELLIDO_MATERNO,
    DATE '2006-01-01' + (range % 2000)::INTEGER AS FECHA_NACIMIENTO, (range % 2 + 1)::SMALLINT AS SEXO,
    (310 + 100 * (range % 6))::INTEGER AS CODIGO_ENSENANZA, 'Enseñanza Media TP' AS NOMBRE_ENSENANZA,
    (range % 4 + 1)::SMALLINT AS GRADO, chr((65 + range % 5)::INTEGER) AS LETRA_CURSO,
    CASE WHEN range % 7 > 0 THEN 51000 + range % 300 END::INTEGER AS ESPECIALIDAD,
    (2024 + range // 3 % 2)::INTEGER AS ANO_LECTIVO, CASE WHEN range % 9 > 0 THEN 'ACTIVO' ELSE 'RETIRADO' END AS
    ESTADO_MATRICULA FROM range(200000)
"""
ESTABLECIMIENTOS = """
SELECT range::INTEGER AS RBD, 'LICEO ' || range AS NOMBRE_ESTABLECIMIENTO, range % 2 = 0 AS TIENE_ENSENANZA_TP
FROM range(100)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TdsServer]:
    folder = tmp_path_factory.mktemp("tds")
    holds = {
        "price": pa.decimal128(18, 4),
        "wide": pa.decimal128(38, 6),
        "cash": pa.decimal128(19, 4),
        "identity": pa.string(),
    }
    columns = {}
    for index, name in enumerate(DECLARED):
        values = [str(row[index]) if isinstance(row[index], uuid.UUID) else row[index] for row in ROWS]
        columns[name] = pa.array(values, holds.get(name))
    pq.write_table(pa.table(columns), folder / "types.parquet")
    duckdb.sql(f"COPY ({MATRICULA}) TO '{folder / 'matricula.parquet'}'")
    views: dict[str, str | Path | View] = {
        "types": View(folder / "types.parquet", types=DECLARED),
        "vw_sige_matricula_emtp_ano": folder / "matricula.parquet",
        "vw_sige_establecimientos": ESTABLECIMIENTOS,
    }
    with TdsServer(views, logins=[READER]) as running:
        yield running


@pytest.fixture(params=DRIVERS)
def connection_string(request: pytest.FixtureRequest, server: TdsServer) -> str:
    return DRIVERS[request.param](server, READER, encrypt="no" if request.param == "microsoft" else "off")


# -- values


def test_a_value_of_every_type_is_the_value_sent(connection_string: str) -> None:
    rows = ask(connection_string, "SELECT * FROM dbo.types ORDER BY id")
    for row, expected in zip(rows, ROWS, strict=True):
        for name, value, wanted in zip(DECLARED, row, expected, strict=True):
            # pyodbc gives a uniqueidentifier as text.
            assert value == (str(wanted).upper() if isinstance(wanted, uuid.UUID) else wanted), name


def test_types_are_told_as_declared(connection_string: str) -> None:
    import pyodbc

    with contextlib.closing(pyodbc.connect(connection_string)) as connection:
        told = {row.column_name: row.type_name for row in connection.cursor().columns(table="types")}
        assert [table.table_name for table in connection.cursor().tables(table="types")] == ["types"]
    assert told == {name: declaration.split("(")[0] for name, declaration in DECLARED.items()}


def test_two_hundred_thousand_rows_arrive_equal_as_arrow(server: TdsServer, tmp_path: Path) -> None:
    import arrow_odbc

    reader = arrow_odbc.read_arrow_batches_from_odbc(
        "SELECT * FROM dbo.vw_sige_matricula_emtp_ano",
        microsoft(server, READER, encrypt="no"),
        batch_size=20_000,
    )
    assert reader is not None
    sent = duckdb.sql(MATRICULA).to_arrow_table()
    came = pa.Table.from_batches(list(reader), reader.schema)
    assert came.num_rows == 200_000
    assert came.cast(sent.schema).equals(sent)


@pytest.mark.parametrize(
    "value",
    [
        *(5, -(2**40), 2**31, True, 1.5, -1e300, Decimal("-12.340"), b"ab\x00", None),
        *("ñandú", "", "x" * 5000, "𝄞"),
        *(dt.date(2024, 2, 29), dt.time(1, 2, 3), dt.datetime(2024, 1, 2, 3, 4, 5, 678901), dt.datetime(9999, 12, 31)),
    ],
    ids=repr,
)
def test_a_parameter_comes_back_as_it_went(connection_string: str, value: object) -> None:
    assert ask(connection_string, "SELECT ?", value) == [(value,)]


def test_parameters_select_rows(connection_string: str) -> None:
    rows = ask(
        connection_string,
        "SELECT COUNT(*) FROM vw_sige_matricula_emtp_ano WHERE ANO_LECTIVO = ? AND ESTADO_MATRICULA = ? AND "
        "CODIGO_ENSENANZA IN (?, ?) AND FECHA_NACIMIENTO >= ?",
        *(2025, "activo", 410, 510, dt.date(2008, 1, 1)),
    )
    wanted = duckdb.sql(
        f"SELECT count(*) FROM ({MATRICULA}) WHERE ANO_LECTIVO = 2025 AND ESTADO_MATRICULA = 'ACTIVO' AND "
        "CODIGO_ENSENANZA IN (410, 510) AND FECHA_NACIMIENTO >= DATE '2008-01-01'"
    ).fetchall()
    assert rows == wanted


def test_a_moment_with_an_offset_is_the_same_moment(connection_string: str) -> None:
    import pyodbc

    with contextlib.closing(pyodbc.connect(connection_string)) as connection:
        connection.add_output_converter(-155, lambda octets: struct.unpack("<6hI2h", octets or b""))
        (value,) = connection.execute("SELECT CAST('2024-03-01T22:30:00.5-03:00' AS datetimeoffset(7))").fetchall()[0]
    assert value == (2024, 3, 2, 1, 30, 0, 500_000_000, 0, 0)


def test_clients_are_served_side_by_side(connection_string: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        counts = list(
            pool.map(lambda n: ask(connection_string, "SELECT COUNT(*) FROM types WHERE id > ?", n), range(4))
        )
    assert counts == [[(3 - n,)] for n in range(4)]


# -- T-SQL


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 7/2, 7/2.0, 7%2, -7/2", [(3, Decimal("3.5"), 1, -3)]),
        ("SELECT 'a' + N'ñ', 'x' + NULL, CONCAT('a', NULL, 1)", [("añ", None, "a1")]),
        (
            "SELECT CAST('abcdef' AS varchar(3)), CONVERT(varchar(10), CAST('2024-03-01' AS date), 103)",
            [("abc", "01/03/2024")],
        ),
        ("SELECT COUNT(*) FROM types WHERE latin = 'ÑANDÚ €' AND national LIKE 'ñUÑ%' AND latin <> 'nandu €'", [(1,)]),
        ("SELECT TOP 2 RBD FROM [dbo].[VW_SIGE_Establecimientos] WITH (NOLOCK) ORDER BY RBD DESC", [(99,), (98,)]),
        ("SELECT RBD FROM vw_sige_establecimientos ORDER BY RBD OFFSET 5 ROWS FETCH NEXT 1 ROWS ONLY", [(5,)]),
        ("SET NOCOUNT ON; SELECT YEAR(CAST('2024-05-06' AS datetime)) - 5 OPTION (MAXDOP 1)", [(2019,)]),
        ("WITH c AS (SELECT RBD FROM vw_sige_establecimientos WHERE RBD < 3) SELECT SUM(RBD) FROM c", [(3,)]),
        ("SELECT ISNULL(NULL, 'x'), LEN('abc'), IIF(1 = 1, 2, 3), TRY_CAST('a' AS int)", [("x", 3, 2, None)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_t_sql_means_what_it_means_there(connection_string: str, sql: str, expected: list[tuple[object, ...]]) -> None:
    assert ask(connection_string, sql) == expected


def test_the_clients_own_query_of_establishments_runs(connection_string: str) -> None:
    rows = ask(
        connection_string,
        """
        SELECT DISTINCT e.RBD, e.NOMBRE_ESTABLECIMIENTO, COUNT(m.MRUN) as TOTAL_MATRICULA_TP
        FROM vw_sige_establecimientos e
        LEFT JOIN vw_sige_matricula_emtp_ano m ON e.RBD = m.RBD AND m.ANO_LECTIVO = 2025 -- YEAR(GETDATE())
        WHERE e.TIENE_ENSENANZA_TP = 1
        GROUP BY e.RBD, e.NOMBRE_ESTABLECIMIENTO
        """,
    )
    assert len(rows) == 50
    assert sum(int(str(row[2])) for row in rows) > 0


@pytest.mark.parametrize(
    ("sql", "state", "number"),
    [
        ("SELECT * FROM dbo.nada", "42S02", 208),
        ("SELECT * FROM otra.dbo.types", "42S02", 208),
        ("SELECT * FROM read_text('secreto.txt')", "42S02", 208),
        ("SELECT SUM(RBD * 0 + 2147483647) FROM vw_sige_matricula_emtp_ano", "22003", 8115),
        ("SELECT nope FROM types", "42S22", 207),
        ("SELEC 1", "42000", 102),
        ("SELECT NO_HAY(1)", "42000", 195),
        ("SELECT CAST(latin AS int) FROM types", "22018", 245),
        ("EXEC sp_nada", "42000", 2812),
        ("INSERT INTO types (id) VALUES (1)", "42000", 229),
        ("UPDATE dbo.types SET id = 1 WHERE 1 = 0", "42000", 229),
        ("DELETE FROM types", "42000", 229),
        ("CREATE TABLE nueva (a int)", "42000", 262),
        ("SELECT * INTO nueva FROM types", "42000", 262),
        ("DROP VIEW types", "42S02", 3701),
        ("TRUNCATE TABLE types", "42000", 1088),
        ("USE otra", "08004", 911),
    ],
)
def test_an_error_has_its_number_and_its_state(connection_string: str, sql: str, state: str, number: int) -> None:
    found, message = refusal(connection_string, sql)
    assert f"({number})" in message
    # An overflow is the one error here that FreeTDS gives a state of its own.
    assert found == ("HY019" if number == 8115 and "FreeTDS" in message else state)


def test_a_session_goes_on_after_an_error(connection_string: str) -> None:
    import pyodbc

    with contextlib.closing(pyodbc.connect(connection_string)) as connection:
        with pytest.raises(pyodbc.Error):
            connection.execute("SELECT * FROM dbo.nada")
        assert connection.execute("SELECT 1").fetchval() == 1


ENDLESS = (
    "SELECT COUNT(*) FROM vw_sige_matricula_emtp_ano a CROSS JOIN vw_sige_matricula_emtp_ano b "
    "WHERE a.NOMBRES + b.NOMBRES LIKE '%Q%'"
)


@pytest.mark.parametrize("long", ["WAITFOR DELAY '00:00:20'; SELECT 1", ENDLESS], ids=["waiting", "working"])
def test_a_query_that_lasts_too_long_times_out_and_can_be_followed(connection_string: str, long: str) -> None:
    import pyodbc

    with contextlib.closing(pyodbc.connect(connection_string)) as connection:
        connection.timeout = 1
        with pytest.raises(pyodbc.OperationalError) as caught:
            connection.execute(long).fetchall()
        assert caught.value.args[0] == "HYT00"
        assert connection.execute("SELECT 1").fetchval() == 1


def test_an_answer_may_be_left_half_read(connection_string: str) -> None:
    import pyodbc

    with contextlib.closing(pyodbc.connect(connection_string)) as connection:
        cursor = connection.execute("SELECT * FROM vw_sige_matricula_emtp_ano")
        cursor.fetchone()
        cursor.close()
        assert connection.execute("SELECT COUNT(*) FROM vw_sige_matricula_emtp_ano").fetchval() == 200_000
