"""Lines that are no row: titles before the header, totals after the rows, repeated headers, other tables, blanks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from emtp_assets_tests.pollution.corpus import CORPUS, Polluted, of_text
from emtp_assets_tests.pollution.official import Official, Table, line, official, write

BEFORE, AFTER, AMONG, GLUED = "lines: before", "lines: after", "lines: among", "lines: glued"


def _lines(form: Official) -> list[str]:
    return [line(row) for row in (form.table.names, *form.table.rows)]


def _made(form: Official, lines: Sequence[str], **more: Any) -> Polluted:
    return of_text(form, form.newline.join(lines) + form.newline, **more)


def _width(form: Official) -> int:
    return len(form.table.names)


def _mostly_blank(form: Official) -> list[str]:
    """A row of which little more than its year is known."""
    kept = {form.table.column(name) for name in (form.contract.year_column, form.identity)}
    return [value if at in kept else "" for at, value in enumerate(form.table.rows[-1])]


_PREAMBLES: dict[str, Callable[[Official], list[str]]] = {
    "one_title": lambda f: ["Matrícula por estudiante"],
    "title_blank_source": lambda f: ["Ministerio de Educación", "", "Fuente: SIGE; corte: 30 de abril"],
    "ten_lines": lambda f: [f"Nota {i}: véase el esquema de registro" for i in range(10)],
    "hundred_lines": lambda f: [f"Nota {i}" for i in range(100)],
    "title_padded": lambda f: ["Matrícula por estudiante" + ";" * (_width(f) - 1)],
    "same_width_text": lambda f: [line([f"nota {i}" for i in range(_width(f))])],
    "blank_line": lambda f: [""],
    "three_blank_lines": lambda f: ["", "", ""],
    "blank_of_spaces": lambda f: ["   "],
    "blank_of_separators": lambda f: [";" * (_width(f) - 1)],
    "hash_comments": lambda f: ["# exportado el 01-09-2024", "# filas: 12"],
    "column_numbers": lambda f: [line([str(i + 1) for i in range(_width(f))])],
    "column_letters": lambda f: [line([chr(65 + i % 26) for i in range(_width(f))])],
    "labels": lambda f: [line([f"Etiqueta {i}" for i in range(_width(f))])],
    "quoted_title_two_lines": lambda f: ['"Matrícula', 'por estudiante"'],
    "open_quote": lambda f: ['Informe "Matrícula'],
    "sep_equals": lambda f: ["sep=;"],
    "quoted_sep_equals": lambda f: ['"sep=;"'],
    "sep_equals_comma_wrongly": lambda f: ["sep=,"],
    "xml_declaration": lambda f: ['<?xml version="1.0"?>'],
    "data_row_before_header": lambda f: [line(f.table.rows[-1])],
    "row_mostly_blank": lambda f: [line(_mostly_blank(f))],
    "header_of_another_dataset": lambda f: [line(official("egresados_2024").table.names)],
    "query_text": lambda f: ["SELECT * FROM dbo.VISTA WHERE AGNO = 2024;"],
}
for shown, before in _PREAMBLES.items():
    CORPUS.add(f"before_{shown}", BEFORE, lambda f, b=before: _made(f, [*b(f), *_lines(f)]))


def _totals(form: Official, label: str, *, counted: bool = True) -> str:
    """A line of totals of the table's own width."""
    cells = [label] + [""] * (_width(form) - 1)
    if counted:
        cells[-1] = str(len(form.table.rows))
    return line(cells)


