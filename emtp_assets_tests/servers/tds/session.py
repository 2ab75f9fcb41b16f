"""One client from its first packet to its last: login, then batches and calls, each answered in full."""

from __future__ import annotations

import contextlib
import ssl
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import duckdb

from emtp_assets_tests.servers.tds import batches, errors, tokens
from emtp_assets_tests.servers.tds.answers import Answerer, Cancelled, Cut
from emtp_assets_tests.servers.tds.functions import Scope
from emtp_assets_tests.servers.tds.login import Encryption, LoginAttempt, LoginRequest, read_login, requested_encryption
from emtp_assets_tests.servers.tds.parameters import Parameter, read_calls, without_headers
from emtp_assets_tests.servers.tds.permissions import Permissions
from emtp_assets_tests.servers.tds.procedures import Procedures
from emtp_assets_tests.servers.tds.translate import translate
from emtp_assets_tests.servers.tds.wire import (
    ATTENTION,
    LOGIN7,
    PRELOGIN,
    RPC,
    SQL_BATCH,
    TRANSACTION,
    Disconnected,
    Wire,
)

if TYPE_CHECKING:
    from emtp_assets_tests.servers.tds.server import TdsServer

_TDS_7_4 = 0x74000004
_LARGEST_PACKET, _LARGEST_ENCRYPTED = 32767, 16383


@dataclass
class ExecutedQuery:
    """A batch with a query that a client had run, for tests to see; what drivers say among themselves is left out."""

    sql: str
    parameters: Mapping[str, object]
    user: str
    rows: int = 0
    seconds: float = 0.0
    error: int | None = None


