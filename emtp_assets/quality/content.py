"""Which changes of a table's content are objected to and which are only told, in words: blanks, codes, domains.

The check that says it is `drift`'s, the measuring `comparison`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

from emtp_assets.contracts import Classification, Column, Contract, read_codes
from emtp_assets.contracts.discretion import discreet
from emtp_assets.contracts.structure import markdown_table
from emtp_assets.quality.comparison import ColumnChange, Value
from emtp_assets.quality.outcome import WITHHELD, number, percent

FAMILIAR = 0.1
"""Below this share of rows with a value that the earlier year had, a column holds something else, unless those values
are as many as ever and others came beside them: new SLEP stand where there was nothing."""
_KEPT = 0.5
MOVED = 0.4
"""From this share of rows in another category of the same code list, it probably holds another column's codes."""
TOLD = 0.01
_NEW_VALUES = 0.2
_GONE = 0.01
CERTAIN = 3  # times what chance explains
_FEWEST = 10
_NAMED = 8

Judged = tuple[list[str], list[str], str]
"""Sentences that object, sentences that only tell, and a Markdown table of what changed."""


def blanks(contract: Contract, changes: Sequence[ColumnChange], before: int, year: int) -> Judged:
    """Columns whose share of blanks changed by more points than the contract tolerates."""
    wrong, told, lines = [], [], []
    for change in changes:
        was = change.blanks_before / max(change.rows_before, 1)
        now = change.blanks_now / max(change.rows_now, 1)
        if abs(now - was) < TOLD:
            continue
        if abs(now - was) > max(contract.blank_change_tolerated, CERTAIN * _deviation(change)):
            said = f"{change.column.name}: {percent(now)} en blanco; en {before}, {percent(was)}"
            why = _explained(was - now, changes)
            (told if why else wrong).append(f"{said} (lo explica {why})" if why else said)
        lines.append((abs(now - was), (change.column.name, percent(was), percent(now), _points(now - was))))
    head = ("columna", f"en blanco en {before}", f"en blanco en {year}", "cambio")
    return wrong, told, _table(head, lines)


def _explained(informed: float, changes: Sequence[ColumnChange]) -> str:
    """The code of an official list that as many more rows have (or fewer) as have a value in another column.

    A column that only schools of a SLEP fill grows with them: that is one change, not two.
    """
    near = max(TOLD, abs(informed) / 10)
    for change in changes:
        for value in change.values if change.column.code_list is not None and not _personal(change.column) else ():
            shift = value.now / max(change.rows_now, 1) - value.before / max(change.rows_before, 1)
            if value.listed and abs(shift - informed) <= near and change.moved <= MOVED:
                return f"{change.column.name}: {_value(change.column, value)}, {_points(shift)}"
    return ""


def _deviation(change: ColumnChange) -> float:
    """Standard deviation of the difference between two shares of blanks, as if nothing had changed."""
    if not change.rows_before or not change.rows_now:
        return 0.0
    share = (change.blanks_before + change.blanks_now) / (change.rows_before + change.rows_now)
    return sqrt(share * (1 - share) * (1 / change.rows_before + 1 / change.rows_now))


def codes(changes: Sequence[ColumnChange], before: int) -> Judged:
    """Codes that appeared and codes that went."""
    wrong, told, lines = [], [], []
    for change in (c for c in changes if c.categories):
        coded = change.column.code_list is not None
        if change.strange and not _of_another_domain(change):
            replaced = change.strange_rows >= _NEW_VALUES * change.rows_now and change.kept < 1 - _NEW_VALUES / 2
            if coded or replaced:
                wrong.append(_strange(change, before))
            elif change.strange_rows >= TOLD * change.rows_now:
                told.append(_strange(change, before))
        if coded and (gone := [v for v in change.values if _gone_from_use(v, change)]):
            wrong.append(_gone(change, gone, before))
        for value in (v for v in change.values if not v.before or not v.now):
            happened = "ya no viene" if not value.now else "nuevo, en la lista" if value.listed else "nuevo"
            row = (change.column.name, _value(change.column, value), happened, number(value.before), number(value.now))
            lines.append((max(value.before, value.now), row))
    head = ("columna", "valor", "qué pasó", f"filas en {before}", "filas este año")
    return wrong, told, _table(head, lines)


def _strange(change: ColumnChange, before: int) -> str:
    """Values that neither the list nor the earlier year has, in a sentence."""
    column, many = change.column, change.strange > 1
    if column.code_list is not None:
        what = f"{'códigos nuevos' if many else 'código nuevo'} que ni la lista «{column.code_list}» ni {before} tienen"
    else:
        what = f"{'valores nuevos' if many else 'valor nuevo'} que {before} no tenía"
    share = percent(change.strange_rows / max(change.rows_now, 1))
    shown = _values(column, [v for v in change.values if not v.before and not v.listed])
    said = f"{column.name}: {number(change.strange)} {what}, en {number(change.strange_rows)} filas ({share})"
    return f"{said}: {shown}" if shown else said


