"""Which file inside an archive is the table, by what its directory says. Nothing is unpacked here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emtp_assets.intake.containers.limits import Limits
from emtp_assets.intake.containers.refusals import (
    dangerous_path,
    locked,
    nested,
    no_table,
    several_tables,
    too_many_members,
)

_TABLES = (".csv", ".txt", ".tsv", ".dat", ".xlsx", ".xlsm")
_ARCHIVES = (".zip", ".rar", ".7z", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".zst", ".arj", ".cab", ".lzh", ".z", ".001")
_DRIVE = re.compile(r"^[A-Za-z]:")
_NOTE = re.compile(r"^(?:l[eé]a[ _-]*me|leer|read[ _-]*me)", re.IGNORECASE)
_LONGEST = 200


@dataclass(frozen=True)
class Member:
    """A file inside an archive, as its directory tells; ``name`` is only ever shown and compared.

    ``index``: 0-based place in the archive. ``plain``: neither link nor device. ``locked``: under a password. ``size``
    (bytes) and ``crc`` (CRC-32) of the content, where they are declared.
    """

    index: int
    name: str
    folder: bool = False
    plain: bool = True
    locked: bool = False
    size: int | None = None
    crc: int | None = None

    @property
    def shown(self) -> str:
        """The name as it may be written to a screen or a log: no control characters, no end of it."""
        return "".join(letter if letter.isprintable() else "\ufffd" for letter in self.name[:_LONGEST])

    @property
    def parts(self) -> list[str]:
        return [part for part in re.split(r"[/\\]", self.name) if part]

    @property
    def dangerous(self) -> bool:
        """Whether it would be written outside of where it is unpacked, by a program that believes names."""
        return (
            not self.plain
            or self.name.startswith(("/", "\\"))
            or _DRIVE.match(self.name) is not None
            or ".." in self.parts
            or "\0" in self.name
        )


def chosen(members: Sequence[Member], limits: Limits) -> Member:
    """The one member that may be the table. Documentation and what systems leave behind are passed over.

    Raises:
        IntakeError: none or several, an archive among them, under a password, too many, or a trick with paths.
    """
    if len(members) > limits.members:
        raise too_many_members(limits.members)
    for member in members:
        if member.dangerous:
            raise dangerous_path(member.shown)
    files = [member for member in members if not member.folder and not _left_behind(member)]
    tables = [member for member in files if _ends(member, _TABLES) and not _is_note(member)]
    for member in files:
        if _ends(member, _ARCHIVES):
            raise nested(member.shown)
    if len(tables) > 1:
        raise several_tables([member.shown for member in tables])
    if not tables:
        raise no_table([member.shown for member in files])
    if tables[0].locked:
        raise locked(tables[0].shown)
    return tables[0]


def _ends(member: Member, suffixes: tuple[str, ...]) -> bool:
    return member.name.lower().rstrip(" .").endswith(suffixes)


def _is_note(member: Member) -> bool:
    return member.name.lower().endswith(".txt") and _NOTE.match(member.parts[-1]) is not None


def _left_behind(member: Member) -> bool:
    parts = [part.lower() for part in member.parts]
    return not parts or "__macosx" in parts or parts[-1].startswith((".", "~$")) or parts[-1] in _SYSTEM_FILES


_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
