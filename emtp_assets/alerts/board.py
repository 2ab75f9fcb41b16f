"""The causes that stand, in memory: what opens one, and what has to go well again before it ends. No storage here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from emtp_assets.alerts.alert import Alert, Kind

ANY_YEAR = 0
Waits = frozenset[tuple[str, int]]
"""What has to go well before a cause is gone: the name of a step, check or source, and the academic year."""


@dataclass(frozen=True)
class Cause:
    """A cause that stands. ``waits`` empty: it is looked at anew each time, and stands as long as it is found."""

    alert: Alert
    waits: Waits = frozenset()


@dataclass
class Board:
    """The causes that stand, by key, changed as one reads what happened, oldest first.

    What failed and was mended between two looks leaves nothing behind, and nobody is bothered.
    """

    standing: dict[str, Cause] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    said_once: list[Alert] = field(default_factory=list)

    def stand(self, alert: Alert, waits: Iterable[tuple[str, int]] = ()) -> None:
        """The cause is there, perhaps again, perhaps otherwise than before."""
        self.standing[alert.key] = Cause(alert, frozenset(waits))
        self.seen.add(alert.key)

    def say(self, alert: Alert) -> None:
        """Something to be told that does not last: a file that was refused, the weekly word that all is well."""
        self.said_once.append(alert)

    def good(self, name: str, years: Iterable[int] = ()) -> None:
        """That step, check or source went well for those years; causes that waited for nothing else end."""
        went_well = {(name, year) for year in (*years, ANY_YEAR)}
        for key, cause in list(self.standing.items()):
            if not cause.waits & went_well:
                continue
            left = cause.waits - went_well
            if left:
                self.standing[key] = replace(cause, waits=left)
            else:
                del self.standing[key]

    def only(self, kind: Kind, keys: Iterable[str]) -> None:
        """Of the causes of a kind that is looked at anew each time, these are the ones that still stand."""
        kept = set(keys)
        for key in [k for k, cause in self.standing.items() if cause.alert.kind is kind and k not in kept]:
            del self.standing[key]
