"""TDS packets over a socket, in the clear or under TLS; what the messages mean is not decided here.

Sources: [MS-TDS] 2.2.3.1 (packet header), 2.2.6.5 (PRELOGIN and the TLS handshake inside it).
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
from pathlib import Path

import numpy as np

SQL_BATCH, RPC, REPLY, ATTENTION, TRANSACTION, LOGIN7, PRELOGIN = 0x01, 0x03, 0x04, 0x06, 0x0E, 0x10, 0x12
HEADER = 8
END_OF_MESSAGE, IGNORE = 0x01, 0x02
_SEND_AT = 1 << 18


class Disconnected(Exception):
    """The client has gone, or the server was told to stop."""


def server_context(chain: Path, key: Path, *, strict: bool = False) -> ssl.SSLContext:
    """TLS as SQL Server speaks it: under TDS 7 version 1.2 and no later, for with 1.3 the drivers fail at login.

    `strict` is for TDS 8 (Encrypt=strict), where TLS comes before anything else.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if strict:
        context.set_alpn_protocols(["tds/8.0"])
    else:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    return context


class Wire:
    """One client's connection: whole messages in, packets out."""

    def __init__(self, connection: socket.socket, process_id: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.packet_size = 4096
        self.bytes_sent = 0
        self._socket = connection
        self._process_id = process_id
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._received = bytearray()
        self._pending = bytearray()
        self._packet_number = 0

    @property
    def encrypted(self) -> bool:
        """Whether what is written now travels under TLS."""
        return self._tls is not None

    # -- reading

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(1 << 16)
        except OSError as error:
            raise Disconnected from error
        if not data:
            raise Disconnected
        return data

    def _read(self, size: int) -> bytes:
        while len(self._received) < size:
            if self._tls is None:
                self._received += self._receive()
                continue
            try:
                decrypted = self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                # What TLS itself has to say must leave before waiting for the client, or both wait for ever.
                self._flush_tls()
                self._incoming.write(self._receive())
                continue
            except ssl.SSLError as error:
                raise Disconnected from error
            if not decrypted:
                raise Disconnected
            self._received += decrypted
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def read_message(self) -> tuple[int, bytes]:
        """Wait for a whole message: its type and its bytes without headers. Raises `Disconnected`."""
        body = bytearray()
        while True:
            kind, status, length = struct.unpack(">BBH4x", self._read(HEADER))
            body += self._read(length - HEADER)
            if status & END_OF_MESSAGE:
                if status & IGNORE:
                    body.clear()
                    continue
                return kind, bytes(body)

    def has_input(self, seconds: float = 0.0) -> bool:
        """Whether the client has said something (an attention, while it waits for rows), waiting at most `seconds`."""
        if self._received or self._incoming.pending or (self._tls is not None and self._tls.pending()):
            return True
        try:
            return bool(select.select([self._socket], [], [], seconds)[0])
        except (OSError, ValueError) as error:
            raise Disconnected from error

    # -- writing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add to the reply; whole packets leave when there are enough of them, and the socket sets the pace."""
        self._pending += data
        if len(self._pending) >= _SEND_AT:
            self._send_packets(last=False)

    def finish(self) -> None:
        """End the reply with the packet that says so."""
        self._send_packets(last=True)
        self._packet_number = 0

    def flush(self) -> None:
        """Send every whole packet there is."""
        self._send_packets(last=False)

    def flush_raw(self) -> None:
        """Send what is pending as it is, the last packet cut short: only for a connection about to be cut."""
        self._send_packets(last=False)
        header = struct.pack(">BBHHBB", REPLY, 0, self.packet_size, self._process_id, self._packet_number, 0)
        self._send(header + bytes(self._pending))
        self._pending.clear()

    def reply(self, payload: bytes) -> None:
        """Write a whole reply."""
        self.write(payload)
        self.finish()

    def _send_packets(self, *, last: bool) -> None:
        body = self.packet_size - HEADER
        # The last packet must carry something, so that a full one is held back until more follows.
        count = max(0, len(self._pending) - 1) // body
        if count:
            packets = np.empty((count, self.packet_size), np.uint8)
            packets[:, :2] = (REPLY, 0)
            packets[:, 2:4] = divmod(self.packet_size, 256)
            packets[:, 4:6] = divmod(self._process_id, 256)
            packets[:, 6] = (np.arange(self._packet_number + 1, self._packet_number + count + 1) % 256).astype(np.uint8)
            packets[:, 7] = 0
            packets[:, HEADER:] = np.frombuffer(self._pending, np.uint8, count * body).reshape(count, body)
            self._packet_number = (self._packet_number + count) % 256
            del self._pending[: count * body]
            self._send(packets.data.cast("B"))
        if last:
            self._packet_number = (self._packet_number + 1) % 256
            self._send(self._packet(REPLY, bytes(self._pending)))
            self._pending.clear()

    def _packet(self, kind: int, body: bytes) -> bytes:
        size = HEADER + len(body)
        return struct.pack(">BBHHBB", kind, END_OF_MESSAGE, size, self._process_id, self._packet_number, 0) + body

    def _send(self, data: bytes | memoryview) -> None:
        self.bytes_sent += len(data)
        if self._tls is None:
            self._send_raw(data)
            return
        for start in range(0, len(data), self.packet_size):
            self._tls.write(data[start : start + self.packet_size])
        self._flush_tls()

    def _flush_tls(self) -> None:
        if data := self._outgoing.read():
            self._send_raw(data)

    def _send_raw(self, data: bytes | memoryview) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Disconnected from error

    # -- TLS

    def begins_with_tls(self) -> bool:
        """Whether the client's first byte is that of a TLS handshake, as TDS 8 has it."""
        while not self._received:
            self._received += self._receive()
        return self._received[0] == 0x16

    def start_tls(self, context: ssl.SSLContext, *, strict: bool = False) -> None:
        """Shake hands inside PRELOGIN packets, or bare if `strict`; all that follows is plain TLS.

        Raises `Disconnected` if the client refuses.
        """
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        if strict:
            self._incoming.write(bytes(self._received))
            self._received.clear()
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                self._send_handshake(strict)
                self._incoming.write(self._receive() if strict else self.read_message()[1])
            except ssl.SSLError as error:
                # The alert tells the client why before the connection ends.
                self._send_handshake(strict)
                raise Disconnected from error
            else:
                break
        self._send_handshake(strict)
        self._tls = tls

    def _send_handshake(self, strict: bool) -> None:
        if data := self._outgoing.read():
            self._send_raw(data if strict else self._packet(PRELOGIN, data))

    def end_tls(self) -> None:
        """Go on in the clear, as agreed when only the login is encrypted."""
        self._tls = None

    # -- the end

    def drain(self, stopped: threading.Event) -> None:
        """Take what the client says and answer nothing, until it leaves or the server stops."""
        while not stopped.is_set():
            if select.select([self._socket], [], [], 0.05)[0]:
                self._receive()

    def close(self) -> None:
        """End the connection in an orderly way."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def reset(self) -> None:
        """End it with a TCP reset, as a firewall or a crash does."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()
