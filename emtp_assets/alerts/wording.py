"""How a message reads: subject, plain text, HTML. Shapes of other services are in `cards`.

The last gate of secrets: every text passes here on its way out and is masked once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from emtp_assets.alerts.alert import Alert, Event, Kind, Notice
from emtp_assets.alerts.last_good import last_good_of
from emtp_assets.alerts.message import Message
from emtp_assets.settings import Settings
from emtp_assets.settings.secrets import redacted, secrets_of

_WORDS = {Event.RESOLVED: "RESUELTO", Event.CHANGED: "CAMBIÓ"}
_LONGEST_SUBJECT = 180
_LONGEST_TEXT = 3000
_MOST_NOTICES = 12


class Wording:
    """Words for an instance's messages."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._alerts = settings.alerts
        self._secrets = list(secrets_of(settings))

    def subject(self, message: Message) -> str:
        """``[EMTP] FALLA matricula 2025: no pasó un control bloqueante (filas_no_bajan)``."""
        notices = message.notices
        if len(notices) == 1:
            said = self.headline(notices[0])
        else:
            worst = min(notices, key=lambda n: (n.event is Event.RESOLVED, _ORDER.index(word(n))))
            about = list(dict.fromkeys(n.alert.about or n.alert.title for n in notices))
            more = f" y {len(about) - 3} más" if len(about) > 3 else ""
            said = f"{word(worst)} {len(notices)} avisos: {', '.join(about[:3])}{more}"
        return self.masked(_one_line(f"[{self._alerts.instance_name}] {said}", _LONGEST_SUBJECT))

    def headline(self, notice: Notice) -> str:
        """A notice in one line: ``FALLA matricula 2025: …``."""
        about = f" {notice.alert.about}" if notice.alert.about else ""
        return self.masked(_one_line(f"{word(notice)}{about}: {notice.alert.title}", _LONGEST_SUBJECT))

    def shown(self, message: Message) -> tuple[Notice, ...]:
        """The notices that are told in full; a day on which everything fails is not told twelve screens long."""
        return message.notices[:_MOST_NOTICES]

    def left_out(self, message: Message) -> str:
        """A sentence on the notices that are not; empty when all are."""
        left = len(message.notices) - _MOST_NOTICES
        return f"Hay {left} avisos más: `emtp alerts` los lista todos." if left > 0 else ""

    def facts(self, notice: Notice) -> list[tuple[str, str]]:
        """The body of a notice, as (what it is, the text); links are apart."""
        alert = notice.alert
        if alert.kind in (Kind.ALL_WELL, Kind.TRIAL):
            rows = [("", alert.cause), *(("", line) for line in alert.details), ("Qué hacer", alert.action)]
        elif notice.event is Event.RESOLVED:
            rows = [
                ("Qué terminó", f"{alert.title}, desde el {notice.since}."),
                # As it is now: what the alarm knew is from before it was mended.
                ("Último dato bueno", last_good_of(self._settings, alert.dataset, alert.years)),
                ("Qué hacer", "Nada: lo que faltaba o fallaba ya está bien."),
            ]
        else:
            rows = [
                ("Qué pasó", alert.cause),
                *(("", line) for line in alert.details),
                ("Último dato bueno", alert.last_good),
                ("Qué hacer", alert.action),
                ("Desde", notice.since if notice.event in (Event.CHANGED, Event.STANDING) else ""),
            ]
        return [(name, self.masked(_cut(text.strip(), _LONGEST_TEXT))) for name, text in rows if text.strip()]

    def links(self, alert: Alert) -> list[tuple[str, str]]:
        """Where to look, as (label, address)."""
        name = "Ver la corrida" if alert.link.startswith("/runs/") else "Ver en la interfaz"
        ui = [(name, self._alerts.ui_url.rstrip("/") + alert.link)] if alert.link else []
        return [*ui, (f"Manual, {alert.page.heading}", alert.page.address(self._alerts.manual_url))]

    def footer(self) -> str:
        """Which instance speaks, and how often it does."""
        simulated = "" if self._settings.production else " Instancia de demostración: puede contener datos SIMULADOS."
        return (
            f"Mensaje automático de {self._alerts.instance_name}.{simulated} Cada causa se avisa una vez, y de nuevo "
            "cuando cambia o se resuelve. Si un lunes no llega «todo bien», algo no lo está: ejecute `emtp doctor`."
        )

    def keys(self, message: Message) -> str:
        """The causes' keys, for filters of the mail program."""
        keys = ", ".join(n.alert.key for n in self.shown(message))
        return _one_line(keys.encode("ascii", "replace").decode(), 900)

    def text(self, message: Message) -> str:
        """The whole message as plain text."""
        blocks = ["\n".join(self._lines(notice)) for notice in self.shown(message)]
        return "\n\n\n".join([*blocks, *filter(None, [self.left_out(message)]), "-- \n" + self.footer()]) + "\n"

    def html(self, message: Message) -> str:
        """The same, with links that can be followed."""
        parts = ['<!doctype html><html lang="es"><body style="font-family:sans-serif;max-width:48em">']
        for notice in self.shown(message):
            parts.append(f"<h3>{escape(self.headline(notice))}</h3>")
            for name, text in self.facts(notice):
                label = f"<b>{escape(name)}:</b> " if name else ""
                parts.append(f"<p>{label}{escape(text).replace(chr(10), '<br>')}</p>")
            parts.append(f"<p>{' · '.join(_anchor(label, address) for label, address in self.links(notice.alert))}</p>")
        parts += [f"<p>{escape(self.left_out(message))}</p>", f"<hr><p><small>{escape(self.footer())}</small></p>"]
        return "\n".join([*parts, "</body></html>"])

    def masked(self, text: str) -> str:
        return redacted(text, self._secrets)

    def _lines(self, notice: Notice) -> Iterator[str]:
        yield self.headline(notice)
        for name, text in self.facts(notice):
            yield f"\n{name}: {text}" if name else f"- {text}"
        yield ""
        for label, address in self.links(notice.alert):
            yield f"{label}: {address}"


_ORDER: tuple[str, ...] = ("FALLA", "CAMBIÓ", "ADVERTENCIA", "RESUELTO", "TODO BIEN", "PRUEBA")


def word(notice: Notice) -> str:
    """The word that a reader sorts by."""
    return _WORDS.get(notice.event, notice.alert.severity.value)


def _anchor(label: str, address: str) -> str:
    if not address.startswith(("http://", "https://")):
        return f"{escape(label)}: {escape(address)}"
    return f'<a href="{escape(address, quote=True)}">{escape(label)}</a>'


def _one_line(text: str, longest: int) -> str:
    return _cut(" ".join(text.split()), longest)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
