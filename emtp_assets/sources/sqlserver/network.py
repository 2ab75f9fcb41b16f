"""What can be known of the server without signing in: whether it listens, and what certificate it shows.

Drivers tell neither reliably. Nothing here knows a login or a password.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.sqlserver.errors import SOURCE, Place, cut, refused, timed_out, wrong_certificate

# [MS-TDS] 2.2.3.1 (packet header) and 2.2.6.5 (PRELOGIN); inside PRELOGIN packets goes the TLS handshake of TDS 7.
_PRELOGIN, _LAST_PACKET, _HEADER = 0x12, 0x01, struct.Struct(">BBHHBB")
_VERSION, _ENCRYPTION, _END = 0x00, 0x01, 0xFF
_ENCRYPT_ON, _ENCRYPT_NOT_SUPPORTED = 0x01, 0x02
_PACKET = 4096
_ALPN_TDS8 = "tds/8.0"


@dataclass(frozen=True)
class Address:
    """Where the server listens, and how its certificate is judged. ``timeout`` in seconds."""

    host: str
    port: int
    certificate_host: str
    ca_file: Path | None
    strict: bool
    timeout: float


@dataclass(frozen=True)
class Presented:
    """A verified certificate: TLS version agreed on, and the last day of its validity as the certificate says it."""

    tls: str
    until: str


def reach(address: Address, place: Place) -> None:
    """See that the server takes TCP connections.

    Raises:
        SourceFailure: it does not: unknown name, closed port, no answer.
    """
    with _connected(address, place):
        pass


def inspect_certificate(address: Address, place: Place) -> Presented:
    """Shake hands as a driver would, TLS 1.2 or later, and leave before signing in.

    Raises:
        SourceFailure: the certificate is wrong, with the reason; the server does not encrypt, or does not answer.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if address.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(address.ca_file)
        if address.strict:
            context.set_alpn_protocols([_ALPN_TDS8])
    except (OSError, ssl.SSLError):
        raise unreadable_authority(address.ca_file) from None
    try:
        with _connected(address, place) as stream:
            return _shaken(context, stream, address, place)
    except ssl.SSLCertVerificationError as error:
        raise wrong_certificate(place, _reason(error, address.certificate_host)) from None
    except ssl.SSLError:
        raise wrong_certificate(place, "no acuerda TLS 1.2 o superior") from None
    except TimeoutError:
        raise timed_out(place) from None
    except OSError:
        raise cut(place) from None


def unreadable_authority(ca_file: Path | None) -> SourceFailure:
    """The authority's certificate that settings name is not there, or is none."""
    return SourceFailure(
        SOURCE,
        Cause.SETTINGS,
        Nature.PERMANENT,
        Explanation(
            f"No se puede leer el certificado de la autoridad ({ca_file or 'el almacén del sistema'}).",
            "Un archivo PEM legible por la cuenta del servicio.",
            "Corrija SIGE_DB_CA_FILE o EMTP_CA_FILE.",
        ),
    )


@contextmanager
def _connected(address: Address, place: Place) -> Iterator[socket.socket]:
    try:
        stream = socket.create_connection((address.host, address.port), timeout=address.timeout)
    except TimeoutError:
        raise timed_out(place) from None
    except (OSError, UnicodeError):
        raise refused(place) from None
    with stream:
        yield stream


def _shaken(context: ssl.SSLContext, stream: socket.socket, address: Address, place: Place) -> Presented:
    if address.strict:
        with context.wrap_socket(stream, server_hostname=address.certificate_host) as secure:
            return _presented(secure)
    stream.sendall(_packet(_prelogin()))
    if _encryption(_received(stream)) == _ENCRYPT_NOT_SUPPORTED:
        raise wrong_certificate(place, "el servidor no cifra")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = context.wrap_bio(incoming, outgoing, server_hostname=address.certificate_host)
    while True:
        try:
            secure.do_handshake()
        except ssl.SSLWantReadError:
            if outgoing.pending:
                stream.sendall(_packet(outgoing.read()))
            incoming.write(_received(stream))
        else:
            return _presented(secure)


def _presented(secure: ssl.SSLSocket | ssl.SSLObject) -> Presented:
    certificate: Any = secure.getpeercert()
    return Presented(secure.version() or "", str((certificate or {}).get("notAfter", "")))


def _prelogin() -> bytes:
    version, encryption = bytes(6), bytes([_ENCRYPT_ON])
    at = 2 * 5 + 1
    options = struct.pack(">BHHBHH", _VERSION, at, len(version), _ENCRYPTION, at + len(version), len(encryption))
    return options + bytes([_END]) + version + encryption


def _packet(payload: bytes) -> bytes:
    return _HEADER.pack(_PRELOGIN, _LAST_PACKET, _HEADER.size + len(payload), 0, 1, 0) + payload


def _received(stream: socket.socket) -> bytes:
    """The payload of one packet."""
    _, _, length, *_ = _HEADER.unpack(_exactly(stream, _HEADER.size))
    if not _HEADER.size < length <= 8 * _PACKET:
        raise ConnectionError("not a TDS packet")
    return _exactly(stream, length - _HEADER.size)


def _exactly(stream: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        piece = stream.recv(size - len(got))
        if not piece:
            raise ConnectionError("closed")
        got += piece
    return got


def _encryption(answer: bytes) -> int:
    at = 0
    while at + 5 <= len(answer) and answer[at] != _END:
        option, offset, length = struct.unpack_from(">BHH", answer, at)
        if option == _ENCRYPTION and length and offset < len(answer):
            return answer[offset]
        at += 5
    return _ENCRYPT_NOT_SUPPORTED


def _reason(error: ssl.SSLCertVerificationError, host: str) -> str:
    """OpenSSL's verification codes (X509_V_ERR_…) in words."""
    return {
        9: "todavía no es válido; revise la hora de este equipo",
        10: "está vencido",
        18: "es autofirmado",
        19: "lo firma una autoridad desconocida",
        20: "lo firma una autoridad desconocida",
        21: "lo firma una autoridad desconocida",
        62: f"no está a nombre de {host}",
        64: f"no está a nombre de {host}",
    }.get(error.verify_code, f"código de verificación {error.verify_code}")
