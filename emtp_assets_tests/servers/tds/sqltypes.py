"""SQL Server's types: how they are declared, described on the wire and held by DuckDB; values are `rows`' matter.

Source: [MS-TDS] 2.2.5.4 (data type definitions) and 2.2.5.6 (TYPE_INFO).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

MAX: Final = -1
COLLATION_NAME: Final = "Modern_Spanish_CI_AS"
COLLATION: Final = bytes.fromhex("0a0cd00000")  # LCID 0x0C0A, ignoring case, kana and width; code page 1252

# name: (system_type_id, token, bytes, DuckDB type)
_FIXED: Final = {
    "tinyint": (48, 0x26, 1, "UTINYINT"),
    "smallint": (52, 0x26, 2, "SMALLINT"),
    "int": (56, 0x26, 4, "INTEGER"),
    "bigint": (127, 0x26, 8, "BIGINT"),
    "bit": (104, 0x68, 1, "BOOLEAN"),
    "real": (59, 0x6D, 4, "REAL"),
    "float": (62, 0x6D, 8, "DOUBLE"),
    "smallmoney": (122, 0x6E, 4, "DECIMAL(10,4)"),
    "money": (60, 0x6E, 8, "DECIMAL(19,4)"),
    "smalldatetime": (58, 0x6F, 4, "TIMESTAMP"),
    "datetime": (61, 0x6F, 8, "TIMESTAMP"),
    "uniqueidentifier": (36, 0x24, 16, "UUID"),
}
_SCALED: Final = {
    "time": (41, 0x29, "TIME"),
    "datetime2": (42, 0x2A, "TIMESTAMP"),
    "datetimeoffset": (43, 0x2B, "TIMESTAMPTZ"),
}
_SIZED: Final = {
    "varbinary": (165, 0xA5, "BLOB"),
    "varchar": (167, 0xA7, "VARCHAR"),
    "binary": (173, 0xAD, "BLOB"),
    "char": (175, 0xAF, "VARCHAR"),
    "nvarchar": (231, 0xE7, "VARCHAR"),
    "nchar": (239, 0xEF, "VARCHAR"),
}
_ALIASES: Final = {
    "integer": "int",
    "numeric": "decimal",
    "dec": "decimal",
    "text": "varchar(max)",
    "ntext": "nvarchar(max)",
    "image": "varbinary(max)",
    "sysname": "nvarchar(128)",
    "double precision": "float",
    "national character varying": "nvarchar",
}
_DECLARATION: Final = re.compile(r"\s*([a-z0-9 ]+?)\s*(?:\(\s*(max|\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class SqlType:
    """A column type; `length` in characters (bytes for binary types), `MAX` for the unlimited."""

    name: str
    length: int = 0
    precision: int = 0
    scale: int = 0

    @classmethod
    def parse(cls, declaration: str) -> SqlType:
        """Read a T-SQL declaration such as `nvarchar(200)`; raises `ValueError` for what is no type of this server."""
        match = _DECLARATION.fullmatch(declaration)
        if match is None:
            raise ValueError(f"not a type: {declaration!r}")
        name, first, second = match[1].lower(), match[2], match[3]
        if name in _ALIASES:
            alias = _ALIASES[name]
            if "(" in alias:
                return cls.parse(alias)
            name = alias
        if name == "float" and first and int(first) <= 24:
            return cls("real")
        if name in _FIXED or name == "date":
            return cls(name)
        if name in _SCALED:
            return cls(name, scale=int(first) if first else 7)
        if name == "decimal":
            return cls(name, precision=int(first or 18), scale=int(second or 0))
        if name in _SIZED:
            return cls(name, length=MAX if (first or "").lower() == "max" else int(first or 1))
        raise ValueError(f"not a type: {declaration!r}")

    @classmethod
    def from_arrow(cls, arrow: pa.DataType, length: int = 4000) -> SqlType:
        """The type for a DuckDB result of which no more is known; texts of `length` characters."""
        for check, name in _ARROW_NAMES:
            if check(arrow):
                return cls(name)
        if isinstance(arrow, pa.Decimal128Type):
            # DuckDB's sums of integers are 128 bit wide; SQL Server's are bigint.
            return cls("bigint") if arrow.scale == 0 and arrow.precision == 38 else cls.decimal(arrow)
        if pa.types.is_timestamp(arrow):
            return cls("datetimeoffset" if arrow.tz else "datetime2", scale=7)
        if pa.types.is_time(arrow):
            return cls("time", scale=7)
        if pa.types.is_binary(arrow) or pa.types.is_large_binary(arrow):
            return cls("varbinary", length=8000 if length == 4000 else length)
        return cls("nvarchar", length=length)

    @classmethod
    def decimal(cls, arrow: pa.Decimal128Type) -> SqlType:
        """The decimal of the same precision and scale."""
        return cls("decimal", precision=arrow.precision, scale=arrow.scale)

    @property
    def is_text(self) -> bool:
        """Whether values are characters."""
        return self.name in {"varchar", "char", "nvarchar", "nchar"}

    @property
    def is_national(self) -> bool:
        """Whether characters travel as UTF-16."""
        return self.name in {"nvarchar", "nchar"}

    @property
    def is_integer(self) -> bool:
        """Whether T-SQL divides it without a remainder."""
        return self.name in {"tinyint", "smallint", "int", "bigint"}

    def holds(self, arrow: pa.DataType) -> bool:
        """Whether values of this Arrow type can be sent as this type."""
        is_type = pa.types
        if is_type.is_null(arrow):
            return True
        if self.is_text or self.name == "uniqueidentifier":
            return is_type.is_string(arrow)
        if self.is_integer:
            return is_type.is_integer(arrow) or (is_type.is_decimal(arrow) and arrow.scale == 0)
        return {
            "bit": is_type.is_boolean,
            "real": is_type.is_floating,
            "float": is_type.is_floating,
            "date": is_type.is_date,
            "time": is_type.is_time,
            "decimal": lambda kind: is_type.is_decimal(kind) or is_type.is_integer(kind),
            "money": is_type.is_decimal,
            "smallmoney": is_type.is_decimal,
            "binary": is_type.is_binary,
            "varbinary": is_type.is_binary,
        }.get(self.name, is_type.is_timestamp)(arrow)

    @property
    def duckdb(self) -> str:
        """The DuckDB type that holds it."""
        if self.name == "date":
            return "DATE"
        if self.name == "decimal":
            return f"DECIMAL({self.precision},{self.scale})"
        for table in (_FIXED, _SCALED, _SIZED):
            if self.name in table:
                return str(table[self.name][-1])
        raise ValueError(self.name)

    @property
    def system_type_id(self) -> int:
        """`sys.types.system_type_id`."""
        if self.name == "date":
            return 40
        if self.name == "decimal":
            return 106
        return next(table[self.name][0] for table in (_FIXED, _SCALED, _SIZED) if self.name in table)

    @property
    def width(self) -> int:
        """Bytes of a value, the prefix not counted; of the longest for texts and binaries, `MAX` if unlimited."""
        if self.name == "date":
            return 3
        if self.name in _FIXED:
            return _FIXED[self.name][2]
        if self.name == "decimal":
            return 1 + 4 * next(n for n, digits in enumerate((9, 19, 28, 38), 1) if self.precision <= digits)
        if self.name in _SCALED:
            clock = 3 if self.scale <= 2 else 4 if self.scale <= 4 else 5
            return clock + {"time": 0, "datetime2": 3, "datetimeoffset": 5}[self.name]
        if self.length == MAX:
            return MAX
        return self.length * 2 if self.is_national else self.length

    @property
    def declaration(self) -> str:
        """As T-SQL writes it."""
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.name in _SCALED:
            return f"{self.name}({self.scale})"
        if self.name in _SIZED:
            return f"{self.name}({'max' if self.length == MAX else self.length})"
        return self.name

    def type_info(self) -> bytes:
        """TYPE_INFO of COLMETADATA and RETURNVALUE."""
        if self.name == "date":
            return b"\x28"
        if self.name == "decimal":
            return bytes((0x6A, self.width, self.precision, self.scale))
        if self.name in _FIXED:
            return bytes((_FIXED[self.name][1], self.width))
        if self.name in _SCALED:
            return bytes((_SCALED[self.name][1], self.scale))
        size = 0xFFFF if self.length == MAX else self.width
        return struct.pack("<BH", _SIZED[self.name][1], size) + (COLLATION if self.is_text else b"")


_ARROW_NAMES: Final = (
    (pa.types.is_boolean, "bit"),
    (pa.types.is_uint8, "tinyint"),
    (pa.types.is_int8, "smallint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_uint16, "int"),
    (pa.types.is_int32, "int"),
    (pa.types.is_null, "int"),
    (pa.types.is_uint32, "bigint"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_float32, "real"),
    (pa.types.is_float64, "float"),
    (pa.types.is_date, "date"),
)
TYPE_NAMES: Final = (*_FIXED, "date", "decimal", *_SCALED, *_SIZED)
