"""A text is read in the encoding it came in, letter by letter, or refused: never a letter changed in silence."""

from __future__ import annotations

import codecs
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emtp_assets.intake.encoding import Encoding, broken_lines, readable, recognise_encoding, utf8_of
from emtp_assets.intake.problem import IntakeError
from emtp_assets_tests.intake.spanish import foreign_names, names, table

OURS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
OTHERS = ("cp850", "cp437", "mac_roman")


def read(content: bytes, folder: Path) -> tuple[Encoding, str]:
    """Encoding and text as intake's readers see them, the BOM aside."""
    path = folder / "archivo.csv"
    path.write_bytes(content)
    encoding = recognise_encoding(path)
    with readable(path, encoding, folder) as text:
        found = text.read_bytes()
    assert path.read_bytes() == content
    assert list(folder.iterdir()) == [path]
    assert utf8_of(found, encoding.codec).decode() == found.decode(encoding.codec)
    return encoding, found.decode(encoding.codec).removeprefix("\ufeff")


def refused(content: bytes, folder: Path) -> IntakeError:
    with pytest.raises(IntakeError) as problem:
        read(content, folder)
    return problem.value


def outcome(content: bytes) -> str | IntakeError:
    with tempfile.TemporaryDirectory() as name:
        try:
            return read(content, Path(name))[1]
        except IntakeError as problem:
            return problem


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16-le"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "windows-1252"),
        ("ascii", "utf-8"),
    ],
)
def test_each_encoding_is_told_by_its_bytes(tmp_path: Path, codec: str, name: str) -> None:
    text = table(["LICEO"] if codec == "ascii" else ["ÑUÑOA", "LICEO POLITÉCNICO NÚÑEZ"], "\r\n")
    assert read(text.encode(codec), tmp_path) == (Encoding(name), text)


def test_big_endian_utf16_with_its_mark_is_read(tmp_path: Path) -> None:
    text = table(["ÑUÑOA"])
    assert read(codecs.BOM_UTF16_BE + text.encode("utf-16-be"), tmp_path) == (Encoding("utf-16-be"), text)


def test_only_utf16_and_repaired_text_are_copied(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for name in ("utf-8", "utf-8-sig", "windows-1252"):
        with readable(path, Encoding(name), tmp_path) as text:
            assert text is path


def test_the_copy_is_removed_when_its_reader_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table(["ÑUÑOA"]).encode("utf-16"))
    with pytest.raises(ZeroDivisionError), readable(path, Encoding("utf-16-le"), tmp_path) as copy:
        assert copy != path
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=150, deadline=None)
@given(st.lists(foreign_names, min_size=1, max_size=6), st.sampled_from(OURS), st.sampled_from(["\n", "\r\n", "\r"]))
def test_names_are_read_letter_by_letter(cells: list[str], codec: str, newline: str) -> None:
    text = table(cells, newline)
    content = text.encode(codec, errors="replace")
    found = outcome(content)
    if isinstance(found, IntakeError):
        assert codec == "cp1252"
        assert found.code in {"codificacion", "codificacion_dudosa"}
    else:
        assert found == content.decode(codec)


@settings(max_examples=100, deadline=None)
@given(st.lists(names, min_size=0, max_size=5))
def test_windows_1252_of_ordinary_names_is_not_refused(cells: list[str]) -> None:
    text = table(["LICEO POLITÉCNICO NÚÑEZ", *cells])
    assert outcome(text.encode("cp1252")) == text


@settings(max_examples=200, deadline=None)
@given(st.lists(names, min_size=1, max_size=6), st.sampled_from(OTHERS), st.sampled_from([str, str.lower, str.title]))
@example(["MÚSICA"], "cp850", str)
@example(["BIOBÍO"], "cp850", str)
@example(["Martínez"], "mac_roman", str)
@example(["Nº 5"], "mac_roman", str)
def test_other_code_pages_are_never_read_as_windows_1252(
    cells: list[str], codec: str, case: Callable[[str], str]
) -> None:
    text = case(table(cells)).encode(codec, errors="replace").decode(codec)
    found = outcome(text.encode(codec))
    assert isinstance(found, IntakeError) or found == text


@pytest.mark.parametrize(("codec", "called"), [("cp850", "DOS"), ("cp437", "DOS"), ("mac_roman", "Macintosh")])
def test_another_code_page_is_named_with_the_first_line(tmp_path: Path, codec: str, called: str) -> None:
    text = table(["LICEO", "ÑUÑOA", "Peñalolén"])
    problem = refused(text.encode(codec, errors="replace"), tmp_path)
    assert (problem.code, problem.where[:7]) == ("codificacion_dudosa", "línea 3")
    assert called in problem.what
    assert "OA" not in problem.what + problem.where + problem.expected


