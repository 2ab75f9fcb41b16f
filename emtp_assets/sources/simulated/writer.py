"""Writes a selection as a file of the official form, in a stream. What is in it is not decided here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from emtp_assets.sources.simulated.selection import Selection

BLANK = " "
"""How official files write "nothing": one space."""
BATCH_ROWS = 16_384
FIRST_YEAR_WITH_BOM = 2018
LAST_YEAR_IN_LOWER_CASE = 2016


def encoding_of(year: int) -> str:
    """UTF-8 with BOM since 2018, Windows-1252 before (official record schemas, footnotes)."""
    return "utf-8" if year >= FIRST_YEAR_WITH_BOM else "cp1252"


def header_of(columns: Sequence[str], year: int) -> str:
    """The header line without its end; official files wrote it in lower case until 2016."""
    header = ";".join(columns)
    return header.lower() if year <= LAST_YEAR_IN_LOWER_CASE else header


def write(
    con: duckdb.DuckDBPyConnection, selection: Selection, columns: Sequence[str], year: int, target: Path
) -> None:
    """Write ``columns`` of ``selection``, in their order, to ``target``.

    Memory stays flat whatever the number of rows: each line is one string made by DuckDB, and a batch's
    string buffer goes to the file as it is (recoded for the years in Windows-1252).

    Raises:
        OSError: the disk refused; a part of the file may have been written.
    """
    encoding = encoding_of(year)
    with target.open("wb") as handle:
        if encoding == "utf-8":
            handle.write(b"\xef\xbb\xbf")
        handle.write((header_of(columns, year) + selection.line_end).encode(encoding))
        for text in _lines(con, selection, columns, year):
            handle.write(text if encoding == "utf-8" else bytes(text).decode("utf-8").encode(encoding))
        handle.flush()
        os.fsync(handle.fileno())


def _lines(
    con: duckdb.DuckDBPyConnection, selection: Selection, columns: Sequence[str], year: int
) -> Iterator[memoryview]:
    chunks, line = _line(selection, columns)
    made = ", ".join(f"{text} AS {name}" for name, text in chunks.items()) or "1 AS k0"
    groups = f"SELECT *, {made} FROM ({selection.groups}) ORDER BY {selection.order}"
    con.execute("CREATE OR REPLACE TEMP TABLE grouped AS " + _for_year(groups, year))
    members = (selection.members or "FROM {groups}").replace("{groups}", "grouped")
    con.execute(_for_year(f"SELECT {line} || {_literal(selection.line_end)} AS line FROM ({members})", year))
    for batch in con.to_arrow_reader(BATCH_ROWS):
        yield _text(batch.column(0))
    con.execute("DROP TABLE grouped")


def _line(selection: Selection, columns: Sequence[str]) -> tuple[dict[str, str], str]:
    """The expressions of a line: neighbours that only the group decides are joined into one chunk."""
    chunks: dict[str, list[str]] = {}
    parts: list[str] = []
    for position, column in enumerate(columns):
        separator = "';'" if position else None
        if column in selection.row:
            parts += [p for p in (separator, _field(selection.row[column])) if p]
            continue
        pieces = [p for p in (separator, _field(selection.group.get(column, _literal(BLANK)))) if p]
        if parts and parts[-1] in chunks:
            chunks[parts[-1]] += pieces
        else:
            name = f"chunk_{len(chunks)}"
            chunks[name] = pieces
            parts.append(name)
    return {name: " || ".join(pieces) for name, pieces in chunks.items()}, " || ".join(parts)


def _field(expression: str) -> str:
    return f"coalesce(({expression})::VARCHAR, {_literal(BLANK)})"


def _literal(text: str) -> str:
    escaped = text.replace("'", "''").replace("\r", "\\r").replace("\n", "\\n")
    return f"E'{escaped}'" if "\\" in escaped else f"'{escaped}'"


def _for_year(sql: str, year: int) -> str:
    return sql.replace("{year}", str(year))


def _text(array: pa.Array) -> memoryview:
    """The characters of a string array, end to end, without copying them."""
    _, offsets, characters = array.buffers()
    if characters is None:
        return memoryview(b"")
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    bounds = np.frombuffer(offsets, dtype=width)
    first, last = bounds[array.offset], bounds[array.offset + len(array)]
    return memoryview(characters)[int(first) : int(last)]
