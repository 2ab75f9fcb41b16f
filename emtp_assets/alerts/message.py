"""What passes between the outbox and the channels: a message, its posting, how a channel and a cause fare."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from emtp_assets.alerts.alert import Alert, Notice


@dataclass(frozen=True)
class Message:
    """What is told at once: the notices of one look, for one audience."""

    id: str
    created_at: datetime
    notices: tuple[Notice, ...]
    developers: bool


@dataclass(frozen=True)
class Posting:
    """A message that a channel has not accepted yet, whole. ``accepted_for``: recipients that already have it."""

    message: Message
    channel: str
    tries: int
    accepted_for: frozenset[str]


@dataclass(frozen=True)
class ChannelState:
    """How a channel fares: failed sendings in a row, when to try again, why, and what to do about it."""

    name: str
    failures: int
    next_at: datetime
    error: str
    action: str


@dataclass(frozen=True)
class Standing:
    """A cause that stands: since when, when it was last met, how often it was met."""

    alert: Alert
    opened_at: datetime
    seen_at: datetime
    times: int
