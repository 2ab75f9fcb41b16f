"""A file comes in blocks that cut no line and no character, and every line keeps its number."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emtp_assets.intake.text_blocks import (
    BLOCK,
    first_line,
    in_utf8,
    is_utf8,
    not_utf8,
    sample,
    utf8_of,
    utf8_parts,
    whole_lines,
)


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_whole_lines_lose_no_byte_and_end_at_line_ends(blocks: list[bytes]) -> None:
    cut = list(whole_lines(blocks))
    assert b"".join(cut) == b"".join(blocks)
    assert all(block.endswith((b"\n", b"\r")) for block in cut[:-1])


def test_a_line_longer_than_a_block_is_cut_after_ascii() -> None:
    line = ("AÑO" * BLOCK).encode()
    cut = list(whole_lines(line[start : start + BLOCK] for start in range(0, len(line), BLOCK)))
    assert b"".join(cut) == line
    assert len(cut) > 1
    assert all(block[-1:] in {b"A", b"O"} for block in cut)


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=12), st.text(max_size=6).map(str.encode)))
def test_utf8_is_what_python_decodes(content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError:
        right = False
    else:
        right = True
    assert is_utf8(np.frombuffer(content, dtype=np.uint8)) is right


@pytest.mark.parametrize("letter", ["ñ", "€", "🏫"])
@pytest.mark.parametrize("padding", range(4))
def test_parts_are_whole_characters_and_lose_none(tmp_path: Path, letter: str, padding: int) -> None:
    path = tmp_path / "a.txt"
    content = ("x" * padding + letter * 400_000).encode()
    path.write_bytes(content)
    parts = [b"" if part is None else part.tobytes() for part in utf8_parts(path)]
    assert b"".join(parts) == content
    assert all(part.decode() for part in parts)
    path.write_bytes(content[:-1])
    assert list(utf8_parts(path))[-1] is None


def test_lines_keep_their_numbers_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    lines = [b"LICEO DE PRUEBA;2024\n"] * 200_000
    lines[150_000] = b"\xd1u\xf1oa;2024\n"
    path.write_bytes(b"".join(lines))
    assert list(not_utf8(path)) == [150_001]
    assert first_line(in_utf8(path, "windows-1252"), re.compile("Ñ".encode())) == 150_001
    assert first_line(in_utf8(path, "windows-1252"), re.compile(b"@")) == 0


def test_a_sample_is_whole_lines_from_all_over_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"".join(b"%09d\n" % number for number in range(4_000_000)))
    blocks = list(sample(path))
    assert len(blocks) == 3
    assert all(len(line) == 9 for block in blocks for line in block.splitlines())
    assert int(blocks[2][:9]) > 3_000_000


@pytest.mark.parametrize("text", ["ÑUÑOA", "“VIÑA” 5 €", "LICEO"])
def test_windows_1252_becomes_utf8_and_utf8_stays(text: str) -> None:
    assert utf8_of(text.encode("cp1252"), "windows-1252") == text.encode()
    assert utf8_of(text.encode(), "utf-8") == text.encode()


def test_a_byte_that_windows_1252_has_not_is_an_error() -> None:
    with pytest.raises(UnicodeDecodeError):
        utf8_of(b"\x81", "windows-1252")
