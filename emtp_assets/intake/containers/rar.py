"""What the headers of a RAR say: its members, their checksums, what keeps it from being opened. Nothing is unpacked.

libarchive reads RAR too, but is silent about much: a hard link comes out empty, a third volume as if it were whole,
and of 6,000 archives with wrong bytes up to 141 gave another content without a word. So headers are read here, each
against its checksum, and what libarchive unpacks must have the size and the CRC-32 that they declare. After RAR's
technical notes (rarlab.com/technote.htm; those of RAR 4 were its technote.txt).
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from emtp_assets.intake.containers.kind import RAR5, ends_here
from emtp_assets.intake.containers.limits import Limits
from emtp_assets.intake.containers.members import Member
from emtp_assets.intake.containers.refusals import damaged, locked, one_of_several_parts, too_many_members

_LONGEST_HEADER = 1 << 21
_BLOCKS_A_MEMBER = 8
_UNIX_4, _UNIX_5 = 3, 1

MAIN_4, FILE_4, SUB_4, END_4 = 0x73, 0x74, 0x7A, 0x7B
MAIN_5, FILE_5, SERVICE_5, LOCK_5, END_5 = 1, 2, 3, 4, 5


@dataclass(frozen=True)
class _Block:
    kind: int
    flags: int
    body: bytes
    extra: bytes = b""


def rar_members(path: Path, limits: Limits) -> list[Member]:
    """The files of a RAR in the order of the archive, with declared size and CRC-32.

    Raises:
        IntakeError: damaged or cut, with its headers under a password, one of several volumes, or too many blocks.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        recent = file.read(len(RAR5)) == RAR5
        if not recent:
            file.seek(7)
        blocks = _blocks_5(file, size) if recent else _blocks_4(file, size)
        members: list[Member] = []
        most = limits.members * _BLOCKS_A_MEMBER
        try:
            for count, block in enumerate(blocks):
                if count > most or len(members) > limits.members:
                    raise too_many_members(limits.members)
                member = _member_5(block, len(members)) if recent else _member_4(block, len(members))
                if member is not None:
                    members.append(member)
        except (IndexError, struct.error):
            raise damaged() from None
        if not ends_here(file):
            raise damaged()
    return members


def _blocks_5(file: BinaryIO, size: int) -> Iterator[_Block]:
    while True:
        head = file.read(7)
        if len(head) < 7:
            raise damaged()
        length, begin = _vint(head, 4)
        if not 0 < length <= _LONGEST_HEADER:
            raise damaged()
        header = head[4:] + file.read(max(0, begin + length - 7))
        if len(header) != begin - 4 + length or zlib.crc32(header) != int.from_bytes(head[:4], "little"):
            raise damaged()
        kind, at = _vint(header, begin - 4)
        flags, at = _vint(header, at)
        extra = data = 0
        if flags & 1:
            extra, at = _vint(header, at)
        if flags & 2:
            data, at = _vint(header, at)
        if extra > len(header) - at:
            raise damaged()
        yield _Block(kind, flags, header[at : len(header) - extra], header[len(header) - extra :])
        if kind == END_5:
            return
        _skip(file, data, size)


def _member_5(block: _Block, index: int) -> Member | None:
    if block.kind == LOCK_5:
        raise locked()
    if block.kind in {MAIN_5, END_5}:
        if _vint(block.body, 0)[0] & 1:
            raise one_of_several_parts()
        return None
    if block.kind != FILE_5:
        return None
    if block.flags & (0x08 | 0x10):
        raise one_of_several_parts()
    flags, at = _vint(block.body, 0)
    size, at = _vint(block.body, at)
    attributes, at = _vint(block.body, at)
    at += 4 * bool(flags & 2)
    crc = int.from_bytes(block.body[at : at + 4], "little") if flags & 4 else None
    at += 4 * bool(flags & 4)
    _, at = _vint(block.body, at)
    system, at = _vint(block.body, at)
    length, at = _vint(block.body, at)
    name = block.body[at : at + length]
    if len(name) != length:
        raise damaged()
    records = set(_records(block.extra))
    mode = stat.S_IFMT(attributes) if system == _UNIX_5 else 0
    return Member(
        index,
        name.decode("utf-8", errors="replace"),
        folder=bool(flags & 1),
        plain=5 not in records and mode in {0, stat.S_IFREG, stat.S_IFDIR},
        locked=1 in records,
        size=None if flags & 8 else size,
        crc=crc,
    )


def _records(extra: bytes) -> Iterator[int]:
    """The kinds of the records in the extra area of a RAR 5 header: 1 is encryption, 5 a link."""
    at = 0
    while at < len(extra):
        size, begin = _vint(extra, at)
        yield _vint(extra, begin)[0]
        at = begin + max(size, 1)


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """A number of RAR 5, seven bits a byte, lowest first; and where it ends.

    Raises:
        IndexError: it does not end within ten bytes, or within the data.
    """
    value = 0
    for place in range(10):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    raise IndexError(at)


def _blocks_4(file: BinaryIO, size: int) -> Iterator[_Block]:
    while True:
        head = file.read(7)
        if not head:  # RAR before 3.0 wrote no end
            return
        crc, kind, flags, length = struct.unpack("<HBHH", head)
        body = file.read(length - 7) if length >= 7 else b""
        if len(body) != length - 7 or zlib.crc32(head[2:] + body) & 0xFFFF != crc:
            raise damaged()
        data = 0
        if flags & 0x8000 or kind in {FILE_4, SUB_4}:
            (data,) = struct.unpack_from("<I", body)
            if kind in {FILE_4, SUB_4} and flags & 0x100:
                data += struct.unpack_from("<I", body, 25)[0] << 32
        yield _Block(kind, flags, body)
        if kind == END_4 or (kind == MAIN_4 and flags & 0x80):
            return
        _skip(file, data, size)


def _member_4(block: _Block, index: int) -> Member | None:
    flags = block.flags
    if block.kind == MAIN_4 and flags & 0x80:
        raise locked()
    if (block.kind in {MAIN_4, END_4} and flags & 1) or (block.kind == FILE_4 and flags & 3):
        raise one_of_several_parts()
    if block.kind != FILE_4:
        return None
    _, size, system, crc, _, _, _, length, attributes = struct.unpack_from("<IIBIIBBHI", block.body)
    at = 25
    if flags & 0x100:
        size += struct.unpack_from("<I", block.body, 29)[0] << 32
        at += 8
    name = block.body[at : at + length]
    if len(name) != length:
        raise damaged()
    folder = flags & 0xE0 == 0xE0
    mode = stat.S_IFMT(attributes) if system == _UNIX_4 else 0
    return Member(
        index,
        _old_name(name),
        folder=folder,
        plain=mode in {0, stat.S_IFREG, stat.S_IFDIR},
        locked=bool(flags & 4),
        size=size,
        crc=crc,
    )


def _old_name(raw: bytes) -> str:
    """The name of RAR 4: before a NUL in the code page of whoever packed it, and packed UTF-16 after it, left alone."""
    plain = raw.partition(b"\0")[0]
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return plain.decode("cp850")


def _skip(file: BinaryIO, data: int, size: int) -> None:
    if file.tell() + data > size:
        raise damaged()
    file.seek(data, 1)
