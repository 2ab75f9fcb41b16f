"""A mail server on the loopback: STARTTLS, TLS or neither, login, and the ways in which such a server fails.

It keeps what it took and what was tried on it. aiosmtpd speaks the protocol; nothing here asserts anything.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Literal, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Fault = Literal["", "refuse", "hang", "temporary", "reject", "cut", "cut_after_data"]
"""``refuse``: connections are closed at once; ``hang``: accepted and never greeted; ``temporary``: 451 to the text;
``reject``: 550 to the recipients of ``rejected``; ``cut``: closed in the middle of the text; ``cut_after_data``: the
message is kept and the answer lost."""


@dataclass
class MailServer:
    """Use as a context manager, or `start` and `stop`. ``fault`` may be changed while it runs.

    ``certificate``: PEM chain and key; ``security``: as in the product's settings; ``user``, ``password``: required
    when given.
    """

    certificate: tuple[Path, Path] | None = None
    security: Literal["starttls", "tls", "none"] = "none"
    user: str | None = None
    password: str | None = None
    port: int = 0
    fault: Fault = ""
    rejected: set[str] = field(default_factory=set)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    opened: set[asyncio.BaseTransport] = field(default_factory=set, repr=False)

    def start(self) -> None:
        """Listen, on the port given or on a free one, from a thread of its own."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="correo de prueba")
        self._thread.start()
        context = self._context() if self.security == "tls" else None
        self._server = self._run(
            self._loop.create_server(lambda: _Protocol(self, self._loop), "127.0.0.1", self.port, ssl=context)
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Close every connection and end the thread; the same object may be started again on the same port."""
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _shut(self) -> None:
        self._server.close()
        for transport in list(self.opened):
            transport.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _context(self) -> ssl.SSLContext:
        assert self.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certificate)
        return context

    def options(self) -> dict[str, Any]:
        """Of aiosmtpd's protocol."""
        needed = self.user is not None
        return {
            "tls_context": self._context() if self.security == "starttls" else None,
            "require_starttls": self.security == "starttls",
            "auth_required": needed,
            "auth_require_tls": self.security == "starttls",
            "authenticator": self._authenticate if needed else None,
        }

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        self.logins.append(given)
        return AuthResult(success=given == (self.user, self.password), handled=False)


class _Protocol(SMTP):
    """One connection. Encryption begun in the middle makes aiosmtpd call `connection_made` a second time."""

    def __init__(self, server: MailServer, loop: asyncio.AbstractEventLoop) -> None:
        self._mine = server
        self._served = False
        server.connections += 1
        super().__init__(_Handler(server), hostname="correo.prueba", loop=loop, timeout=30, **server.options())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._mine.opened.add(transport)
        if self._mine.fault == "refuse":
            transport.close()
        elif self._mine.fault != "hang":
            self._served = True
            super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._served:
            super().connection_lost(error)


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_RCPT(
        self, _smtp: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._server.fault == "reject" and address in self._server.rejected:
            return "550 5.1.1 no existe"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, smtp: SMTP, _session: Session, envelope: Envelope) -> str:
        if self._server.fault == "temporary":
            return "451 4.3.0 intente luego"
        if self._server.fault == "cut":
            _cut(smtp)
            return "250 OK"
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self._server.mails.append(mail)
        self._server.recipients.append(list(envelope.rcpt_tos))
        if self._server.fault == "cut_after_data":
            _cut(smtp)
        return "250 OK"


def _cut(smtp: SMTP) -> None:
    assert isinstance(smtp.transport, asyncio.Transport)
    smtp.transport.abort()
