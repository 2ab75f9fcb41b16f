"""A table in any dialect is read back equal; and after any damage it is read as it stands, set aside or refused.

``EMTP_NIGHTLY=1`` draws 10,000 files instead of 500.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from emtp_assets_tests.pollution.corpus import Polluted
from emtp_assets_tests.pollution.dialect_strategy import (
    Dialect,
    blows,
    damaged,
    dialects,
    encoded,
    files,
    tables,
    written,
)
from emtp_assets_tests.pollution.judge import Verdict, bare, judge
from emtp_assets_tests.pollution.official import Official, Table
from emtp_assets_tests.pollution.readers import Ours, Reading, Refused

NIGHTLY = os.environ.get("EMTP_NIGHTLY") == "1"
_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Ours:
    return Ours(tmp_path_factory.mktemp("dialectos"))


@pytest.mark.timeout(7200)
@settings(
    max_examples=10_000 if NIGHTLY else 500, deadline=None, derandomize=not NIGHTLY, suppress_health_check=_UNHURRIED
)
@given(files())
def test_a_table_in_any_dialect_is_read_back_equal(ours: Ours, drawn: tuple[Official, Dialect, Polluted]) -> None:
    form, dialect, file = drawn
    judgement = judge(file, form, ours.read(file))
    note(f"{dialect}\n{file.content[:3000]!r}")
    assert judgement.verdict is Verdict.RIGHT, judgement


@st.composite
def damaged_files(draw: st.DrawFn) -> tuple[Official, Dialect, Table, bytes, bytes]:
    dialect = draw(dialects(plain=True))
    # In a file of one row there is nothing that a damaged row could differ from.
    form, table = draw(tables(dialect, one_line=True, fewest=3))
    content = encoded(written(table, dialect), dialect.encoding)
    return form, dialect, table, content, damaged(content, content.index(b"\n") + 1, draw(blows))


@pytest.mark.timeout(7200)
@settings(
    max_examples=5_000 if NIGHTLY else 250, deadline=None, derandomize=not NIGHTLY, suppress_health_check=_UNHURRIED
)
@given(damaged_files())
def test_damage_is_seen_or_harmless(ours: Ours, drawn: tuple[Official, Dialect, Table, bytes, bytes]) -> None:
    form, dialect, table, before, after = drawn
    reading = ours.read(Polluted(after, table))
    note(f"{dialect}\n{after[:3000]!r}")
    if isinstance(reading, Refused):
        return
    assert isinstance(reading, Reading)
    wrong = _unexplained(reading, form, dialect, table, before=before, after=after)
    assert not wrong, wrong


def _unexplained(
    reading: Reading, form: Official, dialect: Dialect, table: Table, *, before: bytes, after: bytes
) -> str:
    """What of a reading is neither an untouched row nor what a damaged line literally says; "" for nothing."""
    old, new = _lines(before), _lines(after)
    touched = list((Counter(new[1:]) - Counter(old[1:])).elements())
    still = Counter(new[1:])
    truth = [tuple(map(bare, row)) for row in table.rows]
    untouched = [row for row, line in zip(truth, old[1:], strict=False) if still[line] > 0]
    names = [name.upper() for name in reading.names]
    missing = [n for n in table.names if n.upper() not in names]
    if any(any(row[table.names.index(n)] for row in truth) for n in missing):
        return f"columns are lost: {missing}"
    at = [names.index(n.upper()) if n.upper() in names else None for n in table.names]
    read = [tuple("" if i is None else bare(row[i]) for i in at) for row in reading.rows]
    said = Counter(_as_written(touched, new, dialect, len(table.names)))
    left = Counter(read)
    for row in untouched:
        if left[row]:
            left[row] -= 1
        elif not any(row[table.column(form.identity)].encode() in raw for raw in reading.aside):
            return "an untouched row is neither read nor set aside"
    if extra := left - said:
        return f"{extra.total()} rows as read are in no line of the file"
    return ""


def _lines(content: bytes) -> list[bytes]:
    return [line.removesuffix(b"\r") for line in content.removesuffix(b"\n").split(b"\n")]


def _as_written(touched: list[bytes], new: list[bytes], dialect: Dialect, width: int) -> Iterator[tuple[str, ...]]:
    """What touched lines say, one by one or as a text that goes on over a few lines, with quotes or without."""
    places = [i for i, line in enumerate(new) if line in touched]
    for i in places:
        for length in (1, 2, 3):
            if all(new[i + more] in touched for more in range(length) if i + more < len(new)):
                for decoded in _decoded(b"\n".join(new[i : i + length])):
                    yield from _fields(decoded, dialect, width)


def _decoded(line: bytes) -> Iterator[str]:
    for codec in ("utf-8", "cp1252"):
        try:
            yield line.decode(codec)
        except UnicodeDecodeError:
            continue
        return


def _fields(line: str, dialect: Dialect, width: int) -> Iterator[tuple[str, ...]]:
    readings: list[list[str]] = [line.split(dialect.separator)]
    for quote in "\"'":
        for escape in (None, "\\"):
            try:
                rows = list(
                    csv.reader(
                        line.split("\n") if "\n" not in line else [part + "\n" for part in line.split("\n")],
                        delimiter=dialect.separator,
                        quotechar=quote,
                        escapechar=escape,
                        doublequote=escape is None,
                        strict=True,
                        skipinitialspace=True,
                    )
                )
            except csv.Error:
                continue
            if len(rows) == 1:
                readings.append(rows[0])
    seen = set()
    for fields in readings:
        if len(fields) >= width and not any(field.strip() for field in fields[width:]):
            row = tuple(map(bare, fields[:width]))
            if row not in seen:
                seen.add(row)
                yield row
