"""The cells of a sheet as the text of a table; what a workbook cannot have kept is refused. No file is read here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, Literal

from emtp_assets.intake.containers.refusals import changed_value, error_cell, lost_digits

Kind = Literal["text", "number", "date"]
Cell = str | float | int | bool | tuple[str, str]
"""As `sheets_child` sends them: text, a number, a boolean, or a date or time as ("fecha"|"momento"|"hora", text)."""

_EXACT = 10**15
_DIGITS = 15
_SPECIAL = re.compile(r'[;"\r\n]')
_FIRST_YEAR, _LAST_YEAR = "1900", "2099"
"""A date outside of these is a number such as 202203 (AAAAMM) that was given the looks of a date."""


def as_text(cells: Sequence[Any], kind: Kind | None, where: Callable[[int], str]) -> list[str]:
    """The cells of a column as text. ``kind``: what the column holds, None when unknown; ``where``: a cell's place.

    Numbers are written in their shortest exact form with a decimal comma, whole ones without decimals; dates of a
    date column as AAAAMMDD.

    Raises:
        IntakeError: a date where none belongs, a fraction or a time in a column of text or dates, or a number of a
            known column that has more than 15 digits.
    """
    types = {type(cell) for cell in cells}
    if types == {str}:
        return list(cells)
    # Nearly all numbers of a delivery are whole and small: those of a batch are written without a look at each.
    if types == {float} and all(map(float.is_integer, cells)) and all(-_EXACT < cell < _EXACT for cell in cells):
        return list(map(str, map(int, cells)))
    return [cell if isinstance(cell, str) else _text(cell, kind, where, at) for at, cell in enumerate(cells)]


def quoted(cells: list[str]) -> list[str]:
    """The same texts, in quotes where a separator, a quote or a line end asks for it (RFC 4180)."""
    if not _SPECIAL.search("".join(cells)):
        return cells
    return ['"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell for cell in cells]


def reference(row: int, column: int) -> str:
    """A cell's name as Excel writes it, from 0-based positions: ``reference(16, 1)`` is B17."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return f"{letters}{row + 1}"


def _text(cell: Cell, kind: Kind | None, where: Callable[[int], str], at: int) -> str:
    if isinstance(cell, bool):
        return "VERDADERO" if cell else "FALSO"
    if isinstance(cell, tuple):
        return _moment(cell, kind, where, at)
    if isinstance(cell, str):
        return cell
    return _number(cell, kind, where, at)


def _moment(cell: tuple[str, str], kind: Kind | None, where: Callable[[int], str], at: int) -> str:
    what, text = cell
    if kind is None:
        return text
    if kind != "date":
        raise changed_value(
            where(at), "Excel cambió un valor por una fecha o una hora en una columna que no las tiene (como «1-9»)."
        )
    if what != "fecha" or not _FIRST_YEAR <= text[:4] <= _LAST_YEAR:
        raise changed_value(
            where(at),
            "En una columna de fechas hay una fecha imposible o con hora: era un número con formato de fecha.",
        )
    return text


def _number(value: float, kind: Kind | None, where: Callable[[int], str], at: int) -> str:
    if not isfinite(value):
        raise error_cell(where(at))
    whole = float(value).is_integer()
    written = f"{int(value)}" if whole and abs(value) < _EXACT else f"{Decimal(repr(value)).normalize():f}"
    if kind is not None:
        # A double keeps 15 digits for certain: of a number with more, nobody can tell whether it is the one meant.
        if len(written.strip("-").replace(".", "").strip("0")) > _DIGITS or abs(value) >= _EXACT:
            raise lost_digits(where(at))
        if kind == "text" and not whole:
            raise changed_value(
                where(at),
                "Excel cambió un texto por un número con decimales: en esta columna van textos, y «1,50» quedaría 1,5.",
            )
    return written.replace(".", ",")
