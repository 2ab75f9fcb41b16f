"""An instance under observation while its systems fail, and the office around it. No fault is made here, and but for
what must hold of every instance at any time nothing is asserted.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dagster as dg

from emtp_assets.alerts import Kind, Notice, Outbox
from emtp_assets.automation.alerting import look
from emtp_assets.intake import Delivery, Ledger
from emtp_assets.sources import Attempt, Journal
from emtp_assets.storage.duck import SPILL
from emtp_assets_tests.alerts.conftest import mailing
from emtp_assets_tests.pipeline.conftest import Instance, instance_at
from emtp_assets_tests.pipeline.source_faults import ATTEMPTS, LONGEST_WAIT
from emtp_assets_tests.servers.smtp import MailServer
from emtp_assets_tests.servers.systems import Systems

OPERATORS, DEVELOPERS = "ti@mineduc.test", "codigo@mineduc.test"
# Alarms about the other datasets, which nobody ever delivered here, and the weekly word: not what is tested.
_ELSEWHERE = frozenset({Kind.LATE, Kind.ALL_WELL})


@dataclass(frozen=True)
class Office:
    """Last week's systems, this week's with other figures, and the mail server to which alarms go.

    ``data``: where every case's instance lives, one after the other: what Dagster loads is then built once for each
    choice of systems, which is a tenth of the time.
    """

    before: Systems
    now: Systems
    mail: MailServer
    data: Path
    _loaded: dict[tuple[str, ...], Instance] = field(default_factory=dict)

    def instance(self, dagster: dg.DagsterInstance, *systems: str, **changes: object) -> Instance:
        """The instance that knows these systems of this week."""
        if changes or systems not in self._loaded:
            made = instance_at(self.data, dagster, **self.settings(*systems, **changes))
            if changes:
                return made
            self._loaded[systems] = made
        return replace(self._loaded[systems], dagster=dagster)

    def settings(self, *names: str, **changes: object) -> dict[str, Any]:
        """The instance's settings; ``changes`` replace some, those of a system field by field."""
        made = self.now.settings(*names) | {
            "restatement_floor": 10**15,  # what changes is not at issue here, and no person is there to approve it
            "retry_attempts": ATTEMPTS,
            "retry_first_wait": 0.01,
            "retry_longest_wait": LONGEST_WAIT,
            "alerts": mailing(self.mail, developer_email=(DEVELOPERS,)),
        }
        if "rest" in made:
            made["rest"]["page_size"] = 120
        for name, change in changes.items():
            made[name] = {**made[name], **change} if isinstance(change, Mapping) else change
        return made

    @property
    def secrets(self) -> list[str]:
        """The longest word of each secret: what stands about it may be written otherwise."""
        handed_out = [*self.now.sharepoint.tokens, *self.now.sharepoint.links]
        known = [*self.now.passwords.values(), *handed_out]
        return [max(re.split(r"\W", secret), key=len) for secret in known]


@dataclass(frozen=True)
class Mail:
    """What a person read, and who: ``to`` is whom the server was told to give it."""

    subject: str
    text: str
    to: list[str]


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return body.get_content()


class Watch:
    """An instance under observation: what it has, what it notes, what it sends."""

    def __init__(self, office: Office, dagster: dg.DagsterInstance, *systems: str) -> None:
        self.office, self.data, self.dagster, self.systems = office, office.data, dagster, systems
        self.instance = office.instance(dagster, *systems)
        self.read = max((a.id for a in Journal(self.data).attempts()), default=0)
        self.mailed = len(office.mail.mails)
        self.ledger = Ledger(self.data)

    def impatient(self, impatience: Mapping[str, Any]) -> Instance:
        """The same instance with other settings."""
        return self.office.instance(self.dagster, *self.systems, **impatience)

    def attempts(self) -> list[Attempt]:
        """The attempts that are new."""
        found = Journal(self.data).attempts(after=self.read)
        self.read = max((a.id for a in found), default=self.read)
        return found

    def look(self) -> list[Notice]:
        """What the sensor of the alarms says that is new."""
        looked = look(self.instance.settings, self.dagster, datetime.now(UTC))
        return [notice for notice in looked.notices if notice.alert.kind not in _ELSEWHERE]

    def mails(self) -> list[Mail]:
        """The mails that are new."""
        first, server = self.mailed, self.office.mail
        self.mailed = len(server.mails)
        found = zip(server.mails[first:], server.recipients[first:], strict=True)
        return [Mail(str(mail["Subject"]), _text(mail), to) for mail, to in found]

    def standing(self) -> list[Kind]:
        return [s.alert.kind for s in Outbox(self.data).standing() if s.alert.kind not in _ELSEWHERE]

    def kept(self) -> tuple[list[Delivery], dict[str, bytes]]:
        """Every delivery known and every file of the instance, but those in which attempts and alarms are noted and
        the folder where refused files are laid aside."""
        assert self.half_made == []
        noted, aside = {"sources", "alerts", "ledger"}, self.instance.settings.drop
        files = {
            path.relative_to(self.data).as_posix(): path.read_bytes()
            for path in sorted(self.data.rglob("*"))
            if path.is_file() and path.name.partition(".")[0] not in noted and not path.is_relative_to(aside)
        }
        return self.ledger.deliveries(), files

    @property
    def half_made(self) -> list[Path]:
        """What a process left behind; its empty room to spill into is none."""
        return [path for path in (self.data / ".staging").rglob("*") if SPILL not in path.parts or path.is_file()]

    def tells_no_secret(self, *texts: str) -> None:
        """Neither these texts nor what is noted of attempts and alarms holds a secret."""
        said = "\n".join(texts)
        for noted in ("alerts.sqlite", "sources.sqlite"):
            with closing(sqlite3.connect(self.data / noted)) as db:
                said += "\n".join(db.iterdump())
        assert [secret for secret in self.office.secrets if secret in said] == []
