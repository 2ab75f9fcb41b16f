"""Ways in which people and programs write a column of values: as many as the ministry's files have shown, and some.

Each notation writes every value of a column alike. What is read of it is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from struct import pack, unpack
from typing import Any

from hypothesis import strategies as st

from emtp_assets_tests.transformation.columns import Case, Who


@dataclass(frozen=True)
class Notation:
    """``certain``: whatever the column, each value can mean one thing only. ``means``: what, where the notation says it
    and not the column."""

    name: str
    write: Callable[[Any], str]
    certain: bool = False
    means: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Written:
    """A column of values in one notation, with blanks: ``meant`` has None for each of them."""

    notation: Notation
    case: Case
    meant: tuple[Any, ...]


def _thousands(value: int, mark: str) -> str:
    return f"{value:,}".replace(",", mark)


def _decimal(value: Decimal, mark: str, group: str) -> str:
    whole, _, digits = f"{value:,f}".partition(".")
    return whole.replace(",", group) + (mark + digits if digits else "")


def _run(number: int) -> Who:
    return Who(f"{number}-{_check_digit(number)}", "RUN")


def _in_single_precision(value: int) -> str:
    """As a program writes it that has 24 bits for a number, and a decimal for every one."""
    return f"{unpack('f', pack('f', value))[0]:.1f}"


def _check_digit(number: int) -> str:
    total = sum(int(digit) * (2 + i % 6) for i, digit in enumerate(reversed(str(number))))
    return "0K987654321"[total % 11] if total % 11 else "0"


_QUOTED = [
    Notation("formula", lambda v: f'="{v}"', certain=True),
    Notation("apostrophe", lambda v: f"'{v}", certain=True),
    Notation("quotes", lambda v: f'"{v}"', certain=True),
    Notation("no-break spaces", lambda v: f"\u00a0{v}\u00a0", certain=True),
    Notation("entity", lambda v: f"& 65279;{v}", certain=True),
    Notation("scientific", lambda v: f"{float(v):.5E}"),
    Notation("scientific, comma", lambda v: f"{float(v):.2E}".replace(".", ",")),
    Notation("point zero", lambda v: f"{v}.0"),
    Notation("comma zeros", lambda v: f"{v},00"),
    Notation("point three zeros", lambda v: f"{v}.000"),
    Notation("full width", lambda v: str(v).translate({48 + d: 0xFF10 + d for d in range(10)})),
    Notation("unit", lambda v: f"{v} h"),
]
_GROUPED = [
    Notation(f"thousands with {mark!r}", lambda v, m=mark: _thousands(int(v), m))
    for mark in (".", ",", " ", "\u00a0", "'")
]
WHOLE = [
    Notation("plain", str, certain=True),
    Notation("padded", lambda v: str(v).zfill(9), certain=True),
    Notation("plus", lambda v: f"+{v}", certain=True),
    *_QUOTED,
    *_GROUPED,
]
DECIMALS = [
    Notation("comma", lambda v: _decimal(v, ",", "")),
    Notation("point", lambda v: _decimal(v, ".", "")),
    Notation("point and comma", lambda v: _decimal(v, ",", ".")),
    Notation("comma and point", lambda v: _decimal(v, ".", ",")),
    Notation("space and comma", lambda v: _decimal(v, ",", " ")),
    Notation("three decimals, comma", lambda v: f"{v:.3f}".replace(".", ",")),
    Notation("three decimals, grouped", lambda v: _decimal(v.quantize(Decimal("0.001")), ".", ",")),
    Notation("scientific", lambda v: f"{v:.8E}"),
    Notation("percent", lambda v: f"{v}%"),
]
DAYS = [
    Notation("AAAAMMDD", lambda d: f"{d:%Y%m%d}"),
    Notation("AAAA-MM-DD", lambda d: f"{d:%Y-%m-%d}"),
    Notation("with time", lambda d: f"{d:%Y-%m-%d} 00:00:00.000"),
    Notation("AAAA/M/D", lambda d: f"{d.year}/{d.month}/{d.day}"),
    Notation("midnight of a zone", lambda d: f"{d:%Y-%m-%d}T00:00:00Z", certain=True),
    *[
        Notation(f"{name} {mark}", lambda d, w=write, m=mark: w(d).replace("-", m))
        for mark in ("-", "/", ".")
        for name, write in {
            "day first": lambda d: f"{d:%d-%m-%Y}",
            "day first, unpadded, with time": lambda d: f"{d.day}-{d.month}-{d.year} 00:00:00",
            "month first": lambda d: f"{d:%m-%d-%Y}",
            "two digits": lambda d: f"{d:%d-%m-%y}",
        }.items()
    ],
    Notation("AAAAMMDD.0", lambda d: f"{d:%Y%m%d}.0"),
    Notation("AAAAMMDD.0 of single precision", lambda d: _in_single_precision(int(f"{d:%Y%m%d}"))),
    Notation("DDMMAAAA", lambda d: f"{d:%d%m%Y}"),
    Notation("MMDDAAAA", lambda d: f"{d:%m%d%Y}"),
    Notation("serial", lambda d: str((d - date(1899, 12, 30)).days)),
    Notation("month by name", lambda d: f"{d:%d-%b-%Y}"),
]
MONTHS = [
    Notation("AAAAMM", lambda d: f"{d:%Y%m}", certain=True),
    Notation("AAAA-MM", lambda d: f"{d:%Y-%m}", certain=True),
    Notation("MM/AAAA", lambda d: f"{d:%m/%Y}", certain=True),
    Notation("AAAAMM,0", lambda d: f"{d:%Y%m},0", certain=True),
    Notation("MMAAAA", lambda d: f"{d:%m%Y}"),
    Notation("MM-AA", lambda d: f"{d:%m-%y}"),
    *DAYS,
]
NUMBERS_OF_PEOPLE = [
    Notation("plain", str, certain=True),
    Notation("padded", lambda v: str(v).zfill(9), certain=True),
    Notation("RUN", lambda v: f"{v}-{_check_digit(v)}", certain=True, means=_run),
    Notation("RUN with points", lambda v: f"{_thousands(v, '.')}-{_check_digit(v)}", certain=True, means=_run),
    Notation("cut", lambda v: "#####"),
    Notation("single precision", _in_single_precision),
    *_QUOTED,
    *_GROUPED,
]
CODES_OF_26 = [
    Notation("plain", str, certain=True),
    *_QUOTED,
    *_GROUPED,
    Notation("as a float", lambda v: str(int(float(v)))),
]

_whole = st.integers(0, 3000) | st.integers(0, 16_999)
_days = st.dates(date(1990, 1, 1), date(2030, 12, 31)) | st.dates(date(2024, 3, 1), date(2024, 3, 12))
_hours = st.decimals(0, 3000, places=3) | st.decimals(0, 3000, places=1) | st.integers(0, 3000).map(Decimal)
_people = st.integers(1_000_000, 27_000_000)
# Odd, and so no multiple of a power of two: those are refused for looking like a float's (test_reading).
_codes = st.integers(10**24, 10**25 - 1).map("{}7".format)

# Column of titulacion, values, notations, and what cleaning makes of a value.
COLUMNS: list[tuple[str, st.SearchStrategy[Any], list[Notation], Callable[[Any], Any]]] = [
    ("RBD_INSCRIPCION_PRACTICA", _whole, WHOLE, lambda v: v),
    ("COD_ESPE", _whole, WHOLE, lambda v: v),
    ("COD_COM_EMPRESA", _whole, WHOLE, lambda v: v),
    ("HORAS_TOTALES", _hours, DECIMALS, float),
    ("HORAS_MINIMAS_PP", _hours, DECIMALS, float),
    ("FECHA_INICIO", _days, DAYS, lambda d: d),
    ("FECHA_TERMINO", _days, DAYS, lambda d: d),
    ("FECHA_ESTADO_PRACTICA", _days, DAYS, lambda d: d),
    ("FEC_NAC_ALU", _days, MONTHS, lambda d: d.year * 100 + d.month),
    ("MRUN", _people, NUMBERS_OF_PEOPLE, lambda v: Who(str(v))),
    ("COD_PLAN_EST", _codes, CODES_OF_26, str),
]


@st.composite
def column(draw: st.DrawFn, at: int) -> Written:
    """Up to nine values of a column in one notation, some of them blank in any of the ways to write nothing."""
    official, values, notations, means = COLUMNS[at]
    notation = draw(st.sampled_from(notations))
    meant = draw(st.lists(values | st.none(), min_size=1, max_size=9))
    blank = draw(st.sampled_from([" ", "", "NA", ".", "NULL", "-", "\u200b"]))
    sent = tuple(blank if value is None else notation.write(value) for value in meant)
    what = notation.means or means
    return Written(notation, Case("titulacion", official, sent), tuple(None if v is None else what(v) for v in meant))


def columns(of_each: int) -> st.SearchStrategy[tuple[Written, ...]]:
    """As many columns of each kind."""
    return st.tuples(*[column(at) for at in range(len(COLUMNS)) for _ in range(of_each)])
