"""How often in a row a source has failed: Mondays are counted, not questions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from emtp_assets.alerts.failed_sources import failures_in_a_row
from emtp_assets.sources import Attempt, Result

FAILED = Attempt(datetime(2026, 11, 23, 9, tzinfo=UTC), "lunes-1", "rest", "matricula", 2026, Result.FAILED, "500")


def of(run: str, dataset: str = "matricula", result: Result = Result.FAILED, tries: int = 4) -> Attempt:
    return replace(FAILED, run_id=run, dataset=dataset, result=result, tries=tries)


def test_nothing_asked_is_no_failure() -> None:
    assert failures_in_a_row([]) == 0


def test_a_bad_monday_is_one_failure_though_six_datasets_were_asked_for() -> None:
    assert failures_in_a_row([of("lunes-1", str(dataset)) for dataset in range(6)]) == 1


def test_each_monday_counts_until_the_source_answers() -> None:
    four = [of(f"lunes-{n}") for n in range(4)]
    assert failures_in_a_row(four) == 4
    assert failures_in_a_row([*four, of("lunes-5", result=Result.UNCHANGED)]) == 0
    assert failures_in_a_row([*four, of("lunes-5", result=Result.NOTHING), of("lunes-6")]) == 1


def test_a_view_that_is_gone_counts_though_the_others_are_read() -> None:
    weeks = [(of(f"lunes-{n}"), of(f"lunes-{n}", "docentes", Result.DELIVERED)) for n in range(5)]
    assert failures_in_a_row([attempt for week in weeks for attempt in week]) == 5


def test_what_was_not_really_asked_does_not_count() -> None:
    assert failures_in_a_row([of("lunes-1"), of("lunes-2", tries=0)]) == 1
