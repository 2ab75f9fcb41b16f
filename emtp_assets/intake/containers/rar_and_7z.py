"""7z and RAR by libarchive, in a process of its own: what is inside, and the bytes of a member. None is chosen here."""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Generator
from pathlib import Path

from emtp_assets.intake.containers.apart import Apart
from emtp_assets.intake.containers.kind import RAR5, ends_here
from emtp_assets.intake.containers.limits import Limits
from emtp_assets.intake.containers.members import Member
from emtp_assets.intake.containers.refusals import damaged, one_of_several_parts, too_many_members
from emtp_assets.intake.problem import IntakeError

_SCRIPT = "entries_child.py"


def seven_zip_members(path: Path, limits: Limits) -> list[Member]:
    """The entries of a 7z, in the order of libarchive.

    Raises:
        IntakeError: damaged, under a password, a first volume, too many entries, or the machine lacks libarchive.
    """
    members: list[Member] = []
    try:
        with Apart(_SCRIPT, "list", str(path), "7zip", limits=limits) as child:
            for index, (name, kind, size, locked, link) in enumerate(child.frames()):
                if index > limits.members:
                    raise too_many_members(limits.members)
                members.append(_member(index, name, kind, size, locked=locked, link=link))
    except IntakeError as error:
        if error.code == "archivo_comprimido_dañado" and _continues_elsewhere(path):
            raise one_of_several_parts() from None
        raise
    with path.open("rb") as file:
        # Where the directory, which ends a 7z, stands and how long it is.
        offset, length = struct.unpack_from("<QQ", file.read(32), 12)
        file.seek(32 + offset + length)
        if not ends_here(file):
            raise damaged()
    return members


def blocks(path: Path, container: str, member: Member, limits: Limits) -> Generator[bytes]:
    """The content of a member, checked against the size and the CRC-32 that the archive declares.

    ``container``: rar or 7z.

    Raises:
        IntakeError: damaged, under a password, packed in a way that libarchive does not know, or it is missing.
    """
    size = crc = 0
    form = "7zip" if container == "7z" else _rar_form(path)
    with Apart(_SCRIPT, "read", str(path), form, str(member.index), limits=limits) as child:
        for block in child.frames():
            size += len(block)
            crc = zlib.crc32(block, crc)
            yield block
    if member.size not in {None, size} or member.crc not in {None, crc}:
        raise damaged(member.shown)


def _member(index: int, name: bytes | None, kind: int, size: int, *, locked: bool, link: bool) -> Member:
    return Member(
        index,
        f"(sin nombre {index + 1})" if name is None else name.decode("utf-8", errors="replace"),
        folder=stat.S_ISDIR(kind),
        plain=not link and (kind == 0 or stat.S_ISREG(kind) or stat.S_ISDIR(kind)),
        locked=locked,
        size=size if size >= 0 else None,
    )


def _rar_form(path: Path) -> str:
    with path.open("rb") as file:
        return "rar5" if file.read(len(RAR5)) == RAR5 else "rar"


def _continues_elsewhere(path: Path) -> bool:
    """Whether a 7z has its directory beyond its end and is named as a first volume; by bytes alone it could be cut."""
    return path.name.lower().endswith(".001")
