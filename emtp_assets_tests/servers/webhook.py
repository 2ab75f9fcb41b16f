"""A receiver of webhooks on the loopback that answers as Teams or Slack do, or fails as they do. No assertions here."""

from __future__ import annotations

import json
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self


@dataclass
class WebhookServer:
    """Use as a context manager. ``status`` and the rest may be changed while it runs.

    ``path``: the secret part of the address, all others are 404; ``status``: what is answered instead of the
    service's own; ``delay``: seconds before the answer.
    """

    kind: Literal["teams", "slack"] = "teams"
    path: str = "/workflows/secreto-del-webhook"
    certificate: tuple[Path, Path] | None = None
    status: int = 0
    retry_after: str | None = None
    delay: float = 0.0
    received: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    def start(self) -> None:
        """Listen on a free port from a thread of its own."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Silent: an address is a secret."""

        self._stop = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if self.certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="webhook de prueba")
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}{self.path}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self._stop.wait(self.delay)
        status = self.status or (404 if request.path != self.path else 202 if self.kind == "teams" else 200)
        answer = b"" if self.kind == "teams" or status != 200 else b"ok"
        if status < 300:
            self.received.append(json.loads(body))
        try:
            request.send_response(status)
            if self.retry_after is not None:
                request.send_header("Retry-After", self.retry_after)
            request.send_header("Content-Length", str(len(answer)))
            request.end_headers()
            request.wfile.write(answer)
        except OSError:
            return
