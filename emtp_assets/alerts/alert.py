"""What an alarm is: its cause, what is said of it, and what makes it the same alarm as yesterday's. No wording of mail.

Whether something deserves one is decided in the modules named after what they look at (`failed_runs`, `late_data`…).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from emtp_assets.alerts.manual import Page


class Kind(StrEnum):
    """What happened. Stored in the outbox: a member's value never changes."""

    RUN = "corrida"
    CHECK = "control"
    LATE = "atraso"
    STRUCTURE = "estructura"
    SOURCE = "fuente"
    REFUSED_FILE = "rechazo"
    CHANNEL = "canal"
    ALL_WELL = "todo_bien"
    TRIAL = "prueba"


class Severity(StrEnum):
    """The first word of the subject."""

    FAILURE = "FALLA"
    WARNING = "ADVERTENCIA"
    ALL_WELL = "TODO BIEN"
    TRIAL = "PRUEBA"


class Event(StrEnum):
    """What is new about a cause."""

    NEW = "nueva"
    CHANGED = "cambió"
    STANDING = "sigue"
    RESOLVED = "resuelta"


@dataclass(frozen=True)
class Alert:
    """One alarm, in Spanish. ``key`` names its cause for as long as it lasts, whatever is said of it meanwhile.

    ``dataset``: "" when it is of no single one. ``link``: path in the UI. ``told_apart_by``: what makes it another
    alarm when it changes (a check's name, a source's cause); numbers, times and identifiers in it do not count.
    ``developers``: those who maintain the code are told too.
    """

    key: str
    kind: Kind
    severity: Severity
    title: str
    cause: str
    action: str
    page: Page
    dataset: str = ""
    years: tuple[int, ...] = ()
    details: tuple[str, ...] = ()
    last_good: str = ""
    link: str = ""
    told_apart_by: tuple[str, ...] = ()
    developers: bool = False

    @property
    def fingerprint(self) -> str:
        """The same while there is nothing new to say."""
        said = (self.kind.value, self.severity.value, str(self.developers), *map(_steady, self.told_apart_by))
        return hashlib.sha256("\x1f".join(said).encode()).hexdigest()

    @property
    def about(self) -> str:
        """``matricula 2025``; empty when it is of no dataset."""
        return f"{self.dataset} {years_in_words(self.years)}".strip()

    def mapped(self, change: Callable[[str], str]) -> Alert:
        """The same with every text passed through ``change``; the key is kept."""
        return replace(
            self,
            title=change(self.title),
            cause=change(self.cause),
            action=change(self.action),
            last_good=change(self.last_good),
            details=tuple(map(change, self.details)),
            told_apart_by=tuple(map(change, self.told_apart_by)),
        )

    @property
    def written(self) -> str:
        return json.dumps(asdict(self) | {"page": self.page.name}, ensure_ascii=False)

    @staticmethod
    def read(text: str) -> Alert:
        """Also what a later version wrote, as it may be met after going back to an earlier one."""
        stored: dict[str, Any] = json.loads(text)
        known = {each.name for each in fields(Alert)}
        stored = {n: tuple(value) if isinstance(value, list) else value for n, value in stored.items() if n in known}
        stored |= {
            "kind": next((kind for kind in Kind if kind.value == stored["kind"]), Kind.RUN),
            "severity": next((each for each in Severity if each.value == stored["severity"]), Severity.WARNING),
            "page": Page.__members__.get(stored["page"], Page.FAILURES),
        }
        return Alert(**stored)


@dataclass(frozen=True)
class Notice:
    """One thing a message says: an alarm, and what is new about it. ``since``: when it began, in Santiago's time."""

    event: Event
    alert: Alert
    since: str = ""


def years_in_words(years: tuple[int, ...]) -> str:
    """``2025``; ``2019 a 2025`` for a run of years; ``2019, 2023``."""
    if len(years) > 2 and list(years) == list(range(years[0], years[-1] + 1)):
        return f"{years[0]} a {years[-1]}"
    return ", ".join(map(str, years))


_IDENTIFIER = re.compile(r"\b[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w])[+-]?\d[\d.,:%T-]*(?![\w])")


def _steady(text: str) -> str:
    """``text`` without what differs each time: identifiers, dates, counts. A column's name keeps its digits."""
    return " ".join(_NUMBER.sub("#", _IDENTIFIER.sub("#", text)).split())
