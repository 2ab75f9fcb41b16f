"""What programs write when asked for a CSV: SQL Server's tools, psql, R, SAS, spreadsheets, web pages, JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape

from emtp_assets_tests.pollution.corpus import CORPUS, Polluted, of_text
from emtp_assets_tests.pollution.official import Official, Table, line

SQL, STATISTICS, OTHER = "programs: SQL", "programs: statistics", "programs: not CSV"
FORMS = ("matricula_2024", "egresados_2024", "titulacion_2024")


def _add(name: str, group: str, spoil: Callable[[Official], Polluted]) -> None:
    CORPUS.add(name, group, spoil, forms=FORMS)


def _null(form: Official, written: str) -> Table:
    return replace(form.table, rows=tuple(tuple(v if v.strip() else written for v in r) for r in form.table.rows))


def _lines(table: Table, separator: str) -> list[str]:
    return [line(row, separator) for row in (table.names, *table.rows)]


def _text(lines: Sequence[str], newline: str = "\r\n") -> str:
    return newline.join(lines) + newline


def _sqlcmd(form: Official, *, padded: bool, separator: str, null: str = "NULL") -> Polluted:
    """sqlcmd -s: a line of dashes under the header, cells padded to their width unless -W, and the count at the end."""
    table = _null(form, null)
    widths = [max(len(r[i]) for r in (table.names, *table.rows)) for i in range(len(table.names))]

    def cells(row: Sequence[str]) -> str:
        return separator.join(v.ljust(w) if padded else v for v, w in zip(row, widths, strict=True))

    dashes = separator.join("-" * w for w in widths)
    lines = [cells(table.names), dashes, *map(cells, table.rows), "", f"({len(table.rows)} rows affected)"]
    return of_text(form, _text(lines), values=True)


_add("sqlcmd_padded", SQL, lambda f: _sqlcmd(f, padded=True, separator=";"))
_add("sqlcmd_trimmed", SQL, lambda f: _sqlcmd(f, padded=False, separator=";"))
_add("sqlcmd_blank_nulls", SQL, lambda f: _sqlcmd(f, padded=False, separator=";", null=" "))
_add("sqlcmd_columns_by_spaces", SQL, lambda f: _sqlcmd(f, padded=True, separator=" "))
_add("ssms_nulls", SQL, lambda f: of_text(f, f.wrote(_null(f, "NULL")), values=True))
_add(
    "ssms_no_header",
    SQL,
    lambda f: of_text(f, f.wrote(_null(f, "NULL")).partition("\r\n")[2], headless=True, values=True),
)
_add("ssms_utf16", SQL, lambda f: of_text(f, f.wrote(_null(f, " ")), encoding="utf-16"))
_add("bcp_tabs_no_header", SQL, lambda f: of_text(f, _text(_lines(f.table, "\t")[1:]), headless=True))
_add("copy_text", SQL, lambda f: of_text(f, _text(_lines(_null(f, "\\N"), "\t"), "\n"), encoding="utf-8", values=True))
_add(
    "copy_dump",
    SQL,
    lambda f: of_text(
        f,
        _text(
            [
                "--",
                "-- PostgreSQL database dump",
                "--",
                "",
                f"COPY public.matricula ({', '.join(f.table.names).lower()}) FROM stdin;",
                *_lines(_null(f, "\\N"), "\t")[1:],
                "\\.",
                "",
            ],
            "\n",
        ),
        encoding="utf-8",
    ),
)
_add(
    "insert_statements",
    SQL,
    lambda f: of_text(
        f,
        _text(
            [
                f"INSERT INTO m ({','.join(f.table.names)}) VALUES ({','.join(repr(v) for v in r)});"
                for r in f.table.rows
            ]
        ),
    ),
)
_add(
    "mysql_batch_null",
    SQL,
    lambda f: of_text(f, _text(_lines(_null(f, "NULL"), "\t"), "\n"), encoding="utf-8", values=True),
)
_add(
    "oracle_spool",
    SQL,
    lambda f: of_text(
        f,
        _text(
            [
                "",
                "SQL> select * from m;",
                "",
                *_lines(f.table, ";"),
                "",
                f"{len(f.table.rows)} rows selected.",
                "",
                "SQL> spool off",
            ]
        ),
    ),
)


def _psql(form: Official) -> Polluted:
    table = form.table
    widths = [max(len(r[i]) for r in (table.names, *table.rows)) for i in range(len(table.names))]
    lines = [" " + " | ".join(v.ljust(w) for v, w in zip(r, widths, strict=True)) for r in (table.names, *table.rows)]
    rule = "-" + "-+-".join("-" * w for w in widths) + "-"
    return of_text(form, _text([lines[0], rule, *lines[1:], f"({len(table.rows)} rows)"], "\n"), encoding="utf-8")


_add("psql_aligned", SQL, _psql)


def _r(form: Official, *, separator: str, decimal: str, na: str, row_names: bool) -> Polluted:
    """R's write.csv2 and write.table: texts in quotes, numbers bare, NA for blanks, row names under "" or nothing."""
    table = _null(form, na)

    def cell(value: str) -> str:
        number = value.replace(",", "", 1).replace("-", "", 1).isdigit()
        return value.replace(",", decimal) if number or value == na else f'"{value}"'

    head = separator.join(f'"{n}"' for n in table.names)
    if row_names:
        head = ('""' + separator + head) if separator == ";" else head
    rows = [
        separator.join(([f'"{i}"'] if row_names else []) + [cell(v) for v in r]) for i, r in enumerate(table.rows, 1)
    ]
    return of_text(form, _text([head, *rows], "\n"), encoding="utf-8", values=True)


