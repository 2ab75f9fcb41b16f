"""A query's answer becomes text in one spelling, and the same bytes however the driver cut it into batches."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emtp_assets.sources.writing import ROWS_A_GROUP, write_answer


def batches(table: pa.Table, size: int) -> list[pa.RecordBatch]:
    return table.to_batches(max_chunksize=size)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1, None, -7], pa.int32()), ["1", None, "-7"]),
        (pa.array([12345678901234567], pa.int64()), ["12345678901234567"]),
        (pa.array([1.0, 2.5, 3e15, None]), ["1", "2.5", "3000000000000000", None]),
        (pa.array([-27.11944, 1e300, -0.5]), ["-27.11944", "1e+300", "-0.5"]),
        (pa.array([Decimal("12345678901234567890.50")], pa.decimal128(38, 2)), ["12345678901234567890.50"]),
        (
            pa.array([Decimal("0"), Decimal("-1E-7"), Decimal("1.5"), None], pa.decimal128(18, 7)),
            ["0.0000000", "-0.0000001", "1.5000000", None],
        ),
        (pa.array([True, False, None]), ["1", "0", None]),
        (pa.array([dt.date(2009, 3, 1)]), ["2009-03-01"]),
        (pa.array(["Ñuñoa ", "", None]), ["Ñuñoa ", "", None]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array([dt.datetime(9999, 12, 31)], pa.timestamp("us")), ["9999-12-31"]),
    ],
)
def test_each_value_has_one_spelling(tmp_path: Path, values: pa.Array, expected: list[str | None]) -> None:
    target = tmp_path / "answer.parquet"
    write_answer([pa.RecordBatch.from_arrays([values], names=["x"])], ["COLUMNA"], target)
    read = pq.read_table(target)
    assert read.schema == pa.schema([("COLUMNA", pa.string())])
    assert read.column(0).to_pylist() == expected


@given(st.lists(st.tuples(st.integers(), st.text(max_size=5)), max_size=50).map(lambda rows: rows), st.integers(1, 60))
def test_bytes_do_not_depend_on_the_batches(rows: list[tuple[int, str]], size: int) -> None:
    import tempfile

    table = pa.table({"a": pa.array([str(n) for n, _ in rows]), "b": pa.array([text for _, text in rows], pa.string())})
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder, "one.parquet"), Path(folder, "many.parquet")
        assert write_answer(table.to_batches(), ["A", "B"], one) == len(rows)
        write_answer(batches(table, size), ["A", "B"], many)
        assert one.read_bytes() == many.read_bytes()


def test_bytes_do_not_depend_on_the_batches_over_several_row_groups(tmp_path: Path) -> None:
    rows = 2 * ROWS_A_GROUP + 10
    table = pa.table({"n": pa.array(range(rows)), "t": pa.array([f"texto {n % 9_000} Ñ" for n in range(rows)])})
    for size in (7_000, 61_440, 200_000):
        write_answer(batches(table, size), ["N", "T"], tmp_path / f"{size}.parquet")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    assert pq.read_metadata(tmp_path / "7000.parquet").num_row_groups == 3


def test_an_answer_cut_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    def cut():
        yield pa.RecordBatch.from_arrays([pa.array([1, 2])], names=["x"])
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        write_answer(cut(), ["X"], tmp_path / "answer.parquet")
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_rows(tmp_path: Path) -> None:
    seen: list[int] = []
    write_answer(batches(pa.table({"n": range(10)}), 4), ["N"], tmp_path / "a.parquet", progress=seen.append)
    assert seen == [4, 8, 10]
