"""Intake: from the bytes that somebody hands over to a recorded delivery and its raw table, or a refusal.

What a dataset is belongs to contracts; when files are looked at, to sensors; what values mean, to cleaning.
"""

from emtp_assets.intake.archive import Archive
from emtp_assets.intake.extraction import RawCounts, extract_raw, extract_raw_years
from emtp_assets.intake.form import Form
from emtp_assets.intake.ledger import Delivery, Ledger, Rejection
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.receive import AlreadyKnown, Asked, Outcome, receive
from emtp_assets.intake.resting import Snapshot, resting

__all__ = [
    "AlreadyKnown",
    "Archive",
    "Asked",
    "Delivery",
    "Form",
    "IntakeError",
    "Ledger",
    "Outcome",
    "RawCounts",
    "Rejection",
    "Snapshot",
    "extract_raw",
    "extract_raw_years",
    "receive",
    "resting",
]
