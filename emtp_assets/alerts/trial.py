"""For `emtp doctor` and whoever sets the alarms up: whether each channel would take one, and a trial that is sent."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from emtp_assets.alerts.alert import Alert, Event, Kind, Notice, Severity
from emtp_assets.alerts.channels import ChannelFailure, configured_channels
from emtp_assets.alerts.last_good import moment
from emtp_assets.alerts.manual import Page
from emtp_assets.alerts.message import Message
from emtp_assets.alerts.outbox import Outbox
from emtp_assets.settings import Settings
from emtp_assets.settings.secrets import redacted, secrets_of
from emtp_assets.sources import Probe

_NOBODY = "ningún canal: nadie recibe los avisos; quedan en la interfaz y en el registro"
_CONFIGURE = (
    "Defina EMTP_ALERT_SMTP_HOST y EMTP_ALERT_EMAIL_TO, o EMTP_ALERT_WEBHOOK_URL_FILE, y pruebe con el aviso de prueba."
)


def send_test(settings: Settings) -> list[str]:
    """Send a trial through every channel, at once and past the outbox; one line on each. No channel makes it raise.

    The developers get it too: their address has to be proved before it is needed. A channel that takes it is no
    longer thought to fail.
    """
    now = datetime.now(UTC)
    trial = Alert(
        key="prueba",
        kind=Kind.TRIAL,
        severity=Severity.TRIAL,
        title="aviso de prueba",
        cause="Alguien pidió probar los avisos de la plataforma. Si usted lee esto, los avisos le llegan.",
        action="Nada.",
        page=Page.ALERTS,
        developers=True,
    )
    message = Message(uuid.uuid4().hex, now, (Notice(Event.NEW, trial, moment(now)),), developers=True)
    secrets = list(secrets_of(settings))
    lines = []
    for channel in configured_channels(settings):
        try:
            lines.append(f"{channel.name}: enviado a {channel.send(message, seconds=settings.alerts.timeout)}")
        except ChannelFailure as failure:
            lines.append(f"{channel.name}: NO salió. {failure}")
        else:
            Outbox.of(settings).works(channel.name, now)
    return [redacted(line, secrets) for line in lines] or [f"{_NOBODY}. {_CONFIGURE}"]


def probe(settings: Settings) -> Iterator[Probe]:
    """Each channel tried without telling anybody anything, then what stands and what waits. Never raises."""
    channels = configured_channels(settings)
    yield Probe(
        "canales",
        bool(channels) or not settings.production,
        ", ".join(channel.name for channel in channels) or _NOBODY,
        _CONFIGURE,
    )
    for channel in channels:
        yield from channel.examine()
    if not (settings.data_dir / "alerts.sqlite").is_file():
        return
    outbox = Outbox.of(settings)
    if waiting := outbox.waiting():
        yield Probe(
            "avisos por enviar",
            False,
            f"{waiting} que ningún canal ha aceptado todavía",
            "Corrija el canal que falla: salen solos.",
        )
    for standing in outbox.standing():
        alert = standing.alert
        yield Probe(
            "aviso vigente",
            False,
            f"{alert.about + ': ' if alert.about else ''}{alert.title} (desde el {moment(standing.opened_at)}; "
            f"visto {standing.times} veces; clave {alert.key})",
            alert.action,
        )
