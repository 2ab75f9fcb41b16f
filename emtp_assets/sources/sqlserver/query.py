"""The one query of a dataset and year: named columns, filters by parameters, an order. It is not executed here.

Whether a student's ``ESTADO_MATRICULA`` is a filter is the contract's to say (``sigeFilter``), not the query's: a row
left out at the source is a row that nobody can count.
"""

from __future__ import annotations

from dataclasses import dataclass

from emtp_assets.contracts import Contract, LogicalType, read_codes
from emtp_assets.sources.sqlserver.connection import Asked
from emtp_assets.sources.sqlserver.view import (
    BINARIES,
    DATES,
    GUID,
    LARGE,
    NUMBERS,
    PADDED,
    Match,
    Reading,
    ViewName,
    bracketed,
)

# "The total size of the columns specified in an ORDER BY clause can't exceed 8,060 bytes" (T-SQL reference).
_ORDER_BYTES = 8_060
_UNLIMITED = -1
_LONGEST_VARCHAR = 8_000
_NUMBER_BYTES = 17


@dataclass(frozen=True)
class _Condition:
    sql: str
    parameters: tuple[str, ...]
    told: str


def select_year(contract: Contract, reading: Reading, year: int, *, max_rows: int | None = None) -> Asked:
    """The query for a year's EMTP rows: contract's order, official names, the contract's key first in the order.

    The same content then comes in the same order and makes the same bytes. With ``max_rows``, one row more than
    those is asked for, so that a larger answer shows.
    """
    conditions = [_in_year(reading.year, year)]
    if contract.scope is not None:
        codes = tuple(read_codes(contract.scope.code_list, contract.scope.where))
        conditions.append(_in_scope(reading.scope, codes))
    conditions += _kept_by_contract(contract, reading)
    top = f"TOP ({int(max_rows) + 1}) " if max_rows is not None else ""
    columns = ",\n  ".join(f"{_value(m)} AS {bracketed(m.column.official)}" for m in reading.asked)
    where = "\n  AND ".join(condition.sql for condition in conditions)
    order = ", ".join(bracketed(m.column.official) for m in _order(reading))
    return Asked(
        f"SELECT {top}\n  {columns}\nFROM {reading.view.quoted}\nWHERE {where}\nORDER BY {order}",
        tuple(value for condition in conditions for value in condition.parameters),
        str(reading.view),
        tuple(m.column.official for m in reading.asked),
        "; ".join(condition.told for condition in conditions),
        of_catalogue=False,
    )


def select_one(reading: Reading) -> Asked:
    """A query that shows whether the view can be read, of nobody's data: the year of any one row."""
    column = bracketed(reading.year.found.name)
    sql = f"SELECT TOP (1) {column} AS {bracketed(reading.year.column.official)} FROM {reading.view.quoted}"
    return Asked(sql, (), str(reading.view), (reading.year.column.official,), "una fila", of_catalogue=False)


def object_literal(view: ViewName) -> str:
    """The view's name as a string of T-SQL, for functions that take no parameter there."""
    return "N'" + view.quoted.replace("'", "''") + "'"


def _value(match: Match) -> str:
    """A column as its delivery has it. Everything that a driver would turn into text its own way is turned here.

    - Of a date type that the contract reads as a month, the month alone leaves the server.
    - Other dates travel as text: a datetime2 of the year 9999 overflows Arrow's nanoseconds.
    - Blanks that fill up a char(n) are its type's, not the value's; in a varchar they are, and stay.
    - Binary values (``HASHBYTES``) become hexadecimal.
    """
    name, kind, length = bracketed(match.found.name), match.found.type, match.found.length or 0
    value = name
    if kind in DATES and match.column.type is LogicalType.YEAR_MONTH:
        value = f"LEFT(CONVERT(varchar(8), {name}, 112), 6)"
    elif kind in DATES:
        value = f"CONVERT(varchar(10), {name}, 23)"
    elif kind in PADDED:
        value = f"CONVERT({kind.replace('char', 'varchar')}({length}), RTRIM({name}))"
    elif kind in LARGE:
        value = f"CONVERT(nvarchar(max), {name})"
    elif kind in BINARIES:
        size = "max" if length == _UNLIMITED or 2 * length > _LONGEST_VARCHAR else 2 * length
        value = f"CONVERT(varchar({size}), {name}, 2)"
    elif kind == GUID:
        value = f"CONVERT(varchar(36), {name})"
    return value


def _whole_number(match: Match) -> str:
    """A column to be compared with whole numbers; padding and leading zeros of a text do not count."""
    name = bracketed(match.found.name)
    return name if match.found.type in NUMBERS else f"TRY_CONVERT(int, {name})"


# arrow-odbc sends every parameter as text: the conversion is said once, and not left to precedence.
_PARAMETER = "CAST(? AS int)"


def _in_year(match: Match, year: int) -> _Condition:
    return _Condition(f"{_whole_number(match)} = {_PARAMETER}", (str(year),), f"{match.column.official}={year}")


def _in_scope(scope: tuple[Match, ...], codes: tuple[str, ...]) -> _Condition:
    marks = ", ".join(_PARAMETER for _ in codes)
    tests = [f"{_whole_number(m)} IN ({marks})" for m in scope]
    names = " o ".join(m.column.official for m in scope)
    return _Condition(f"({' OR '.join(tests)})", codes * len(scope), f"{names} en ({', '.join(codes)})")


def _kept_by_contract(contract: Contract, reading: Reading) -> list[_Condition]:
    """``sigeFilter`` of the contract, where the view has the column; a row that does not tell is kept."""
    found = {m.column.official: m for m in reading.asked}
    return [
        _Condition(
            f"({bracketed(found[name].found.name)} IN ({', '.join('?' for _ in values)})"
            f" OR {bracketed(found[name].found.name)} IS NULL)",
            values,
            f"{name} en ({', '.join(values)}) o sin dato",
        )
        for name, values in contract.sige_filter.items()
        if name in found
    ]


def _order(reading: Reading) -> list[Match]:
    """The key, then every other column that fits: rows that the key does not tell apart have an order too."""
    chosen, size = [], 0
    for match in sorted(reading.asked, key=lambda m: not m.column.key):
        length = _sort_bytes(match)
        if length is not None and size + length <= _ORDER_BYTES:
            chosen.append(match)
            size += length
    return chosen


def _sort_bytes(match: Match) -> int | None:
    kind, length = match.found.type, match.found.length
    if kind in LARGE or length == _UNLIMITED:
        return None
    return 2 * length if length is not None else _NUMBER_BYTES if kind in NUMBERS else 36
