"""A workbook gives the one sheet that is a table as text, or says which cell cannot be trusted."""

from __future__ import annotations

import csv
import datetime as dt
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emtp_assets.intake.containers import Limits, repeat, unpacked
from emtp_assets.intake.problem import IntakeError
from emtp_assets_tests.intake.containers.conftest import Open, Refused
from emtp_assets_tests.intake.containers.packing import Known, rewritten, workbook, zipped

_HEAD = ["AGNO", "RBD", "NOM_RBD", "FEC_NAC", "PROMEDIO", "OTRA"]
_ROW = [2024, 410, "LICEO ÑUÑOA", dt.date(2008, 3, 1), 5.4, "x"]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return tmp_path / "libro.xlsx"


def test_a_sheet_becomes_a_text_with_every_row_of_it(opened: Open, book: Path) -> None:
    rows: list[list[Any]] = [
        [],
        [None, "Matrícula; oficial"],
        _HEAD,
        _ROW,
        [2024, "00010", 'Escuela "El Boldo"', None, None, dt.datetime(2024, 5, 1, 10, 30)],
        [],
        [2024, 12, "a\nb", 20080301, 6, True],
    ]
    content = opened(workbook(book, {"Léame": [["nada"]], "Datos 2024": rows}))
    assert (content.container, content.member) == ("xlsx", "Datos 2024")
    assert content.path.read_bytes().decode() == (
        ";;;;;\n"
        ';"Matrícula; oficial";;;;\n'
        "AGNO;RBD;NOM_RBD;FEC_NAC;PROMEDIO;OTRA\n"
        "2024;410;LICEO ÑUÑOA;20080301;5,4;x\n"
        '2024;00010;"Escuela ""El Boldo""";;;2024-05-01 10:30:00\n'
        ";;;;;\n"
        '2024;12;"a\nb";20080301;6;VERDADERO\n'
    )


def test_empty_columns_on_the_left_are_fields_too(opened: Open, book: Path) -> None:
    content = opened(workbook(book, {"Datos": [[None, None, *_HEAD], [None, None, *_ROW]]}))
    assert content.path.read_text().splitlines()[1] == ";;2024;410;LICEO ÑUÑOA;20080301;5,4;x"


def test_a_workbook_in_a_zip_or_under_another_name_is_opened_too(
    opened: Open, book: Path, folder: Path, tmp_path: Path
) -> None:
    plain = workbook(book, {"Datos": [_HEAD, _ROW]}).read_bytes()
    expected = opened(book).path.read_bytes()
    for name in ("libro.xls", "libro.csv", "libro"):
        assert opened(plain, name=name).path.read_bytes() == expected
    content = opened(zipped({"carpeta/libro.xlsx": plain, "er.pdf": b"%PDF"}))
    assert (content.container, content.member) == ("zip", "carpeta/libro.xlsx!Datos")
    assert content.path.read_bytes() == expected
    assert list(folder.iterdir()) == []
    again = repeat(tmp_path / "entrega", folder, Known(), container="zip", member=content.member)
    assert again.read_bytes() == expected


