"""An HTTPS server of threads whose answers can be spoilt while it runs. What it answers is each server's own.

Spoiling is a function from the true reply to the one that is sent; the ready-made ones are below the classes.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

Certificate = tuple[Path, Path]
"""PEM chain and PEM key."""

HANDSHAKE_LIMIT = 5.0


@dataclass(frozen=True)
class Request:
    """What arrived. ``path`` is decoded, ``query`` holds each parameter's last value."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode("utf-8")).items()}


@dataclass(frozen=True)
class Reply:
    """What is sent. ``cut_after``: bytes of the body after which the connection drops; ``pause``: seconds before each
    of its bytes; ``wait``: seconds before the first; ``silent``: nothing is ever sent."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    wait: float = 0.0
    pause: float = 0.0
    silent: bool = False


Spoiling = Callable[[Reply], Reply]


@dataclass
class Fault:
    """A spoiling in force. ``times``: how often still (None: until lifted); ``path``: a part of the path it is for;
    ``skip``: requests that pass before it begins."""

    spoil: Spoiling
    times: int | None = None
    path: str = ""
    skip: int = 0

    def strikes(self, request: Request) -> bool:
        if self.path not in request.path or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class HttpsServer:
    """Answers on a port of the loopback that the system chooses; ``answer`` is given each request.

    ``requests`` holds all that arrived, in order.
    """

    def __init__(self, certificate: Certificate, answer: Callable[[Request], Reply]) -> None:
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self._answer = answer
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._context = _context(certificate)
        self._bind(0)

    def _bind(self, port: int) -> None:
        self._stopping = threading.Event()
        # Bound but not listening: until it is started, its address is a closed door.
        self._server = _Server(("127.0.0.1", port), _handler_of(self), bind_and_activate=False)
        self._server.server_bind()
        self._server.context = self._context
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="https")

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def start(self) -> Self:
        self._server.server_activate()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Drop every connection, end every thread; more than once, or never started, does no harm."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail(self, spoil: Spoiling, *, times: int | None = None, path: str = "", skip: int = 0) -> Fault:
        """Spoil replies from now on; see `Fault`."""
        fault = Fault(spoil, times, path, skip)
        with self._lock:
            self.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Lift every fault."""
        with self._lock:
            self.faults.clear()

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """Inside the block the port is closed; then the same port is served again."""
        port = self.port
        self.stop()
        self._bind(port)
        try:
            yield
        finally:
            self.start()

    @contextlib.contextmanager
    def presenting(self, certificate: Certificate) -> Iterator[None]:
        """Inside the block the server shows another certificate than its own."""
        self._server.context = _context(certificate)
        try:
            yield
        finally:
            self._server.context = self._context

    def asked(self, path: str) -> list[Request]:
        """The requests so far whose path has ``path`` in it."""
        return [request for request in self.requests if path in request.path]

    def reply_to(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            fault = next((f for f in self.faults if f.strikes(request)), None)
        reply = self._answer(request)
        return fault.spoil(reply) if fault is not None else reply

    @contextlib.contextmanager
    def connected(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def rest(self, seconds: float) -> bool:
        """Wait; whether the server is being stopped."""
        return self._stopping.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    context: ssl.SSLContext
    owner: HttpsServer

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # The handshake belongs to the connection's own thread: a client that stalls must not hold up the others.
        with self.owner.connected(request):
            try:
                request.settimeout(HANDSHAKE_LIMIT)
                secured = self.context.wrap_socket(request, server_side=True)
                secured.settimeout(None)
            except (OSError, ValueError):
                self.shutdown_request(request)
                return
            with self.owner.connected(secured):
                super().process_request_thread(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to report."""


def _context(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def _handler_of(owner: HttpsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._send(owner.reply_to(Request(self.command, self.path, headers, self.rfile.read(length))))

        do_POST = do_GET

        def _send(self, reply: Reply) -> None:
            if reply.silent:
                owner.rest(3_600)
                self.close_connection = True
                return
            if owner.rest(reply.wait):
                return
            self.wfile.write(f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Otro')}\r\n".encode())
            headers = {"Content-Length": str(len(reply.body)), "Date": self.date_time_string(), **reply.headers}
            if reply.status == 304:
                del headers["Content-Length"]
            self.wfile.write("".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n")
            for piece in _paced(reply.body[: reply.cut_after], reply.pause):
                self.wfile.write(piece)
                if reply.pause and owner.rest(reply.pause):
                    break
            if reply.cut_after is not None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: tests read `requests`."""

    return Handler


def _paced(body: bytes, pause: float) -> Iterable[bytes]:
    return (body[at : at + 1] for at in range(len(body))) if pause else (body,)


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Spoiling:
    """Another status in place of the true reply."""
    return lambda _: Reply(code, headers or {}, body)


def cut(after: int) -> Spoiling:
    """The connection drops after so many bytes of the body, though its length was announced."""
    return lambda reply: replace(reply, cut_after=after)


def shortened(to: int) -> Spoiling:
    """A body that honestly announces fewer bytes than there are."""
    return lambda reply: replace(reply, body=reply.body[:to])


def silence() -> Spoiling:
    """Never an answer."""
    return lambda reply: replace(reply, silent=True)


def slow(seconds: float) -> Spoiling:
    """The answer comes so many seconds later."""
    return lambda reply: replace(reply, wait=seconds)


def trickle(pause: float) -> Spoiling:
    """A byte, a pause, a byte."""
    return lambda reply: replace(reply, pause=pause)


def page(text: str = "<html><body>Inicie sesión en la red</body></html>") -> Spoiling:
    """The web page of a captive portal, as a success."""
    return status(200, {"Content-Type": "text/html; charset=utf-8"}, text.encode())


def moved(to: str, code: int = 302) -> Spoiling:
    """A redirect."""
    return status(code, {"Location": to})


def rewritten(change: Callable[[bytes], bytes]) -> Spoiling:
    """The true reply with another body."""
    return lambda reply: replace(reply, body=change(reply.body))


def http_date(seconds_from_now: float) -> str:
    """A moment as HTTP headers write it."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + seconds_from_now))
