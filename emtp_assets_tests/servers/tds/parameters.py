"""Remote procedure calls as drivers send them: a name and typed parameters; calling it is `procedures`' part.

Source: [MS-TDS] 2.2.6.6 (RPC request) and 2.2.5.5 (data type details).
"""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from emtp_assets_tests.servers.tds.sqltypes import MAX, SqlType

_NUMBERED: Final = {
    2: "sp_cursoropen",
    5: "sp_cursorprepexec",
    7: "sp_cursorfetch",
    9: "sp_cursorclose",
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    14: "sp_prepexecrpc",
    15: "sp_unprepare",
}
_FIXED: Final = {
    0x30: ("tinyint", 1),
    0x32: ("bit", 1),
    0x34: ("smallint", 2),
    0x38: ("int", 4),
    0x3A: ("smalldatetime", 4),
    0x3B: ("real", 4),
    0x3C: ("money", 8),
    0x3D: ("datetime", 8),
    0x3E: ("float", 8),
    0x7F: ("bigint", 8),
}
_BY_WIDTH: Final = {
    0x26: {1: "tinyint", 2: "smallint", 4: "int", 8: "bigint"},
    0x68: {1: "bit"},
    0x6D: {4: "real", 8: "float"},
    0x6E: {4: "smallmoney", 8: "money"},
    0x6F: {4: "smalldatetime", 8: "datetime"},
    0x24: {16: "uniqueidentifier"},
}
_SCALED: Final = {0x29: "time", 0x2A: "datetime2", 0x2B: "datetimeoffset"}
_SIZED: Final = {0xA5: "varbinary", 0xA7: "varchar", 0xAD: "binary", 0xAF: "char", 0xE7: "nvarchar", 0xEF: "nchar"}
_EPOCH: Final = dt.datetime(1900, 1, 1)


@dataclass(frozen=True)
class Parameter:
    """One parameter; `name` with its @, or empty when positional."""

    name: str
    type: SqlType
    value: object
    output: bool = False


@dataclass(frozen=True)
class Call:
    """One procedure and its parameters in order."""

    procedure: str
    parameters: tuple[Parameter, ...]


def without_headers(message: bytes) -> bytes:
    """The message after ALL_HEADERS, with which batches and calls begin since TDS 7.2."""
    return message[struct.unpack_from("<I", message)[0] :]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.position : self.position + size]
        if len(piece) != size:
            raise ValueError("a call that ends too early")
        self.position += size
        return piece

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def short_text(self) -> str:
        return self.take(2 * self.number(1)).decode("utf-16-le")

    def chunks(self) -> bytes | None:
        """A partially length-prefixed value."""
        if self.number(8) == 0xFFFF_FFFF_FFFF_FFFF:
            return None
        out = bytearray()
        while size := self.number(4):
            out += self.take(size)
        return bytes(out)


def read_calls(message: bytes) -> list[Call]:
    """Decode an RPC request. Raises `ValueError` for types this server does not know (tables, XML, CLR types)."""
    reader = _Reader(without_headers(message))
    calls: list[Call] = []
    while reader.position < len(reader.data):
        size = reader.number(2)
        if size == 0xFFFF:
            number = reader.number(2)
            name = _NUMBERED.get(number, f"procedure {number}")
        else:
            name = reader.take(2 * size).decode("utf-16-le")
        reader.take(2)
        parameters: list[Parameter] = []
        while reader.position < len(reader.data) and reader.data[reader.position] not in {0x80, 0xFF, 0xFE}:
            parameters.append(_parameter(reader))
        if reader.position < len(reader.data):
            reader.take(1)
        calls.append(Call(name.rsplit(".", 1)[-1].strip("[]").lower(), tuple(parameters)))
    return calls


def _parameter(reader: _Reader) -> Parameter:
    name, flags, token = reader.short_text(), reader.number(1), reader.number(1)
    sql_type, value = _typed_value(reader, token)
    return Parameter(name, sql_type, value, output=bool(flags & 0x01))


