"""Pollock's own classes (Vitagliano et al., VLDB 2023), applied to official files. Our further ones are beside.

The list is that of the paper's generator: what it does to its source file is done to every official form here, the
row-level ones at the header, the first, a middle and the last row, and at every column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from emtp_assets_tests.pollution.corpus import CORPUS, Cases, Polluted, of_text
from emtp_assets_tests.pollution.official import Official, Table, line, write

FILE, TABLE, ROW = "Pollock: file", "Pollock: table", "Pollock: row"


def _add(name: str, group: str, spoil: Callable[[Official], Polluted | Cases]) -> None:
    CORPUS.add(f"pollock_{name}", group, spoil, pollock=True)


def _empty(form: Official) -> Table:
    return Table(form.table.names, ())


_add("source", FILE, lambda f: of_text(f, f.wrote()))
_add("file_no_payload", FILE, lambda f: Polluted(b"", _empty(f), lines=0))
# Whether a last line without an end is whole, nobody can know.
_add("file_no_trailing_newline", FILE, lambda f: of_text(f, f.wrote(end=False), hit=frozenset({11})))
_add("file_double_trailing_newline", FILE, lambda f: of_text(f, f.wrote() + f.newline))
_add("file_no_header", FILE, lambda f: of_text(f, f.wrote().partition(f.newline)[2], headless=True))
_add("file_header_only", FILE, lambda f: of_text(f, f.wrote(_empty(f)), truth=_empty(f)))


def _one_row(form: Official) -> Polluted:
    table = replace(form.table, rows=form.table.rows[:1])
    return of_text(form, form.wrote(table), truth=table)


_add("file_one_data_row", FILE, _one_row)
for extension in (".CSV", ".txt", ".tsv", ".pdf", ".loremipsum", ""):
    _add(
        f"file_name{extension or '_without_extension'}",
        FILE,
        lambda f, e=extension: of_text(f, f.wrote(), file=f"entrega{e}"),
    )
_add("file_name_nbsp", FILE, lambda f: of_text(f, f.wrote(), file="\u00a0.csv"))
for encoding in ("utf-8", "latin-1", "utf-16"):
    _add(f"file_encoding_{encoding}", FILE, lambda f, e=encoding: of_text(f, f.wrote(), encoding=e))
for mark, shown in (("\n", "LF"), ("\r", "CR")):
    _add(f"file_record_delimiter_{shown}", FILE, lambda f, m=mark: of_text(f, f.wrote(newline=m)))


def _many_columns(form: Official) -> Polluted:
    wide = Table(
        (*form.table.names, *(f"COL{i}" for i in range(1024))),
        tuple((*row, *(str(i) for i in range(1024))) for row in form.table.rows),
    )
    return of_text(form, form.wrote(wide))


_add("file_num_columns_1024_more", FILE, _many_columns)

_SEPARATORS = {
    ",": "comma",
    "\t": "tab",
    "|": "bar",
    " ": "space",
    "\t\t": "two_tabs",
    ":": "colon",
    ", ": "comma_space",
    "\\t": "backslash_t",
    "; ": "semicolon_space",
}
for mark, shown in _SEPARATORS.items():
    _add(
        f"table_field_delimiter_{shown}",
        TABLE,
        lambda f, m=mark: of_text(f, f.wrote(separator=m, quoting="minimal")),
    )


def _with_quotes(form: Official) -> Table:
    return form.table.with_cells(form.text_column, 'LA "CHIMBA"', 'EL; "ÑO"', 'SAN "JOSÉ"; B')


for mark, shown in (('"', "double"), ("'", "single"), ("`", "backtick"), ("~", "tilde")):
    _add(f"table_quotation_char_{shown}", TABLE, lambda f, m=mark: of_text(f, f.wrote(quoting="all", quote=m)))
for mark, shown in (("", "doubled"), ("\\", "backslash")):
    _add(
        f"table_escape_char_{shown}",
        TABLE,
        lambda f, m=mark: of_text(f, f.wrote(t := _with_quotes(f), quoting="minimal", escape=m), truth=t),
    )
_add(
    "table_escape_char_none",
    TABLE,
    lambda f: of_text(
        f,
        f.wrote(t := _with_quotes(f), quoting="all").replace('""', '"'),
        truth=t,
        hit=frozenset({0, 1, 2}),
    ),
)


def _preamble(form: Official, texts: tuple[str, ...], *, delimited: bool, blank: bool) -> str:
    fill = ";" * (len(form.table.names) - 1) if delimited else ""
    lines = [text + fill for text in texts] + ([fill] if blank else [])
    return "".join(line + form.newline for line in lines)


for delimited in (False, True):
    for blank in (False, True):
        shown = ("_delimited" if delimited else "") + ("_and_blank" if blank else "")
        _add(
            f"table_preamble{shown}",
            TABLE,
            lambda f, d=delimited, b=blank: of_text(
                f, _preamble(f, ("PREAMBLE",) * 3, delimited=d, blank=b) + f.wrote()
            ),
        )
        _add(
            f"table_footnote{shown}",
            TABLE,
            lambda f, d=delimited, b=blank: of_text(
                f,
                f.wrote()
                + (_preamble(f, (), delimited=d, blank=b) + _preamble(f, ("FOOTNOTE",) * 3, delimited=d, blank=False)),
            ),
        )
for extra in (1, 2):
    _add(
        f"table_multirow_header_{extra + 1}",
        TABLE,
        lambda f, n=extra: of_text(f, (line(f.table.names) + f.newline) * n + f.wrote()),
    )
for width, shown in ((-2, "less"), (0, "same"), (2, "more")):

    def _multitable(form: Official, width: int = width) -> Polluted:
        size = len(form.table.names) + width
        second = Table(
            tuple(f"OTRA_{i}" for i in range(size)), tuple(tuple(f"v{r}_{i}" for i in range(size)) for r in range(4))
        )
        return of_text(form, form.wrote() + write(second, newline=form.newline))

    _add(f"table_multitable_{shown}", TABLE, _multitable)

_HEADERS = {"empty": "", "symbols": "HEAD/%R", "large": "HEADER" * 20_000, "same": None}


def _header_cell(form: Official, at: int, name: str | None) -> Polluted:
    names = list(form.table.names)
    names[at] = names[at - 1] if name is None else name
    return of_text(form, form.wrote(replace(form.table, names=tuple(names))), named=tuple(names))


for shown, name in _HEADERS.items():
    _add(
        f"column_header_{shown}",
        TABLE,
        lambda f, n=name: [(f"column {at}", _header_cell(f, at, n)) for at in _spread(len(f.table.names))],
    )


def _spread(width: int) -> list[int]:
    return sorted({0, 2, width // 2, width - 1})


def _places(form: Official) -> Iterator[tuple[int, int]]:
    """(line, column): the header, the first, a middle and the last row, at every column."""
    for at in (0, 1, len(form.table.rows) // 2, len(form.table.rows)):
        for column in range(len(form.table.names)):
            yield at, column


def _one_line(form: Official, at: int, changed: Callable[[list[str]], str]) -> Polluted:
    """The file with one line (0: the header) written otherwise."""
    lines = [list(row) for row in (form.table.names, *form.table.rows)]
    text = "".join((changed(row) if i == at else line(row)) + form.newline for i, row in enumerate(lines))
    return of_text(form, text, hit=frozenset({at - 1} if at else ()))


def _more(row: list[str], column: int) -> str:
    return line([*row[:column], "", *row[column:]])


def _less(row: list[str], column: int) -> str:
    return line([*row[: column - 1], row[column - 1] + row[column], *row[column + 1 :]])


def _quote_before(row: list[str], column: int) -> str:
    return line([*row[:column], '"' + row[column], *row[column + 1 :]])


def _quote_after(row: list[str], column: int) -> str:
    return line([*row[:column], row[column] + '"', *row[column + 1 :]])


def _at_every_place(changed: Callable[[list[str], int], str], *, first: int = 0) -> Callable[[Official], Cases]:
    def spoil(form: Official) -> Cases:
        for at, column in _places(form):
            if column >= first:
                yield f"line {at}, column {column}", _one_line(form, at, lambda row, c=column: changed(row, c))

    return spoil


_add("row_more_separators", ROW, _at_every_place(_more))
_add("row_less_separators", ROW, _at_every_place(_less, first=1))
_add("row_extra_quote_before", ROW, _at_every_place(_quote_before))
_add("row_extra_quote_after", ROW, _at_every_place(_quote_after))


def _rows(changed: Callable[[Official, list[str]], str]) -> Callable[[Official], Cases]:
    def spoil(form: Official) -> Cases:
        for at in (0, 1, len(form.table.rows) // 2, len(form.table.rows)):
            yield f"line {at}", _one_line(form, at, lambda row: changed(form, row))

    return spoil


def _row_empty(form: Official) -> Cases:
    for label, polluted in _rows(lambda _, row: "")(form):
        at = int(label.split()[1])
        left = tuple(row for i, row in enumerate(form.table.rows, start=1) if i != at)
        yield label, replace(polluted, truth=replace(form.table, rows=left), hit=frozenset(), headless=at == 0)


_add("row_empty", ROW, _row_empty)
_add("row_fewer_fields", ROW, _rows(lambda _, row: line(row[:5])))
_add("row_more_fields", ROW, _rows(lambda _, row: line([*row, *[row[-1]] * 6])))
for mark, shown in ((",", "comma"), ("\t", "tab"), ("|", "bar"), ("; ", "semicolon_space")):
    _add(f"row_field_delimiter_{shown}", ROW, _rows(lambda _, row, m=mark: line(row, m)))
for mark, shown in (("'", "single"), ('"', "double")):
    _add(f"row_quotation_{shown}", ROW, _rows(lambda _, row, m=mark: line([m + v + m for v in row])))


def _line_end(mark: str) -> Callable[[Official], Cases]:
    def spoil(form: Official) -> Cases:
        lines = [line(row) for row in (form.table.names, *form.table.rows)]
        for at in (0, 1, len(lines) // 2, len(lines) - 1):
            text = "".join(each + (mark if i == at else form.newline) for i, each in enumerate(lines))
            # The row that ends so, and the one that may be taken for its continuation.
            yield f"line {at}", of_text(form, text, hit=frozenset({at - 1, at} & set(range(len(lines) - 1))))

    return spoil


for mark, shown in (("\n", "LF"), ("\r", "CR"), ("\n\r", "LFCR"), ("\r\r\n", "CRCRLF")):
    _add(f"row_record_delimiter_{shown}", ROW, _line_end(mark))


def _escaped(form: Official, row: list[str]) -> str:
    at = form.table.column(form.text_column)
    return line([*row[:at], f'"{row[at]}\\""', *row[at + 1 :]])


def _row_escape(form: Official) -> Cases:
    at = form.table.column(form.text_column)
    for number, polluted in _rows(_escaped)(form):
        place = int(number.split()[1])
        if place:
            value = form.table.rows[place - 1][at] + '"'
            changed = [r if i != place - 1 else (*r[:at], value, *r[at + 1 :]) for i, r in enumerate(form.table.rows)]
            yield number, replace(polluted, truth=replace(form.table, rows=tuple(changed)))


_add("row_escape_char_backslash", ROW, _row_escape)
