"""PRELOGIN and LOGIN7 as the client sends them, and who may come in; nothing here reads a socket.

Source: [MS-TDS] 2.2.6.4 (LOGIN7) and 2.2.6.5 (PRELOGIN).
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import IntEnum


class Encryption(IntEnum):
    """The values of PRELOGIN's ENCRYPTION option."""

    OFF = 0
    ON = 1
    NOT_SUPPORTED = 2
    REQUIRED = 3


@dataclass(frozen=True)
class Login:
    """A SQL Server login and what it may do in the server's one database.

    `permissions` holds permissions on the whole database ("SELECT", "INSERT", "CREATE TABLE", ...), on one object
    ("SELECT ON dbo.vw_matricula") or on the server ("VIEW SERVER STATE", without which `sys.fn_hadr_is_primary_replica`
    and `sys.dm_exec_connections` are refused with error 300, as the documentation has it). Fixed roles add theirs:
    `db_datareader`, `db_datawriter`, `db_ddladmin`, `db_owner`, and the server's `sysadmin`.
    """

    name: str
    password: str = field(repr=False)
    permissions: Collection[str] = frozenset({"SELECT"})
    server_roles: Collection[str] = ()
    database_roles: Collection[str] = ()


@dataclass(frozen=True)
class LoginAttempt:
    """What a client said when it came, for tests to look at; its password is not kept."""

    user: str
    database: str
    application: str
    driver: str
    server_name: str
    host: str
    read_only_intent: bool
    encrypted: bool
    login_encrypted: bool
    accepted: bool


@dataclass(frozen=True)
class LoginRequest:
    """LOGIN7, decoded."""

    tds_version: int
    packet_size: int
    host: str
    user: str
    password: str = field(repr=False)
    application: str
    server_name: str
    driver: str
    database: str
    read_only_intent: bool
    integrated: bool
    extended: bool


def requested_encryption(prelogin: bytes) -> Encryption:
    """The client's wish; a client which says nothing cannot encrypt."""
    position = 0
    while position < len(prelogin) and prelogin[position] != 0xFF:
        option, offset, _ = struct.unpack_from(">BHH", prelogin, position)
        if option == 1:
            return Encryption(prelogin[offset] & 0x03)
        position += 5
    return Encryption.NOT_SUPPORTED


def _deobfuscate(data: bytes) -> bytes:
    return bytes(((byte ^ 0xA5) << 4 | (byte ^ 0xA5) >> 4) & 0xFF for byte in data)


def read_login(message: bytes) -> LoginRequest:
    """Decode LOGIN7. Raises `struct.error` for what is none."""
    _, version, packet_size = struct.unpack_from("<III", message)
    flags2, type_flags, flags3 = message[25], message[26], message[27]

    def text(index: int, *, hidden: bool = False) -> str:
        offset, length = struct.unpack_from("<HH", message, 36 + 4 * index)
        data = message[offset : offset + 2 * length]
        return (_deobfuscate(data) if hidden else data).decode("utf-16-le")

    # After the nine texts comes the client's six-byte identity, so that the order below is not the order of offsets.
    return LoginRequest(
        tds_version=version,
        packet_size=packet_size,
        host=text(0),
        user=text(1),
        password=text(2, hidden=True),
        application=text(3),
        server_name=text(4),
        driver=text(6),
        database=text(8),
        read_only_intent=bool(type_flags & 0x20),
        integrated=bool(flags2 & 0x80),
        extended=bool(flags3 & 0x10),
    )
