"""Values written otherwise than official files write them: what counts is the typed value, or that it is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emtp_assets_tests.pollution.corpus import CORPUS, Polluted, of_text
from emtp_assets_tests.pollution.official import Official

IDENTITY, CODE, NUMBER, DATE, BLANK = (
    "values: identity",
    "values: codes",
    "values: numbers",
    "values: dates",
    "values: blanks",
)


def _changed(form: Official, column: str, changed: Callable[[str], str], *, every: bool = True) -> Polluted:
    """A column's values written otherwise; the truth stays what they mean."""
    at = form.table.column(column)
    rows = tuple(
        (*r[:at], changed(r[at]) if every or i == 4 else r[at], *r[at + 1 :]) for i, r in enumerate(form.table.rows)
    )
    hit = frozenset(range(len(rows)) if every else {4})
    separator = "\t" if any(";" in r[at] for r in rows) else ";"
    text = form.wrote(replace(form.table, rows=rows), separator=separator)
    return of_text(replace(form, encoding="utf-8-sig"), text, values=True, hit=hit)


def _add(name: str, group: str, columns: tuple[tuple[str, str], ...], changed: Callable[[str], str]) -> None:
    """``columns``: (form, official column) that are written so, all over and in one row only."""
    for column in dict.fromkeys(column for _, column in columns):
        forms = tuple(form for form, its in columns if its == column)
        for every, shown in ((True, ""), (False, "_one_row")):
            CORPUS.add(
                f"{column.lower()}_{name}{shown}",
                group,
                lambda f, c=column, e=every: _changed(f, c, changed, every=e),
                forms=forms,
            )


def _scientific(value: str, digits: int = 5, mark: str = "E+") -> str:
    return f"{float(value):.{digits}E}".replace("E+", mark)


def _thousands(value: str, mark: str = ".") -> str:
    return f"{int(value):,}".replace(",", mark)


def _no_proof(value: str) -> str:
    """A digit that is not the check digit: with that one it would say RUN, who is somebody else."""
    total = sum(int(digit) * (2 + i % 6) for i, digit in enumerate(reversed(value)))
    return "4" if (11 - total) % 11 == 5 else "5"


_WRITTEN: dict[str, Callable[[str], str]] = {
    "dot_zero": lambda v: f"{v}.0",
    "comma_zero": lambda v: f"{v},0",
    "comma_zeros": lambda v: f"{v},00",
    "scientific": _scientific,
    "scientific_comma": lambda v: _scientific(v).replace(".", ","),
    "scientific_short": lambda v: _scientific(v, 2),
    "scientific_exact": lambda v: _scientific(v, max(len(v) - 1, 1)),
    "scientific_small_e": lambda v: _scientific(v, max(len(v) - 1, 1), "e"),
    "thousands_dot": _thousands,
    "thousands_comma": lambda v: _thousands(v, ","),
    "thousands_space": lambda v: _thousands(v, " "),
    "thousands_nbsp": lambda v: _thousands(v, "\u00a0"),
    "thousands_apostrophe": lambda v: _thousands(v, "'"),
    "apostrophe_first": lambda v: f"'{v}",
    "formula": lambda v: f'="{v}"',
    "formula_plain": lambda v: f"={v}",
    "padded_zeros": lambda v: v.zfill(12),
    "padded_spaces": lambda v: f"   {v}   ",
    "padded_tabs": lambda v: f"\t{v}".replace("\t", "  "),
    "plus": lambda v: f"+{v}",
    "minus": lambda v: f"-{v}",
    "hash": lambda v: f"#{v}",
    "parentheses": lambda v: f"({v})",
    "full_width": lambda v: v.translate({48 + d: 0xFF10 + d for d in range(10)}),
    "arabic_digits": lambda v: v.translate({48 + d: 0x660 + d for d in range(10)}),
    "letter_o": lambda v: v.replace("0", "O"),
    "letter_l": lambda v: v.replace("1", "l"),
    "hexadecimal": lambda v: hex(int(v)),
    "cut_last": lambda v: "####",
    "inner_space": lambda v: f"{v[:2]} {v[2:]}",
}
_IDENTITIES = (("matricula_2024", "MRUN"), ("egresados_2024", "MRUN"), ("titulacion_2024", "ID_PRACTICA"))
_CODES = (("matricula_2024", "COD_ENSE"), ("matricula_2024", "RBD"), ("matricula_2024", "COD_COM_RBD"))
for name, changed in _WRITTEN.items():
    _add(name, IDENTITY, _IDENTITIES, changed)
    _add(name, CODE, _CODES, changed)
