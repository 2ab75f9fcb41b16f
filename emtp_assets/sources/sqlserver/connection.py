"""The connection: settings to an ODBC connection, and a session whose every query is in the journal.

One connection does all: what is proven of a session is true of the rows that it reads. Behind a listener two
connections may meet two servers. So the proof does not use another library (pyodbc) than the rows do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emtp_assets.settings import Settings, SqlServerSettings
from emtp_assets.settings.secrets import SecretError
from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.journal import Journal, Query
from emtp_assets.sources.sqlserver import errors, network
from emtp_assets.sources.sqlserver.driver import Driver, Family, cannot_load, find_driver, load_odbc
from emtp_assets.sources.sqlserver.errors import SOURCE, Place
from emtp_assets.sources.sqlserver.trust import FREETDS_SERVER, trusting

if TYPE_CHECKING:
    import arrow_odbc
    import pyarrow as pa

_log = logging.getLogger(__name__)

APPLICATION = "emtp_assets"
OK = "ok"
# One of the driver's two buffers. Rows count with the longest that they could be, so a wide view gets fewer at a time.
_BUFFER_BYTES = 4 * 2**20
# Longest text that is read, in UTF-16 units: what a bounded nvarchar can hold. The buffer has room for two more, so
# that a longer text shows: FreeTDS cuts it off without a word.
_LONGEST_TEXT = 4_000


@dataclass(frozen=True)
class Asked:
    """A query. ``view``, ``columns`` and ``filters`` are how people read it in the journal; no person's value.

    ``of_catalogue``: it asks what the login may do or the view has; the journal keeps it, and the log at DEBUG only.
    """

    sql: str
    parameters: tuple[str, ...]
    view: str
    columns: tuple[str, ...]
    filters: str = ""
    of_catalogue: bool = True


class Session:
    """An open connection. Errors of the driver come out as `SourceFailure`; each query is logged and kept."""

    def __init__(
        self, connection: arrow_odbc.Connection, place: Place, journal: Journal, settings: SqlServerSettings
    ) -> None:
        self._connection = connection
        self._place = place
        self._journal = journal
        self._settings = settings

    def rows(self, asked: Asked) -> list[dict[str, Any]]:
        """A short answer, whole.

        Raises:
            SourceFailure: the server or the connection failed.
        """
        return [row for batch in self.batches(asked) for row in batch.to_pylist()]

    def batches(self, asked: Asked) -> Iterator[pa.RecordBatch]:
        """The answer as Arrow batches of at most ``batch_rows`` rows, in constant memory.

        The time limit covers the query and the reading together.

        Raises:
            SourceFailure: the server or the connection failed, or did not end within ``query_timeout``.
        """
        from arrow_odbc import Error, TextEncoding

        place = Place(self._place.server, self._place.database, self._place.login, asked.view)
        limit = self._settings.query_timeout
        began, at = time.monotonic(), datetime.now(UTC)
        rows, outcome = 0, "interrumpida"
        try:
            reader = self._connection.read_arrow_batches(
                asked.sql,
                batch_size=self._settings.batch_rows,
                parameters=list(asked.parameters) or None,
                max_bytes_per_batch=_BUFFER_BYTES,
                max_text_size=_LONGEST_TEXT + 2,
                query_timeout_sec=max(1, round(limit)),
                # The narrow encoding would be that of the process's locale; this one never depends on it.
                payload_text_encoding=TextEncoding.UTF16,
            )
            for batch in reader:
                rows += batch.num_rows
                if _cut_off(batch):
                    raise errors.unreadable_answer(place)
                yield batch
                if time.monotonic() - began > limit:
                    raise errors.slow(place)
            outcome = OK
        except Error as error:
            failure = _told(str(error), place)
            failure = errors.slow(place) if failure.cause is Cause.TIMEOUT else failure
            outcome = failure.cause.value
            raise failure from None
        except SourceFailure as failure:
            outcome = failure.cause.value
            raise
        finally:
            self._keep(asked, at, rows, time.monotonic() - began, outcome)

    def _keep(self, asked: Asked, at: datetime, rows: int, seconds: float, outcome: str) -> None:
        place = self._place
        columns = ", ".join(asked.columns)
        _log.log(
            logging.DEBUG if asked.of_catalogue else logging.INFO,
            "Consulta de %s a %s/%s, vista %s, columnas [%s], filtros [%s]: %d filas en %.1f s (%s).",
            *(place.login, place.server, place.database, asked.view, columns, asked.filters, rows, seconds, outcome),
        )
        self._journal.queried(
            Query(
                at=at,
                login=place.login,
                server=f"{place.server}/{place.database}",
                view=asked.view,
                columns=columns,
                filters=asked.filters,
                rows=rows,
                seconds=seconds,
                outcome=outcome,
            )
        )


def _cut_off(batch: pa.RecordBatch) -> bool:
    """Whether a text of the batch fills its buffer."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in batch.columns:
        # No text has more UTF-16 units than UTF-8 bytes: nearly every column is done with one glance.
        if not pa.types.is_string(column.type):
            continue
        longest = pc.call_function("max", [pc.call_function("binary_length", [column])]).as_py()
        if longest is None or longest <= _LONGEST_TEXT:
            continue
        if any(len(text.encode("utf-16-le")) // 2 > _LONGEST_TEXT for text in column.to_pylist() if text is not None):
            return True
    return False


@contextmanager
def open_session(settings: Settings, journal: Journal) -> Iterator[Session]:
    """Connect and sign in, for reading only; closed on the way out.

    Raises:
        SourceFailure: settings are missing, or there is no connection.
    """
    db = settings.sqlserver
    place = place_of(db)
    password = _password(db)
    driver = find_driver(db.driver)
    if driver.family is Family.FREETDS:
        _refuse_what_freetds_cannot(db, place.login, password)
    load_odbc()
    network.reach(address_of(settings), place)
    if driver.family is Family.FREETDS and not db.trust_server_certificate:
        # FreeTDS would still agree on TLS 1.1; a server that has 1.2 is not talked down from it.
        network.inspect_certificate(address_of(settings), place)
    connection = _connect(settings, driver, place, password)
    try:
        yield Session(connection, place, journal, db)
    finally:
        del connection


def place_of(db: SqlServerSettings) -> Place:
    """Who is asked as whom.

    Raises:
        SourceFailure: one of the four settings that a connection needs is not given.
    """
    given = {
        "SIGE_DB_HOST": db.host,
        "SIGE_DB_NAME": db.name,
        "SIGE_DB_USER": db.user,
        "SIGE_DB_PASS (o SIGE_DB_PASS_FILE)": db.password or db.password_file,
    }
    if missing := [name for name, value in given.items() if not value]:
        raise _unset(f"Falta configurar {', '.join(missing)}.")
    assert db.host is not None
    assert db.name is not None
    assert db.user is not None
    return Place(f"{db.host}:{db.port}", db.name, db.user)


def address_of(settings: Settings) -> network.Address:
    """Where the server listens; an instance's name behind the host's is settled by the port."""
    db = settings.sqlserver
    host = (db.host or "").partition("\\")[0]
    return network.Address(
        host=host,
        port=db.port,
        certificate_host=db.certificate_host or host,
        ca_file=db.ca_file or settings.ca_file,
        strict=db.encrypt == "strict",
        timeout=db.connect_timeout,
    )


def connection_string(db: SqlServerSettings, driver: Driver, address: network.Address) -> str:
    """Everything but user and password, which are added at the moment of connecting and kept nowhere.

    Keywords: Microsoft, "DSN and connection string keywords" of ODBC Driver 18; FreeTDS, user guide, table 4.2.
    """
    both = {"Driver": driver.name, "Database": db.name or "", "ApplicationIntent": "ReadOnly", "APP": APPLICATION}
    if driver.family is Family.FREETDS:
        return _joined({**both, "Servername": FREETDS_SERVER})
    verified = {"HostNameInCertificate": db.certificate_host} if db.certificate_host else {}
    return _joined(
        {
            **both,
            "Server": f"tcp:{address.host},{address.port}",
            "Encrypt": db.encrypt,
            "TrustServerCertificate": "yes" if db.trust_server_certificate else "no",
            # A session that came back by itself might be on another server than the one that was proven.
            "ConnectRetryCount": "0",
            **verified,
        }
    )


def _joined(keywords: dict[str, str]) -> str:
    return "".join(f"{key}={{{value.replace('}', '}}')}}};" for key, value in keywords.items())


def _credentials(driver: Driver, login: str, password: str) -> str:
    """User and password in braces. FreeTDS ends a value at ``};`` and knows no doubled brace."""
    if driver.family is Family.FREETDS:
        return f"UID={{{login}}};PWD={{{password}}};"
    return _joined({"UID": login, "PWD": password})


def _refuse_what_freetds_cannot(db: SqlServerSettings, login: str, password: str) -> None:
    """FreeTDS 1.3 knows no TDS 8 and no other name for a certificate, and reads its connection string as Latin-1."""
    use = "quite SIGE_DB_DRIVER para usar el driver de Microsoft"
    if db.encrypt == "strict":
        raise _unset(f"FreeTDS no admite SIGE_DB_ENCRYPT=strict; {use}.")
    if db.certificate_host and not db.trust_server_certificate:
        raise _unset(f"FreeTDS no admite SIGE_DB_CERTIFICATE_HOST; {use}.")
    if any("};" in value or not value.isascii() for value in (login, password)):
        raise _unset(f"FreeTDS no admite tildes, ñ ni «}};» en el usuario o la contraseña; {use}.")


def _connect(settings: Settings, driver: Driver, place: Place, password: str) -> arrow_odbc.Connection:
    from arrow_odbc import Error, connect

    db, address = settings.sqlserver, address_of(settings)
    try:
        with trusting(db, driver, address):
            return connect(
                connection_string(db, driver, address) + _credentials(driver, place.login, password),
                login_timeout_sec=max(1, round(db.connect_timeout)),
            )
    except Error as error:
        failure = _told(str(error), place, driver)
    if errors.unclear_connection(failure) and not db.trust_server_certificate:
        network.inspect_certificate(address, place)
        # The server was just seen to listen and to show a good certificate.
        if failure.cause is Cause.REFUSED:
            failure = errors.cut(place)
        elif failure.cause is Cause.CERTIFICATE:
            failure = errors.wrong_certificate(place, "el driver compara nombres, no direcciones IP")
    raise failure


def _told(message: str, place: Place, driver: Driver | None = None) -> SourceFailure:
    diagnostic = errors.read_diagnostic(message)
    if diagnostic is None:
        return errors.unreadable_answer(place)
    if driver is not None and (diagnostic.state.startswith("IM") or "Can't open lib" in diagnostic.text):
        return cannot_load(driver.name)
    _log.info("Respuesta del driver ODBC de %s: %s.", place.server, diagnostic.code)
    return errors.sort(diagnostic, place)


def _password(db: SqlServerSettings) -> str:
    try:
        password = db.secret()
    except SecretError as error:
        raise _unset(str(error)) from None
    if not password:
        raise _unset("Falta configurar SIGE_DB_PASS (o SIGE_DB_PASS_FILE).")
    return password


def _unset(what: str) -> SourceFailure:
    return SourceFailure(
        SOURCE,
        Cause.SETTINGS,
        Nature.PERMANENT,
        Explanation(
            what,
            "Servidor, base, usuario y contraseña de la réplica en el archivo .env.",
            "Complete .env según .env.example y compruebe con `emtp doctor`.",
        ),
    )
