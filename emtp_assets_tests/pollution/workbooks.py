"""Workbooks (.xlsx) in which a table may come. Written with openpyxl, as spreadsheets write them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from emtp_assets_tests.pollution.corpus import CORPUS, Polluted, of_text
from emtp_assets_tests.pollution.official import Official

GROUP = "container: workbook"
FORMS = ("matricula_2024", "egresados_2024", "titulacion_2024")


def _typed(value: str) -> str | int | float | None:
    """As a spreadsheet takes it when it is typed in or a CSV is opened: numbers are numbers, long ones lose digits."""
    if not value.strip():
        return None
    if value.isdigit():
        return int(value) if len(value) < 16 else float(value)
    bare = value.replace(",", ".", 1)
    try:
        return float(bare) if "," in value else value
    except ValueError:
        return value


def _book(form: Official, changed: Callable[[Any, Any], object] | None = None, *, typed: bool = False) -> bytes:
    """``changed`` is given the workbook and its sheet, once the table stands in it."""
    from openpyxl import Workbook

    book = Workbook()
    book.properties.created = book.properties.modified = datetime(2024, 9, 1)
    sheet = book.active
    assert sheet is not None
    sheet.append(list(form.table.names))
    for row in form.table.rows:
        sheet.append([_typed(v) if typed else v for v in row])
    if changed:
        changed(book, sheet)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _add(
    name: str,
    changed: Callable[[Any, Any], object] | None = None,
    *,
    typed: bool = False,
    file: str = "entrega.xlsx",
    values: bool = False,
    hit: frozenset[int] = frozenset(),
) -> None:
    def made(form: Official) -> Polluted:
        plain = of_text(form, form.wrote(), file=file, values=typed or values, hit=hit)
        return replace(plain, content=_book(form, changed, typed=typed), lines=None)

    CORPUS.add(f"xlsx_{name}", GROUP, made, forms=FORMS)


def _second_table(book: Any, sheet: Any) -> None:
    other = book.create_sheet("Otra")
    for row in sheet.iter_rows(values_only=True):
        other.append(list(row))


def _column(sheet: Any, name: str) -> int:
    names = [cell.value for cell in sheet[1]]
    return names.index(name) + 1


def _dates(book: Any, sheet: Any) -> None:
    """A code that the spreadsheet took for a date, as it does with 1-9."""
    sheet.cell(6, _column(sheet, "COD_DEPE")).value = datetime(2024, 9, 1)
    sheet.cell(6, _column(sheet, "COD_DEPE")).number_format = "d-mmm"


def _set(row: int, column: str, value: Any) -> Callable[[Any, Any], object]:
    def changed(book: Any, sheet: Any) -> None:
        sheet.cell(row, _column(sheet, column)).value = value

    return changed


_add("text_cells")
_add("typed_cells", typed=True)
_add("named_csv", file="entrega.csv")
_add("named_xls", file="entrega.xls")
_add("macro_name", file="entrega.xlsm")
_add("upper_case_name", file="ENTREGA.XLSX")
_add("second_sheet_empty", lambda book, _: book.create_sheet("Hoja2"))
_add("second_sheet_notes", lambda book, _: book.create_sheet("Notas").append(["Fuente: SIGE"]))
_add("second_sheet_same_table", _second_table)
_add("first_sheet_cover", lambda book, _: book.create_sheet("Portada", 0).append(["Matrícula 2024"]))
_add("hidden_sheet", lambda book, _: setattr(book.create_sheet("Oculta"), "sheet_state", "hidden"))
_add("hidden_rows", lambda _, s: setattr(s.row_dimensions[5], "hidden", True))
_add("hidden_column", lambda _, s: setattr(s.column_dimensions["C"], "hidden", True))
_add("title_rows", lambda _, s: s.insert_rows(1, 3) or setattr(s.cell(1, 1), "value", "Matrícula 2024"))
_add("blank_first_column", lambda _, s: s.insert_cols(1))
_add("blank_row_inside", lambda _, s: s.insert_rows(6))
_add("total_row", lambda _, s: s.append(["TOTAL", None, 12]))
_add("merged_cells", lambda _, s: s.merge_cells("D3:D5"), hit=frozenset({1, 2, 3}))
_add("formula_without_value", _set(6, "COD_DEPE", "=1+1"), values=True, hit=frozenset({4}))
_add("error_cell", _set(6, "COD_DEPE", "#N/A"), values=True, hit=frozenset({4}))
_add("boolean_cell", _set(6, "COD_DEPE", True), values=True, hit=frozenset({4}))
_add("date_cell", _dates, values=True, hit=frozenset({4}))
_add("float_code", _set(6, "COD_DEPE", 2.5), values=True, hit=frozenset({4}))
_add("cell_outside_the_table", lambda _, s: setattr(s.cell(40, 80), "value", "nota"))
_add("note_beside_the_table", lambda _, s: setattr(s.cell(5, 80), "value", "revisar"), hit=frozenset({3}))
_add("empty_formatted_rows", lambda _, s: [setattr(s.cell(r, 1), "number_format", "0") for r in range(20, 200)])


def _line_end_in_cell(form: Official) -> Polluted:
    table = form.table.with_cells("NOM_COM_RBD", "CONCEP\nCIÓN")
    plain = of_text(form, form.wrote(), file="entrega.xlsx", truth=table, hit=frozenset({0}))
    return replace(plain, content=_book(replace(form, table=table)), lines=None)


CORPUS.add("xlsx_line_end_in_cell", GROUP, _line_end_in_cell, forms=FORMS)
CORPUS.add(
    "xlsx_cut",
    GROUP,
    lambda f: replace(of_text(f, f.wrote(), file="e.xlsx"), content=_book(f)[:-300], lines=None),
    forms=FORMS,
)
CORPUS.add(
    "xlsx_empty",
    GROUP,
    lambda f: replace(
        of_text(f, f.wrote(), file="e.xlsx"),
        content=_book(replace(f, table=replace(f.table, names=(), rows=()))),
        lines=None,
    ),
    forms=FORMS,
)
