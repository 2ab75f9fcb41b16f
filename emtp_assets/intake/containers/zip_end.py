"""The record at the end of a zip, which says how large its directory is and where it stands. No member is read here."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = 20
_LONGEST_ENTRY = 2048


@dataclass(frozen=True)
class ZipEnd:
    """``parts``: it is one of several; ``entries``, ``directory``: members and bytes of the directory, as declared;
    ``alone``: the directory is of all that stands before it, and nothing but zeros follows.
    """

    parts: bool
    entries: int
    directory: int
    alone: bool

    def exceeds(self, members: int) -> bool:
        """Whether the directory lists more than so many members, or is too long for them."""
        return self.entries > members or self.directory > members * _LONGEST_ENTRY


def zip_end(path: Path) -> ZipEnd | None:
    """The end record, read before the library takes the whole directory into memory; None when there is none.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = max(0, size - _END.size - 0xFFFF - _END_64.size - _LOCATOR)
        file.seek(begin)
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return None
    _, disk, first_disk, _, entries, directory, offset, comment = _END.unpack_from(tail, at)
    ends = at
    # The end record of a zip64 stands before its locator; only there is the true size.
    if at >= _LOCATOR + _END_64.size and tail[at - _LOCATOR : at - _LOCATOR + 4] == b"PK\x06\x07":
        ends = at - _LOCATOR - _END_64.size
        _, _, _, _, disk, first_disk, _, entries, directory, offset = _END_64.unpack_from(tail, ends)
    alone = offset + directory == begin + ends and not tail[at + _END.size + comment :].strip(b"\0")
    return ZipEnd(bool(disk or first_disk), entries, directory, alone)
