"""The academic year, defined once. Nothing else in the package may build a partitions definition."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from emtp_assets.settings import Settings

TIMEZONE = "America/Santiago"


def academic_years(settings: Settings) -> dg.TimeWindowPartitionsDefinition:
    """Academic years, March to February, keyed by the year they begin in ("2026").

    ``end_offset=1`` makes the running year a partition: in January 2026 the newest key is "2025",
    from 1 March 2026 it is "2026".
    """
    return dg.TimeWindowPartitionsDefinition(
        start=str(settings.first_year),
        fmt="%Y",
        cron_schedule="0 0 1 3 *",
        end_offset=1,
        timezone=TIMEZONE,
    )


def academic_year_of(moment: datetime) -> int:
    """The academic year that a moment falls in, by the clock of Santiago."""
    local = moment.astimezone(ZoneInfo(TIMEZONE))
    return local.year if local.month >= 3 else local.year - 1