def _typed_value(reader: _Reader, token: int) -> tuple[SqlType, object]:
    if token == 0x1F:
        return SqlType("nvarchar", length=1), None
    if token in _FIXED:
        name, size = _FIXED[token]
        sql_type = SqlType(name)
        return sql_type, _value(sql_type, reader.take(size))
    if token in _SIZED:
        return _sized(reader, _SIZED[token])
    if token in {0x23, 0x63}:
        size = reader.number(4)
        reader.take(5)
        length = reader.number(4)
        sql_type = SqlType("varchar" if token == 0x23 else "nvarchar", length=MAX if size > 8000 else size)
        return sql_type, None if length == 0xFFFF_FFFF else _value(sql_type, reader.take(length))
    if token in _BY_WIDTH:
        sql_type = SqlType(_BY_WIDTH[token][reader.number(1)])
    elif token == 0x28:
        sql_type = SqlType("date")
    elif token in _SCALED:
        sql_type = SqlType(_SCALED[token], scale=reader.number(1))
    elif token in {0x6A, 0x6C}:
        reader.take(1)
        sql_type = SqlType("decimal", precision=reader.number(1), scale=reader.number(1))
    else:
        raise ValueError(f"a parameter of type {token:#04x}")
    size = reader.number(1)
    return sql_type, _value(sql_type, reader.take(size)) if size else None


def _sized(reader: _Reader, name: str) -> tuple[SqlType, object]:
    size = reader.number(2)
    if name not in {"varbinary", "binary"}:
        reader.take(5)
    if size == 0xFFFF:
        sql_type = SqlType(name, length=MAX)
        data = reader.chunks()
    else:
        sql_type = SqlType(name, length=max(1, size // 2 if name.startswith("n") else size))
        length = reader.number(2)
        data = None if length == 0xFFFF else reader.take(length)
    return sql_type, None if data is None else _value(sql_type, data)


def _clock(data: bytes, scale: int) -> dt.timedelta:
    return dt.timedelta(microseconds=int.from_bytes(data, "little") * 10**7 // 10**scale // 10)


def _integer(data: bytes, sql_type: SqlType) -> int:
    return int.from_bytes(data, "little", signed=sql_type.name != "tinyint")


def _float(data: bytes, _: SqlType) -> float:
    return struct.unpack("<f" if len(data) == 4 else "<d", data)[0]


def _decimal(data: bytes, sql_type: SqlType) -> Decimal:
    magnitude = Decimal(int.from_bytes(data[1:], "little")).scaleb(-sql_type.scale)
    return magnitude if data[0] else -magnitude


def _money(data: bytes, _: SqlType) -> Decimal:
    if len(data) == 8:
        data = data[4:] + data[:4]
    return Decimal(int.from_bytes(data, "little", signed=True)).scaleb(-4)


def _datetime(data: bytes, _: SqlType) -> dt.datetime:
    if len(data) == 4:
        days, minutes = struct.unpack("<HH", data)
        return _EPOCH + dt.timedelta(days=days, minutes=minutes)
    days, ticks = struct.unpack("<iI", data)
    return _EPOCH + dt.timedelta(days=days, milliseconds=round(ticks * 10 / 3))


def _date(data: bytes, _: SqlType) -> dt.date:
    return dt.date.fromordinal(int.from_bytes(data, "little") + 1)


def _time(data: bytes, sql_type: SqlType) -> dt.time:
    return (dt.datetime.min + _clock(data, sql_type.scale)).time()


def _datetime2(data: bytes, sql_type: SqlType) -> dt.datetime:
    day = dt.datetime.combine(_date(data[-3:], sql_type), dt.time.min)
    return day + _clock(data[:-3], sql_type.scale)


def _datetimeoffset(data: bytes, sql_type: SqlType) -> dt.datetime:
    zone = dt.timezone(dt.timedelta(minutes=int.from_bytes(data[-2:], "little", signed=True)))
    return _datetime2(data[:-2], sql_type).replace(tzinfo=dt.UTC).astimezone(zone)


def _text(data: bytes, sql_type: SqlType) -> str:
    return data.decode("utf-16-le" if sql_type.is_national else "cp1252")


def _bytes(data: bytes, _: SqlType) -> bytes:
    return data


_READ: Final[dict[str, Callable[[bytes, SqlType], object]]] = {
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), _integer),
    "bit": lambda data, _: data[0] != 0,
    **dict.fromkeys(("real", "float"), _float),
    "decimal": _decimal,
    **dict.fromkeys(("money", "smallmoney"), _money),
    **dict.fromkeys(("datetime", "smalldatetime"), _datetime),
    "date": _date,
    "time": _time,
    "datetime2": _datetime2,
    "datetimeoffset": _datetimeoffset,
    "uniqueidentifier": lambda data, _: uuid.UUID(bytes_le=data),
    **dict.fromkeys(("varchar", "char", "nvarchar", "nchar"), _text),
    **dict.fromkeys(("varbinary", "binary"), _bytes),
}


def _value(sql_type: SqlType, data: bytes) -> object:
    return _READ[sql_type.name](data, sql_type)