def test_a_few_rows_of_another_page_are_not_read_with_the_others(tmp_path: Path) -> None:
    rows = [table(["LICEO POLITÉCNICO NÚÑEZ"]).encode("cp1252")] * 100
    rows[50] = "9;ÑUÑOA;2024\n".encode("cp850")
    assert refused(b"".join(rows), tmp_path).where[:9] == "línea 101"


@pytest.mark.parametrize("oddity", ["O¦HIGGINS", "N¦49", "SE¥ORA", "O´HIGGINS", "BORGOÐO", "CATÒLICA", "·PUNTILLA"])
def test_a_rare_oddity_of_official_files_refuses_nothing(tmp_path: Path, oddity: str) -> None:
    text = table([oddity, *["LICEO POLITÉCNICO NÚÑEZ"] * 1000])
    for codec in ("utf-8", "utf-8-sig", "cp1252", "utf-16"):
        assert read(text.encode(codec), tmp_path)[1] == text


def test_a_lone_oddity_in_utf8_refuses_nothing(tmp_path: Path) -> None:
    text = table(["O¦HIGGINS", "SE¥ORA", "LICEO"])
    assert read(text.encode(), tmp_path)[1] == text


def test_windows_1252_that_is_utf8_by_chance_is_not_guessed(tmp_path: Path) -> None:
    text = table(["LICEO EL PIÑ°"])
    problem = refused(text.encode("cp1252"), tmp_path)
    assert (problem.code, problem.where[:7]) == ("codificacion_dudosa", "línea 2")
    assert read(text.encode("utf-8"), tmp_path)[1] == text


def test_accents_written_apart_from_their_letters_are_utf8(tmp_path: Path) -> None:
    text = table(["N\u0303UN\u0303OA", "JOSE\u0301"])
    assert read(text.encode(), tmp_path) == (Encoding("utf-8"), text)


@pytest.mark.parametrize(
    ("wrote", "read_as"),
    [("cp850", "cp1252"), ("cp1252", "cp850"), ("cp1252", "mac_roman"), ("mac_roman", "cp1252"), ("utf-8", "cp850")],
)
def test_utf8_of_text_converted_from_the_wrong_page_is_refused(tmp_path: Path, wrote: str, read_as: str) -> None:
    text = table(["LICEO POLITÉCNICO NÚÑEZ", "ÑUÑOA", "Peñalolén", "Martínez"])
    garbled = text.encode(wrote).decode(read_as, errors="replace")
    assert refused(garbled.encode("utf-8-sig"), tmp_path).code == "codificacion_dudosa"


def test_a_long_file_converted_from_the_wrong_page_is_refused_by_a_sample(tmp_path: Path) -> None:
    row = "1;LICEO POLITÉCNICO NÚÑEZ DE PEÑALOLÉN;2024\n"
    garbled = row.encode("cp1252").decode("mac_roman")
    problem = refused(("RBD;NOMBRE;AGNO\n" + garbled * 250_000).encode(), tmp_path)
    assert (problem.code, problem.where[:7]) == ("codificacion_dudosa", "línea 2")


def test_signs_and_units_are_no_sign_of_a_wrong_page(tmp_path: Path) -> None:
    text = table(["120 m²", "4 Km²", "½ JORNADA", "SALA§2", "LICEO®", "25 °C", "±3", "«A»", "10 €"])
    assert read(text.encode("utf-8-sig"), tmp_path)[1] == text


def test_damaged_utf8_is_refused_at_its_first_damaged_line(tmp_path: Path) -> None:
    content = table(["ÑUÑOA", *["PEÑA"] * 9, "AÑO"]).encode().replace("PEÑ".encode(), b"PE\xc3", 4)
    problem = refused(content, tmp_path)
    assert (problem.code, problem.where[:7]) == ("codificacion", "línea 3")


def test_a_few_damaged_lines_among_spanish_ones_are_marked_and_the_others_read(tmp_path: Path) -> None:
    content = table(["ÑUÑOA", "PEÑA", "AÑO"]).encode().replace("PEÑ".encode(), b"PE\xc3", 1)
    encoding, text = read(content, tmp_path)
    assert encoding == Encoding("utf-8", broken=True)
    assert text == table(["ÑUÑOA", "PE\ufffdA", "AÑO"])


def test_but_not_where_another_code_page_may_have_written_them(tmp_path: Path) -> None:
    content = table(["ÑUÑOA", "Íñigo", "MARTÍNEZ"]).encode("cp850")
    assert refused(content, tmp_path).code in {"codificacion", "codificacion_dudosa"}


