"""Twelve weekly refreshes between two public releases: what the public can subtract shows no student.

``EMTP_NIGHTLY=1``: the whole country with 600 events a week, instead of an eighth with an eighth of them, and the
audit of what is made again. ``python -m benchmarks.releases`` prints the figures.
"""

from __future__ import annotations

import os

import pytest

from emtp_assets_tests.releases.conftest import YEAR, csv_lines
from emtp_assets_tests.releases.weeks import Weeks, weeks_in

NIGHTLY = os.environ.get("EMTP_NIGHTLY") == "1"
SCALE = 1.0 if NIGHTLY else 0.125


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    return weeks_in(tmp_path_factory.mktemp("semanas"), scale=SCALE)


def test_a_repeated_year_is_the_same_bytes(weeks: Weeks) -> None:
    for table in weeks.before.tables:
        assert csv_lines(weeks.repeated.folder, table, YEAR) == csv_lines(weeks.before.folder, table, YEAR)
    seen = weeks.seen(weeks.repeated)
    assert seen.compared > 1000 and not seen.anything


@pytest.mark.timeout(1800)
def test_a_year_made_again_shows_no_student(weeks: Weeks) -> None:
    seen = weeks.seen(weeks.restated)
    assert not seen.anything, seen
    assert seen.compared > 100, "nothing left to compare would prove nothing"


def test_without_the_rules_hundreds_would_be_seen(weeks: Weeks) -> None:
    seen = weeks.seen(weeks.careless)
    assert seen.single > 500
    assert seen.shown > 1500
    assert seen.rests and seen.deep and seen.crossed, (
        "the attacker who subtracts parts from totals must be able to find something"
    )


@pytest.mark.skipif(not NIGHTLY, reason="minutos de programas lineales: EMTP_NIGHTLY=1")
def test_what_is_made_again_passes_the_audit(weeks: Weeks) -> None:
    from emtp_assets.audit import audit

    report = audit(weeks.restated.folder, [weeks.before.folder])
    assert report.passed, report.summary()