_FOOTERS: dict[str, Callable[[Official], list[str]]] = {
    "note": lambda f: ["Fuente: Centro de Estudios MINEDUC"],
    "note_after_blank": lambda f: ["", "Fuente: Centro de Estudios MINEDUC; 2024"],
    "total_short": lambda f: [f"TOTAL;{len(f.table.rows)}"],
    "total_same_width": lambda f: [_totals(f, "TOTAL")],
    "total_without_label": lambda f: [line([""] * (_width(f) - 1) + ["600"])],
    "subtotals_and_total": lambda f: [_totals(f, "Subtotal"), _totals(f, "Subtotal"), _totals(f, "TOTAL")],
    "total_with_year": lambda f: [line([str(f.year), *[""] * (_width(f) - 2), "12"])],
    "average_row": lambda f: [line(["Promedio", *["3,5"] * (_width(f) - 1)])],
    "sums_in_every_column": lambda f: [line(["", *[str(1000 + i) for i in range(_width(f) - 1)]])],
    "rows_affected": lambda f: ["", f"({len(f.table.rows)} rows affected)"],
    "filas_afectadas": lambda f: ["", f"({len(f.table.rows)} filas afectadas)"],
    "completion_time": lambda f: ["", "Completion time: 2024-09-01T12:00:00.0000000-04:00"],
    "psql_rows": lambda f: [f"({len(f.table.rows)} rows)"],
    "end_of_file": lambda f: ["EOF"],
    "backslash_dot": lambda f: ["\\."],
    "blank_lines": lambda f: ["", "", ""],
    "separators_only": lambda f: [";" * (_width(f) - 1)] * 40,
    "separators_and_spaces": lambda f: [line([" "] * _width(f))] * 3,
    "spaces_only": lambda f: ["     "],
    "ten_notes": lambda f: [f"({i}) nota" for i in range(10)],
    "open_quote": lambda f: ['Nota: "sin cierre'],
    "more_rows_say": lambda f: ["... (truncado: 1000 filas más)"],
    "sql_error": lambda f: ["Msg 1205, Level 13, State 51: Transaction was deadlocked. Rerun the transaction."],
    "html_error": lambda f: ["<html><body>504 Gateway Time-out</body></html>"],
    "json_error": lambda f: ['{"error":"timeout"}'],
}
for shown, after in _FOOTERS.items():
    CORPUS.add(
        f"after_{shown}",
        AFTER,
        # With a year it may pass for a row at first.
        lambda f, a=after, v=shown == "total_with_year": _made(f, [*_lines(f), *a(f)], values=v),
    )

_AMONG: dict[str, Callable[[Official], list[str]]] = {
    "blank": lambda f: [""],
    "spaces": lambda f: ["   "],
    "separators": lambda f: [";" * (_width(f) - 1)],
    "comment": lambda f: ["# corte"],
    "comment_same_width": lambda f: [line(["# corte", *[""] * (_width(f) - 1)])],
    "page_title": lambda f: ["Página 2 de 3"],
    "page_break": lambda f: ["\x0c"],
    "subtotal": lambda f: [_totals(f, "Subtotal")],
    "header": lambda f: [line(f.table.names)],
    "header_swapped_case": lambda f: [line(f.table.names).swapcase()],
    "header_quoted": lambda f: [line([f'"{n}"' for n in f.table.names])],
    "header_padded": lambda f: [line([f" {n} " for n in f.table.names])],
    "header_in_part": lambda f: [line(f.table.names[:6])],
    "header_with_bom": lambda f: ["\ufeff" + line(f.table.names)],
    "dashes": lambda f: [line(["-" * max(len(n), 3) for n in f.table.names])],
    "dashes_one": lambda f: ["-" * 80],
    "types": lambda f: [line(["int" if i % 2 else "varchar(50)" for i in range(_width(f))])],
    "units": lambda f: [line(["(1)"] * _width(f))],
    "rubbish": lambda f: ["\x03\x07\x1b[2J"],
    "log_line": lambda f: ["2024-09-01 12:00:00 WARN tiempo de espera agotado"],
}
for shown, among in _AMONG.items():
    for where, at in (("under_header", 1), ("half_way", 7)):
        CORPUS.add(
            f"among_{shown}_{where}",
            AMONG,
            lambda f, a=among, p=at: _made(
                replace(f, encoding="utf-8-sig") if "bom" in a(f)[0] or "\ufeff" in a(f)[0] else f,
                [*(each := _lines(f))[:p], *a(f), *each[p:]],
            ),
        )
CORPUS.add("among_blank_every_second", AMONG, lambda f: _made(f, [each for text in _lines(f) for each in (text, "")]))


def _reordered(form: Official) -> Table:
    order = [*range(len(form.table.names))][::-1]
    return Table(tuple(form.table.names[i] for i in order), tuple(tuple(r[i] for i in order) for r in form.table.rows))


def _two_orders(form: Official, *, blank: bool, named: bool = True) -> Polluted:
    """A second part of the same table, its columns in another order, with a header of its own or without."""
    half = len(form.table.rows) // 2
    first = replace(form.table, rows=form.table.rows[:half])
    second = _reordered(replace(form, table=replace(form.table, rows=form.table.rows[half:])))
    text = form.wrote(second)
    if not named:
        text = text.partition(form.newline)[2]
    return of_text(form, form.wrote(first) + (form.newline if blank else "") + text)