def test_macros_are_no_hindrance(opened: Open, book: Path) -> None:
    plain = workbook(book, {"Datos": [_HEAD, _ROW]}).read_bytes()
    with ZipFile(book, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
    assert opened(book).path.read_bytes() == opened(plain).path.read_bytes()


def test_repeating_gives_the_same_bytes(opened: Open, book: Path, folder: Path) -> None:
    content = opened(workbook(book, {"A": [["x"]], "B": [_HEAD, *[_ROW] * 500]}))
    again = repeat(book, folder, Known(), container=content.container, member=content.member)
    assert again != content.path and again.read_bytes() == content.path.read_bytes()


def test_several_sheets_or_none_are_refused_by_name(refused: Refused, book: Path) -> None:
    def hide(given: Any) -> None:
        given["Copia"].sheet_state = "hidden"

    error = refused(workbook(book, {"Datos": [_HEAD, _ROW], "Copia": [[], _HEAD], "Nota": [["x"]]}, hide))
    assert (error.code, "Datos, Copia (oculta)" in error.what) == ("varias_hojas", True)
    error = refused(workbook(book, {"Datos": [["x"]] * 50 + [_HEAD], "Nota": []}))
    assert (error.code, "primeras 50 filas: Datos, Nota" in error.what) == ("sin_tabla", True)


def test_a_hidden_sheet_with_the_only_table_counts(opened: Open, book: Path) -> None:
    def hide(given: Any) -> None:
        given["Datos"].sheet_state = "veryHidden"

    assert opened(workbook(book, {"Nota": [["x"]], "Datos": [_HEAD, _ROW]}, hide)).member == "Datos"


@pytest.mark.parametrize(
    ("column", "value", "code", "cell"),
    [
        (1, dt.date(2024, 9, 1), "excel_cambio_valor", "B3"),
        (2, dt.date(2024, 9, 1), "excel_cambio_valor", "C3"),
        (2, 4.1, "excel_cambio_valor", "C3"),
        (3, dt.datetime(2024, 9, 1, 8), "excel_cambio_valor", "D3"),
        (2, 1234567890123456, "excel_perdio_cifras", "C3"),
        (4, "#N/A", "excel_error", "E3"),
        (5, "#REF!", "excel_error", "F3"),
        (5, "=1+1", "excel_sin_calcular", "F3"),
    ],
)
def test_what_excel_changed_is_refused_naming_the_cell(
    refused: Refused, book: Path, column: int, value: Any, code: str, cell: str
) -> None:
    row = [*_ROW]
    row[column] = value
    error = refused(workbook(book, {"Datos": [_HEAD, _ROW, row]}))
    assert error.code == code
    assert error.where.startswith(f"hoja «Datos», celda {cell}")
    assert str(value) not in error.what + error.where


def test_a_number_with_the_looks_of_a_date_is_refused(refused: Refused, book: Path) -> None:
    def disguise(given: Any) -> None:
        given["Datos"]["D2"] = 200803
        given["Datos"]["D2"].number_format = "dd-mm-yyyy"

    error = refused(workbook(book, {"Datos": [_HEAD, _ROW]}, disguise))
    assert (error.code, error.where) == ("excel_cambio_valor", "hoja «Datos», celda D2, columna FEC_NAC")


@pytest.mark.parametrize(
    "looks", ["d-mmm", '[$-340A]d" de "mmmm" de "yyyy;@', "[$-es-CL]dd\\-mm\\-yyyy", "[Red]yyyy/mm/dd", "mmm-yy"]
)
def test_a_date_in_any_of_its_dresses_is_known_for_one(opened: Open, book: Path, looks: str) -> None:
    def dress(given: Any) -> None:
        for cell in ("D2", "B3"):
            given["Datos"][cell].number_format = looks

    assert ";20080301;" in opened(workbook(book, {"Datos": [_HEAD, _ROW]}, dress)).path.read_text()
    changed = [2024, dt.date(2024, 9, 1), "x", None, None, None]
    with pytest.raises(IntakeError) as caught:
        opened(workbook(book, {"Datos": [_HEAD, _ROW, changed]}, dress))
    assert (caught.value.code, "B3" in caught.value.where) == ("excel_cambio_valor", True)


def test_dates_of_a_macintosh_are_the_same_days(opened: Open, book: Path) -> None:
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    def macintosh(given: Any) -> None:
        given.epoch = CALENDAR_MAC_1904

    assert ";20080301;" in opened(workbook(book, {"Datos": [_HEAD, _ROW]}, macintosh)).path.read_text()


def test_an_error_or_a_formula_elsewhere_does_not_matter(opened: Open, book: Path) -> None:
    content = opened(workbook(book, {"Cálculos": [["#N/A", "=1+1"]], "Datos": [_HEAD, [*_ROW[:5], 'dijo "e"']]}))
    assert content.member == "Datos"


@pytest.mark.parametrize(("merged", "refused"), [("A1:C1", False), ("B3:B4", True), ("C4:D4", True), ("A2:A3", True)])
def test_merged_cells_are_a_title_or_values_that_are_lost(opened: Open, book: Path, merged: str, refused: bool) -> None:
    def merge(made: openpyxl.Workbook) -> None:
        made.active.merge_cells(merged)  # pyright: ignore[reportOptionalMemberAccess]

    path = workbook(book, {"Datos": [["Matrícula"], _HEAD, _ROW, _ROW]}, merge)
    if not refused:
        assert opened(path).member == "Datos"
        return
    with pytest.raises(IntakeError) as caught:
        opened(path)
    assert caught.value.code == "excel_combinadas"
    assert merged in caught.value.where


_SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (b'<c r="F2" t="e"><v>#N/A</v></c>', "excel_error"),
        (b"<c r='F2' s='1' t = 'e' ><v>#N/A</v></c>", "excel_error"),
        (b'<c r="F2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "excel_error"),
        (b'<c r="F2"><f>A1</f></c>', "excel_sin_calcular"),
        (b'<c r="F2" t="str"><f>A1</f></c>', "excel_sin_calcular"),
        (b'<c r="F2"><f t="shared" si="0"/></c>', "excel_sin_calcular"),
        (b'<c r="F2"><f>A1</f><v></v></c>', "excel_sin_calcular"),
        (b'<c r="F2"><v></v><f>A1</f></c>', "excel_sin_calcular"),
        (b'<c r="F2" x="a>b" t="e"><v>#N/A</v></c>', "excel_error"),
    ],
)
def test_cells_that_would_be_read_as_empty_are_found_however_they_are_written(
    refused: Refused, book: Path, cell: bytes, code: str
) -> None:
    workbook(book, {"Datos": [_HEAD, [*_ROW[:5], 777]]})
    rewritten(book, _SHEET, lambda xml: xml.replace(b'<c r="F2" t="n"><v>777</v></c>', cell))
    error = refused(book)
    assert (error.code, error.where) == (code, "hoja «Datos», celda F2")


