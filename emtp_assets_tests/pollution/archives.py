"""Archives byte by byte, RAR included, which no library here writes. What goes wrong with them is in `containers`."""

from __future__ import annotations

import io
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

STORED = "stored"


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP of members by name, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 9, 1, 12, 0, 0)), content, method)
    return buffer.getvalue()


def zipped_with_password(name: str, content: bytes, password: str = "mineduc") -> bytes:
    """A ZIP whose one member is encrypted as old ZIP programs do (ZipCrypto)."""
    return _by_libarchive("zip", {name: content}, options="zip:encryption=zipcrypt", passphrase=password)


def seven_zipped(members: dict[str, bytes], *, stored: bool = False) -> bytes:
    """A 7z of members by name, in their order."""
    return _by_libarchive("7zip", members, options="7zip:compression=store" if stored else "")


def tarred(members: dict[str, bytes]) -> bytes:
    return _by_libarchive("ustar", members)


def _by_libarchive(kind: str, members: dict[str, bytes], *, options: str = "", passphrase: str | None = None) -> bytes:
    import libarchive

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archivo"
        with libarchive.file_writer(str(path), kind, options=options, passphrase=passphrase) as archive:
            for name, content in members.items():
                archive.add_file_from_memory(name, len(content), content)
        return path.read_bytes()


def rar4(members: dict[str, bytes], *, encrypted: bool = False) -> bytes:
    """A RAR of version 4, members stored. ``encrypted`` sets only the mark: what follows is no cipher."""
    parts = [b"Rar!\x1a\x07\x00", _rar4_block(0x73, 0, bytes(6))]
    for name, content in members.items():
        encoded = name.encode("ascii")
        head = struct.pack(
            "<IIBIIBBHI",
            len(content),
            len(content),
            3,
            zlib.crc32(content),
            0x59216000,
            20,
            0x30,
            len(encoded),
            0o100644,
        )
        parts += [_rar4_block(0x74, 0x8000 | (0x04 if encrypted else 0), head + encoded), content]
    return b"".join([*parts, _rar4_block(0x7B, 0x4000, b"")])


def _rar4_block(kind: int, flags: int, body: bytes) -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head


def rar5(members: dict[str, bytes]) -> bytes:
    """A RAR of version 5, members stored."""
    parts = [b"Rar!\x1a\x07\x01\x00", _rar5_block(_vint(1) + _vint(0) + _vint(0))]
    for name, content in members.items():
        encoded = name.encode()
        # Type 2, data area follows (2); file flags: CRC32 is there (4).
        body = _vint(2) + _vint(2) + _vint(len(content)) + _vint(4) + _vint(len(content)) + _vint(0o100644)
        body += struct.pack("<I", zlib.crc32(content)) + _vint(0) + _vint(1) + _vint(len(encoded)) + encoded
        parts += [_rar5_block(body), content]
    return b"".join([*parts, _rar5_block(_vint(5) + _vint(0) + _vint(0))])


def _rar5_block(body: bytes) -> bytes:
    sized = _vint(len(body)) + body
    return struct.pack("<I", zlib.crc32(sized)) + sized


def _vint(number: int) -> bytes:
    out = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        out.append(low | (0x80 if number else 0))
        if not number:
            return bytes(out)
