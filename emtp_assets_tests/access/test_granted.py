"""An account and views granted just as they were asked for, on a loopback server: the SQL source works with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emtp_assets.access import View as AskedView
from emtp_assets.access import views
from emtp_assets.contracts import Contract, all_contracts, contract_for
from emtp_assets.settings import Settings
from emtp_assets.sources.journal import Journal
from emtp_assets.sources.protocol import Fetched
from emtp_assets.sources.sqlserver.source import SqlServerSource
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.tds import Login, TdsServer, View

YEAR = 2025
PASSWORD = "Clave-de-prueba-1"


def served(view: AskedView) -> View:
    """The view as IT would make it from the script, with one row of the year; every other value is NULL."""
    given = {view.contract.year_column: YEAR} | dict.fromkeys(view.scope, 410)
    columns = ", ".join(f'CAST({given.get(c.name, "NULL")} AS {_duckdb(c.type)}) AS "{c.name}"' for c in view.columns)
    return View(f"SELECT {columns}", types={c.name: c.type for c in view.columns})


def _duckdb(tsql_type: str) -> str:
    return "VARCHAR" if "char" in tsql_type else tsql_type


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An instance whose replica grants SELECT on the six views and nothing else."""
    folder = tmp_path_factory.mktemp("granted")
    authority = Authority.create(folder / "ca")
    asked = views(all_contracts())
    login = Login("readonly_emtp", PASSWORD, permissions={f"SELECT ON dbo.{name}" for name in asked})
    with TdsServer(
        {name: served(view) for name, view in asked.items()},
        logins=[login],
        database="SIGE_DataMart",
        certificate=authority.issue("server"),
        encryption="required",
        updateability="READ_ONLY",
    ) as server:
        yield isolated_settings(
            data_dir=folder / "data",
            ca_file=authority.ca_file,
            sqlserver={
                "host": "localhost",
                "port": server.port,
                "name": "SIGE_DataMart",
                "user": "readonly_emtp",
                "SIGE_DB_PASS": PASSWORD,
            },
        )


def test_doctor_finds_everything_in_order(settings: Settings) -> None:
    probes = list(SqlServerSource(settings, Journal(settings.data_dir)).examine())
    assert [(p.what, p.found) for p in probes if not p.good] == []
    assert {f"vista dbo.{name}" for name in views(all_contracts())} <= {p.what for p in probes}


@pytest.mark.parametrize("dataset", ["matricula", "docentes", "proyectos"])
def test_a_year_arrives_with_the_columns_that_were_asked_for(settings: Settings, dataset: str, tmp_path: Path) -> None:
    contract: Contract = contract_for(dataset)
    (view,) = views([contract]).values()
    fetched = SqlServerSource(settings, Journal(settings.data_dir)).fetch(contract, YEAR, tmp_path)
    assert isinstance(fetched, Fetched)
    table = pq.read_table(fetched.path)
    assert table.column_names == [column.name for column in view.columns]
    assert table[contract.year_column].to_pylist() == [str(YEAR)]
