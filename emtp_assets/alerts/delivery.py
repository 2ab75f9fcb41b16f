"""Gives each channel what it has not accepted yet, and tries again until it does. What is told is decided elsewhere.

A message counts as told when its channel took it. Whoever dies between that and the note of it tells it twice (with
the same Message-ID): at least once, never not at all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from emtp_assets.alerts.alert import Alert, Kind, Severity
from emtp_assets.alerts.board import Board
from emtp_assets.alerts.channels import Channel, ChannelFailure
from emtp_assets.alerts.manual import Page
from emtp_assets.alerts.message import Posting
from emtp_assets.alerts.outbox import Outbox
from emtp_assets.settings import Settings

_log = logging.getLogger(__name__)
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
_FAILURES_TOLD = 2


def deliver(
    settings: Settings, outbox: Outbox, channels: Sequence[Channel], *, now: datetime, seconds: float
) -> list[str]:
    """Try every posting that is due, for about so many seconds in all; one line on each, for the log.

    A channel that hangs does not take the time of the next. One that fails is left alone for a while, so that its
    messages keep their order; a message that it refuses for itself waits alone.
    """
    told: list[str] = []
    ends = time.monotonic() + seconds
    for index, channel in enumerate(channels):
        share = (ends - time.monotonic()) / (len(channels) - index)
        until = time.monotonic() + share
        for posting in outbox.due(channel.name, now):
            left = until - time.monotonic()
            if left <= 0:
                break
            line, goes_on = _try(settings, outbox, channel, posting, now, min(left, settings.alerts.timeout))
            told.append(line)
            if not goes_on:
                break
    return told


def read_channels(board: Board, outbox: Outbox, channels: Sequence[Channel]) -> None:
    """Put on the board the channels that have failed more than once in a row; the others tell it."""
    standing = []
    for channel in channels:
        state = outbox.channel(channel.name)
        if state is None or state.failures < _FAILURES_TOLD:
            continue
        alert = Alert(
            key=f"canal:{channel.name}",
            kind=Kind.CHANNEL,
            severity=Severity.WARNING,
            title=f"los avisos por {channel.name} no salen",
            cause=state.error,
            action=(
                f"{state.action} Lo pendiente sale solo cuando el canal vuelve. Ya corregido, compruébelo con "
                "`emtp test-alert`."
            ),
            page=Page.ALERTS,
            # A network that is down says now this, now that; what a person must do is what makes it another cause.
            told_apart_by=(state.action,),
        )
        board.stand(alert)
        standing.append(alert.key)
    board.only(Kind.CHANNEL, standing)


def _try(
    settings: Settings, outbox: Outbox, channel: Channel, posting: Posting, now: datetime, seconds: float
) -> tuple[str, bool]:
    """A line on how it went, and whether the channel can be given the next message."""
    try:
        who = channel.send(posting.message, seconds=seconds, done=posting.accepted_for)
    except ChannelFailure as failure:
        return _failed(settings, outbox, posting, failure, now), not failure.whole
    except Exception as error:  # a channel's fault must not keep the other from telling
        unexpected = ChannelFailure(
            f"Error inesperado al avisar ({type(error).__name__}).", "Avise a quien mantiene el código.", whole=False
        )
        return _failed(settings, outbox, posting, unexpected, now), True
    outbox.accepted(posting, now)
    line = f"Aviso enviado por {channel.name}: {who}."
    _log.info("%s", line)
    return line, True


def _failed(settings: Settings, outbox: Outbox, posting: Posting, failure: ChannelFailure, now: datetime) -> str:
    state = outbox.channel(posting.channel)
    failures = state.failures if state and failure.whole else posting.tries
    wait = min(_FIRST_WAIT * 2 ** min(failures, 10), _LONGEST_WAIT)
    if failure.retry_after is not None:
        wait = max(timedelta(seconds=failure.retry_after), timedelta(seconds=1))
    patience = timedelta(days=settings.alerts.keep_trying_days)
    given_up = now - posting.message.created_at > patience
    # A channel that is down keeps the posting due: the channel is what waits, and the order stays.
    outbox.failed(
        posting,
        failure.what,
        now if failure.whole else now + wait,
        accepted_for=failure.accepted_for,
        given_up=given_up,
    )
    outbox.troubled(posting.channel, failure.what, failure.action, now + wait if failure.whole else None)
    after = (
        f"Se abandona: lleva más de {patience.days} días."
        if given_up
        else f"Se intenta de nuevo en {max(1, round(wait.total_seconds() / 60))} min."
    )
    line = f"El aviso por {posting.channel} no salió. {failure} {after}"
    _log.warning("%s", line)
    return line
