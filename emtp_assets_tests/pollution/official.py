"""Small tables of each official form, with what real ones hold: Ñ, accents, commas, apostrophes, blanks as one space.

What is done to them belongs to the other modules of this room.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emtp_assets.contracts import Column, Contract, LogicalType, Treatment, contract_for, read_codes

Row = tuple[str, ...]

_CYCLES: dict[str, tuple[str, ...]] = {
    "NOM_RBD": (
        "LICEO POLITÉCNICO NÚÑEZ",
        "ESCUELA N° 12 O'HIGGINS",
        "COLEGIO SAN JOSÉ, LA UNIÓN",
        "LICEO TÉCNICO C-7 & B-1 (PEÑAFLOR)",
        "INSTITUTO Güemes #2",
    ),
    "NOM_REG_RBD_A": ("BBIO", "RM", "NUBLE"),
    "NOM_COM_RBD": ("CONCEPCIÓN", "ÑUÑOA", "CURICÓ", "VIÑA DEL MAR"),
    "NOM_COM_ALU": ("ÑIQUÉN", "CHILLÁN", "ÑUÑOA"),
    "NOM_DEPROV_RBD": ("CONCEPCIÓN", "SANTIAGO ORIENTE", "ÑUBLE"),
    "NOMBRE_SLEP": (" ", "ANDALIÉN SUR", " "),
    "DGV_RBD": ("2", "K", "7", "0"),
    "LET_CUR": ("A", "B", "C"),
    "ESTADO_PRACTICA": ("1",),
    "COD_ENSE": ("410", "510", "610"),
    "COD_ENS_1": ("410", "510"),
    "COD_GRADO": ("1", "2", "3", "4"),
    "COD_GRADO2": ("1", "2", "3", "4"),
    "COD_REG_RBD": ("8", "13", "16"),
    "COD_PRO_RBD": ("81", "131", "161"),
    "COD_COM_RBD": ("8101", "13120", "16101"),
    "COD_ESPE": ("52010", "41005", "0"),
    "EDAD_ALU": ("15", "16", " ", "17"),
    "PROM_NOTAS_ALU": ("6,1", "6", "5,4"),
    "ORIGEN": ("SIGE", "RENDIMIENTO"),
    "LATITUD": ("-36,8271", "-33,45", "-18,46986198"),
    "LONGITUD": ("-73,0503", "-70,66", "-70,30275726"),
    "PAGO_MATRICULA": ("GRATUITO", "$1.000 A $10.000"),
    "PAGO_MENSUAL": ("SIN INFORMACION", "MAS DE $100.000"),
    "ORI_OTRO_GLOSA": (" ", "CRISTIANA ECUMÉNICA"),
    "NOMBRE_EMPRESA": ("PANADERÍA ÑANDÚ LTDA.", "SODIMAC S.A."),
    "NOM_TITULO": ("TÉCNICO DE NIVEL MEDIO EN ELECTRÓNICA", "TÉCNICO EN MECÁNICA AUTOMOTRIZ"),
    "TIPO_PRACTICA": ("NORMAL", "ALTERNANCIA"),
}
_TEXTS = ("MARÍA PINTO", "PEÑALOLÉN", " ", "SAN VICENTE T. T.")


@dataclass(frozen=True, repr=False)
class Table:
    """Column names and rows of text, all of the same width."""

    names: Row
    rows: tuple[Row, ...]

    def column(self, official: str) -> int:
        """0-based position of a column by its official name, in any case."""
        return [name.upper() for name in self.names].index(official.upper())

    def with_cells(self, official: str, *values: str) -> Table:
        """The table with the first rows' cells of a column replaced, or all of them when only one is given."""
        at = self.column(official)
        new = values * len(self.rows) if len(values) == 1 else (*values, *(r[at] for r in self.rows[len(values) :]))
        return replace(
            self, rows=tuple((*r[:at], v, *r[at + 1 :]) for r, v in zip(self.rows, new, strict=False)) if new else ()
        )

    def without(self, *characters: str) -> Table:
        """The table with characters taken out of every value."""

        def bare(value: str) -> str:
            for character in characters:
                value = value.replace(character, "")
            return value

        return replace(self, rows=tuple(tuple(map(bare, row)) for row in self.rows))


@dataclass(frozen=True, repr=False)
class Official:
    """A dataset's file of one year in its official form: names, rows, encoding and line end of its time.

    ``identity``: official name of the column that tells its rows apart; ``text_column``: of one of names with accents.
    """

    name: str
    contract: Contract
    year: int
    table: Table
    encoding: str = "utf-8-sig"
    newline: str = "\r\n"

    @property
    def identity(self) -> str:
        return {"establecimientos": "RBD", "titulacion": "ID_PRACTICA"}.get(self.contract.dataset, "MRUN")

    @property
    def text_column(self) -> str:
        return "NOM_COM_RBD"

    def wrote(self, table: Table | None = None, **dialect: object) -> str:
        """The table's text, without quotes and as the ministry writes it unless told otherwise."""
        return write(table or self.table, **{"newline": self.newline, **dialect})  # type: ignore[arg-type]

    def encoded(self, text: str) -> bytes:
        return text.encode("cp1252" if self.encoding == "windows-1252" else self.encoding)