CORPUS.add("two_tables_other_order", GLUED, lambda f: _two_orders(f, blank=False))
CORPUS.add("two_tables_other_order_after_blank", GLUED, lambda f: _two_orders(f, blank=True))
CORPUS.add(
    "two_tables_other_order_without_header",
    GLUED,
    lambda f: replace(_two_orders(f, blank=False, named=False), values=False),
)


def _neighbours_swapped(form: Official, left: str, right: str) -> Polluted:
    """From the middle on two columns of the same kind change places, under a second header that says so."""
    a, b = form.table.column(left), form.table.column(right)
    order = [*range(len(form.table.names))]
    order[a], order[b] = b, a
    half = len(form.table.rows) // 2
    second = Table(
        tuple(form.table.names[i] for i in order), tuple(tuple(r[i] for i in order) for r in form.table.rows[half:])
    )
    return of_text(form, form.wrote(replace(form.table, rows=form.table.rows[:half])) + form.wrote(second))


CORPUS.add("two_tables_two_columns_swapped", GLUED, lambda f: _neighbours_swapped(f, "COD_DEPE", "COD_DEPE2"))


def _glued(form: Official, other: str, *, bom: bool, header: bool) -> Polluted:
    """Another file of the same dataset or another one behind it, as `copy a+b` does."""
    behind = official(other, 3, first=500)
    text = behind.wrote() if header else behind.wrote().partition("\r\n")[2]
    content = form.encoded(form.wrote()) + (text.encode("utf-8-sig") if bom else form.encoded(text))
    truth = form.table
    if other == form.name:
        truth = replace(truth, rows=truth.rows + behind.table.rows)
    hit = frozenset(range(len(form.table.rows), len(truth.rows)))
    return replace(of_text(form, form.wrote()), content=content, truth=truth, hit=hit, lines=None)


for bom in (False, True):
    for header in (False, True):
        shown = ("_with_bom" if bom else "") + ("" if header else "_without_header")
        CORPUS.add(f"glued_same_kind{shown}", GLUED, lambda f, b=bom, h=header: _glued(f, f.name, bom=b, header=h))
        CORPUS.add(
            f"glued_another_dataset{shown}",
            GLUED,
            lambda f, b=bom, h=header: _glued(f, "egresados_2024", bom=b, header=h),
            forms=("matricula_2024", "titulacion_2024", "establecimientos_2025"),
        )


def _no_line_end_between(form: Official) -> Polluted:
    """The first file did not end its last line: its last row and the second's header are one line."""
    behind = official(form.name, 3, first=500)
    truth = replace(form.table, rows=form.table.rows + behind.table.rows)
    count = len(form.table.rows)
    return of_text(form, form.wrote(end=False) + behind.wrote(), truth=truth, hit=frozenset({count - 1}))


CORPUS.add("glued_same_kind_without_line_end", GLUED, _no_line_end_between)


def _row_of_another_width(form: Official) -> Polluted:
    """Rows of last year's form, one column fewer, without a header of their own."""
    year = replace(form, table=form.table)
    at = form.table.column("COD_REG_RBD")
    old = [line(r[:at] + r[at + 1 :]) for r in form.table.rows[-2:]]
    table = replace(form.table, rows=form.table.rows[:-2])
    return _made(year, [*_lines(replace(form, table=table)), *old], hit=frozenset({10, 11}))


CORPUS.add("glued_rows_of_an_older_form", GLUED, _row_of_another_width)


def _of_another_order_same_width(form: Official) -> Polluted:
    """One row whose columns stand in alphabetical order: as many fields, all elsewhere."""
    order = sorted(range(_width(form)), key=lambda i: form.table.names[i])
    lines = _lines(form)
    lines[5] = line([form.table.rows[4][i] for i in order])
    return _made(form, lines, hit=frozenset({4}), values=True)


CORPUS.add("one_row_in_another_order", GLUED, _of_another_order_same_width)
CORPUS.add("the_file_twice", GLUED, lambda f: of_text(f, f.wrote() * 2, truth=replace(f.table, rows=f.table.rows * 2)))
CORPUS.add(
    "side_by_side",
    GLUED,
    lambda f: of_text(
        f,
        write(
            Table((*f.table.names, "", *f.table.names), tuple((*r, "", *r) for r in f.table.rows)), newline=f.newline
        ),
    ),
)
