"""The listening server: its settings, its threads and what it has seen; one client is `session`'s part."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from emtp_assets_tests.servers.tds.answers import Remembered
from emtp_assets_tests.servers.tds.catalogue import Catalogue, View
from emtp_assets_tests.servers.tds.faults import Faults
from emtp_assets_tests.servers.tds.login import Encryption, Login, LoginAttempt
from emtp_assets_tests.servers.tds.session import ExecutedQuery, Session
from emtp_assets_tests.servers.tds.wire import Wire, server_context

_FIRST_PROCESS = 51


class TdsServer:
    """A server of one database on the loopback.

    `encryption` is "none" (it has no TLS), "login" (what the client asks for, at the least its login) or "required"
    (Force Encryption); with a certificate the default is "login", SQL Server's own. `primary_replica` is what
    `sys.fn_hadr_is_primary_replica` answers: 1, 0, or `None` for a database in no availability group.
    `queries`, `logins` and `problems` (messages that are not TDS as this server knows it) are for tests to read.
    With `remember_answers` an answer is encoded once and sent again from memory: a benchmark then measures its client.
    """

    def __init__(
        self,
        views: Mapping[str, str | Path | View],
        *,
        logins: Iterable[Login],
        database: str = "SIGE_DataMart",
        name: str = "SQL-SIGE-REPLICA",
        certificate: tuple[Path, Path] | None = None,
        encryption: Literal["none", "login", "required"] | None = None,
        updateability: Literal["READ_ONLY", "READ_WRITE"] = "READ_ONLY",
        primary_replica: Literal[0, 1] | None = None,
        remember_answers: bool = False,
        faults: Faults | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.name, self.database, self.host, self.port = name, database, host, port
        self.updateability, self.primary_replica = updateability, primary_replica
        self.in_availability_group = primary_replica is not None
        self.faults = faults or Faults()
        self.queries: list[ExecutedQuery] = []
        self.logins: list[LoginAttempt] = []
        self.problems: list[str] = []
        self.remembered: dict[object, Remembered] | None = {} if remember_answers else None
        self.stopped = threading.Event()
        self.encryption = encryption or ("login" if certificate else "none")
        if self.encryption != "none" and certificate is None:
            raise ValueError("encryption needs a certificate")
        self._certificate = certificate
        self._logins = {login.name.lower(): login for login in logins}
        self.catalogue = Catalogue(
            views,
            database,
            read_only=updateability == "READ_ONLY",
            primary_replica=primary_replica,
            in_availability_group=self.in_availability_group,
        )
        self._views_of_faults: object = None
        self._listener: socket.socket | None = None
        self._listening = False
        self._threads: list[threading.Thread] = []
        self._wires: set[Wire] = set()
        self._sent_before = 0
        self._lock = threading.RLock()
        self._processes = itertools.count(_FIRST_PROCESS)

    # -- life

    def start(self) -> Self:
        """Open the port (`port` is then what the system chose) and begin to serve."""
        self.faults.on_change(self._faults_changed)
        self._reserve()
        self._faults_changed()
        return self

    def stop(self) -> None:
        """End every connection and thread; the server cannot be started again."""
        self.stopped.set()
        self._close_port()
        with self._lock:
            wires, threads = list(self._wires), list(self._threads)
        for wire in wires:
            wire.close()
        for thread in threads:
            thread.join(10)
        self.catalogue.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # -- what sessions ask

    @property
    def bytes_sent(self) -> int:
        """Bytes of TDS sent so far, those of TLS not counted."""
        with self._lock:
            return self._sent_before + sum(wire.bytes_sent for wire in self._wires)

    def login(self, user: str) -> Login:
        """The login of a name; for an unknown one a login without name whose password nobody knows."""
        return self._logins.get(user.lower()) or Login("", secrets.token_hex(), permissions=())

    def agree(self, wish: Encryption) -> Encryption:
        """What PRELOGIN answers to a client's wish, by the table of [MS-TDS] 2.2.6.5."""
        if self.encryption == "none":
            return Encryption.NOT_SUPPORTED
        if wish in {Encryption.ON, Encryption.REQUIRED}:
            return Encryption.ON
        return Encryption.REQUIRED if self.encryption == "required" else wish

    def tls_context(self, *, strict: bool = False) -> ssl.SSLContext:
        """TLS with the certificate of the moment; raises `ssl.SSLError` if the server has none."""
        certificate = self.faults.certificate or self._certificate
        if certificate is None:
            raise ssl.SSLError("this server has no certificate")
        return server_context(*certificate, strict=strict)

    # -- the port

    def _reserve(self) -> None:
        """Bind the port without listening: until `listen` a connection is refused."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        self.port = listener.getsockname()[1]
        self._listener, self._listening = listener, False

    def _close_port(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _faults_changed(self) -> None:
        with self._lock:
            if self.stopped.is_set():
                return
            faults = self.faults
            seen = (repr(faults.renamed_views), repr(faults.missing_columns), repr(faults.zero_rows))
            if seen != self._views_of_faults:
                self.catalogue.apply(faults)
                self._views_of_faults = seen
                if self.remembered is not None:
                    self.remembered.clear()
            if faults.refuse_connections and self._listening:
                self._close_port()
                self._reserve()
            elif not faults.refuse_connections and not self._listening and self._listener is not None:
                self._listener.listen(16)
                self._listening = True
                self._start(self._accept, self._listener)

    def _start(self, target: Callable[[socket.socket], None], connection: socket.socket) -> None:
        thread = threading.Thread(target=target, args=(connection,), name=f"tds-{self.port}", daemon=True)
        with self._lock:
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        process_id = next(self._processes)
        wire = Wire(connection, process_id)
        with self._lock:
            self._wires.add(wire)
        try:
            Session(self, wire, process_id).run()
        finally:
            with self._lock:
                self._wires.discard(wire)
                self._sent_before += wire.bytes_sent
