"""What a channel can do, and how it says that it could not. Trying again is `delivery`'s."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from typing import Protocol

from emtp_assets.alerts.message import Message
from emtp_assets.settings import Settings
from emtp_assets.sources import Probe


class ChannelFailure(Exception):  # noqa: N818 - an outcome to report, not a programming error
    """A channel did not take a message. In Spanish, in words of ours: a server's own may quote what it was sent.

    ``whole``: the channel itself fails, and the next message would fare no better; ``accepted_for``: the recipients
    who have it all the same; ``retry_after``: seconds that the server asked to wait.
    """

    def __init__(
        self,
        what: str,
        action: str,
        *,
        whole: bool = True,
        accepted_for: Iterable[str] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.action = action
        self.whole = whole
        self.accepted_for = frozenset(accepted_for)
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.what} Qué hacer: {self.action}"


class Channel(Protocol):
    """A way to tell people."""

    @property
    def name(self) -> str:
        """The channel's name in the outbox and for people."""
        ...

    def send(self, message: Message, *, seconds: float, done: frozenset[str] = frozenset()) -> str:
        """Hand the message over within about so many seconds; who has it now, in words.

        ``done``: recipients that have it already.

        Raises:
            ChannelFailure: it was not taken, or not for everybody.
        """
        ...

    def examine(self) -> Iterator[Probe]:
        """Try the channel as far as can be without telling anybody anything. Never raises."""
        ...


def trusted(settings: Settings) -> ssl.SSLContext:
    """The system's authorities and the ministry's own: a webhook is a public service, a mail server an inner one.

    Raises:
        ChannelFailure: the file of the ministry's authority cannot be used.
    """
    context = ssl.create_default_context()
    if settings.ca_file is not None:
        try:
            context.load_verify_locations(cafile=settings.ca_file)
        except (OSError, ssl.SSLError):
            raise ChannelFailure(
                f"No se puede usar el certificado de la autoridad {settings.ca_file}.",
                "Corrija EMTP_CA_FILE: debe ser un archivo PEM que la cuenta del servicio pueda leer.",
            ) from None
    return context
