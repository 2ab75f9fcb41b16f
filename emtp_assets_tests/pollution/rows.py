"""Rows that are cut, joined, shifted or swallowed by a quote, and damage of the bytes themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emtp_assets_tests.pollution.corpus import CORPUS, Cases, Polluted, of_text
from emtp_assets_tests.pollution.official import Official, Row, Table, line, may_hold

CUT, SHIFTED, SWALLOWED, DAMAGED = (
    "rows: cut or joined",
    "rows: shifted",
    "rows: swallowed by quotes",
    "rows: damaged bytes",
)


def _lines(form: Official) -> list[str]:
    return [line(row) for row in (form.table.names, *form.table.rows)]


def _made(form: Official, lines: list[str], *hit: int, **more: Any) -> Polluted:
    return of_text(form, form.newline.join(lines) + form.newline, hit=frozenset(hit), **more)


def _columns(form: Official) -> range:
    """Every column of narrow forms, some of wide ones."""
    width = len(form.table.names)
    return range(1, width, 1 if width < 40 else 9)


def _cut_in_two(form: Official) -> Cases:
    for at in _columns(form):
        row, lines = form.table.rows[4], _lines(form)
        lines[5:6] = [line(row[:at]), line(row[at:])]
        yield f"before column {at}", _made(form, lines, 4)


def _cut_in_a_value(form: Official) -> Cases:
    for at in _columns(form):
        row, lines = form.table.rows[4], _lines(form)
        lines[5:6] = [line([*row[:at], row[at][:1]]), line([row[at][1:], *row[at + 1 :]])]
        yield f"inside column {at}", _made(form, lines, 4)


def _joined(form: Official, mark: str) -> Polluted:
    lines = _lines(form)
    lines[5:7] = [lines[5] + mark + lines[6]]
    return _made(form, lines, 4, 5)


CORPUS.add("row_cut_in_two", CUT, _cut_in_two)
CORPUS.add("row_cut_inside_a_value", CUT, _cut_in_a_value)
for mark, shown in (("", "nothing"), (";", "a_separator"), (" ", "a_space"), ("\t", "a_tab")):
    CORPUS.add(f"rows_joined_by_{shown}", CUT, lambda f, m=mark: _joined(f, m))
CORPUS.add(
    "row_cut_in_three",
    CUT,
    lambda f: _made(
        f,
        [
            *(each := _lines(f))[:5],
            line(f.table.rows[4][:3]),
            line(f.table.rows[4][3:7]),
            line(f.table.rows[4][7:]),
            *each[6:],
        ],
        4,
    ),
)
CORPUS.add(
    "row_lost_its_head", CUT, lambda f: _made(f, [*(each := _lines(f))[:5], line(f.table.rows[4][6:]), *each[6:]], 4)
)
for share in (0.5, 0.97, 0.999):
    # Half of the file; in the middle of the last row; its last byte.
    CORPUS.add(f"file_cut_at_{share}", CUT, lambda f, s=share: _cut(f, s))


def _cut(form: Official, share: float) -> Polluted:
    whole = of_text(form, form.wrote())
    kept = whole.content[: max(1, min(int(len(whole.content) * share), len(whole.content) - 3))]
    return replace(whole, content=kept, hit=frozenset({kept.count(b"\n") - 1}), lines=None)


def _cut_words_first(form: Official) -> Polluted:
    """Cut in the first two fields of the last row, which begins with words as a remark does."""
    order = sorted(range(len(form.table.names)), key=lambda at: at != form.table.column(form.text_column))
    table = Table(_in_order(form.table.names, order), tuple(_in_order(row, order) for row in form.table.rows))
    text = form.wrote(table)
    last = text.rindex(table.rows[-1][0])
    return of_text(form, text[: last + len(table.rows[-1][0]) + 3], hit=frozenset({len(table.rows) - 1}))


def _in_order(row: Row, order: list[int]) -> Row:
    return tuple(row[at] for at in order)


CORPUS.add("file_cut_words_first", CUT, _cut_words_first)
CORPUS.add(
    "file_cut_inside_a_character",
    CUT,
    lambda f: replace(
        p := of_text(f, f.wrote(), encoding="utf-8"),
        content=p.content[: p.content.rindex("Ñ".encode()) + 1],
        lines=None,
    ),
    forms=("matricula_2024", "egresados_2024"),
)


def _shifted(form: Official) -> Cases:
    """A stray separator at one column and a missing one further on: as many fields, those in between elsewhere.

    Only where a value comes to stand in a column that the contract says cannot have it.
    """
    width = len(form.table.names)
    step = 1 if width < 40 else 9
    for at in range(0, width - 2, step):
        for length in (1, 3, width - at - 2):
            to = at + length
            if length and to + 1 < width:
                row = form.table.rows[4]
                moved = [*row[:at], "", *row[at:to], row[to] + row[to + 1], *row[to + 2 :]]
                columns = [form.contract.column_spelled(name) for name in form.table.names]
                elsewhere = [(c, new.strip()) for c, old, new in zip(columns, row, moved, strict=True) if new != old]
                if all(column is None or may_hold(column, {value}) for column, value in elsewhere):
                    continue
                lines = _lines(form)
                lines[5] = line(moved)
                yield f"columns {at} to {to}", replace(_made(form, lines, 4), values=True)


def _rotated(form: Official, by: int) -> Polluted:
    lines, row = _lines(form), form.table.rows[4]
    lines[5] = line([*row[-by:], *row[:-by]])
    return replace(_made(form, lines, 4), values=True)


def _name_with_separator(form: Official) -> Polluted:
    """A name that holds the separator, in a row whose last field is missing."""
    lines, row = _lines(form), form.table.rows[4]
    at = form.table.column(form.text_column)
    lines[5] = line([*row[:at], "EL MONTE", "CENTRO", *row[at + 1 : -1]])
    return replace(_made(form, lines, 4), values=True)


CORPUS.add("row_shifted_and_mended", SHIFTED, _shifted)
for by in (1, 2, -1):
    CORPUS.add(f"row_rotated_by_{by}", SHIFTED, lambda f, b=by: _rotated(f, b))
CORPUS.add("row_name_with_separator_and_last_missing", SHIFTED, _name_with_separator)
CORPUS.add(
    "all_rows_shifted_blank_first",
    SHIFTED,
    lambda f: replace(
        _made(f, [line(f.table.names), *(line(["", *r[:-1]]) for r in f.table.rows)], *range(12)), values=True
    ),
)


def _two_quotes(form: Official, second_row: int, opening: str, closing: str) -> Callable[[int], Polluted]:
    def spoil(at: int) -> Polluted:
        lines = _lines(form)
        for row, mark in ((4, opening), (second_row, closing)):
            values = list(form.table.rows[row])
            values[at] = mark + values[at] if mark == opening and row == 4 else values[at] + mark
            lines[row + 1] = line(values)
        return _made(form, lines, *range(4, second_row + 1))

    return spoil


def _swallowed(form: Official, second_row: int, closing_before: bool) -> Cases:
    """A quote opens in one row and closes in a later one in the same column: together they have a row's fields."""
    for at in _columns(form):
        if closing_before:
            lines = _lines(form)
            for row in (4, second_row):
                values = list(form.table.rows[row])
                values[at] = '"' + values[at]
                lines[row + 1] = line(values)
            yield f"column {at}", _made(form, lines, *range(4, second_row + 1))
        else:
            yield f"column {at}", _two_quotes(form, second_row, '"', '"')(at)


