"""Sources: one module a system that hands over files. What happens to a file afterwards belongs to intake."""

from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.journal import Attempt, Journal, Mark, Query, Result
from emtp_assets.sources.protocol import Answer, Fetched, Probe, Source, Unchanged

__all__ = [
    "Answer",
    "Attempt",
    "Cause",
    "Explanation",
    "Fetched",
    "Journal",
    "Mark",
    "Nature",
    "Probe",
    "Query",
    "Result",
    "Source",
    "SourceFailure",
    "Unchanged",
]