@pytest.mark.parametrize("tag", [b'<c t="e" ' + b't="e" ' * 60_000, b"<c r='A1'><f/>" + b" " * 200_000 + b"<"])
def test_a_tag_without_end_does_not_hold_us_up(refused: Refused, book: Path, tag: bytes) -> None:
    workbook(book, {"Datos": [_HEAD, _ROW]})
    rewritten(book, _SHEET, lambda xml: xml.replace(b"</sheetData>", tag + b"</sheetData>"))
    begin = time.process_time()
    assert refused(book).code == "archivo_comprimido_dañado"
    assert time.process_time() - begin < 3


@pytest.mark.parametrize("part", ["xl/worksheets/SHEET1.xml", "xl/worksheets/hoja.dat", "hojas/uno.xml"])
def test_and_wherever_in_the_workbook_the_sheet_lies(refused: Refused, book: Path, part: str) -> None:
    workbook(book, {"Datos": [_HEAD, [*_ROW[:5], 777]]})
    with ZipFile(book) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts.pop(_SHEET).replace(b'<c r="F2" t="n"><v>777</v></c>', b'<c r="F2" t="e"><v>#N/A</v></c>')
    links = "xl/_rels/workbook.xml.rels"
    parts |= {part.lower(): sheet, links: parts[links].replace(_SHEET.encode(), part.encode())}
    assert refused(zipped(parts)).code == "excel_error"


