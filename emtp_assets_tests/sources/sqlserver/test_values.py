"""Every type of SQL Server becomes one text, the same with either driver; NULL is not the empty text."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Fetched, Journal, SourceFailure
from emtp_assets.sources.failure import Cause
from emtp_assets.sources.sqlserver import SqlServerSource
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.tds import Login, TdsServer, View
from emtp_assets_tests.sources.sqlserver.conftest import LOGIN, PASSWORD, VIEW, settings_for

MATRICULA = contract_for("matricula")

# Official column: its type in the view, the value in DuckDB's SQL, the text that is delivered.
VALUES = {
    "AGNO": ("smallint", "2025", "2025"),
    "RBD": ("int", "10001", "10001"),
    "COD_ENSE": ("smallint", "410", "410"),
    "MRUN": ("bigint", "9223372036854775807", "9223372036854775807"),
    "NOM_RBD": ("nvarchar(max)", "'Ñandú «áéíóú» € 😀'", "Ñandú «áéíóú» € 😀"),
    "NOM_COM_RBD": ("nchar(12)", "'Ñuble'", "Ñuble"),
    "NOM_REG_RBD_A": ("varchar(20)", "'  Aysén  '", "  Aysén  "),
    "LET_CUR": ("varchar(5)", "''", ""),
    "NOM_DEPROV_RBD": ("nvarchar(50)", "NULL", None),
    "COD_REG_RBD": ("tinyint", "255", "255"),
    "COD_COM_RBD": ("int", "-2147483648", "-2147483648"),
    "COD_DEPE": ("decimal(38,0)", "99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
    "COD_DEPE2": ("decimal(9,4)", "-0.5", "-0.5000"),
    "RURAL_RBD": ("bit", "true", "1"),
    "COD_JOR": ("float", "3", "3"),
    "COD_TIP_CUR": ("float", "0.1", "0.1"),
    "COD_DES_CUR": ("real", "1.5", "1.5"),
    "ESTADO_ESTAB": ("money", "-922337203685477.5808", "-922337203685477.5808"),
    "COD_ESPE": ("int", "NULL", None),
    "COD_SEC": ("bit", "NULL", None),
    "NOMBRE_SLEP": ("datetime2(7)", "TIMESTAMP '9999-12-31 23:59:59.999999'", "9999-12-31"),
    "COD_MEN": ("date", "DATE '0001-01-01'", "0001-01-01"),
    "TIPO_AULA": ("datetime", "NULL", None),
}


def fetched(server: TdsServer, authority: Authority, journal: Journal, target: Path, driver: str | None) -> Path:
    settings = settings_for(server, authority, target / "data", driver=driver)
    answer = SqlServerSource(settings, journal).fetch(MATRICULA, 2025, target)
    assert isinstance(answer, Fetched)
    return answer.path


def served(authority: Authority, values: dict[str, tuple[str, str, str | None]], rows: int = 1) -> TdsServer:
    columns = ", ".join(f'{value} AS "{name}"' for name, (_, value, _) in values.items())
    types = {name: declared for name, (declared, _, _) in values.items()}
    return TdsServer(
        {VIEW: View(f"SELECT {columns} FROM range({rows})", types=types)},
        logins=[Login(LOGIN, PASSWORD)],
        certificate=authority.issue("values"),
    )


def test_each_type_has_one_text(authority: Authority, journal: Journal, target: Path, driver: str | None) -> None:
    with served(authority, VALUES) as server:
        (row,) = pq.read_table(fetched(server, authority, journal, target, driver)).to_pylist()
    assert row == {name: text for name, (_, _, text) in sorted(VALUES.items(), key=lambda item: _position(item[0]))}


def test_a_long_text_is_whole(authority: Authority, journal: Journal, target: Path, driver: str | None) -> None:
    text = "ñ" * 4_000
    with served(authority, {**VALUES, "NOM_RBD": ("nvarchar(max)", f"'{text}'", text)}) as server:
        (row,) = pq.read_table(fetched(server, authority, journal, target, driver)).to_pylist()
    assert row["NOM_RBD"] == text


def test_a_text_longer_than_can_be_read_is_refused_and_not_cut_off(
    authority: Authority, journal: Journal, target: Path, driver: str | None
) -> None:
    with (
        served(authority, {**VALUES, "NOM_RBD": ("nvarchar(max)", f"'{'x' * 4_001}'", None)}) as server,
        pytest.raises(SourceFailure) as raised,
    ):
        fetched(server, authority, journal, target, driver)
    assert raised.value.cause is Cause.ANSWER
    assert "xxx" not in str(raised.value)
    assert not list(target.glob("*.parquet"))


def _position(official: str) -> int:
    return next(at for at, column in enumerate(MATRICULA.columns) if column.official == official)
