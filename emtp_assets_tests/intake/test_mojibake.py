"""Text that was decoded wrongly before comes out as it was first written, or its row is set aside, or it is refused."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emtp_assets.intake.encoding import Encoding
from emtp_assets.intake.problem import IntakeError
from emtp_assets_tests.intake.spanish import FOREIGN, foreign_names, names, table, wrong_pages, wrongly_decoded
from emtp_assets_tests.intake.test_encoding import OFFICIAL, read, refused

LATIN_1, WINDOWS = "latin-1", "sloppy-windows-1252"


def outcome(text: str, codec: str = "utf-8") -> str | None:
    """The text as read; None when it was refused."""
    with tempfile.TemporaryDirectory() as name:
        try:
            return read(text.encode(codec), Path(name))[1]
        except IntakeError:
            return None


def silently_wrong(found: str | None, right: str) -> list[str]:
    """Lines of a text that was read which differ from what was first written and are not marked as lost."""
    if found is None:
        return []
    pairs = zip(found.split("\n"), right.split("\n"), strict=True)
    return [line for line, meant in pairs if line != meant and "\ufffd" not in line]


@pytest.mark.parametrize("pages", [(LATIN_1,), (WINDOWS,), (WINDOWS, WINDOWS), (LATIN_1, WINDOWS), (WINDOWS,) * 3])
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_spanish_letter_and_sign_is_repaired(tmp_path: Path, pages: Sequence[str], codec: str) -> None:
    text = table(
        ["áéíóúüñ", "ÁÉÍÓÚÜÑ", "N° 1º 3ª", "O´HIGGINS", "“VIÑA” – «VIÑA»", "¿Sí? ¡No!", "D’Or", "Çç È VALÒR Õx Ý Ð"]
    )
    wrong = wrongly_decoded(text, pages).encode(codec)
    encoding, found = read(wrong, tmp_path)
    assert encoding.mojibake
    assert found == text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("BIOBÃ\x8dO", "BIOBÍO"),
        ("Ã‘UÃ‘OA", "ÑUÑOA"),
        ("Ãƒâ€˜UÃƒâ€˜OA", "ÑUÑOA"),
        ("PeÃ±a", "Peña"),
        ("NÂ° 5", "N° 5"),
        ("Oâ€™HIGGINS", "O’HIGGINS"),
        ("SEÂ¥ORA", "SE¥ORA"),
    ],
)
def test_known_forms_are_repaired(tmp_path: Path, wrong: str, right: str) -> None:
    assert read(table([wrong]).encode(), tmp_path) == (Encoding("utf-8", mojibake=True), table([right]))


def test_a_byte_order_mark_that_became_letters_is_no_part_of_the_header(tmp_path: Path) -> None:
    text = table(["ÑUÑOA"])
    for pages in ((WINDOWS,), (LATIN_1, WINDOWS)):
        encoding, found = read(wrongly_decoded("\ufeff" + text, pages).encode("utf-8-sig"), tmp_path)
        assert (encoding, found) == (Encoding("utf-8-sig", mojibake=True), text)


@pytest.mark.parametrize(
    "lost", ["BIOBÃO", "BIOBÃ?O", "BIOBÃ\ufffdO", "TARAPACÃ", "PEï¿½A", "â€œAâ€", "peã±a", "ÃLVARO"]
)
def test_what_is_lost_sets_its_row_aside_among_repaired_ones(tmp_path: Path, lost: str) -> None:
    encoding, found = read(table(["Ã‘UÃ‘OA", lost, "PeÃ±a", "LICEO"]).encode(), tmp_path)
    lines = found.split("\n")
    assert encoding.mojibake
    assert [n for n, line in enumerate(lines, start=1) if "\ufffd" in line] == [3]
    assert (lines[1], lines[3], lines[4]) == ("0;ÑUÑOA;2024", "2;Peña;2024", "3;LICEO;2024")


def test_a_file_with_more_lost_than_repaired_is_refused(tmp_path: Path) -> None:
    problem = refused(table(["ÑUÑOA", "PeÃ±a", *["BIOBÃ?O"] * 4]).encode(), tmp_path)
    assert (problem.code, problem.where[:7]) == ("codificacion", "línea 3")
    assert "4 lugares" in problem.what


def test_a_file_whose_second_halves_were_all_dropped_is_refused(tmp_path: Path) -> None:
    text = wrongly_decoded(table(["PEÑA", "MARÍA", "MARTÍNEZ", "NÚÑEZ", "ÁLVAREZ"]), [LATIN_1])
    dropped = "".join(c for c in text if not "\x80" <= c < "\xc0")
    assert refused(dropped.encode(), tmp_path).code == "codificacion"


def test_one_lost_row_among_right_ones_is_one_row(tmp_path: Path) -> None:
    encoding, found = read(table(["ÑUÑOA", "BIOBÃ?O", "PEÑA"]).encode(), tmp_path)
    assert encoding.mojibake
    assert ["\ufffd" in line for line in found.split("\n")] == [False, False, True, False, False]


@settings(max_examples=150, deadline=None)
@given(st.lists(foreign_names, min_size=1, max_size=6))
@example(list(FOREIGN))
@example(["«IRM\u00c3»"])
@example(["Ñ°"])
def test_right_text_is_never_changed(cells: list[str]) -> None:
    text = table(cells)
    with tempfile.TemporaryDirectory() as name:
        assert read(text.encode("utf-8-sig"), Path(name)) == (Encoding("utf-8-sig"), text)


@settings(max_examples=200, deadline=None)
@given(st.lists(foreign_names, min_size=1, max_size=6), wrong_pages)
@example(["«IRM\u00c3»"], [LATIN_1])
def test_text_decoded_wrongly_up_to_three_times_is_repaired_or_marked(cells: list[str], pages: list[str]) -> None:
    text = table(cells)
    assert not silently_wrong(outcome(wrongly_decoded(text, pages)), text)


@settings(max_examples=100, deadline=None)
@given(st.lists(names, min_size=1, max_size=6), wrong_pages)
def test_ordinary_names_decoded_wrongly_are_all_repaired(cells: list[str], pages: list[str]) -> None:
    text = table(cells)
    assert outcome(wrongly_decoded(text, pages)) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(foreign_names, st.one_of(st.just([]), wrong_pages)), min_size=1, max_size=6))
def test_a_file_of_right_and_wrong_lines_is_repaired_line_by_line(rows: list[tuple[str, list[str]]]) -> None:
    right = table([cell for cell, _ in rows])
    wrong = table([wrongly_decoded(cell, pages) for cell, pages in rows])
    assert not silently_wrong(outcome(wrong), right)


@settings(max_examples=200, deadline=None)
@given(st.lists(names, min_size=1, max_size=6), st.sampled_from(["ignore", "replace"]), st.integers(1, 2))
def test_characters_lost_on_the_way_are_never_guessed(cells: list[str], how: str, times: int) -> None:
    text = table(["ÑUÑOA", *cells])
    wrong = text
    for _ in range(times):
        wrong = wrongly_decoded(wrong, [WINDOWS]).encode("cp1252", errors=how).decode("cp1252")
    assert not silently_wrong(outcome(wrong), text)


def test_lines_of_utf8_in_a_windows_1252_file_are_read_as_what_they_are(tmp_path: Path) -> None:
    text = table(["LICEO POLITÉCNICO NÚÑEZ", "BIOBÍO ÁNGEL"] * 100)
    lines = [line.encode("utf-8" if i == 51 else "cp1252") + b"\n" for i, line in enumerate(text.splitlines())]
    assert read(b"".join(lines), tmp_path) == (Encoding("windows-1252", mojibake=True), text)


def test_a_mark_far_into_a_long_file_is_found(tmp_path: Path) -> None:
    rows = ["LICEO POLITÉCNICO NÚÑEZ"] * 100_000
    rows[90_000] = "NÂ° 5"
    encoding, found = read(table(rows).encode(), tmp_path)
    rows[90_000] = "N° 5"
    assert encoding.mojibake
    assert found == table(rows)


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("pages", [(WINDOWS,), (LATIN_1,), (WINDOWS, LATIN_1), (WINDOWS,) * 3], ids="+".join)
def test_official_files_are_repaired_whole(
    official_samples: Path, tmp_path: Path, name: str, pages: Sequence[str]
) -> None:
    text = (official_samples / f"{name}.csv").read_bytes().decode("utf-8-sig")
    encoding, found = read(wrongly_decoded(text, pages).encode(), tmp_path)
    assert encoding.mojibake
    assert found == text


def test_official_rows_of_any_origin_are_never_wrong_in_silence(official_samples: Path) -> None:
    text = (official_samples / "directorio_oficial_ee_2025.csv").read_bytes().decode("utf-8-sig").replace("\r", "")
    seeded = random.Random(20261122)
    origins = [(), (), (WINDOWS,), (LATIN_1, WINDOWS), (WINDOWS, WINDOWS)]
    lines = [wrongly_decoded(line, seeded.choice(origins)) for line in text.split("\n")]
    found = outcome("\n".join(lines))
    assert found is not None
    assert not silently_wrong(found, text)
    assert sum("\ufffd" in line for line in found.split("\n")) == 0
