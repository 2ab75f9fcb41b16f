"""Ways of writing the same table: separators, quotes, escapes, line ends, and mixtures of them."""

from __future__ import annotations

import re
from dataclasses import replace

from emtp_assets_tests.pollution.corpus import CORPUS, Polluted, of_text
from emtp_assets_tests.pollution.official import Official, Table, line

GROUP, ENDS, QUOTES = "dialect", "dialect: line ends", "dialect: quotes"
FORMS = ("matricula_2024", "matricula_2014", "egresados_2024", "titulacion_2024", "establecimientos_2025")
_SEPARATORS = {";": "semicolon", ",": "comma", "\t": "tab", "|": "bar"}


def _plain(form: Official, separator: str) -> Table:
    """The table without what cannot be written unquoted."""
    return form.table.without(separator, '"')


for mark, shown in _SEPARATORS.items():
    for quoting in ("none", "minimal", "all", "rows"):
        for newline, ends in (("\r\n", "crlf"), ("\n", "lf")):
            CORPUS.add(
                f"{shown}_{quoting}_{ends}",
                GROUP,
                lambda f, m=mark, q=quoting, n=newline: of_text(
                    f,
                    f.wrote(t := _plain(f, m) if q == "none" else f.table, separator=m, quoting=q, newline=n),
                    truth=t,
                ),
                forms=FORMS,
            )
for mark in ("~", "^", "§", "\x1f", "\x01", "::", ";;", " ; "):
    CORPUS.add(
        f"separator_{'_'.join(f'{ord(c):02x}' for c in mark)}",
        GROUP,
        lambda f, m=mark: of_text(f, f.wrote(t := f.table.without(*m.strip(), '"'), separator=m), truth=t),
        forms=FORMS,
    )

_QUOTED = (
    'LICEO "EL ROBLE"',
    '"',
    '""',
    'EL "',
    '" EL',
    "O'HIGGINS",
    "'",
    "A;B",
    'A;"B";C',
    ";",
    "A\\B",
    "A\\",
    "\\",
    "#A",
)


def _names(form: Official, *values: str) -> Table:
    return form.table.with_cells(form.text_column, *values)


for quoting in ("minimal", "all"):
    for quote in ('"', "'"):
        for escape, shown in (("", "doubled"), ("\\", "backslash")):
            CORPUS.add(
                f"hard_names_{quoting}_{'single' if quote == chr(39) else 'double'}_{shown}",
                QUOTES,
                lambda f, q=quoting, c=quote, e=escape: of_text(
                    f,
                    f.wrote(t := _names(f, *_QUOTED), quoting=q, quote=c, escape=e),
                    truth=t,
                    hit=_first(len(_QUOTED)),
                ),
                forms=FORMS,
                rows=16,
            )


def _first(count: int) -> frozenset[int]:
    return frozenset(range(count))


for shown, values in {
    "quotes_inside_unquoted": ('LICEO "EL ROBLE" A', 'EL 5" B'),
    "one_quote_inside_unquoted": ('LICEO 5" A',),
    "apostrophes_unquoted": ("O'HIGGINS", "D'HALMAR"),
    "apostrophe_first_unquoted": ("'HIGGINS", "HALMAR'"),
    "backslashes_unquoted": ("A\\B", "A\\", "\\N", "C:\\DATOS"),
}.items():
    CORPUS.add(
        shown,
        QUOTES,
        lambda f, v=values: of_text(f, f.wrote(t := _names(f, *v)), truth=t, hit=_first(len(v))),
        forms=FORMS,
    )
_EMBEDDED = "LICEO\nNUEVO", "LICEO\r\nNUEVO", "\nLICEO", "LICEO\n\nNUEVO"
for value, shown in zip(_EMBEDDED, ("lf", "crlf", "lf_first", "two"), strict=True):
    for newline, ends in (("\r\n", "crlf"), ("\n", "lf")):
        CORPUS.add(
            f"embedded_line_end_{shown}_in_{ends}",
            QUOTES,
            lambda f, v=value, n=newline: of_text(
                f, f.wrote(t := _names(f, "X", v), quoting="minimal", newline=n), truth=t, hit=_first(2)
            ),
            forms=FORMS,
        )