_add("r_write_csv2", STATISTICS, lambda f: _r(f, separator=";", decimal=",", na="NA", row_names=True))
_add("r_write_csv2_no_row_names", STATISTICS, lambda f: _r(f, separator=";", decimal=",", na="NA", row_names=False))
_add("r_write_csv", STATISTICS, lambda f: _r(f, separator=",", decimal=".", na="NA", row_names=False))
_add("r_write_table", STATISTICS, lambda f: _r(f, separator=" ", decimal=".", na="NA", row_names=True))
_add("r_write_delim", STATISTICS, lambda f: _r(f, separator="\t", decimal=".", na="NA", row_names=False))


def _floats(form: Official, *, index: bool) -> Polluted:
    """pandas' to_csv after a column with blanks became float: whole numbers with .0, blanks as nothing."""
    at = form.table.column("COD_COM_RBD")
    rows = tuple((*r[:at], r[at] + ".0", *r[at + 1 :]) for r in form.table.rows)
    table = Table(form.table.names, tuple(tuple("" if not v.strip() else v for v in r) for r in rows))
    lines = form.wrote(table, separator=",", quoting="minimal", newline="\n").splitlines()
    if index:
        lines = ["," + lines[0], *(f"{i},{each}" for i, each in enumerate(lines[1:]))]
    return of_text(form, _text(lines, "\n"), encoding="utf-8", values=True)


_add("pandas_floats", STATISTICS, lambda f: _floats(f, index=False))
_add("pandas_floats_and_index", STATISTICS, lambda f: _floats(f, index=True))
_add("sas_missing_dots", STATISTICS, lambda f: of_text(f, f.wrote(_null(f, ".")), values=True))
_add(
    "stata_labels", STATISTICS, lambda f: of_text(f, f.wrote(f.table.with_cells("COD_DEPE", "Municipal")), values=True)
)
_add(
    "spss_decimal_dots",
    STATISTICS,
    lambda f: of_text(
        f,
        f.wrote(
            replace(
                f.table,
                rows=tuple(tuple(f"{v}.00" if v.isdigit() and len(v) < 6 else v for v in r) for r in f.table.rows),
            )
        ),
        values=True,
    ),
)


def _html(form: Official, *, namespace: bool) -> str:
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(v)}</td>" for v in r) + "</tr>" for r in (form.table.names, *form.table.rows)
    )
    opening = '<html xmlns:x="urn:schemas-microsoft-com:office:excel">' if namespace else "<html>"
    return f"{opening}<body><table>\n{rows}\n</table></body></html>\n"


_add("html_table", OTHER, lambda f: of_text(f, _html(f, namespace=False)))
_add("html_named_xls", OTHER, lambda f: of_text(f, _html(f, namespace=True), file="entrega.xls"))
_add("html_table_without_html", OTHER, lambda f: of_text(f, _html(f, namespace=False).partition("<body>")[2]))
_add("html_after_spaces_and_bom", OTHER, lambda f: of_text(f, "\n  \n" + _html(f, namespace=False)))
_add("json_records", OTHER, lambda f: of_text(f, json.dumps(_records(f), ensure_ascii=False)))
_add("json_lines", OTHER, lambda f: of_text(f, _text([json.dumps(r, ensure_ascii=False) for r in _records(f)], "\n")))
_add(
    "xml",
    OTHER,
    lambda f: of_text(
        f,
        '<?xml version="1.0"?>\n<filas>\n'
        + "\n".join("<f>" + "".join(f"<{n}>{escape(v)}</{n}>" for n, v in r.items()) + "</f>" for r in _records(f))
        + "\n</filas>\n",
    ),
)
_add(
    "markdown",
    OTHER,
    lambda f: of_text(
        f,
        _text(
            [
                "| " + " | ".join(f.table.names) + " |",
                "|" + "---|" * len(f.table.names),
                *("| " + " | ".join(r) + " |" for r in f.table.rows),
            ]
        ),
    ),
)
_add(
    "fixed_width",
    OTHER,
    lambda f: of_text(f, _text(["".join(v.ljust(40) for v in r) for r in (f.table.names, *f.table.rows)])),
)
_add(
    "transposed",
    OTHER,
    lambda f: of_text(f, _text([line([name, *(r[i] for r in f.table.rows)]) for i, name in enumerate(f.table.names)])),
)
_add("key_value_lines", OTHER, lambda f: of_text(f, _text([f"{n}={v}" for r in _records(f) for n, v in r.items()])))
_add("pdf", OTHER, lambda f: replace(of_text(f, f.wrote()), content=b"%PDF-1.7\n" + f.encoded(f.wrote())))
_add("parquet_magic", OTHER, lambda f: replace(of_text(f, f.wrote()), content=b"PAR1" + f.encoded(f.wrote()) + b"PAR1"))
_add(
    "diff",
    OTHER,
    lambda f: of_text(f, _text(["--- a", "+++ b", "@@ -1,3 +1,3 @@", *(f"+{each}" for each in _lines(f.table, ";"))])),
)
_add("mail_quoted", OTHER, lambda f: of_text(f, _text([f"> {each}" for each in _lines(f.table, ";")])))
_add(
    "mail_wrapped",
    OTHER,
    lambda f: of_text(
        f,
        _text([each[i : i + 76] for text in _lines(f.table, ";") for i in range(0, len(text), 76) for each in [text]]),
    ),
)
_add(
    "base64",
    OTHER,
    lambda f: of_text(f, base64.encodebytes(f.encoded(f.wrote())).decode(), encoding="ascii"),
)


def _records(form: Official) -> list[dict[str, str]]:
    return [dict(zip(form.table.names, r, strict=True)) for r in form.table.rows]