def test_broken_lines_are_given_only_when_few(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = ["ñandú\n".encode()] * 40_000
    lines[30_000] = lines[39_999] = b"\xf1and\xfa\n"
    path.write_bytes(b"".join(lines))
    assert broken_lines(path) == [30_001, 40_000]
    path.write_bytes("ñ\n".encode("cp1252") * 5)
    assert broken_lines(path) == []


@pytest.mark.parametrize("bytes_lost", [1, 2, 3])
def test_text_cut_inside_a_character_is_refused(tmp_path: Path, bytes_lost: int) -> None:
    whole = table(["ñandú"] * 5).encode() + "€🏫"[bytes_lost == 3].encode()
    problem = refused(whole[:-bytes_lost] if bytes_lost != 3 else whole[:-1], tmp_path)
    assert (problem.code, problem.where[:7]) == ("codificacion", "línea 7")


@pytest.mark.parametrize("padding", range(4))
@pytest.mark.parametrize("letter", ["ñ", "€", "🏫"])
def test_a_letter_across_two_blocks_is_one_letter(tmp_path: Path, padding: int, letter: str) -> None:
    text = "A" * padding + letter * 300_000 + "\n"
    assert read(text.encode("utf-8-sig"), tmp_path) == (Encoding("utf-8-sig"), text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=4), st.text(max_size=3).map(str.encode))))
def test_what_python_does_not_decode_is_never_called_utf8(parts: list[bytes]) -> None:
    content = b"".join(parts)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.csv"
        path.write_bytes(content)
        try:
            encoding = recognise_encoding(path)
        except IntakeError:
            return
        if not encoding.broken:
            content.decode({"windows-1252": "sloppy-windows-1252"}.get(encoding.name, encoding.name))


UTF16 = table(["ÑUÑOA"] * 30).encode("utf-16")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (UTF16[:-1], 31),
        (UTF16 * 2, 32),
        (UTF16 + table(["ÑUÑOA", "LICEO"]).encode(), 32),
        (UTF16[:301] + UTF16[302:], 12),
        (UTF16 + b"\x00\xd8\n\x00", 32),
        (codecs.BOM_UTF32_LE + table(["ÑUÑOA"]).encode("utf-32-le"), 0),
        (table(["ÑUÑOA"]).encode() + UTF16, 3),
    ],
    ids=["odd", "two files", "utf-8 behind", "a byte lost", "half a pair", "utf-32", "behind utf-8"],
)
def test_damaged_utf16_is_refused_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    problem = refused(content, tmp_path)
    assert problem.code == "codificacion"
    assert problem.where == (f"línea {line} (la primera)" if line else "")


def test_two_bytes_lost_in_one_field_of_utf16_set_its_line_aside(tmp_path: Path) -> None:
    text = table(["LICEO"] * 30)
    content = text.encode("utf-16")
    at = content.index("LICEO".encode("utf-16-le")) + 1
    encoding, found = read(content[:at] + content[at + 1 : at + 4] + content[at + 5 :], tmp_path)
    assert encoding.name == "utf-16-le"
    changed = [line for line, right in zip(found.split("\n"), text.split("\n"), strict=True) if line != right]
    assert len(changed) == 1
    assert "\ufffd" in changed[0]


def test_nul_bytes_alone_do_not_make_utf16(tmp_path: Path) -> None:
    for content in (b"RBD;AGNO\n\x00;1\n\x00\x00\x00\n", b"A\x00;B\n" * 9, bytes(64)):
        assert read(content, tmp_path)[0] == Encoding("utf-8")


def test_memory_does_not_grow_with_the_file_or_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    row = ("1;LICEO POLITÉCNICO NÚÑEZ;NÂ° 5;" + "x" * 4000).encode()
    with path.open("wb") as target:
        target.writelines(row + b"\n" * (i < 8000) for i in range(16_000))
    tracemalloc.start()
    try:
        encoding = recognise_encoding(path)
        with readable(path, encoding, tmp_path) as copy:
            assert copy.stat().st_size == path.stat().st_size - 2 * 16_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert encoding.mojibake
    assert peak < path.stat().st_size / 2


OFFICIAL = ["directorio_oficial_ee_2024", "directorio_oficial_ee_2025", "resumen_matricula_ee_2022"]


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-8", "utf-16", "cp1252"])
def test_official_files_come_out_as_they_are(official_samples: Path, tmp_path: Path, name: str, codec: str) -> None:
    text = (official_samples / f"{name}.csv").read_bytes().decode("utf-8-sig")
    content = text.encode(codec, errors="replace")
    encoding, found = read(content, tmp_path)
    assert not encoding.mojibake
    assert found == content.decode(codec)


@pytest.mark.parametrize("codec", OTHERS)
@pytest.mark.parametrize("case", [str.upper, str.lower, str.title])
def test_official_files_in_another_page_are_refused(
    official_samples: Path, tmp_path: Path, codec: str, case: Callable[[str], str]
) -> None:
    text = case((official_samples / "directorio_oficial_ee_2024.csv").read_bytes().decode("utf-8-sig"))
    assert refused(text.encode(codec, errors="replace"), tmp_path).code == "codificacion_dudosa"