_add("with_check_digit", IDENTITY, _IDENTITIES, lambda v: f"{v}-{_no_proof(v)}")
_add("with_check_digit_and_dots", IDENTITY, _IDENTITIES, lambda v: f"{_thousands(v)}-{_no_proof(v)}")
_add("as_float_loses_digits", IDENTITY, (("titulacion_2024", "ID_PRACTICA"),), lambda v: f"{int(float(v))}")
_add("label_for_code", CODE, _CODES, lambda v: "Técnico Profesional")
_add("code_and_label", CODE, _CODES, lambda v: f"{v} - Comercial")
_YEARS = {
    "dot_zero": lambda v: f"{v}.0",
    "two_digits": lambda v: v[2:],
    "thousands": _thousands,
    "apostrophe": lambda v: f"'{v}",
    "date": lambda v: f"{v}-03-01",
    "date_ddmm": lambda v: f"01-03-{v}",
    "blank": lambda v: " ",
    "padded": lambda v: f" {v} ",
    "zeros": lambda v: v.zfill(8),
    "future": lambda v: "2099",
    "ancient": lambda v: "1024",
    "range": lambda v: f"{v}-2025",
    "excel_serial": lambda v: "45292",
    "next_year": lambda v: str(int(v) + 1),
    "scientific": lambda v: "2,024E+03",
}
for name, changed in _YEARS.items():
    if name != "next_year":
        _add(name, CODE, (("matricula_2024", "AGNO"), ("titulacion_2024", "AGNO_TITULACION")), changed)

_MARKS = (("egresados_2024", "PROM_NOTAS_ALU"), ("establecimientos_2025", "LATITUD"))
_NUMBERS: dict[str, Callable[[str], str]] = {
    "decimal_point": lambda v: v.replace(",", "."),
    "two_decimals": lambda v: f"{float(v.replace(',', '.')):.2f}".replace(".", ",") if "," not in v else f"{v}0",
    "scientific": lambda v: f"{float(v.replace(',', '.')):.8E}",
    "without_comma": lambda v: v.replace(",", ""),
    "percent": lambda v: f"{v}%",
    "unit": lambda v: f"{v} pts",
    "apostrophe_decimal": lambda v: v.replace(",", "'"),
    "point_and_comma": lambda v: f"1.{'000'}{v.replace(',', '')[:1]},{v[-1]}",
    "arabic_comma": lambda v: v.replace(",", "\u066b"),
    "minus_sign": lambda v: v.replace("-", "\u2212"),
    "minus_after": lambda v: v.lstrip("-") + "-",
    "excel_date": lambda v: "05-jun",
    "fraction": lambda v: "6 1/10",
    "quoted": lambda v: f'"{v}"',
    "quoted_spaces": lambda v: f'" {v} "',
    "infinity": lambda v: "inf",
    "excel_error": lambda v: "#¡DIV/0!",
    "trailing_comma": lambda v: f"{v.replace(',', '')},",
    "leading_comma": lambda v: f",{v.replace(',', '')}",
    "two_commas": lambda v: f"{v},5,5",
}
for name, changed in _NUMBERS.items():
    _add(name, NUMBER, _MARKS, changed)

