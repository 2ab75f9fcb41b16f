"""The fast reading of whole blocks and the careful reading of single lines are one reading, wherever a block ends."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emtp_assets.intake import rows as module
from emtp_assets.intake.layout import Layout
from emtp_assets.intake.plain_lines import packed, unpacked
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.recognition import read_header
from emtp_assets.intake.rows import Rows
from emtp_assets_tests.intake.test_no_silent_change import CONTRACT, NAMES

Found = tuple[list[tuple[int, tuple[str, ...]]], dict[str, int], list[tuple[int, int, str]]]

field = st.text(st.sampled_from("ab;\" \r\n\\'\x00ñ\t"), max_size=6)
line = st.one_of(
    st.tuples(st.sampled_from(["2024", "2025", " 2024", '"2024"', "x", ""]), field, field, field).map(";".join),
    st.sampled_from(["", ";;;", ";".join(NAMES), "Total;3", "2024;1;a;b", '2024;"x\ny";a;b', '2024;"a;b";c;"d ""e"""']),
)
texts = st.tuples(st.lists(line, max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans()).map(
    lambda made: made[1].join([";".join(NAMES), *made[0]]) + (made[1] if made[2] else "")
)


def layout(surplus: int = 0) -> Layout:
    header = read_header(CONTRACT, ";", NAMES)
    return Layout(header, '"', surplus, 1, "utf-8", cr_only=False, year_at=0, last_year=2027)


def found(text: str, block: int, *, careful: bool, surplus: int = 0) -> Found | str:
    """Rows by their line, lines by their kind, lines set aside; or the code of the refusal."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(module, "BLOCK", block)
        path = Path(folder) / "text.csv"
        path.write_bytes(text.encode())
        rows = Rows(path, layout(surplus))
        if careful:
            patch.setattr(rows._plain_lines, "of", lambda *_: None)
        read: list[tuple[int, tuple[str, ...]]] = []
        try:
            for batch in rows:
                plain = batch.plain
                for at, number in enumerate(plain.lines.tolist()):
                    keep = np.arange(len(plain)) == at
                    raw = plain.chosen(keep).decode().removesuffix("\n").removesuffix("\r")
                    fields = rows._odd_lines.fields_of(raw)
                    assert fields is not None
                    assert int(fields[0]) == plain.years[at]
                    read.append((number, tuple(fields[: len(NAMES)])))
                read += [(row.line, tuple(row.fields)) for row in batch.odd]
        except IntakeError as error:
            return error.code
        aside = [(each.line, each.lines, each.code) for each in rows.aside]
        return sorted(read), dict(+rows.lines), aside


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts, st.sampled_from([16, 40, 90, 1000]))
@example(";".join(NAMES) + '\n2024;"a\nb";c;d\n2024;1;2;3\n', 30)
@example(";".join(NAMES) + "\n2024;1;2\n2024;1;2;3;4\n", 1000)
@example(";".join(NAMES) + "\n2024;1;2;3\n2024;'a';2;3\n", 1000)
@example(";".join(NAMES) + "\n2024;;;ñ\n2024;;;\\", 16)
@example(";".join(NAMES) + "\n2024;;;\n2024;;\t'';", 16)
@example(";".join(NAMES) + "\n2024;;;\n2024; 'a;b';c", 1000)
@example(";".join(NAMES) + "\n2024;;;\n2024;d 'a';b;c", 1000)
def test_blocks_and_single_lines_are_read_alike(text: str, block: int) -> None:
    assert found(text, block, careful=False) == found(text, 1 << 18, careful=True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts, st.sampled_from([16, 90]))
@example(";".join(NAMES) + "\n2024;1;2;3;\n2024;1;2;3;x", 1000)
@example(";".join(NAMES) + "\n2024;1;2;3\n2024;1;2;3;x", 1000)
def test_and_so_are_lines_with_separators_after_the_last_column(text: str, block: int) -> None:
    wider = text if text.endswith("x") else text.replace("\n", ";\n")
    assert found(wider, block, careful=False, surplus=1) == found(wider, 1 << 18, careful=True, surplus=1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9), min_size=1, max_size=8))
def test_a_short_field_packed_into_a_number_comes_back(fields: list[str]) -> None:
    octets = np.frombuffer(("".join(fields) + "\n").encode(), np.uint8)
    lengths = np.array([len(field) for field in fields], np.int64)
    ends = np.cumsum(lengths)
    begins = ends - lengths
    back = [unpacked(int(key)) for key in packed(octets, begins, ends)]
    assert back == [field if len(field) <= 7 else None for field in fields]


def test_a_line_that_doubles_its_quotes_and_escapes_them_too_is_set_aside() -> None:
    """No program writes both, so one of them is damage."""
    text = ";".join(NAMES) + '\n2024;1;"A""\\"";x\n2024;1;"B\\"C";x\n2024;1;"B""C";x\n'
    answer = found(text, 1 << 18, careful=False)
    assert not isinstance(answer, str)
    rows, _, aside = answer
    assert [fields[2] for _, fields in rows] == ['B"C', 'B"C']
    assert [line for line, _, _ in aside] == [2]
