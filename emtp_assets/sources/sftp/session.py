"""SFTP requests that paramiko's client has no fit method for. What an answer means for a delivery is `folder`'s.

paramiko's `SFTPFile.prefetch` either asks for a whole file at once, which keeps what is not yet written in memory, or
paces itself by sleeping. 100 MiB over the loopback: prefetch(64) 17 s and 147 MiB; one request at a time 20 s; this
0.8 s and 45 MiB, of which 42 are the interpreter's and paramiko's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko
from paramiko.message import Message
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_DATA,
    CMD_HANDLE,
    CMD_NAME,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_SETSTAT,
    CMD_STATUS,
    SFTP_EOF,
    SFTP_OK,
    SFTP_PERMISSION_DENIED,
    SFTPError,
    int64,
)

# Every server answers requests of this size (draft-ietf-secsh-filexfer-02, section 3); 64 under way at once is what
# OpenSSH's own client does: 2 MiB, also the channel's window.
_PIECE = 32_768
_UNDER_WAY = 64


if TYPE_CHECKING:

    class _Client(paramiko.SFTPClient):
        """What this module needs of paramiko that its stubs do not show; unchanged from 1.15 to 5.1."""

        def _request(self, kind: int, *parts: object) -> tuple[int, Message]: ...
        def _async_request(self, receiver: object, kind: int, *parts: object) -> int: ...
        def _read_response(self) -> None: ...

else:
    _Client = paramiko.SFTPClient


class Status(OSError):  # noqa: N818 - it is an answer of the protocol, and mostly a foreseen one
    """The server's answer that a request failed: its code alone (same draft, section 7), never its words."""

    def __init__(self, code: int) -> None:
        super().__init__(f"SFTP status {code}")
        self.code = code


@dataclass(frozen=True)
class Entry:
    """A line of a listing. None: not said; for ``name``, not UTF-8. ``modified``: seconds since 1970, UTC."""

    name: str | None
    size: int | None
    mode: int | None
    modified: int | None
    owner: str | None
    group: str | None


class Session(_Client):
    """A client that reads with many requests under way, in constant memory and without a thread of its own."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """Everything in a folder, itself (``.``) included if the server says so; links are not followed."""
        kind, answer = self._request(CMD_OPENDIR, folder)
        handle = _expected(CMD_HANDLE, kind, answer).get_binary()
        try:
            while True:
                try:
                    kind, answer = self._request(CMD_READDIR, handle)
                except Status as status:
                    if status.code != SFTP_EOF:
                        raise
                    return
                names = _expected(CMD_NAME, kind, answer)
                for _ in range(names.get_int()):
                    yield _entry(names)
        finally:
            self._async_request(type(None), CMD_CLOSE, handle)

    def pieces(self, path: str, offset: int, end: int) -> Iterator[bytes]:
        """The bytes of a file from ``offset`` to ``end``, in order; fewer when the file ends before."""
        with self.open(path, "rb") as file:
            arrived = _Arrived()
            under_way: deque[tuple[int, int, int]] = deque()
            asked = offset
            while True:
                while asked < end and len(under_way) < _UNDER_WAY:
                    length = min(_PIECE, end - asked)
                    number = self._async_request(arrived, CMD_READ, file.handle, int64(asked), length)
                    under_way.append((number, asked, length))
                    asked += length
                if not under_way:
                    return
                number, at, length = under_way.popleft()
                while number not in arrived.answers:
                    self._read_response()
                piece = _data(*arrived.answers.pop(number))
                # A server may give less than it was asked for without being at the end.
                while piece and length:
                    yield piece
                    at += len(piece)
                    length -= len(piece)
                    if length:
                        number = self._async_request(arrived, CMD_READ, file.handle, int64(at), length)
                        while number not in arrived.answers:
                            self._read_response()
                        piece = _data(*arrived.answers.pop(number))
                if length:
                    return

    def refuses_changes(self, path: str) -> bool:
        """Whether the server forbids changes to ``path``, asked with a change of no attribute at all.

        The request names no attribute, so there is nothing to do for a server that allows it (same draft, sections
        5 and 6.9); a read-only one (`internal-sftp -R`) answers "permission denied" before looking at it.
        """
        try:
            self._request(CMD_SETSTAT, path, paramiko.SFTPAttributes())
        except Status as status:
            return status.code == SFTP_PERMISSION_DENIED
        return False

    def _convert_status(self, msg: Message) -> None:
        code = msg.get_int()
        if code != SFTP_OK:
            raise Status(code)


class _Arrived:
    """Where paramiko hands over the answers to requests under way, in whatever order they come."""

    def __init__(self) -> None:
        self.answers: dict[int, tuple[int, Message]] = {}

    def _async_response(self, kind: int, answer: Message, number: int) -> None:
        self.answers[number] = (kind, answer)


def _data(kind: int, answer: Message) -> bytes:
    if kind == CMD_STATUS:
        code = answer.get_int()
        if code != SFTP_EOF:
            raise Status(code)
        return b""
    return _expected(CMD_DATA, kind, answer).get_string()


def _entry(names: Message) -> Entry:
    raw, shown = names.get_string(), names.get_string()
    # Same draft, section 5: flags say which attributes follow.
    flags = names.get_int()
    size = names.get_int64() if flags & 0x1 else None
    if flags & 0x2:
        names.get_bytes(8)
    mode = names.get_int() if flags & 0x4 else None
    _, modified = (names.get_int(), names.get_int()) if flags & 0x8 else (None, None)
    for _ in range(2 * names.get_int() if flags & 0x8000_0000 else 0):
        names.get_string()
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = None
    # "drwxr-xr-x  2 owner group 4096 Nov 1 12:00 name": what ls -l shows, as far as the server imitates it.
    words = shown.decode(errors="replace").split()
    owner, group = (words[2], words[3]) if len(words) > 4 else (None, None)
    return Entry(name, size, mode, modified, owner, group)


def _expected(wanted: int, kind: int, answer: Message) -> Message:
    if kind != wanted:
        raise SFTPError("unexpected answer")
    return answer