CORPUS.add(
    "embedded_line_end_that_looks_like_rows",
    QUOTES,
    lambda f: of_text(
        f, f.wrote(t := _names(f, "X", f"A\r\n{line(f.table.rows[0])}\r\nB"), quoting="minimal"), truth=t, hit=_first(3)
    ),
    forms=FORMS,
)
CORPUS.add(
    "embedded_line_end_unquoted",
    QUOTES,
    lambda f: of_text(
        f, f.wrote(_names(f, "X", "LICEO\r\nNUEVO")), truth=_names(f, "X", "LICEO\r\nNUEVO"), hit=_first(3)
    ),
    forms=FORMS,
)
for shown, pattern, into in (
    ("space_before_quote", r';"', '; "'),
    ("space_after_quote", r'";', '" ;'),
    ("text_after_quote", r'";', '"x;'),
    ("curly_quotes", r'"([^"]*)"', "“\\1”"),
    ("guillemets", r'"([^"]*)"', "«\\1»"),
    ("two_quotes_each_side", r'"', '""'),
    ("three_quotes_each_side", r'"', '"""'),
):
    CORPUS.add(
        f"quotes_{shown}",
        QUOTES,
        lambda f, p=pattern, i=into: of_text(
            f, re.sub(p, i, f.wrote(quoting="all")), encoding="utf-8", hit=_first(len(f.table.rows))
        ),
        forms=FORMS,
    )


def _per_line(form: Official, ends: tuple[str, ...]) -> Polluted:
    lines = [line(row) for row in (form.table.names, *form.table.rows)]
    return of_text(form, "".join(text + ends[i % len(ends)] for i, text in enumerate(lines)))


for shown, ends in {
    "cr": ("\r",),
    "crlf_and_lf": ("\r\n", "\n"),
    "crlf_and_cr": ("\r\n", "\r"),
    "lf_and_cr": ("\n", "\r"),
    "all_three": ("\r\n", "\n", "\r"),
    "lfcr": ("\n\r",),
    "crcrlf": ("\r\r\n",),
    "crlf_doubled": ("\r\n\r\n",),
    "nel": ("\u0085",),
    "line_separator": ("\u2028",),
    "form_feed": ("\f",),
    "record_separator": ("\x1e",),
}.items():
    CORPUS.add(
        f"ends_{shown}",
        ENDS,
        lambda f, e=ends: _per_line(f if e[0].isascii() else replace(f, encoding="utf-8"), e),
        forms=FORMS,
    )
for shown, tail in {
    "ctrl_z": "\x1a",
    "ctrl_z_line": "\x1a\r\n",
    "one_space": " ",
    "blank_lines": "\r\n" * 50,
    "lf_more": "\n",
    "nul_padding": "\0" * 512,
    "nul_one": "\0",
    "form_feed": "\x0c",
}.items():
    CORPUS.add(f"ends_then_{shown}", ENDS, lambda f, t=tail: of_text(f, f.wrote() + t), forms=FORMS)
for mark, shown in ((",", "comma"), ("\t", "tab")):

    def _switched(form: Official, mark: str = mark) -> Polluted:
        """From the middle on another separator: two exports glued."""
        lines = form.wrote(t := form.table.without(";", mark)).split("\r\n")
        half = len(lines) // 2
        return of_text(form, "\r\n".join([*lines[:half], *(each.replace(";", mark) for each in lines[half:])]), truth=t)

    CORPUS.add(f"separator_changes_to_{shown}_half_way", GROUP, _switched, forms=FORMS)
CORPUS.add(
    "header_with_commas_rows_with_semicolons",
    GROUP,
    lambda f: of_text(f, line(f.table.names, ",") + "\r\n" + f.wrote().partition("\r\n")[2]),
    forms=FORMS,
)
CORPUS.add(
    "decimal_comma_unquoted_in_commas",
    GROUP,
    lambda f: of_text(f, f.wrote(separator=",")),
    forms=("egresados_2024", "establecimientos_2025", "docentes_2025"),
)


def _every_row_one_longer(form: Official) -> Polluted:
    """Written with commas and no quotes, and each row has exactly one decimal comma: all as long as each other."""
    table = form.table.without(",").with_cells("PROM_NOTAS_ALU", "6,1")
    return of_text(form, form.wrote(table, separator=","), truth=table)


CORPUS.add("decimal_comma_in_every_row_unquoted_in_commas", GROUP, _every_row_one_longer, forms=("egresados_2024",))
