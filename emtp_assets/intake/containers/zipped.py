"""Zip and gzip by the standard library: what is inside, and its bytes in blocks. No member is chosen here."""

from __future__ import annotations

import copy
import errno
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from emtp_assets.intake.containers.kind import BROKEN_ZIP
from emtp_assets.intake.containers.limits import Limits
from emtp_assets.intake.containers.members import Member
from emtp_assets.intake.containers.refusals import (
    damaged,
    locked,
    one_of_several_parts,
    too_many_members,
    unknown_compression,
)
from emtp_assets.intake.containers.zip_end import zip_end

_BLOCK = 1 << 20
# Of bzip2 and LZMA the library takes what it is given whole: 4 KB of them can be 80 MB, 1 MB would be the memory.
_SIP = 1 << 12
_CHUNK = 1 << 16
_SPLIT = (b"PK\x07\x08", b"PK00PK\x03\x04")
_ENDLESS = 1 << 62
_UTF8_NAME, _LOCKED = 0x800, 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})


def zip_members(path: Path, limits: Limits) -> list[Member]:
    """What the directory of a zip lists, in order.

    Raises:
        IntakeError: damaged, one of several parts, or a directory out of proportion.
    """
    declared = _declared_members(path, limits)
    with _explained(), zipfile.ZipFile(path) as archive:
        members = [_member(index, info) for index, info in enumerate(archive.infolist())]
    if len(members) != declared:
        raise damaged()
    return members


def zip_blocks(path: Path, member: Member) -> Generator[bytes]:
    """The content of a member, checked against its CRC-32 and its size once all of it has come.

    Raises:
        IntakeError: damaged, under a password, or of a compression that the library does not know.
    """
    with _explained(member.shown), zipfile.ZipFile(path) as archive:
        entry = archive.infolist()[member.index]
        if entry.flag_bits & _LOCKED:
            raise locked(member.shown)
        if entry.compress_type not in _METHODS:
            raise unknown_compression(member.shown)
        # The size is a claim: with one too small, the library would hand over the beginning as if it were all.
        unending = copy.copy(entry)
        unending.file_size = _ENDLESS
        step = _BLOCK if entry.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} else _SIP
        size = 0
        with archive.open(unending) as content:
            while block := content.read(step):
                size += len(block)
                yield block
        if size != entry.file_size:
            raise damaged(member.shown)


def gz_name(path: Path) -> str:
    """The name that a gzip file says its content had; "" when it says none."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    flags, at = int.from_bytes(head[3:4], "little"), 10
    if flags & 4:
        at += 2 + int.from_bytes(head[at : at + 2], "little")
    if not flags & 8:
        return ""
    name = head[at:].partition(b"\0")[0]
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")


def gz_blocks(path: Path) -> Generator[bytes]:
    """The content of all members of a gzip file, one after the other; CRC-32 and size of each are checked.

    Zeros after the last member are the filling of a tape; anything else there is taken for damage.

    Raises:
        IntakeError: damaged or cut.
    """
    member, ended = zlib.decompressobj(wbits=31), False
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            while data := data.lstrip(b"\0") if ended else data:
                if ended:
                    member, ended = zlib.decompressobj(wbits=31), False
                try:
                    yield member.decompress(data, _BLOCK)
                except zlib.error:
                    raise damaged() from None
                ended = member.eof
                data = member.unused_data if ended else member.unconsumed_tail
    if not ended:
        raise damaged()


def _declared_members(path: Path, limits: Limits) -> int:
    """What the end record of a zip says, before the library reads the directory, all of it, into memory."""
    end = zip_end(path)
    if end is None:
        with path.open("rb") as file:
            raise one_of_several_parts() if file.read(8).startswith(_SPLIT) else damaged()
    if end.parts:
        raise one_of_several_parts()
    if end.exceeds(limits.members):
        raise too_many_members(limits.members)
    if not end.alone:
        # Two zips pasted together, or one and the half of another: the library would show the last whole one only.
        raise damaged()
    return end.entries


def _member(index: int, info: zipfile.ZipInfo) -> Member:
    mode = stat.S_IFMT(info.external_attr >> 16)
    return Member(
        index,
        _name(info),
        folder=info.is_dir(),
        plain=mode in {0, stat.S_IFREG, stat.S_IFDIR},
        locked=bool(info.flag_bits & _LOCKED),
        size=info.file_size,
        crc=info.CRC,
    )


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it was meant: without the flag of UTF-8 the library takes it for cp437, and Chile's is cp850."""
    if info.flag_bits & _UTF8_NAME:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", errors="replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp850")


@contextmanager
def _explained(where: str = "") -> Iterator[None]:
    """What the library raises for a zip that it cannot read, as a refusal."""
    try:
        yield
    except NotImplementedError:
        raise unknown_compression(where) from None
    except RuntimeError:
        raise locked(where) from None
    except BROKEN_ZIP:
        raise damaged(where) from None
    except OSError as error:
        # A seek to before the beginning, or bzip2's word for bad data: it is the zip's, not the disk's.
        if error.errno not in {None, errno.EINVAL}:
            raise
        raise damaged(where) from None
