"""Every raw row is accounted for, totals agree, and a file that was doubled is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.contracts import Contract, Severity
from emtp_assets.quality import accounting, drift
from emtp_assets.quality.outcome import Outcome
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import session
from emtp_assets.storage.lake import Layer


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with session(Settings(data_dir=tmp_path)) as connection:
        yield connection


class Tables:
    """Raw rows 0-9 of one delivery; which of them are clean, refused or duplicates is the test's to say."""

    def __init__(self, folder: Path, con: duckdb.DuckDBPyConnection) -> None:
        self.folder, self.con = folder, con

    def rows(self, name: str, rows: list[int], rule: str | None = None, other: tuple[int, ...] = ()) -> Path:
        path = self.folder / f"{name}.parquet"
        numbers = [*rows, *other]
        columns = {
            "_delivery": pa.array(["a" * 64] * len(numbers), pa.string()),
            "_row": pa.array(numbers, pa.int64()),
        }
        if rule is not None:
            rules = [rule] * len(rows) + [accounting.DUPLICATE] * len(other)
            columns["regla"] = pa.array(rules, pa.string())
        pq.write_table(pa.table(columns), path)
        return path

    def account(self, clean: list[int], refused: list[int], duplicates: tuple[int, ...] = ()) -> Outcome:
        return accounting.row_accounting(
            self.con,
            2025,
            raw=self.rows("raw", list(range(10))),
            cleaned=self.rows("cleaned", clean),
            rejected=self.rows("rejected", refused, "requerido", duplicates),
        )


@pytest.fixture
def tables(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> Tables:
    return Tables(tmp_path, con)


def test_every_row_in_one_place(tables: Tables) -> None:
    found = tables.account([0, 1, 2, 3, 4, 5, 6], [7, 8], (9,))
    assert found.passed
    assert found.observed == "10 = 7 limpias + 2 rechazadas + 1 duplicadas"


def test_a_lost_row(tables: Tables) -> None:
    found = tables.account([0, 1, 2, 3, 4, 5, 6], [7, 8])
    assert not found.passed
    assert found.unexpected_count == 1
    assert found.examples == ("aaaaaaaaaaaa fila 9",)
    assert found.observed == "10 ≠ 7 limpias + 2 rechazadas + 0 duplicadas (1 perdidas)"


@pytest.mark.parametrize(
    ("clean", "refused", "duplicates"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 6], [7, 8], (9,)),
        ([0, 1, 2, 3, 4, 5, 6, 7], [7, 8], (9,)),
        ([0, 1, 2, 3, 4, 5, 6, 9], [7, 8], (9,)),
    ],
)
def test_a_doubled_row(tables: Tables, clean: list[int], refused: list[int], duplicates: tuple[int, ...]) -> None:
    found = tables.account(clean, refused, duplicates)
    assert not found.passed
    assert "1 contadas dos veces" in str(found.observed)


def test_a_lost_row_does_not_hide_behind_a_doubled_one(tables: Tables) -> None:
    found = tables.account([0, 1, 2, 3, 4, 5, 5], [7, 8], (9,))
    assert not found.passed
    assert found.observed == ("10 = 7 limpias + 2 rechazadas + 1 duplicadas (1 perdidas, 1 contadas dos veces)")


def test_a_row_from_nowhere(tables: Tables) -> None:
    found = tables.account([0, 1, 2, 3, 4, 5, 6, 77], [7, 8], (9,))
    assert not found.passed
    assert "1 sin origen" in str(found.observed)


def test_a_row_numbered_twice_in_raw(tables: Tables) -> None:
    found = accounting.row_accounting(
        tables.con,
        2025,
        raw=tables.rows("raw", [0, 1, 1]),
        cleaned=tables.rows("cleaned", [0, 1]),
        rejected=tables.rows("rejected", [], "requerido"),
    )
    assert not found.passed
    assert "1 repetidas en raw" in str(found.observed)


@pytest.mark.parametrize(("duplicates", "passed"), [(0, True), (1, True), (2, False), (50, False)])
def test_a_doubled_file_has_too_many_duplicates(tables: Tables, duplicates: int, passed: bool) -> None:
    found = accounting.duplicates_share(
        tables.con,
        2025,
        raw=tables.rows("raw", list(range(100))),
        rejected=tables.rows("rejected", [], "requerido", tuple(range(duplicates))),
    )
    assert found.passed is passed
    assert found.severity is Severity.ERROR
    assert (found.unexpected_count, found.total) == (duplicates, 100)


@pytest.mark.parametrize(("total", "passed"), [(10, True), (9, False), (11, False)])
def test_aggregated_totals_are_those_of_the_rows(tables: Tables, total: int, passed: bool) -> None:
    aggregated = tables.folder / "aggregated.parquet"
    tables.con.execute(f"COPY (SELECT 'x' AS g, {total - 4} AS matricula UNION ALL SELECT 'y', 4) TO '{aggregated}'")
    cleaned = tables.rows("cleaned", list(range(10)))
    found = accounting.total_reconciled(tables.con, 2025, cleaned=cleaned, aggregated=aggregated, measure="matricula")
    assert found.passed is passed
    part = accounting.total_reconciled(
        tables.con,
        2025,
        cleaned=cleaned,
        aggregated=aggregated,
        measure="matricula",
        where="_row < 4",
        aggregated_where="g = 'y'",
    )
    assert part.passed


def test_unreadable_values_are_counted_by_column(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "cleaned.parquet"
    lists = [["edad"], [], ["edad", "nota"], None]
    pq.write_table(pa.table({"_ilegibles": pa.array(lists, pa.list_(pa.string()))}), path)
    found = accounting.unreadable(con, 2025, path)
    assert not found.passed
    assert (found.unexpected_count, found.total, found.observed) == (2, 4, "edad: 2; nota: 1")
    pq.write_table(pa.table({"_ilegibles": pa.array([[], None], pa.list_(pa.string()))}), path)
    assert accounting.unreadable(con, 2025, path).passed


def test_specs_name_every_account_and_drift_of_the_layer(contract: Contract) -> None:
    def names(layer: Layer, *totals: str) -> dict[str, bool]:
        specs = accounting.accounting_specs(contract, layer, dg.AssetKey("x"), totals)
        return {s.name: s.blocking for s in specs}

    assert names(Layer.RAW) == {
        drift.STRUCTURE: False,
        drift.FALL: True,
        drift.RISE: False,
    }
    assert names(Layer.CLEANED) == {
        accounting.ROWS: True,
        accounting.DUPLICATES: True,
        accounting.READABLE: False,
        drift.BLANKS: False,
        drift.CODES: False,
        drift.DOMAINS: False,
    }
    assert names(Layer.AGGREGATED, "matricula") == {"cuadratura_matricula": True}