@pytest.mark.parametrize("value", [b"<v>7<!-- -->77</v>", b"<v>7<?a b?>77</v>", b"<!-- --><f>A1</f>"])
def test_a_comment_that_would_cut_a_value_is_damage(refused: Refused, book: Path, value: bytes) -> None:
    workbook(book, {"Datos": [_HEAD, [*_ROW[:5], 777]]})
    rewritten(book, _SHEET, lambda xml: xml.replace(b'<c r="F2" t="n"><v>777</v>', b'<c r="F2">' + value))
    assert refused(book).code == "archivo_comprimido_dañado"


def test_a_formula_with_its_value_is_its_value(opened: Open, book: Path) -> None:
    workbook(book, {"Datos": [_HEAD, [*_ROW[:4], 777, 777]]})
    rewritten(
        book,
        _SHEET,
        lambda xml: xml.replace(
            b'<c r="E2" t="n"><v>777</v></c><c r="F2" t="n"><v>777</v></c>',
            b'<c r="E2"><f>A1+1</f><v>5.25</v></c><c r="F2" t="str"><f>""</f><v></v></c>',
        ),
    )
    assert opened(book).path.read_text().splitlines()[1] == "2024;410;LICEO ÑUÑOA;20080301;5,25;"


def test_a_sheet_full_to_its_last_row_was_cut(refused: Refused, book: Path) -> None:
    def fill(given: Any) -> None:
        given["Datos"]["A1048576"] = 2024

    error = refused(workbook(book, {"Datos": [_HEAD[:3], _ROW[:3]]}, fill))
    assert (error.code, "1.048.576" in error.what) == ("excel_cortado", True)


def test_a_workbook_under_a_password_is_told(refused: Refused) -> None:
    locked = bytearray(4096)
    locked[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    locked[30:32], locked[48:52] = b"\x09\0", b"\1\0\0\0"
    locked[1024 + 256 : 1024 + 288] = "EncryptedPackage".encode("utf-16-le")
    assert refused(bytes(locked)).code == "con_clave"
    assert refused(zipped({"libro.xlsx": bytes(locked)})).code == "con_clave"


def test_a_workbook_that_is_none_inside_is_damaged(refused: Refused, book: Path) -> None:
    workbook(book, {"Datos": [_HEAD, _ROW]})
    rewritten(book, _SHEET, lambda xml: xml[: len(xml) // 2])
    assert refused(book).code == "archivo_comprimido_dañado"
    hollow = zipped({"[Content_Types].xml": b"<a/>", "xl/workbook.xml": b"<a/>"})
    assert refused(hollow).code in {"archivo_comprimido_dañado", "sin_tabla"}
    assert refused(book, limits=Limits(members=3)).code == "bomba"


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**12), st.integers(0, 99_999) | _TEXTS, _TEXTS, st.decimals(-99, 99, places=3)),
        min_size=1,
        max_size=30,
    )
)
@settings(max_examples=15, deadline=None)
def test_a_table_written_to_a_workbook_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("libro")
    safe = [[year, rbd, name if not str(name).startswith("=") else "x", float(mean)] for year, rbd, name, mean in rows]
    safe = [[year, "x" if str(rbd).startswith("=") else rbd, name, mean] for year, rbd, name, mean in safe]

    def as_typed(given: Any) -> None:
        # openpyxl takes a text such as "#N/A" for an error; here all texts are texts.
        for row in given["Datos"].iter_rows():
            for cell in row:
                if isinstance(cell.value, str):
                    cell.data_type = "s"

    path = workbook(folder / "libro.xlsx", {"Datos": [["AGNO", "RBD", "NOM_RBD", "PROMEDIO"], *safe]}, as_typed)
    content = unpacked(path, folder, Known())
    with content.path.open(encoding="utf-8", newline="") as file:
        read = list(csv.reader(file, delimiter=";"))[1:]
    expected = [[str(year), str(rbd), name, f"{mean:.3f}".rstrip("0").rstrip(".")] for year, rbd, name, mean in safe]
    expected = [[*row[:3], "0" if row[3] == "-0" else row[3].replace(".", ",")] for row in expected]
    assert read == expected
