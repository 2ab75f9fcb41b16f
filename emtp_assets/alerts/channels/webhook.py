"""Teams (Workflows) and Slack, by a webhook. Its address lets anybody post: it is a secret and is never shown."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from emtp_assets.alerts.cards import payload
from emtp_assets.alerts.channels.protocol import ChannelFailure, trusted
from emtp_assets.alerts.message import Message
from emtp_assets.alerts.wording import Wording
from emtp_assets.settings import Settings
from emtp_assets.settings.secrets import SecretError
from emtp_assets.sources import Probe

if TYPE_CHECKING:
    import httpx

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LONGEST_WAIT = 3600.0
_AGAIN = "Se intenta de nuevo solo. Si se repite, compruebe la red con `emtp doctor`."
_NEW_ADDRESS = (
    "Cree el webhook de nuevo en Teams (Workflows) o Slack y ponga su dirección en EMTP_ALERT_WEBHOOK_URL_FILE; revise "
    "también EMTP_ALERT_WEBHOOK_KIND."
)


class WebhookChannel:
    """One message, one post. Teams answers 202 or 200, Slack 200."""

    name = "webhook"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._alerts = settings.alerts
        self._wording = Wording(settings)

    def send(self, message: Message, *, seconds: float, done: frozenset[str] = frozenset()) -> str:
        """See `Channel.send`."""
        import httpx

        # At INFO httpx writes each address that it asks, and this one is a secret.
        for chatty in ("httpx", "httpcore"):
            logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
        address = self._address()
        try:
            with httpx.Client(verify=trusted(self._settings), timeout=seconds / 2, follow_redirects=False) as client:
                answer = client.post(address, json=payload(self._wording, message, self._alerts.webhook_kind))
        except httpx.InvalidURL:
            raise _unreadable() from None
        except httpx.TimeoutException:
            raise ChannelFailure("El webhook no respondió a tiempo.", _AGAIN) from None
        except httpx.HTTPError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ChannelFailure(
                    "El certificado del webhook no es de confianza.",
                    "Si la salida a internet pasa por un equipo del ministerio que descifra, ponga su autoridad en "
                    "EMTP_CA_FILE.",
                ) from None
            raise ChannelFailure("No se pudo conectar con el webhook, o cortó la conexión.", _AGAIN) from None
        if not answer.is_success:
            raise _refusal(answer)
        return self._alerts.webhook_kind

    def examine(self) -> Iterator[Probe]:
        """Read the address and reach its host; nothing is posted."""
        what = "aviso por webhook"
        try:
            parts = urlsplit(self._address())
        except ChannelFailure as failure:
            yield Probe(what, False, failure.what, failure.action)
            return
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname or "", port), timeout=self._alerts.timeout).close()
        except OSError:
            yield Probe(
                what,
                False,
                f"No se llega a {parts.hostname}:{port}.",
                "Pida a la red del ministerio salida a ese servidor; si es por un proxy, defina HTTPS_PROXY y pruebe "
                "con el aviso de prueba.",
            )
            return
        yield Probe(what, True, f"{self._alerts.webhook_kind}, se llega a {parts.hostname}:{port}")

    def _address(self) -> str:
        try:
            address = (self._alerts.webhook_secret() or "").strip()
            parts = urlsplit(address)
            port_is_a_number = parts.port is None or parts.port > 0
        except SecretError as error:
            raise ChannelFailure(str(error), "Corrija EMTP_ALERT_WEBHOOK_URL_FILE.") from None
        except ValueError:
            raise _unreadable() from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_a_number:
            raise _unreadable()
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ChannelFailure(
                "La dirección del webhook es http: cualquiera en el camino podría leerla y usarla.",
                "Use la dirección https que dan Teams o Slack.",
            )
        return address


def _unreadable() -> ChannelFailure:
    return ChannelFailure("La dirección del webhook no se entiende (no se muestra porque es secreta).", _NEW_ADDRESS)


def _refusal(answer: httpx.Response) -> ChannelFailure:
    status = answer.status_code
    if status == 429 or status >= 500:
        return ChannelFailure(
            f"El webhook respondió {status}: {'pide esperar' if status == 429 else 'el servicio falla'}.",
            _AGAIN,
            retry_after=_retry_after(answer.headers.get("Retry-After")),
        )
    if status in (400, 413, 422):
        return ChannelFailure(
            f"El webhook no aceptó el mensaje ({status}).",
            "Revise EMTP_ALERT_WEBHOOK_KIND (teams o slack). Si es el correcto, avise a quien mantiene el código.",
            whole=False,
        )
    return ChannelFailure(f"El webhook rechazó el envío ({status}): la dirección ya no sirve.", _NEW_ADDRESS)


def _retry_after(value: str | None) -> float | None:
    """Seconds, given as such or as a date (RFC 9110, 10.2.3); no more than an hour."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)
