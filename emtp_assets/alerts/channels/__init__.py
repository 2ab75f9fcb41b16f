"""The ways in which people are told, one module each. What is told, when and how often is not their business."""

from __future__ import annotations

from emtp_assets.alerts.channels.email import EmailChannel
from emtp_assets.alerts.channels.protocol import Channel, ChannelFailure
from emtp_assets.alerts.channels.webhook import WebhookChannel
from emtp_assets.settings import Settings

__all__ = ["Channel", "ChannelFailure", "EmailChannel", "WebhookChannel", "configured_channels"]


def configured_channels(settings: Settings) -> list[Channel]:
    """The channels that the settings give an address of."""
    channels: list[Channel] = []
    if settings.alerts.by_webhook:
        channels.append(WebhookChannel(settings))
    if settings.alerts.by_email:
        channels.append(EmailChannel(settings))
    return channels
