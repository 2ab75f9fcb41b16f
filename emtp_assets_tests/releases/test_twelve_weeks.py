"""Twelve weekly refreshes between two public releases: what the public can subtract shows no student."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from emtp_assets.privacy.plans.public import public_plan
from emtp_assets.releases.build import Builder
from emtp_assets.releases.manifest import Release
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.releases.conftest import NOW, YEAR, Office, csv_lines
from emtp_assets_tests.releases.differencing import Difference, differences
from emtp_assets_tests.releases.register import a_week_later, count, students

WEEKS, EVENTS, MINIMUM = 12, 600, 10
SCALE = 0.25
"""A quarter of the country under the events of a whole one: each cell changes four times as much."""


@dataclass(frozen=True)
class Weeks:
    """Before, after as it was released, after as it may be made again, and made again without the rules."""

    before: Release
    every_week: tuple[dict[str, str], ...]
    repeated: Release
    restated: Release
    careless: Release


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    office = Office(isolated_settings(data_dir=tmp_path_factory.mktemp("semanas") / "data"))
    register = students(YEAR, scale=SCALE, seed=20260301)
    office.counts(register)
    before = office.releases("2025-04-30")
    random, public = np.random.default_rng(7), []
    for _ in range(WEEKS):
        register = a_week_later(register, EVENTS, random)
        count(office.lake, register, YEAR)
        public.append(dict(Release(before.folder).hashes))
    repeated = office.prepares("2025-07-23")
    assert repeated.waiting
    aside = tmp_path_factory.mktemp("repetida") / "candidata"
    repeated.release.folder.rename(aside)
    restated = office.prepares("2025-07-23", rehacer=[f"matricula:{YEAR}"])
    assert restated.waiting, restated.report.summary()
    return Weeks(
        before, tuple(public), Release(aside), restated.release, _careless(office, tmp_path_factory.mktemp("x"))
    )


def _careless(office: Office, folder: Path) -> Release:
    """What the register would be published as, were nothing known of the former release."""
    from datetime import date

    builder = Builder(office.settings, office.lake, public_plan(), folder, "x.1", date(2025, 7, 23), {}, [])
    return builder.write(NOW)


def test_no_weekly_refresh_touches_what_is_public(weeks: Weeks) -> None:
    assert all(hashes == weeks.every_week[0] for hashes in weeks.every_week)


def test_a_repeated_year_is_the_same_bytes(weeks: Weeks) -> None:
    for table in weeks.before.tables:
        assert csv_lines(weeks.repeated.folder, table, YEAR) == csv_lines(weeks.before.folder, table, YEAR)
    assert total(weeks.before, weeks.repeated) == Difference(
        "todas", YEAR, total(weeks.before, weeks.repeated).compared, 0, 0, 0, 0
    )


def total(before: Release, after: Release) -> Difference:
    found = differences(before.folder, after.folder, MINIMUM)
    assert len(found) == 5
    numbers = [
        sum(getattr(d, name) for d in found)
        for name in ("compared", "shown", "single", "remainders", "remainders_single")
    ]
    return replace(
        found[0],
        table="todas",
        **dict(zip(("compared", "shown", "single", "remainders", "remainders_single"), numbers, strict=True)),
    )


def test_a_year_made_again_shows_no_student(weeks: Weeks) -> None:
    seen = total(weeks.before, weeks.restated)
    assert (seen.shown, seen.single, seen.remainders, seen.remainders_single) == (0, 0, 0, 0)
    assert seen.compared > 100, "nothing left to compare proves nothing"


def test_without_the_rules_hundreds_would_be_seen(weeks: Weeks) -> None:
    seen = total(weeks.before, weeks.careless)
    assert seen.single > 200
    assert seen.shown > 1000
