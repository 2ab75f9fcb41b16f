"""Alarms: what deserves one, how it reads, to whom it goes, and that it is told once. Nothing here starts a run.

When one looks is `automation.alerting`'s; what a run does is the assets'.
"""

from emtp_assets.alerts.alert import Alert, Event, Kind, Notice, Severity
from emtp_assets.alerts.outbox import Outbox
from emtp_assets.alerts.trial import probe, send_test

__all__ = ["Alert", "Event", "Kind", "Notice", "Outbox", "Severity", "probe", "send_test"]
