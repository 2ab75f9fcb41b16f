"""Chosen rows as Arrow tables of text, and a year's Parquet file of them. Which rows are chosen is `extraction`'s."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from emtp_assets.intake.layout import Layout
from emtp_assets.intake.odd_lines import Row
from emtp_assets.intake.plain_lines import Plain
from emtp_assets.intake.recognition import Header, raw_name
from emtp_assets.settings import Settings
from emtp_assets.storage.restricted import writer

_ROWS_A_GROUP = 61_440
_BYTES_AT_ONCE = 4 << 20
_NUMBER = "_row"


def raw_columns(header: Header) -> list[str]:
    """The text columns of raw: every official name of the contract, then what it does not describe."""
    return [*(c.official for c in header.contract.columns), *header.unknown]


def sent_columns(header: Header) -> list[str]:
    """The raw name of each column in the order in which it was sent."""
    pairs = zip(header.names, header.columns, strict=True)
    return [column.official if column else raw_name(name, at) for at, (name, column) in enumerate(pairs)]


def _split(raw: bytes, names: Sequence[str], layout: Layout) -> Sequence[pa.ChunkedArray]:
    """Lines without quotes: Arrow's own reader, told everything and left nothing to guess."""
    all_names = [*names, *(f"_sobra_{at}" for at in range(layout.surplus))]
    table = pa_csv.read_csv(
        pa.py_buffer(raw),
        pa_csv.ReadOptions(column_names=all_names, use_threads=False, block_size=len(raw) + 1),
        pa_csv.ParseOptions(delimiter=layout.separator, quote_char=False, double_quote=False, ignore_empty_lines=False),
        pa_csv.ConvertOptions(
            column_types=dict.fromkeys(all_names, pa.string()),
            include_columns=list(names),
            strings_can_be_null=False,
            check_utf8=True,
        ),
    )
    return table.columns


def _unquoted(raw: bytes, names: Sequence[str], layout: Layout) -> Sequence[pa.Array]:
    """Lines whose quotes are known to be whole; fields keep the blanks inside their quotes."""
    lines = raw.decode("utf-8").removesuffix("\n").split("\n")
    reader = csv.reader(lines, delimiter=layout.separator, quotechar=layout.quote, strict=True)
    values = list(zip(*reader, strict=True))
    return [pa.array(column, pa.string()) for column in values[: len(names)]]


class YearWriter:
    """One academic year's raw Parquet file, encrypted, written as rows come.

    Columns: `raw_columns` as text, ``_delivery`` (text) and ``_row`` (int64).
    """

    def __init__(
        self, settings: Settings, target: Path, layout: Layout, sha256: str, footer: Mapping[str, str]
    ) -> None:
        self._layout = layout
        self._names = raw_columns(layout.header)
        self._sent = sent_columns(layout.header)
        self._sha256 = sha256
        fields = [*((name, pa.string()) for name in self._names), ("_delivery", pa.string()), (_NUMBER, pa.int64())]
        self._schema = pa.schema(fields, metadata=dict(footer))
        self._writer = writer(target, self._schema, settings)
        self._raw: list[bytes] = []
        self._raw_size = 0
        self._numbers: list[NDArray[np.int64]] = []
        self._waiting: list[pa.Table] = []
        self._waits = 0
        self.rows = 0

    def add(self, plain: Plain, chosen: NDArray[np.bool_], odd: Sequence[Row]) -> None:
        """Take on the chosen plain lines and the odd rows of a block.

        Raises:
            pyarrow.ArrowInvalid: bytes that are no text.
            OSError: the disk refused.
        """
        self.rows += len(odd)
        alone = bool(odd) or plain.quoted
        if alone:
            self._split_pending()
        if bool(chosen.any()):
            self.add_lines(plain.chosen(chosen), plain.lines[chosen], split=not alone)
        if alone:
            parts = [*([self._pending(_unquoted if plain.quoted else _split)] if self._raw else []), self._odd(odd)]
            self._wait(pa.concat_tables(parts).sort_by(_NUMBER))

    def add_lines(self, raw: bytes, lines: NDArray[np.int64], *, split: bool = True) -> None:
        """Take on plain lines by their bytes, line ends included, and their numbers in the text.

        Raises:
            pyarrow.ArrowInvalid: bytes that are no text.
            OSError: the disk refused.
        """
        self.rows += len(lines)
        self._raw.append(raw if self._layout.codec == "utf-8" else raw.decode(self._layout.codec).encode())
        self._raw_size += len(raw)
        self._numbers.append(lines - self._layout.header_line)
        if split and self._raw_size > _BYTES_AT_ONCE:
            self._split_pending()

    def close(self) -> None:
        """Write what waits, and the footer."""
        self._split_pending()
        if self._waiting or not self.rows:
            self._write(pa.concat_tables(self._waiting) if self._waiting else self._schema.empty_table())
        self._writer.close()

    def _split_pending(self) -> None:
        # Arrow's reader costs half a millisecond a call, whatever the bytes: they are gathered before.
        if self._raw:
            self._wait(self._pending(_split))

    def _pending(self, split: Callable[[bytes, Sequence[str], Layout], Sequence[Any]]) -> pa.Table:
        columns = split(b"".join(self._raw), self._sent, self._layout)
        numbers = pa.array(np.concatenate(self._numbers), pa.int64())
        self._raw, self._raw_size, self._numbers = [], 0, []
        return pa.table([*columns, numbers], names=[*self._sent, _NUMBER])

    def _odd(self, rows: Sequence[Row]) -> pa.Table:
        values = list(zip(*(row.fields for row in rows), strict=True)) or [()] * len(self._sent)
        numbers = pa.array([row.line - self._layout.header_line for row in rows], pa.int64())
        return pa.table([*(pa.array(v, pa.string()) for v in values), numbers], names=[*self._sent, _NUMBER])

    def _wait(self, table: pa.Table) -> None:
        self._waiting.append(table)
        self._waits += len(table)
        while self._waits >= _ROWS_A_GROUP:
            together = pa.concat_tables(self._waiting)
            self._write(together.slice(0, _ROWS_A_GROUP))
            rest = together.slice(_ROWS_A_GROUP)
            self._waiting, self._waits = ([rest] if len(rest) else []), len(rest)

    def _write(self, table: pa.Table) -> None:
        count = len(table)
        nothing = pa.nulls(count, pa.string())
        columns = [table[name] if name in self._sent else nothing for name in self._names]
        delivery = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), pa.array([self._sha256]))
        whole = pa.table([*columns, delivery.cast(pa.string()), table[_NUMBER]], schema=self._schema)
        self._writer.write_table(whole, row_group_size=_ROWS_A_GROUP)
