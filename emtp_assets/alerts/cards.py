"""A message in the shapes of Teams (an Adaptive Card, for Workflows) and Slack (blocks). The words are `wording`'s.

Nothing that comes from a file or an error is read as markup: no link, no mention can be smuggled into a channel.
"""

from __future__ import annotations

from typing import Any, Literal

from emtp_assets.alerts.alert import Event, Notice, Severity
from emtp_assets.alerts.message import Message
from emtp_assets.alerts.wording import Wording

_SLACK_TEXT = 2900
_SLACK_BLOCKS = 50
_TEAMS_CHARACTERS = 18_000


def payload(wording: Wording, message: Message, kind: Literal["teams", "slack"]) -> dict[str, Any]:
    """The body of the post."""
    return _teams(wording, message) if kind == "teams" else _slack(wording, message)


def _teams(wording: Wording, message: Message) -> dict[str, Any]:
    body: list[dict[str, Any]] = []
    room = _TEAMS_CHARACTERS
    actions: dict[str, str] = {}
    for notice in wording.shown(message):
        facts = wording.facts(notice)
        size = sum(len(name) + len(text) for name, text in facts)
        body.append(_plain(wording.headline(notice), weight="Bolder", size="Medium", color=_colour(notice)))
        # Teams refuses a card of more than 28 kB; what does not fit keeps its headline.
        if size <= room:
            body.extend(_fact(name, text) for name, text in facts)
            room -= size
        actions |= {address: label for label, address in wording.links(notice.alert)}
    closing = " ".join(filter(None, [wording.left_out(message), wording.footer()]))
    body.append(_plain(closing, size="Small", isSubtle=True))
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "fallbackText": wording.subject(message),
                    "msteams": {"width": "Full"},
                    "body": body,
                    "actions": [
                        {"type": "Action.OpenUrl", "title": label, "url": address}
                        for address, label in list(actions.items())[:6]
                        if address.startswith(("http://", "https://"))
                    ],
                },
            }
        ],
    }


def _plain(text: str, **looks: Any) -> dict[str, Any]:
    """Text runs, unlike text blocks, are not read as Markdown."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **looks}]}


def _fact(name: str, text: str) -> dict[str, Any]:
    label = [{"type": "TextRun", "text": f"{name}: ", "weight": "Bolder"}] if name else []
    return {"type": "RichTextBlock", "inlines": [*label, {"type": "TextRun", "text": text}]}


def _colour(notice: Notice) -> str:
    if notice.event is Event.RESOLVED:
        return "Good"
    return {Severity.FAILURE: "Attention", Severity.WARNING: "Warning", Severity.ALL_WELL: "Good"}.get(
        notice.alert.severity, "Default"
    )


def _slack(wording: Wording, message: Message) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    for notice in wording.shown(message):
        blocks.append({"type": "header", "text": _slack_plain(wording.headline(notice), 150)})
        text = "\n".join(f"{name}: {text}" if name else f"• {text}" for name, text in wording.facts(notice))
        blocks.append({"type": "section", "text": _slack_plain(text, _SLACK_TEXT)})
        links = " · ".join(
            f"<{_slack_escaped(address)}|{_slack_escaped(label)}>" if "://" in address else f"{label}: {address}"
            for label, address in wording.links(notice.alert)
        )
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": links}]})
    closing = " ".join(filter(None, [wording.left_out(message), wording.footer()]))
    blocks = [*blocks[: _SLACK_BLOCKS - 1], {"type": "context", "elements": [_slack_plain(closing, _SLACK_TEXT)]}]
    return {"text": _slack_escaped(wording.subject(message)), "blocks": blocks}


def _slack_plain(text: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text if len(text) <= longest else text[: longest - 1] + "…", "emoji": False}


def _slack_escaped(text: str) -> str:
    """The three characters that Slack's own format gives a meaning to."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
