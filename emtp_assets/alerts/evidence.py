"""What Dagster's history says of a run that ended: steps, checks, reasons. If it deserves an alarm is not asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from emtp_assets.quality.drift import STRUCTURE

ENDED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED)
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_TYPES = {
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
}
_PAGE = 1000
# A run's row is written by another process: one that ended just before another may show itself just after.
_OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True)
class FailedStep:
    """A step that said no. ``years``: those its reason names, of the run's; ``reason``: fit to leave the machine."""

    step: str
    reason: str
    years: tuple[int, ...]

    @property
    def dataset(self) -> str:
        return self.step.partition("__")[0]

    @property
    def layer(self) -> str:
        return self.step.rpartition("__")[2]


@dataclass(frozen=True)
class Check:
    """A check as a run evaluated it. ``years_failed``: those in which it did not hold."""

    step: str
    name: str
    passed: bool
    blocking: bool
    observed: str
    years: tuple[int, ...]
    years_failed: tuple[int, ...]


@dataclass(frozen=True)
class RunFacts:
    """A run that ended, by whichever door it was started."""

    run_id: str
    job: str
    failed: bool
    years: tuple[int, ...]
    planned: frozenset[str]
    succeeded: frozenset[str]
    steps_failed: tuple[FailedStep, ...]
    checks: tuple[Check, ...]
    tried_again: bool
    """Dagster starts it once more by itself: its process died."""


@dataclass(frozen=True)
class EndedRun:
    """A run's identity, before its events are read. ``at``: when its row was last written."""

    run_id: str
    at: datetime
    record: dg.RunRecord


def ended_runs(
    instance: dg.DagsterInstance, since: datetime, known: Iterable[str], *, at_most: int
) -> Iterator[EndedRun]:
    """The runs that ended after a moment and are not among ``known``, oldest first.

    By time and not by number: whoever deletes Dagster's history starts its numbers anew.
    """
    handled = set(known)
    filters = dg.RunsFilter(statuses=list(ENDED), updated_after=since.astimezone(UTC) - _OVERLAP)
    found = 0
    for record in instance.get_run_records(filters, order_by="update_timestamp", ascending=True):
        if record.dagster_run.run_id not in handled:
            yield EndedRun(record.dagster_run.run_id, record.update_timestamp, record)
            found += 1
            if found == at_most:
                return


def facts_of(instance: dg.DagsterInstance, ended: EndedRun) -> RunFacts:
    """Read the run's events: some 30 ms for a run of one dataset, 0.3 s for the weekly one."""
    run = ended.record.dagster_run
    years = _years_of(run.tags)
    planned, succeeded = set(), set()
    failed: list[FailedStep] = []
    checks: list[Check] = []
    for event in _events(instance, run.run_id):
        step = event.step_key or ""
        match event.event_type:
            case dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED:
                planned.add(step)
            case dg.DagsterEventType.STEP_SUCCESS:
                succeeded.add(step)
            case dg.DagsterEventType.STEP_FAILURE:
                reason = reason_of(event)
                failed.append(FailedStep(step, reason, _years_named(reason, years)))
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                checks.append(_check(event.asset_check_evaluation_data, step, years))
    return RunFacts(
        run_id=run.run_id,
        job=run.job_name,
        failed=run.status is dg.DagsterRunStatus.FAILURE,
        years=years,
        planned=frozenset(planned),
        succeeded=frozenset(succeeded),
        steps_failed=tuple(failed),
        checks=tuple(checks),
        tried_again=run.tags.get("dagster/will_retry") == "true",
    )


def reason_of(event: dg.DagsterEvent) -> str:
    """Why a step failed, as far as it may leave the machine.

    What our own code says is written for people. The text of any other error may quote a value of a row, so that
    only its name is told.
    """
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description.strip()
    error = data.error.cause or data.error if data.error else None
    if error is None:
        return "El paso terminó sin decir por qué."
    ours = re.match(r"emtp_assets\.[\w.]+: ", error.message)
    if ours:
        return error.message[ours.end() :].strip()
    return (
        f"Error inesperado ({error.cls_name}). Su texto no se envía, porque podría citar un dato de una persona: "
        "está en la interfaz."
    )


def _events(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.DagsterEvent]:
    cursor = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=_TYPES, limit=_PAGE)
        for record in page.records:
            if record.event_log_entry.dagster_event is not None:
                yield record.event_log_entry.dagster_event
        if not page.has_more:
            return
        cursor = page.cursor


def _years_of(tags: Mapping[str, str]) -> tuple[int, ...]:
    first, last = (tags.get(name) or tags.get("dagster/partition") or "" for name in _RANGE)
    if not (first.isdecimal() and last.isdecimal()):
        return ()
    return tuple(range(int(first), int(last) + 1))


def _years_named(reason: str, years: tuple[int, ...]) -> tuple[int, ...]:
    """Of a range of years, the ones that a reason says it is about; all, when it names none."""
    named = {int(year) for year in re.findall(r"\baño (\d{4})\b", reason)} & set(years)
    return tuple(sorted(named)) or years


def _check(evaluation: dg.AssetCheckEvaluation, step: str, years: tuple[int, ...]) -> Check:
    observed = evaluation.metadata.get("valor_observado")
    by_year = evaluation.metadata.get("por_año")
    bad = years
    if isinstance(by_year, dg.TableMetadataValue):
        bad = tuple(int(str(r.data["año"])) for r in by_year.records if r.data["resultado"] != "cumple")
    return Check(
        step=step,
        name=evaluation.check_name,
        passed=evaluation.passed,
        blocking=evaluation.severity is dg.AssetCheckSeverity.ERROR,
        observed=(observed.text if isinstance(observed, dg.TextMetadataValue) else evaluation.description) or "",
        years=years,
        years_failed=() if evaluation.passed else bad,
    )


def is_structure(check: Check) -> bool:
    """Whether the check is the one that compares a delivery's header with its contract."""
    return check.name == STRUCTURE
