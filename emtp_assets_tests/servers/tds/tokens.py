"""The tokens of a reply, as bytes; rows are in `rows`, types in `sqltypes`.

Source: [MS-TDS] 2.2.7 (packet data token stream definition).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from emtp_assets_tests.servers.tds.errors import SqlError
from emtp_assets_tests.servers.tds.sqltypes import COLLATION, SqlType

DONE, DONE_PROC, DONE_IN_PROC = 0xFD, 0xFE, 0xFF
MORE, ERROR, COUNT, ATTENTION = 0x01, 0x02, 0x10, 0x20
SELECT_COMMAND = 0xC1
_VERSION = bytes((16, 0, 0x10, 0x00))
PRODUCT_VERSION = "16.0.4096.0"


def _short_text(text: str) -> bytes:
    return bytes((len(text),)) + text.encode("utf-16-le")


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text)) + text.encode("utf-16-le")


def _message(token: int, number: int, state: int, severity: int, message: str, server: str, procedure: str) -> bytes:
    body = struct.pack("<iBB", number, state, severity)
    body += _text(message) + _short_text(server) + _short_text(procedure) + struct.pack("<i", 1)
    return bytes((token,)) + struct.pack("<H", len(body)) + body


def error(problem: SqlError, server: str, procedure: str = "") -> bytes:
    """ERROR."""
    return _message(0xAA, problem.number, problem.state, problem.severity, problem.message[:4000], server, procedure)


def info(number: int, message: str, server: str) -> bytes:
    """INFO."""
    return _message(0xAB, number, 2 if number == 5701 else 1, 10 if number == 5701 else 0, message, server, "")


def done(status: int = 0, rows: int = 0, *, token: int = DONE, command: int = 0) -> bytes:
    """DONE, DONEPROC or DONEINPROC, with the 64-bit count of TDS 7.2 and later."""
    return struct.pack("<BHHQ", token, status, command, rows)


def environment(kind: int, new: str, old: str) -> bytes:
    """ENVCHANGE of a text: database (1), language (2), packet size (4)."""
    body = bytes((kind,)) + _short_text(new) + _short_text(old)
    return b"\xe3" + struct.pack("<H", len(body)) + body


def environment_collation() -> bytes:
    """ENVCHANGE of the collation (7)."""
    body = b"\x07" + bytes((len(COLLATION),)) + COLLATION + b"\x00"
    return b"\xe3" + struct.pack("<H", len(body)) + body


def environment_transaction(kind: int, new: bytes, old: bytes) -> bytes:
    """ENVCHANGE of a transaction's beginning (8), commit (9) or rollback (10), by its descriptor."""
    body = bytes((kind, len(new))) + new + bytes((len(old),)) + old
    return b"\xe3" + struct.pack("<H", len(body)) + body


def login_acknowledged(tds_version: int) -> bytes:
    """LOGINACK: the TDS version agreed, and a name that drivers take for SQL Server 2022."""
    body = b"\x01" + struct.pack(">I", tds_version) + _short_text("Microsoft SQL Server") + _VERSION
    return b"\xad" + struct.pack("<H", len(body)) + body


def no_features() -> bytes:
    """FEATUREEXTACK that agrees to none of the features the client offered."""
    return b"\xae\xff"


def prelogin(encryption: int) -> bytes:
    """The server's PRELOGIN: version, encryption, instance, thread and MARS (off)."""
    options = [(0, _VERSION + b"\x00\x00"), (1, bytes((encryption,))), (2, b"\x00"), (3, b""), (4, b"\x00")]
    offset, table, data = 5 * len(options) + 1, b"", b""
    for option, value in options:
        table += struct.pack(">BHH", option, offset + len(data), len(value))
        data += value
    return table + b"\xff" + data


def columns(names: Sequence[str], types: Sequence[SqlType]) -> bytes:
    """COLMETADATA; every column may be NULL, as a view's columns are read."""
    out = bytearray(b"\x81" + struct.pack("<H", len(names)))
    for name, sql_type in zip(names, types, strict=True):
        out += struct.pack("<IH", 0, 0x0009) + sql_type.type_info() + _short_text(name[:128])
    return bytes(out)


def return_status(value: int = 0) -> bytes:
    """RETURNSTATUS of a procedure."""
    return b"\x79" + struct.pack("<i", value)


def return_integer(ordinal: int, name: str, value: int) -> bytes:
    """RETURNVALUE of an output parameter of type int."""
    body = struct.pack("<H", ordinal) + _short_text(name) + b"\x01" + struct.pack("<IH", 0, 0x0001)
    return b"\xac" + body + SqlType("int").type_info() + b"\x04" + struct.pack("<i", value)
