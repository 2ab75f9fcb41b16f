"""The establishments contract against the real directory files: no row rejected, each oddity counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import duckdb
import pytest

from emtp_assets.contracts import Column, contract_for, read_codes
from emtp_assets_tests.contracts.test_contracts import SAMPLES, sample_header

Directory: TypeAlias = tuple[duckdb.DuckDBPyConnection, int]


@pytest.fixture(scope="module", params=[(2024, 16694), (2025, 16768)], ids=lambda p: str(p[0]))
def directory(request: pytest.FixtureRequest) -> Iterator[Directory]:
    year, schools = request.param
    sample_header(f"directorio_oficial_ee_{year}.csv")
    with duckdb.connect() as connection:
        connection.execute(
            """create table d as
               select * from read_csv(?, delim=';', quote='"', header=true, all_varchar=true)""",
            [str(SAMPLES / f"directorio_oficial_ee_{year}.csv")],
        )
        yield connection, schools


def test_no_school_lacks_a_required_value_or_repeats_its_key(directory: Directory) -> None:
    connection, schools = directory
    contract = contract_for("establecimientos")
    for column in (c for c in contract.columns if c.required):
        sql = f'select count(*) from d where try_cast(trim("{column.official}") as bigint) is null'
        assert connection.execute(sql).fetchone() == (0,), column.name
    assert connection.execute("select count(*), count(distinct RBD) from d").fetchone() == (
        schools,
        schools,
    )


def test_every_code_is_in_its_list(directory: Directory) -> None:
    connection, _ = directory
    header = {row[0] for row in connection.execute("describe d").fetchall()}

    def unknown(column: Column) -> list[str]:
        assert column.code_list
        values = connection.execute(f'select distinct trim("{column.official}") from d').fetchall()
        return sorted({value for (value,) in values if value} - set(read_codes(column.code_list)))

    coded = [c for c in contract_for("establecimientos").columns if c.code_list and c.official in header]
    assert {c.name: unknown(c) for c in coded if unknown(c)} == {}


def test_fifty_check_digits_break_modulo_eleven(directory: Directory) -> None:
    connection, _ = directory
    broken = connection.execute(
        """
        with digits as (
            select DGV_RBD as dv, (11 - (
                RBD::int % 10 * 2 + RBD::int // 10 % 10 * 3 + RBD::int // 100 % 10 * 4
                + RBD::int // 1000 % 10 * 5 + RBD::int // 10000 % 10 * 6) % 11) % 11 as wanted
            from d
        )
        select count(*) from digits where dv <> case wanted when 10 then 'K' else wanted::varchar end
        """
    ).fetchone()
    assert broken == (50,)
