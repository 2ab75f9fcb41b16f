"""An SFTP server that fails on demand and remembers what it was asked, by asyncssh, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import asyncssh
from asyncssh.constants import FXF_APPEND, FXF_CREAT, FXF_TRUNC, FXF_WRITE

logging.getLogger("asyncssh").setLevel(logging.CRITICAL + 1)

_WRITING = FXF_WRITE | FXF_APPEND | FXF_CREAT | FXF_TRUNC


@dataclass
class Faults:
    """What the server does wrong from now on. Times in seconds; ``cut_after`` in bytes of file served; ``cuts``: how
    often still it cuts, None for always."""

    silent_login: bool = False
    silent_read: bool = False
    slow: float = 0.0
    cut_after: int | None = None
    cuts: int | None = None
    short_reads: bool = False
    promised_more: int = 0
    forbid_listing: bool = False
    forbid_reading: bool = False
    disk_broken: bool = False
    # Names put in every listing, as a server that lies could.
    invented: tuple[bytes, ...] = ()
    hidden_attributes: bool = False
    # Called before each read, with the bytes of files served so far.
    before_read: Callable[[int], None] = lambda served: None


@dataclass
class Seen:
    """What arrived: every password, every key offered, the reads (name, offset), and whatever would change a file."""

    connections: int = 0
    passwords: list[tuple[str, str]] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    reads: list[tuple[str, int]] = field(default_factory=list)
    bytes_read: int = 0
    changes: list[str] = field(default_factory=list)


class AsyncsshSftp:
    """Serves ``root`` as ``/``, read-only unless ``writable``; ``faults`` and ``seen`` may be used while it runs.

    ``passwords``: by user; ``keys``: public keys in OpenSSH form, by user; ``algorithms``: asyncssh's own options.
    """

    def __init__(
        self,
        root: Path,
        *,
        passwords: dict[str, str] | None = None,
        keys: dict[str, str] | None = None,
        host_key: asyncssh.SSHKey | None = None,
        port: int = 0,
        writable: bool = False,
        interactive_only: bool = False,
        with_sftp: bool = True,
        algorithms: dict[str, list[str]] | None = None,
    ) -> None:
        self.root = root
        self.passwords = passwords or {}
        self.keys = {user: asyncssh.import_public_key(key) for user, key in (keys or {}).items()}
        self.host_key = host_key or asyncssh.generate_private_key("ssh-ed25519")
        self.port = port
        self.writable = writable
        self.interactive_only = interactive_only
        self.with_sftp = with_sftp
        self.algorithms = algorithms or {}
        self.faults = Faults()
        self.seen = Seen()
        self.links: set[asyncssh.SSHServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asyncssh", daemon=True)
        self._acceptor: asyncssh.SSHAcceptor | None = None

    def __enter__(self) -> AsyncsshSftp:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def known_hosts(self) -> str:
        """The server's line for a known_hosts file."""
        return f"[127.0.0.1]:{self.port} {self.host_key.export_public_key().decode().strip()}\n"

    @property
    def fingerprint(self) -> str:
        return self.host_key.get_fingerprint("sha256")

    def start(self) -> None:
        self._thread.start()
        self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self._acceptor.get_port()

    def stop(self) -> None:
        """Close the port and every connection; it cannot be started again. Twice is once."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Inside the block the port is closed, to be served by nobody or by another; then it is served again."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        with socket.socket() as placeholder:
            # Bound and not listening: connections are refused, and no stranger is given the port meanwhile.
            placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            placeholder.bind(("127.0.0.1", self.port))
            try:
                yield
            finally:
                self._acceptor = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=lambda: _Door(self),
            server_host_keys=[self.host_key],
            sftp_factory=(lambda channel: _Files(channel, self)) if self.with_sftp else None,
            allow_scp=False,
            login_timeout=60,
            **self.algorithms,
        )

    async def _close(self) -> None:
        assert self._acceptor is not None
        self._acceptor.close()
        await self._acceptor.wait_closed()
        for link in list(self.links):
            link.abort()
        pending = asyncio.all_tasks() - {asyncio.current_task()}
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


class _Door(asyncssh.SSHServer):
    def __init__(self, server: AsyncsshSftp) -> None:
        self._server = server
        self._link: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._link = conn
        self._server.links.add(conn)
        self._server.seen.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        if self._link is not None:
            self._server.links.discard(self._link)

    async def begin_auth(self, username: str) -> bool:
        self._server.seen.users.append(username)
        if self._server.faults.silent_login:
            await asyncio.sleep(60)
        return True

    def public_key_auth_supported(self) -> bool:
        return bool(self._server.keys) and not self._server.interactive_only

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._server.keys.get(username) == key

    def password_auth_supported(self) -> bool:
        return bool(self._server.passwords) and not self._server.interactive_only

    def validate_password(self, username: str, password: str) -> bool:
        self._server.seen.passwords.append((username, password))
        return self._server.passwords.get(username) == password

    def kbdint_auth_supported(self) -> bool:
        return self._server.interactive_only

    def get_kbdint_challenge(
        self, username: str, lang: str, submethods: str
    ) -> tuple[str, str, str, list[tuple[str, bool]]]:
        return "", "", "", [("Su contraseña para otro sistema:", False)]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> bool:
        self._server.seen.passwords.extend((username, response) for response in responses)
        return False


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: asyncssh.SSHServerChannel, server: AsyncsshSftp) -> None:
        super().__init__(channel, chroot=os.fsencode(server.root))
        self._server = server
        self._names: dict[object, str] = {}
        self._link = channel.get_connection()

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        if self._server.faults.forbid_listing:
            raise asyncssh.SFTPPermissionDenied("secreto del servidor")
        async for name in super().scandir(path):
            yield self._as_told(name)
        for invented in self._server.faults.invented:
            yield asyncssh.SFTPName(
                invented, longname=invented, attrs=asyncssh.SFTPAttrs(size=7, permissions=0o100644, atime=1, mtime=1)
            )

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & _WRITING:
            self._change(f"open {path!r}")
        if self._server.faults.forbid_reading:
            raise asyncssh.SFTPPermissionDenied("secreto del servidor")
        opened = super().open(path, pflags, attrs)
        self._names[opened] = Path(os.fsdecode(path)).name
        return opened

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        faults, seen = self._server.faults, self._server.seen
        faults.before_read(seen.bytes_read)
        if faults.disk_broken:
            raise asyncssh.SFTPFailure("secreto del servidor")
        if faults.silent_read:
            await asyncio.sleep(60)
        if faults.slow:
            await asyncio.sleep(faults.slow)
        if faults.cut_after is not None and faults.cuts != 0 and seen.bytes_read >= faults.cut_after:
            faults.cuts = None if faults.cuts is None else faults.cuts - 1
            self._link.abort()
            return b""
        seen.reads.append((self._names[file_obj], offset))
        data = super().read(file_obj, offset, max(1, size // 3) if faults.short_reads else size)
        assert isinstance(data, bytes)
        seen.bytes_read += len(data)
        return data

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._change(f"setstat {path!r}")

    def remove(self, path: bytes) -> None:
        self._change(f"remove {path!r}")

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._change(f"mkdir {path!r}")

    def _change(self, asked: str) -> None:
        self._server.seen.changes.append(asked)
        if not self._server.writable:
            raise asyncssh.SFTPPermissionDenied("read-only")

    def _as_told(self, name: asyncssh.SFTPName) -> asyncssh.SFTPName:
        faults, attrs = self._server.faults, name.attrs
        if attrs.permissions is not None and attrs.permissions & 0o170000 == 0o100000:
            attrs.size = (attrs.size or 0) + faults.promised_more
        if faults.hidden_attributes:
            return asyncssh.SFTPName(name.filename, name.longname, asyncssh.SFTPAttrs(size=attrs.size))
        return name