_MONTHS = (("matricula_2024", "FEC_NAC_ALU"),)
_DAYS = (("titulacion_2024", "FECHA_INICIO"), ("titulacion_2024", "FECHA_ESTADO_PRACTICA"))
_add("month_with_dash", DATE, _MONTHS, lambda v: f"{v[:4]}-{v[4:]}")
_add("month_first", DATE, _MONTHS, lambda v: f"{v[4:]}{v[:4]}")
_add("month_first_dash", DATE, _MONTHS, lambda v: f"{v[4:]}-{v[:4]}")
_add("month_slash", DATE, _MONTHS, lambda v: f"{v[4:]}/{v[:4]}")
_add("two_digit_year", DATE, _MONTHS, lambda v: v[2:])
_add("with_day", DATE, _MONTHS, lambda v: f"{v}13")
_add("with_day_dashes", DATE, _MONTHS, lambda v: f"{v[:4]}-{v[4:]}-13")
_add("day_first_dashes", DATE, _MONTHS, lambda v: f"13-{v[4:]}-{v[:4]}")
_add("day_first", DATE, _MONTHS, lambda v: f"13{v[4:]}{v[:4]}")
_add("ddmmyy", DATE, _MONTHS, lambda v: f"05{v[4:]}{v[2:4]}")
_add("mmddyy", DATE, _MONTHS, lambda v: f"{v[4:]}05{v[2:4]}")
_add("yymmdd", DATE, _MONTHS, lambda v: f"{v[2:]}05")
_add("dot_zero", DATE, _MONTHS, lambda v: f"{v}.0")
_add("scientific", DATE, _MONTHS, lambda v: f"{float(v):.5E}")
_add("excel_serial", DATE, _MONTHS, lambda v: "39569")
_add("month_name", DATE, _MONTHS, lambda v: "may-08")
_add("month_13", DATE, _MONTHS, lambda v: f"{v[:4]}13")
for name, changed in {
    "dashes": lambda v: f"{v[:4]}-{v[4:6]}-{v[6:]}",
    "day_first_dashes": lambda v: f"{v[6:]}-{v[4:6]}-{v[:4]}",
    "day_first_slashes": lambda v: f"{v[6:]}/{v[4:6]}/{v[:4]}",
    "month_first_slashes": lambda v: f"{v[4:6]}/{v[6:]}/{v[:4]}",
    "month_first_dashes": lambda v: f"{v[4:6]}-{v[6:]}-{v[:4]}",
    "day_first": lambda v: f"{v[6:]}{v[4:6]}{v[:4]}",
    "iso_time": lambda v: f"{v[:4]}-{v[4:6]}-{v[6:]} 00:00:00.000",
    "iso_t": lambda v: f"{v[:4]}-{v[4:6]}-{v[6:]}T00:00:00Z",
    "two_digit_year": lambda v: v[2:],
    "excel_serial": lambda v: "45366",
    "slashes": lambda v: f"{v[:4]}/{v[4:6]}/{v[6:]}",
    "dot_zero": lambda v: f"{v}.0",
    "scientific": lambda v: f"{float(v):.7E}",
    "month_13": lambda v: f"{v[:4]}13{v[6:]}",
    "month_name": lambda v: "15-mar-24",
    "month_only": lambda v: v[:6],
    "zero": lambda v: "00000000",
    "dots": lambda v: f"{v[6:]}.{v[4:6]}.{v[:4]}",
}.items():
    _add(name, DATE, _DAYS, changed)

# What programs write for nothing; and what people do, which in a column of names may be a name.
_BLANKS = {
    "null": "NULL",
    "small_null": "null",
    "backslash_n": "\\N",
    "na": "NA",
    "n_a": "#N/A",
    "n_d": "#N/D",
    "nan": "NaN",
    "none": "None",
    "dot": ".",
    "nothing": "",
    "spaces": "      ",
    "nbsp": "\u00a0",
    "in_parentheses": "(null)",
    "angle": "<NA>",
    "excel_name": "#¿NOMBRE?",
    "quoted": '""',
    "empty_formula": '=""',
    "zero_width": "\u200b",
    "tabs": "\t",
}
_BY_HAND = {"dash": "-", "dashes": "--", "question": "?", "sin_info": "S/I"}


def _blank(form: Official, column: str, written: str) -> Polluted:
    """A blank of the official file (one space) written otherwise, wherever the column has one."""
    at = form.table.column(column)
    rows = tuple((*r[:at], written if not r[at].strip() else r[at], *r[at + 1 :]) for r in form.table.rows)
    hit = frozenset(i for i, r in enumerate(form.table.rows) if not r[at].strip())
    text = form.wrote(replace(form.table, rows=rows))
    return of_text(replace(form, encoding="utf-8-sig"), text, values=True, hit=hit)


for form, column in (("matricula_2024", "NOMBRE_SLEP"), ("matricula_2024", "EDAD_ALU")):
    for name, written in (_BLANKS if column == "NOMBRE_SLEP" else {**_BLANKS, **_BY_HAND}).items():
        CORPUS.add(
            f"{column.lower()}_blank_as_{name}", BLANK, lambda f, c=column, w=written: _blank(f, c, w), forms=(form,)
        )
_SENTINELS = (("EDAD_ALU", "0"), ("FEC_NAC_ALU", "190001"), ("COD_ESPE", "0"), ("FEC_NAC_ALU", "19000101"))
for column, written in _SENTINELS:
    # Legitimate in official files: they are read as they stand, and the quality rules speak of them.
    def _sentinel(form: Official, column: str = column, written: str = written) -> Polluted:
        at = form.table.column(column)
        rows = tuple((*r[:at], written if i == 4 else r[at], *r[at + 1 :]) for i, r in enumerate(form.table.rows))
        said = replace(form.table, rows=rows)
        return of_text(form, form.wrote(said), truth=said)

    CORPUS.add(f"{column.lower()}_sentinel_{written}", BLANK, _sentinel, forms=("matricula_2024",))