def _gone(change: ColumnChange, gone: Sequence[Value], before: int) -> str:
    """Codes in use that no longer come, in a sentence."""
    share = percent(sum(v.before for v in gone) / max(change.informed_before, 1))
    which = _values(change.column, gone) or f"{number(len(gone))} códigos"
    comes, had = ("no vienen", "tenían") if len(gone) > 1 else ("no viene", "tenía")
    return f"{change.column.name}: ya {comes} {which}, que en {before} {had} {share} de las filas"


def _gone_from_use(value: Value, change: ColumnChange) -> bool:
    """Whether a code that is gone was common enough for chance not to explain it."""
    usual = value.before / max(change.informed_before, 1)
    return not value.now and usual >= _GONE and usual * change.informed_now >= _FEWEST


def _of_another_domain(change: ColumnChange) -> bool:
    return bool(change.informed_now) and change.familiar < FAMILIAR * change.informed_now and change.kept < _KEPT


def domains(changes: Sequence[ColumnChange], before: int, year: int) -> Judged:
    """Columns that hold something else than before; changes of distribution are told."""
    wrong, told, lines = [], [], []
    for change in (c for c in changes if c.categories and c.informed_now):
        name = change.column.name
        shifts = sorted(change.values, key=lambda v, c=change: -abs(_shift(v, c)))[:4]
        listed = [
            f"{_value(change.column, v)}: {number(v.before)} → {number(v.now)} filas ({_points(_shift(v, change))})"
            for v in shifts
            if abs(_shift(v, change)) >= TOLD / 2
        ]
        moved = f"{name}: {percent(change.moved)} de las filas en otra categoría que en {before}"
        familiar = percent(change.familiar / change.informed_now)
        if _of_another_domain(change):
            wrong.append(f"{name}: sólo {familiar} de las filas tiene un valor de {before}: el contenido es otro")
        elif change.column.code_list is None or change.moved < max(TOLD, CERTAIN * change.chance):
            continue
        elif change.moved > MOVED:
            wrong.append(f"{moved}: ¿son los códigos de otra columna?")
        else:
            shown = [] if _personal(change.column) else listed[:2]
            told.append(moved + (f" ({'; '.join(shown)})" if shown else ""))
        cell = WITHHELD if _personal(change.column) else "; ".join(listed) or "—"
        lines.append(
            (change.moved, (name, percent(change.moved), percent(change.familiar / change.informed_now), cell))
        )
    head = (
        "columna",
        "cambió de categoría (neto)",
        f"valores que {before} tenía",
        f"lo que más cambió, {before} → {year}",
    )
    return wrong, told, _table(head, lines)


def _shift(value: Value, change: ColumnChange) -> float:
    return value.now / max(change.informed_now, 1) - value.before / max(change.informed_before, 1)


def _personal(column: Column) -> bool:
    return column.classification is not Classification.PUBLIC


def _value(column: Column, value: Value) -> str:
    """A value as anybody may read it.

    With its name if the code list has it. A swap may put people's numbers and names into any column: what neither the
    list has nor ten rows of the earlier year had is shown only while it is too short to be one of them (up to five
    digits or three letters), else as its shape.
    """
    if _personal(column):
        return "(no se muestra)"
    if value.listed:
        name = read_codes(column.code_list or "").get(value.text)
        return f"{value.text} ({name})" if name else value.text
    return value.text if value.before >= _FEWEST else discreet(value.text)


def _values(column: Column, values: Sequence[Value]) -> str:
    if _personal(column) or not values:
        return ""
    more = ["…"] if len(values) > _NAMED else []
    return ", ".join([*dict.fromkeys(_value(column, v) for v in values[:_NAMED]), *more])


def _points(share: float) -> str:
    return f"{100 * share:+.1f} puntos".replace(".", ",")


def joined(sentences: list[str]) -> str:
    """Sentences in one line, the first ones; the table has the rest."""
    more = [f"y otros {len(sentences) - _NAMED}, en el detalle"] if len(sentences) > _NAMED else []
    return "; ".join([*sentences[:_NAMED], *more])


def _table(head: Sequence[str], lines: list[tuple[float, tuple[str, ...]]]) -> str:
    """The lines that weigh most, as Markdown; empty when there is none."""
    by_weight: Callable[[tuple[float, tuple[str, ...]]], float] = lambda line: -line[0]  # noqa: E731
    return markdown_table(head, [row for _, row in sorted(lines, key=by_weight)[:60]]) if lines else ""