def write(
    table: Table,
    *,
    separator: str = ";",
    newline: str = "\r\n",
    quoting: str = "none",
    quote: str = '"',
    escape: str = "",
    end: bool = True,
) -> str:
    """Text of a table. ``quoting``: none, minimal, all or rows (all but the header); ``escape``: what stands before
    a quote inside a quoted field, "" for a doubled quote; ``end``: whether the last line has its line end."""

    def field(value: str, *, always: bool) -> str:
        special = any(c in value for c in (separator, quote, "\n", "\r", *([escape] if escape else [])))
        if not always and (quoting == "none" or not special):
            return value
        if escape:
            return quote + value.replace(escape, escape * 2).replace(quote, escape + quote) + quote
        return quote + value.replace(quote, quote * 2) + quote

    lines: list[str] = []
    for at, row in enumerate((table.names, *table.rows)):
        always = quoting == "all" or (quoting == "rows" and at > 0)
        lines.append(separator.join(field(value, always=always) for value in row))
    return newline.join(lines) + (newline if end else "")


def line(row: Sequence[str], separator: str = ";") -> str:
    """One line without its end, unquoted."""
    return separator.join(row)


def may_hold(column: Column, values: set[str]) -> bool:
    """Whether the contract says nothing against those values in a column. What stays in raw holds anything."""
    given = {value for value in values if value}
    codes = read_codes(column.code_list) if column.code_list else None
    if column.treatment is Treatment.RAW_ONLY:
        return True
    if column.pattern and not all(re.search(column.pattern, value) for value in given):
        return False
    if column.type is LogicalType.STRING:
        return codes is None or given <= codes.keys()
    low, high = column.minimum or 0, column.maximum or 10**18
    whole = all(value.lstrip("-").isdigit() for value in given)
    return whole and all(low <= int(v) <= high and (codes is None or v in codes) for v in given)


def _value(column: Column, at: int, i: int, first: int, year: int, identity: str) -> str:
    name = column.official
    if name.startswith("AGNO") or name == identity:
        numbers = {"MRUN": 60_000_001 + first, "RBD": 8_401 + first}
        return str(year) if name.startswith("AGNO") else str(numbers[name] + i) if name in numbers else _long(first + i)
    if name == "COD_PLAN_EST":
        return _long(10**25 + first + i)
    if name in ("RBD", "RBD_EGRESO"):
        return str(8489 + i)
    if name == "MRUN":
        return str(70_000_001 + first + i)
    if name in _CYCLES:
        cycle = _CYCLES[name]
        return cycle[i % len(cycle)]
    if column.type is LogicalType.YEAR_MONTH:
        return f"200{8 - i % 3}{1 + i % 12:02d}"
    if column.type is LogicalType.DATE:
        return f"{year}{1 + i % 12:02d}{10 + i % 18}"
    if column.type is LogicalType.NUMBER:
        return ("44", "30,5", "0")[(i + at) % 3]
    if column.code_list:
        codes = list(read_codes(column.code_list))
        return codes[(at + i * 3) % len(codes)]
    if column.type is LogicalType.INTEGER:
        least, most = int(column.minimum or 1), int(column.maximum or 89)
        return str(least + (at * 13 + i * 7) % min(most - least + 1, 89))
    return _TEXTS[(i + at) % len(_TEXTS)]


def _long(number: int) -> str:
    """A 26-digit number, as ID_PRACTICA and COD_PLAN_EST are."""
    return f"{31415926535897932384626433 + number}"


FORMS = (
    "matricula_2024",
    "matricula_2014",
    "egresados_2024",
    "titulacion_2024",
    "docentes_2025",
    "establecimientos_2025",
)


def official(name: str, rows: int = 12, *, first: int = 0) -> Official:
    """A small official file; ``first`` moves the identities of its rows, so that several can stand side by side."""
    dataset, year = name.rsplit("_", 1)
    contract, at_year = contract_for(dataset), int(year)
    columns = contract.official_columns(at_year)
    old = at_year < 2018
    names = tuple(c.official.lower() if old else c.official for c in columns)
    bare = Official(name, contract, at_year, Table(names, ()), "windows-1252" if old else "utf-8-sig")
    made = tuple(
        tuple(_value(c, at, i, first, at_year, bare.identity) for at, c in enumerate(columns)) for i in range(rows)
    )
    table = Table(names, made)
    # Whoever leaves school was in its last grade.
    return replace(bare, table=table.with_cells("COD_GRADO", "4") if dataset == "egresados" else table)
