"""What the sources that speak HTTPS share: a client with verified TLS, and the sorting of how a request can end.

What is asked and what an answer means is each source's. No text of a library, no URL and no answer's body ever
becomes part of a failure: they may hold a key, a token or a value.
"""

from __future__ import annotations

import email.utils
import json
import logging
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure

if TYPE_CHECKING:
    import httpx

_CHATTY = ("httpx", "httpcore", "msal")
_SLOWEST = 1_000
_LARGEST_DOCUMENT = 16 * 1024 * 1024
_NOTHING_TO_DO = "No hace falta hacer nada: se reintenta solo."

# OpenSSL's X509_V_ERR_*: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_WRONG_CERTIFICATE = {
    9: "todavía no es válido (revise la hora de este equipo)",
    10: "está vencido",
    18: "está firmado por sí mismo",
    19: "viene de una autoridad que este equipo no conoce",
    20: "viene de una autoridad que este equipo no conoce",
    62: "es de otro servidor (el nombre no coincide)",
    64: "es de otro servidor (la dirección no coincide)",
}


@dataclass(frozen=True)
class Service:
    """A service as failures speak of it. ``called``: its name for people; ``setting``: the variable with its address.

    ``credential``, ``permission`` and ``missing`` say what to do about an answer 401, 403 and 404.
    ``timeout``: seconds without an answer, or of a transfer below 1,000 bytes a second.
    """

    source: str
    called: str
    host: str
    setting: str
    timeout: float
    timeout_setting: str
    credential: str
    permission: str
    missing: str

    def failure(
        self, cause: Cause, what: str, expected: str, action: str, *, passing: bool = False, after: float | None = None
    ) -> SourceFailure:
        """A failure of this service, for a person; permanent unless said to be ``passing``."""
        nature = Nature.PASSING if passing else Nature.PERMANENT
        told = Explanation(what[:1].upper() + what[1:], expected, action)
        return SourceFailure(self.source, cause, nature, told, retry_after=after)

    @contextmanager
    def sorting(self) -> Iterator[None]:
        """Turn httpx's errors inside the block into a `SourceFailure` that quotes nothing of theirs."""
        import httpx

        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self._sorted(error) from None
        except UnicodeEncodeError:
            raise self._malformed() from None

    @contextmanager
    def asked(self, client: httpx.Client, url: str, *, method: str = "GET", **parts: Any) -> Iterator[httpx.Response]:
        """Send a request and hand over the response, whatever its status, before its body is read.

        ``parts``: headers, params or data, as httpx takes them.

        Raises:
            SourceFailure: there is no response.
        """
        with self.sorting():
            response = client.send(client.build_request(method, url, **parts), stream=True)
        try:
            yield response
        finally:
            response.close()

    def refused(self, response: httpx.Response) -> SourceFailure:
        """The failure that a response which is no success stands for. RFC 9110 §15, RFC 6585 §4 (429)."""
        status = response.status_code
        if status in (401, 403, 404, 410):
            cause, what, expected, action = {
                401: (Cause.CREDENTIAL, "no aceptó la credencial", "Una credencial vigente.", self.credential),
                403: (Cause.PERMISSION, "niega el acceso a esta credencial", "Permiso de lectura.", self.permission),
            }.get(status, (Cause.MISSING_VIEW, "no tiene lo que se le pide", "Que exista.", self.missing))
            return self.failure(cause, f"{self.called} ({self.host}) {what} (HTTP {status}).", expected, action)
        after = retry_after(response.headers)
        if status in (408, 504):
            return self._timed_out(f"avisa que se agotó el tiempo (HTTP {status})", after)
        if status in (423, 425, 429) or status >= 500:
            throttled = status in (429, 509)
            what = "limita las consultas" if throttled else "respondió con un error propio"
            waits = f" y pide esperar {after:.0f} s" if after is not None else ""
            return self.failure(
                Cause.THROTTLED if throttled else Cause.SERVER,
                f"{self.called} ({self.host}) {what} (HTTP {status}){waits}.",
                "Una respuesta HTTP 200.",
                f"{_NOTHING_TO_DO} Si dura más de un día, avise a quien administra el servicio.",
                passing=True,
                after=after,
            )
        if 300 <= status < 400:
            return self.elsewhere()
        return self.unexpected(f"respondió HTTP {status}", "Una respuesta HTTP 200.")

    def elsewhere(self) -> SourceFailure:
        """It sends us to another server, which must never see the credential."""
        return self.unexpected(
            "manda a otro servidor, al que no se le envía la credencial", "Una respuesta del mismo servidor."
        )

    def unexpected(self, what: str, expected: str, action: str = "") -> SourceFailure:
        """An answer that is not of the agreed form."""
        return self.failure(
            Cause.ANSWER,
            f"{self.called} ({self.host}) {what}.",
            expected,
            action
            or f"Revise {self.setting}. Si está bien, pregunte a quien administra el servicio qué cambió, y a redes si "
            "hay un proxy o un portal de acceso por medio.",
        )

    def cut(self, what: str) -> SourceFailure:
        """The connection ended before the answer did."""
        return self.failure(
            Cause.CUT,
            f"{self.called} ({self.host}): {what}.",
            "La respuesta completa.",
            f"{_NOTHING_TO_DO} Si se repite, revise la red con quien la administra.",
            passing=True,
        )

    def pieces(self, response: httpx.Response, *, as_sent: bool = False) -> Iterator[bytes]:
        """A streamed response's body; ``as_sent`` leaves a content encoding as it is.

        Raises:
            SourceFailure: it was cut, it stopped, or it comes at less than 1,000 bytes a second.
        """
        with self.sorting():
            pieces = response.iter_raw() if as_sent else response.iter_bytes()
            waited, came = 0.0, 0
            while True:
                asked = time.monotonic()
                piece = next(pieces, None)
                if piece is None:
                    return
                waited, came = waited + time.monotonic() - asked, came + len(piece)
                if waited > self.timeout:
                    # A server that lets fall a byte now and then never reaches a read time limit.
                    if came < _SLOWEST * waited:
                        raise self._timed_out(f"envía menos de {_SLOWEST} bytes por segundo")
                    waited, came = 0.0, 0
                yield piece

    def document(self, response: httpx.Response) -> dict[str, Any]:
        """A whole, small JSON object.

        Raises:
            SourceFailure: it is something else.
        """
        self.must_be_json(response)
        body = b""
        for piece in self.pieces(response):
            body += piece
            if len(body) > _LARGEST_DOCUMENT:
                raise self.unexpected("respondió más de 16 MB", "Una respuesta breve.")
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self.unexpected("respondió algo que no es un objeto JSON", "Un objeto JSON.")
        return found

    def must_be_json(self, response: httpx.Response) -> None:
        """Refuse what does not even say to be JSON: mostly the page of a proxy or of an access portal."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/json", "text/json") and not kind.endswith("+json"):
            page = "una página web" if kind == "text/html" else "algo que no es JSON"
            raise self.unexpected(f"respondió {page} en vez de datos", "Una respuesta de tipo application/json.")

    def _sorted(self, error: Exception) -> SourceFailure:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            return self._timed_out("no respondió a tiempo")
        if isinstance(error, httpx.ProxyError):
            return self._unreachable("el proxy de salida rechazó la conexión", "Revise HTTPS_PROXY y NO_PROXY.")
        if isinstance(error, httpx.ConnectError):
            return self._not_connected(_chain(error))
        if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError)):
            return self._malformed()
        if any(isinstance(each, ssl.SSLError) for each in _chain(error)):
            return self.cut("la conexión cifrada se cortó")
        return self.cut("la conexión se cortó antes de terminar la respuesta")

    def _not_connected(self, errors: list[BaseException]) -> SourceFailure:
        for each in errors:
            if isinstance(each, ssl.SSLCertVerificationError):
                reason = _WRONG_CERTIFICATE.get(each.verify_code, "no se pudo verificar")
                return self.failure(
                    Cause.CERTIFICATE,
                    f"El certificado que presenta {self.called} ({self.host}) {reason}. No se envió la credencial.",
                    "Un certificado vigente, con el nombre del servidor, de una autoridad conocida.",
                    f"Revise {self.setting}. Si el ministerio usa una autoridad propia, indique su archivo PEM en "
                    "EMTP_CA_FILE; si está vencido, pida que lo renueven.",
                )
            if isinstance(each, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError)):
                return self.cut("la conexión se cortó al comenzar")
            if isinstance(each, ssl.SSLError):
                return self.unexpected(
                    "no responde con TLS 1.2 o superior", "Una conexión cifrada.", f"Revise puerto en {self.setting}."
                )
            if isinstance(each, socket.gaierror):
                return self._unreachable(
                    "no se pudo averiguar su dirección (DNS)", f"Revise el nombre en {self.setting}."
                )
            if isinstance(each, ConnectionRefusedError):
                return self._unreachable("rechazó la conexión", f"Revise {self.setting}.")
        return self._unreachable("no se pudo llegar a él", f"Revise {self.setting}.")

    def _unreachable(self, what: str, action: str) -> SourceFailure:
        return self.failure(
            Cause.REFUSED,
            f"{self.called} ({self.host}): {what}.",
            "Una conexión HTTPS.",
            f"Se reintenta solo. Si se repite: {action} Pida a redes que permita salir de este equipo a {self.host}.",
            passing=True,
        )

    def _timed_out(self, what: str, after: float | None = None) -> SourceFailure:
        return self.failure(
            Cause.TIMEOUT,
            f"{self.called} ({self.host}) {what}.",
            f"Una respuesta en menos de {self.timeout:g} s.",
            f"{_NOTHING_TO_DO} Si se repite, revise la red o aumente el tiempo límite ({self.timeout_setting}).",
            passing=True,
            after=after,
        )

    def _malformed(self) -> SourceFailure:
        return self.failure(
            Cause.SETTINGS,
            f"Con lo configurado para {self.called} no se puede formar una consulta HTTPS.",
            "Una dirección https:// y una credencial en texto simple, de una línea.",
            f"Revise {self.setting} y la credencial: que no tengan espacios, tildes ni saltos de línea.",
        )


def client(service: Service, ca_file: Path | None) -> httpx.Client:
    """An HTTPS client that follows no redirect by itself: the credential goes nowhere but where it was meant to.

    ``ca_file`` (PEM) is trusted besides the system's authorities: Microsoft's certificates do not come from the
    ministry's.

    Raises:
        SourceFailure: ``ca_file`` cannot be used.
    """
    import httpx

    for name in _CHATTY:
        # They log URLs, and a download's URL opens the file to whoever has it.
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return httpx.Client(verify=_trust(service, ca_file), timeout=service.timeout, follow_redirects=False)


def host_of(url: str | None) -> str:
    """The host, and the port if it is told, of an https URL; empty if it is none."""
    try:
        parts = urlsplit((url or "").strip())
        _ = parts.port
    except ValueError:
        return ""
    return parts.netloc.rpartition("@")[2] if parts.scheme == "https" and parts.hostname else ""


def same_origin(one: str, other: str) -> bool:
    """Whether two URLs lead to the same server by the same protocol (RFC 6454 §4)."""
    return _origin(one) == _origin(other)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, from either form of Retry-After (RFC 9110 §10.2.3); None if it asks none.

    A date is compared with the server's own clock when it tells it.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until, now = _date(value), _date(headers.get("date", ""))
    if until is None:
        return None
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _date(value: str) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        return None


def _trust(service: Service, ca_file: Path | None) -> ssl.SSLContext:
    try:
        return _context(ca_file, ca_file.stat().st_mtime_ns if ca_file else 0)
    except (OSError, ssl.SSLError):
        raise service.failure(
            Cause.SETTINGS,
            f"No se puede usar el archivo de autoridades {ca_file}.",
            "Un archivo PEM con el certificado de la autoridad, legible para la cuenta del servicio.",
            "Corrija EMTP_CA_FILE.",
        ) from None


@lru_cache(maxsize=2)
def _context(ca_file: Path | None, changed: int) -> ssl.SSLContext:
    """Reading the system's list takes 25 ms; a file that is replaced (``changed``, ns) is read again."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