class Session:
    """Serves one connection; `run` returns when it has ended, however it did."""

    def __init__(self, server: TdsServer, wire: Wire, process_id: int) -> None:
        self._server, self._wire, self._process_id = server, wire, process_id
        self._encrypted = False
        self._in_call = False

    def run(self) -> None:
        """Serve until the client leaves, the server stops or a fault ends it."""
        try:
            self._serve()
        except (Disconnected, Cut):
            pass
        except ssl.SSLError as error:
            self._server.problems.append(repr(error))
        except (struct.error, ValueError, UnicodeDecodeError) as error:
            # What came is not TDS as this server knows it: say so, as SQL Server does, and end.
            self._server.problems.append(repr(error))
            with contextlib.suppress(Disconnected):
                self._end(errors.SqlError(4002, 16, "The incoming TDS protocol stream is incorrect."))
        finally:
            self._wire.close()

    def _serve(self) -> None:
        faults = self._server.faults
        if faults.never_answer:
            faults.spend()
            self._wire.drain(self._server.stopped)
            return
        request = self._receive_login()
        if request is None:
            return
        if not self._admit(request):
            return
        server = self._server
        login = server.login(request.user)
        permissions = Permissions(replace(login, permissions={*login.permissions, *faults.granted}))
        self._scope = Scope(
            server=server.name,
            database=server.database,
            user=request.user,
            host=request.host,
            application=request.application,
            process_id=self._process_id,
            encrypted=self._encrypted,
            permissions=permissions,
            updateability="READ_WRITE" if faults.primary else server.updateability,
            primary_replica=1 if faults.primary else server.primary_replica,
            in_availability_group=server.in_availability_group,
        )
        with contextlib.closing(server.catalogue.cursor()) as connection:
            self._converse(connection)

    # -- coming in

    def _receive_login(self) -> LoginRequest | None:
        faults = self._server.faults
        strict = self._wire.begins_with_tls()
        if strict:
            self._wire.start_tls(self._server.tls_context(strict=True), strict=True)
        kind, message = self._wire.read_message()
        wish, agreed = Encryption.NOT_SUPPORTED, Encryption.NOT_SUPPORTED
        if kind == PRELOGIN:
            wish = requested_encryption(message)
            agreed = Encryption.NOT_SUPPORTED if strict else self._server.agree(wish)
            self._wire.reply(tokens.prelogin(agreed))
            if agreed is not Encryption.NOT_SUPPORTED:
                if wish is Encryption.NOT_SUPPORTED:
                    return None
                if faults.certificate is not None:
                    faults.spend()
                self._wire.start_tls(self._server.tls_context())
            kind, message = self._wire.read_message()
        if faults.reset_during_login:
            faults.spend()
            self._wire.reset()
            return None
        if kind != LOGIN7:
            return None
        self._login_encrypted = self._wire.encrypted
        if agreed is Encryption.OFF:
            self._wire.end_tls()
        self._encrypted = self._wire.encrypted
        return read_login(message)

    def _admit(self, request: LoginRequest) -> bool:
        server, faults = self._server, self._server.faults
        login = server.login(request.user)
        right = login.password == request.password and not request.integrated
        problem: errors.SqlError | None = None
        if faults.refuse_login:
            faults.spend()
            right = False
        if not right or not login.name:
            problem = errors.login_failed(request.user)
        elif request.database.lower() not in {"", "master", server.database.lower()}:
            problem = errors.database_missing(request.database)
        elif faults.error == 976:
            faults.spend()
            problem = errors.secondary_not_readable(server.database)
        server.logins.append(
            LoginAttempt(
                user=request.user,
                database=request.database,
                application=request.application,
                driver=request.driver,
                server_name=request.server_name,
                host=request.host,
                read_only_intent=request.read_only_intent,
                encrypted=self._encrypted,
                login_encrypted=self._login_encrypted,
                accepted=problem is None,
            )
        )
        if problem is not None:
            also = [] if problem.number == 18456 else [errors.login_failed(request.user)]
            self._end(problem, *also)
            return False
        self._welcome(request)
        return True

    def _welcome(self, request: LoginRequest) -> None:
        server = self._server
        largest = _LARGEST_ENCRYPTED if self._encrypted else _LARGEST_PACKET
        size = min(max(512, request.packet_size or 4096), largest)
        reply = tokens.environment(1, server.database, "master")
        reply += tokens.info(5701, f"Changed database context to '{server.database}'.", server.name)
        reply += tokens.environment_collation()
        reply += tokens.environment(2, "us_english", "")
        reply += tokens.info(5703, "Changed language setting to us_english.", server.name)
        reply += tokens.login_acknowledged(min(request.tds_version, _TDS_7_4))
        reply += tokens.environment(4, str(size), "4096")
        if request.extended:
            reply += tokens.no_features()
        self._wire.reply(reply + tokens.done())
        self._wire.packet_size = size

    def _end(self, *problems: errors.SqlError) -> None:
        reply = b"".join(tokens.error(problem, self._server.name) for problem in problems)
        self._wire.reply(reply + tokens.done(tokens.ERROR))

    # -- talking

    def _converse(self, connection: duckdb.DuckDBPyConnection) -> None:
        server = self._server
        self._answerer = Answerer(self._wire, connection, server.faults, server.stopped, server.remembered)
        self._procedures = Procedures(self._wire, server.catalogue, self._run_batch, self._describe)
        while True:
            kind, message = self._wire.read_message()
            try:
                self._answer(kind, message)
            except Cancelled:
                self._wire.write(tokens.done(tokens.ATTENTION))
            except errors.SqlError as problem:
                self._wire.write(tokens.error(problem, server.name))
                token = tokens.DONE_PROC if kind == RPC else tokens.DONE
                self._wire.write(tokens.done(tokens.ERROR, token=token))
                if problem.fatal:
                    self._wire.finish()
                    return
            self._wire.finish()

    def _answer(self, kind: int, message: bytes) -> None:
        self._in_call = kind == RPC
        if kind == SQL_BATCH:
            self._run_batch(without_headers(message).decode("utf-16-le"), {})
        elif kind == RPC:
            calls = read_calls(message)
            for index, call in enumerate(calls, 1):
                returned = self._procedures.call(call)
                self._wire.write(tokens.return_status() + b"".join(returned))
                more = tokens.MORE if index < len(calls) else 0
                self._wire.write(tokens.done(more, token=tokens.DONE_PROC))
        elif kind == ATTENTION:
            # The query was over before the client's change of mind came.
            self._wire.write(tokens.done(tokens.ATTENTION))
        elif kind == TRANSACTION:
            self._transaction(struct.unpack_from("<H", without_headers(message))[0])
        else:
            raise ValueError(f"a message of type {kind:#04x}")

    def _transaction(self, request: int) -> None:
        number = struct.pack("<Q", 1)
        match request:
            case 5:
                self._wire.write(tokens.environment_transaction(8, number, b""))
            case 7 | 8:
                self._wire.write(tokens.environment_transaction(request + 2, b"", number))
        self._wire.write(tokens.done())

    def _run_batch(self, text: str, parameters: Mapping[str, Parameter]) -> None:
        pieces = list(batches.cut(text))
        executed = ExecutedQuery(text, {name: p.value for name, p in parameters.items()}, self._scope.user)
        if any(piece.kind in {"query", "wait"} for piece in pieces):
            self._server.queries.append(executed)
        start = time.perf_counter()
        try:
            for index, piece in enumerate(pieces, 1):
                self._run_piece(piece, parameters, executed, last=index == len(pieces))
        except errors.SqlError as problem:
            executed.error = problem.number
            raise
        finally:
            executed.seconds = time.perf_counter() - start
        if not pieces:
            self._done(last=True)

    def _run_piece(
        self, piece: batches.Piece, parameters: Mapping[str, Parameter], executed: ExecutedQuery, *, last: bool
    ) -> None:
        server = self._server
        match piece.kind:
            case "wait":
                self._answerer.wait(batches.seconds(piece.text))
            case "use":
                if piece.text.lower() not in {server.database.lower(), "master"}:
                    raise errors.other_database(piece.text)
                self._wire.write(tokens.environment(1, server.database, server.database))
                self._wire.write(tokens.info(5701, f"Changed database context to '{server.database}'.", server.name))
            case "begin":
                self._scope = replace(self._scope, transactions=self._scope.transactions + 1)
            case "end":
                self._scope = replace(self._scope, transactions=0)
            case "call":
                returned = self._procedures.call(batches.read_call(piece.text))
                self._wire.write(tokens.return_status() + b"".join(returned))
                self._wire.write(tokens.done(0 if last else tokens.MORE, token=tokens.DONE_PROC))
                return
            case "query":
                if server.faults.error is not None:
                    problem = errors.by_number(server.faults.error, server.database)
                    server.faults.spend()
                    raise problem
                query = translate(piece.text, parameters, server.catalogue, self._scope)
                executed.rows = self._answerer.answer(query)
                self._done(last=last, rows=executed.rows, select=not query.writes)
                return
        self._done(last=last)

    def _done(self, *, last: bool, rows: int | None = None, select: bool = False) -> None:
        token = tokens.DONE_IN_PROC if self._in_call else tokens.DONE
        status = (0 if rows is None else tokens.COUNT) | (0 if last and not self._in_call else tokens.MORE)
        command = tokens.SELECT_COMMAND if select else 0
        self._wire.write(tokens.done(status, rows or 0, token=token, command=command))

    def _describe(self, text: str, parameters: Mapping[str, Parameter]) -> None:
        pieces = [piece for piece in batches.cut(text) if piece.kind == "query"]
        if not pieces:
            return
        query = translate(pieces[0].text, parameters, self._server.catalogue, self._scope)
        if not query.writes:
            self._wire.write(tokens.columns(*self._answerer.describe(query)))
            self._done(last=False)
