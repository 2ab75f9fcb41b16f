"""Twelve weekly refreshes between two public releases: what the public can subtract shows no student.

``EMTP_NIGHTLY=1``: the whole country with 600 events a week, instead of a quarter with a quarter of them, and the
audit of what is made again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from emtp_assets.privacy.plans.public import public_plan
from emtp_assets.releases.build import Builder
from emtp_assets.releases.manifest import Release
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.releases.conftest import NOW, YEAR, Office, csv_lines
from emtp_assets_tests.releases.differencing import differences
from emtp_assets_tests.releases.register import a_week_later, students

NIGHTLY = os.environ.get("EMTP_NIGHTLY") == "1"
SCALE = 1.0 if NIGHTLY else 0.25
WEEKS, EVENTS = 12, int(600 * SCALE)
MINIMUM = 10
AGAIN = {"matricula": frozenset({YEAR})}


@dataclass(frozen=True)
class Seen:
    """What subtracting tells, all tables together."""

    compared: int
    shown: int
    single: int
    rests: int


@dataclass(frozen=True)
class Weeks:
    """The first release; the second, in which the year is repeated; and made again, with the rules and without."""

    before: Release
    repeated: Release
    restated: Release
    careless: Release

    def seen(self, after: Release) -> Seen:
        found = differences(self.before.folder, after.folder, MINIMUM)
        assert len(found) == len(self.before.tables)
        return Seen(
            compared=sum(d.compared for d in found),
            shown=sum(d.shown for d in found),
            single=sum(d.single for d in found),
            rests=sum(d.remainders for d in found),
        )


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    folder = tmp_path_factory.mktemp("semanas")
    office = Office(isolated_settings(data_dir=folder / "data"))
    register = students(YEAR, scale=SCALE, seed=20260301)
    office.counts(register)
    before = _built(office, folder / "2025-04-30.1", "2025-04-30")
    random = np.random.default_rng(7)
    for _ in range(WEEKS):
        register = a_week_later(register, EVENTS, random)
        office.counts(register)
    return Weeks(
        before,
        repeated=_built(office, folder / "repetida", "2025-07-23", before),
        restated=_built(office, folder / "rehecha", "2025-07-23", before, restate=AGAIN),
        careless=_built(office, folder / "descuidada", "2025-07-23"),
    )


def _built(
    office: Office, folder: Path, cut: str, *former: Release, restate: Mapping[str, frozenset[int]] | None = None
) -> Release:
    folder.mkdir()
    builder = Builder(
        office.settings, office.lake, public_plan(), folder, folder.name, date.fromisoformat(cut), restate or {}, former
    )
    return builder.write(NOW)


def test_a_repeated_year_is_the_same_bytes(weeks: Weeks) -> None:
    for table in weeks.before.tables:
        assert csv_lines(weeks.repeated.folder, table, YEAR) == csv_lines(weeks.before.folder, table, YEAR)
    seen = weeks.seen(weeks.repeated)
    assert (seen.shown, seen.single, seen.rests) == (0, 0, 0)


@pytest.mark.timeout(1800)
def test_a_year_made_again_shows_no_student(weeks: Weeks) -> None:
    seen = weeks.seen(weeks.restated)
    assert (seen.shown, seen.single, seen.rests) == (0, 0, 0)
    assert seen.compared > 100, "nothing left to compare would prove nothing"


def test_without_the_rules_hundreds_would_be_seen(weeks: Weeks) -> None:
    seen = weeks.seen(weeks.careless)
    assert seen.single > 500
    assert seen.shown > 2000


@pytest.mark.skipif(not NIGHTLY, reason="minutos de programas lineales: EMTP_NIGHTLY=1")
def test_what_is_made_again_passes_the_audit(weeks: Weeks) -> None:
    from emtp_assets.audit import audit

    report = audit(weeks.restated.folder, [weeks.before.folder])
    assert report.passed, report.summary()