for second_row, shown in ((5, "next_row"), (8, "four_rows_on")):
    CORPUS.add(
        f"stray_quotes_same_column_{shown}", SWALLOWED, lambda f, r=second_row: _swallowed(f, r, closing_before=True)
    )
    CORPUS.add(
        f"quote_opens_and_closes_{shown}", SWALLOWED, lambda f, r=second_row: _swallowed(f, r, closing_before=False)
    )


def _in_quoted_file(form: Official, changed: Callable[[list[str]], None], *hit: int) -> Polluted:
    """The same in a file whose every field is quoted."""
    lines = form.wrote(quoting="all").split(form.newline)
    changed(lines)
    return of_text(form, form.newline.join(lines), hit=frozenset(hit))


def _drop_closing(lines: list[str], at: int, field: int) -> None:
    fields = lines[at].split('";"')
    lines[at] = '";"'.join(fields[: field + 1]) + ';"' + '";"'.join(fields[field + 1 :])


def _one_quote_lost(form: Official) -> Cases:
    for field in _columns(form):
        if field < len(form.table.names) - 1:
            yield f"field {field}", _in_quoted_file(form, lambda lines, f=field: _drop_closing(lines, 5, f), 4)


def _two_quotes_lost(form: Official) -> Cases:
    def changed(lines: list[str], field: int) -> None:
        _drop_closing(lines, 5, field)
        _drop_closing(lines, 8, field)

    for field in _columns(form):
        if field < len(form.table.names) - 1:
            yield f"field {field}", _in_quoted_file(form, lambda lines, f=field: changed(lines, f), 4, 5, 6, 7)


