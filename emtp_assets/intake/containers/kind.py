"""Which container a file is, told by its bytes. Nothing is unpacked here, and no name is believed."""

from __future__ import annotations

import errno
import lzma
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from emtp_assets.intake.containers.limits import DEFAULT
from emtp_assets.intake.containers.zip_end import zip_end

RAR4, RAR5 = b"Rar!\x1a\x07\x00", b"Rar!\x1a\x07\x01\x00"
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
_GZIP = b"\x1f\x8b\x08"
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# A local file header, an empty archive, and the first part of one in several.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08", b"PK00PK\x03\x04")
_NEAR = 1 << 14
BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OverflowError,
    ValueError,
)
"""What the standard library raises for zips that are damaged; an OSError may be one, or the disk's."""
HEAD = 1 << 10
"""How many bytes of a file's beginning are enough to tell."""


def may_be_container(head: bytes) -> bool:
    """Whether `container_of` has to look into the file, or knows already that it is one. ``head``: 8 bytes or more."""
    return head.startswith((RAR4, RAR5, SEVEN_ZIP, _GZIP, *_ZIP, OLD_OFFICE))


def container_of(head: bytes, path: Path) -> str:
    """``zip``, ``gz``, ``rar``, ``7z``, ``xlsx``, or "" when it is none that this room opens.

    ``head``: the file's first bytes, 8 at least; ``path``: the same file, looked into when the head does not settle it.
    A zip that is an office document other than .xlsx and .xlsm is none: the caller knows it as binary. A workbook under
    a password is no zip any more, and is told to be ``xlsx`` all the same.

    Raises:
        OSError: the file cannot be read.
    """
    if head.startswith((RAR4, RAR5)):
        return "rar"
    if head.startswith(SEVEN_ZIP):
        return "7z"
    if head.startswith(_GZIP):
        return "gz"
    if head.startswith(_ZIP):
        return _zip_kind(path)
    if head.startswith(OLD_OFFICE) and locked_workbook(path):
        return "xlsx"
    return ""


def is_tar(head: bytes) -> bool:
    """Whether the first bytes (HEAD of them) are of a tar."""
    return head[257:262] == b"ustar"


def head_of(path: Path) -> bytes:
    """The first bytes of a file, enough for `container_of`."""
    with path.open("rb") as file:
        return file.read(HEAD)


def ends_here(file: BinaryIO) -> bool:
    """Whether nothing but zeros, the filling of a tape, follows in an open archive.

    Of two archives in one file, libraries open one and say nothing of the other.
    """
    return not any(block.strip(b"\0") for block in iter(lambda: file.read(_NEAR), b""))


def locked_workbook(path: Path) -> bool:
    """Whether an old Office document holds a workbook under a password ([MS-OFFCRYPTO]: stream EncryptedPackage)."""
    with path.open("rb") as file:
        header = file.read(512)
        if len(header) < 512:
            return False
        sector = 1 << min(int.from_bytes(header[30:32], "little"), 16)
        (directory,) = struct.unpack_from("<I", header, 48)
        file.seek((directory + 1) * sector)
        return "EncryptedPackage".encode("utf-16-le") in file.read(_NEAR)


def _zip_kind(path: Path) -> str:
    end = zip_end(path)
    if end is None or end.exceeds(DEFAULT.members):
        return "zip"  # opening it will say so, without its directory in memory
    try:
        with zipfile.ZipFile(path) as archive:
            names = frozenset(archive.namelist())
    except BROKEN_ZIP:
        # Opening it will say in full what is wrong.
        return "zip"
    except OSError as error:
        if error.errno not in {None, errno.EINVAL}:  # a seek to before the beginning: the zip is at fault, not the disk
            raise
        return "zip"
    if "mimetype" in names:  # an OpenDocument file
        return ""
    if "[Content_Types].xml" not in names:
        return "zip"
    return "xlsx" if "xl/workbook.xml" in names else ""
