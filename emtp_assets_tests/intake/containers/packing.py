"""Writers of archives for the tests: honest ones by libraries, dishonest ones and RAR byte by byte."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

TABLE = "AGNO;RBD;NOM_RBD\n2024;410;LICEO ÑUÑOA\n2024;10;ESCUELA BÍO BÍO\n".encode()


class Known:
    """What the caller would know: a header has AGNO and RBD, and four columns have a kind."""

    kinds: ClassVar = {"AGNO": "number", "RBD": "number", "NOM_RBD": "text", "FEC_NAC": "date", "PROMEDIO": "number"}

    def recognises(self, cells: Sequence[str]) -> bool:
        return {"AGNO", "RBD"} <= set(cells)

    def kind(self, header: str) -> Any:
        return self.kinds.get(header)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip as programs write it."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return into.getvalue()


def raw_zip(
    packed: bytes,
    *,
    name: bytes = b"tabla.csv",
    method: int = 8,
    flags: int = 0,
    crc: int = 0,
    size: int = 0,
    mode: int = 0,
    disk: int = 0,
    declared: int = 1,
) -> bytes:
    """A zip of one member that says of itself what it is told to say."""
    sizes = struct.pack("<LLL", crc, len(packed), size)
    local = struct.pack("<4s5H", b"PK\3\4", 20, flags, method, 0, 0) + sizes + struct.pack("<HH", len(name), 0) + name
    central = struct.pack("<4sBB5H", b"PK\1\2", 20, 3, 20, flags, method, 0, 0) + sizes
    central += struct.pack("<5HLL", len(name), 0, 0, 0, 0, mode << 16, 0) + name
    begin = len(local) + len(packed)
    end = struct.pack("<4s4HLLH", b"PK\5\6", disk, disk, declared, declared, len(central), begin, 0)
    return local + packed + central + end


def deflated(content: bytes) -> bytes:
    """Raw deflate, as inside a zip."""
    press = zlib.compressobj(wbits=-15)
    return press.compress(content) + press.flush()


def deflated_zeros(chunks: int, *, wbits: int = -15) -> bytes:
    """Deflate of ``chunks`` times 16 MB of zeros, made in no time: the same whole block over and over."""
    press = zlib.compressobj(9, wbits=wbits)
    head = press.compress(b"") + press.flush(zlib.Z_FULL_FLUSH)
    block = press.compress(bytes(1 << 24)) + press.flush(zlib.Z_FULL_FLUSH)
    return head + block * chunks


def gzipped(content: bytes, name: str = "tabla.csv") -> bytes:
    """A gzip that says its name."""
    into = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=into, mtime=0) as archive:
        archive.write(content)
    return into.getvalue()


def _vint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _block_5(kind: int, body: bytes, *, flags: int = 0, data: bytes = b"", extra: bytes = b"") -> bytes:
    flags |= (1 if extra else 0) | (2 if data else 0)
    header = _vint(kind) + _vint(flags)
    header += (_vint(len(extra)) if extra else b"") + (_vint(len(data)) if data else b"") + body + extra
    header = _vint(len(header)) + header
    return zlib.crc32(header).to_bytes(4, "little") + header + data


def rar5(
    members: dict[str, bytes], *, volume: int = 0, split: int = 0, mode: int = 0o100644, end: bool = True
) -> bytes:
    """A RAR 5 that stores its members. ``split``: 0x08 or 0x10, of a file that comes from or goes on elsewhere."""
    out = b"Rar!\x1a\x07\x01\x00" + _block_5(1, _vint(volume))
    for name, content in members.items():
        raw = name.encode()
        body = _vint(4) + _vint(len(content)) + _vint(mode) + zlib.crc32(content).to_bytes(4, "little")
        out += _block_5(2, body + _vint(0) + _vint(1) + _vint(len(raw)) + raw, flags=split, data=content)
    return out + (_block_5(5, _vint(0)) if end else b"")


def _block_4(kind: int, flags: int, body: bytes, data: bytes = b"") -> bytes:
    rest = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(rest) & 0xFFFF) + rest + data


def rar4(members: dict[str, bytes], *, volume: int = 0, split: int = 0, mode: int = 0o100644) -> bytes:
    """A RAR 4 that stores its members. ``split``: 1 or 2, as for `rar5`."""
    out = b"Rar!\x1a\x07\x00" + _block_4(0x73, volume, bytes(6))
    for name, content in members.items():
        raw = name.encode("cp850")
        size = len(content)
        body = struct.pack("<IIBIIBBHI", size, size, 3, zlib.crc32(content), 0x58000000, 20, 0x30, len(raw), mode)
        out += _block_4(0x74, 0x8000 | split, body + raw, content)
    return out + _block_4(0x7B, 0x4000, b"")


def seven_zip(path: Path, members: dict[str, bytes]) -> Path:
    """A 7z as libarchive writes it."""
    import libarchive

    with libarchive.file_writer(str(path), "7zip") as archive:
        for name, content in members.items():
            archive.add_file_from_memory(name, len(content), content)
    return path


Pack = Callable[[dict[str, bytes]], bytes]


def workbook(path: Path, sheets: dict[str, list[list[Any]]], touch: Callable[[Any], None] = lambda _: None) -> Path:
    """A workbook as openpyxl writes it; ``touch`` changes it before it is saved."""
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    touch(book)
    book.save(path)
    return path


def rewritten(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """The workbook with one of its parts changed, in place."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    changed = change(parts[part])
    assert changed != parts[part]
    path.write_bytes(zipped({**parts, part: changed}))
    return path