CORPUS.add("quoted_file_one_closing_quote_lost", SWALLOWED, _one_quote_lost)
CORPUS.add("quoted_file_two_closing_quotes_lost", SWALLOWED, _two_quotes_lost)
CORPUS.add(
    "quote_opens_at_the_last_field",
    SWALLOWED,
    lambda f: _made(
        f,
        [*(each := _lines(f))[:5], line([*f.table.rows[4][:-1], '"' + f.table.rows[4][-1]]), '"' + each[6], *each[7:]],
        4,
        5,
    ),
)
CORPUS.add(
    "quote_never_closes",
    SWALLOWED,
    lambda f: _made(
        f, [*(each := _lines(f))[:3], line(['"' + f.table.rows[2][0], *f.table.rows[2][1:]]), *each[4:]], *range(2, 12)
    ),
)
CORPUS.add(
    "quotes_around_a_whole_row", SWALLOWED, lambda f: _made(f, [*(each := _lines(f))[:5], f'"{each[5]}"', *each[6:]], 4)
)
CORPUS.add("quotes_around_every_row", SWALLOWED, lambda f: _made(f, [f'"{each}"' for each in _lines(f)], *range(12)))
CORPUS.add(
    "quotes_around_two_fields",
    SWALLOWED,
    lambda f: _made(
        f,
        [
            *(each := _lines(f))[:5],
            line(f.table.rows[4][:3]) + ';"' + line(f.table.rows[4][3:5]) + '";' + line(f.table.rows[4][5:]),
            *each[6:],
        ],
        4,
    ),
)


def _bytes(form: Official, changed: Callable[[bytes], bytes], *hit: int) -> Polluted:
    whole = of_text(form, form.wrote())
    lines = whole.content.split(b"\n")
    lines[5] = changed(lines[5])
    return replace(whole, content=b"\n".join(lines), hit=frozenset(hit or {4}), lines=None)


_DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "nul_inside_a_value": lambda b: b[:30] + b"\0" + b[30:],
    "nul_for_a_value": lambda b: b.replace(b";", b";\0", 1),
    "row_of_nuls": lambda b: bytes(len(b)),
    "half_row_of_nuls": lambda b: b[: len(b) // 2] + bytes(len(b) - len(b) // 2),
    "sector_of_nuls": lambda b: b + b"\n" + bytes(512),
    "control_characters": lambda b: b[:30] + bytes(range(1, 8)) + b[30:],
    "random_bytes": lambda b: b[:40] + b"\x8f\xfe\x81\x90\x03" + b[40:],
    "long_value": lambda b: b.replace(b";", b";" + b"9" * 300_000, 1),
    "very_long_line": lambda b: b.replace(b";", b";" + b"A" * 5_000_000, 1),
    "bit_in_a_separator": lambda b: b.replace(b";", b":", 1),
    "bit_in_the_line_end": lambda b: b[:-1] + b"\x0f" if b.endswith(b"\r") else b,
    "a_kilobyte_twice": lambda b: b + b,
}
for shown, changed in _DAMAGE.items():
    CORPUS.add(shown, DAMAGED, lambda f, c=changed, v="long" in shown: replace(_bytes(f, c, 4, 5), values=v))


def _half_bad(form: Official) -> Polluted:
    lines = [each if i % 2 == 0 else each + ";x" for i, each in enumerate(_lines(form))]
    return _made(form, lines, *range(0, 12, 2))


CORPUS.add("every_second_row_too_long", DAMAGED, _half_bad)
CORPUS.add(
    "three_bad_rows_in_four_hundred",
    DAMAGED,
    lambda f: _made(f, [each + ";x" if i in (50, 51, 300) else each for i, each in enumerate(_lines(f))], 49, 50, 299),
    rows=400,
    forms=("matricula_2024", "matricula_2014"),
)
CORPUS.add(
    "eight_bad_rows_in_four_hundred",
    DAMAGED,
    lambda f: _made(f, [each + ";x" if 50 <= i < 58 else each for i, each in enumerate(_lines(f))], *range(49, 57)),
    rows=400,
    forms=("matricula_2024", "matricula_2014"),
)
