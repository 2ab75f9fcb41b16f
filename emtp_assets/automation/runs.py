"""Runs started from the command line, inside this process, and runs left behind. What they run is `jobs`'."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from emtp_assets.automation.jobs import EVERYTHING, job_of
from emtp_assets.automation.weekly import due_at
from emtp_assets.contracts import DATASETS
from emtp_assets.keys import PUBLICATION
from emtp_assets.partitions import academic_year_of
from emtp_assets.publication.gate import NOTHING_LEAVES
from emtp_assets.settings import Settings

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


PROCESS_TAG = "emtp/proceso"


class RunFailedError(RuntimeError):
    """A run that did not do its work; the message gives each failed step its reason, in Spanish."""


def run_years(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    settings: Settings,
    first: int,
    last: int,
    dataset: str | None,
    *,
    say: Callable[[str], None],
) -> None:
    """Materialize the academic years ``first`` to ``last``, all datasets or one, and publish, in one run.

    Raises:
        RunFailedError: a step failed, or the dataset or years do not exist.
    """
    if dataset is not None and dataset not in DATASETS:
        raise RunFailedError(f"No existe el conjunto {dataset!r}. Los conjuntos son: {', '.join(DATASETS)}.")
    running = academic_year_of(datetime.now(UTC))
    if not settings.first_year <= first <= last <= running:
        raise RunFailedError(
            f"Rango de años inválido: {first} a {last}. Los años posibles van de {settings.first_year} a {running}."
        )
    job = definitions.resolve_job_def(job_of(dataset) if dataset else EVERYTHING)
    execute(job, instance, (first, last), "línea de comandos", say=say)
    if not settings.privacy_mode.publishes:
        say(NOTHING_LEAVES)


def run_weekly(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    settings: Settings,
    moment: datetime,
    *,
    say: Callable[[str], None],
) -> None:
    """Run now what the schedule would run at ``moment``, year after year; a year that fails stops no other.

    Raises:
        RunFailedError: nothing is due, or some year did not do its work.
    """
    due = due_at(moment, settings)
    if not due:
        raise RunFailedError("Ningún conjunto tiene todavía un año que se pueda esperar.")
    job = definitions.resolve_job_def(EVERYTHING)
    failed = []
    for year, keys in due.items():
        say(f"Año {year}: {', '.join(sorted({key.path[0] for key in keys if key not in PUBLICATION}))}")
        try:
            execute(job, instance, (year, year), "actualización semanal a mano", selection=keys, say=say)
        except RunFailedError as failure:
            failed.append(f"Año {year}. {failure}")
    if failed:
        raise RunFailedError("\n".join(failed))


def execute(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    years: tuple[int, int] | None,
    motive: str,
    *,
    say: Callable[[str], None],
    selection: Sequence[dg.AssetKey] | None = None,
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """One run of a job in this process: of the first to the last of ``years``, or of what has no years.

    Raises:
        RunFailedError: a step failed.
    """
    first, last = years or (0, 0)
    progress = _Progress(say)
    logger = logging.getLogger("emtp_assets")
    logger.setLevel(logging.INFO)
    logger.addHandler(progress)
    logger.propagate = False
    try:
        result = job.execute_in_process(
            instance=instance,
            partition_key=str(first) if years and first == last else None,
            asset_selection=selection,
            tags={"emtp/motivo": motive, PROCESS_TAG: process_identity(os.getpid())}
            | dict(tags or {})
            | ({} if first == last else {_RANGE_START: str(first), _RANGE_END: str(last)}),
            # What the operator reads is said below; the whole log is in the UI.
            run_config={**(run_config or {}), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        failures = [_reason(event) for event in result.all_events if event.is_step_failure]
    finally:
        logger.removeHandler(progress)
        logger.propagate = True
    if not result.success:
        raise RunFailedError("La corrida falló:\n" + "\n".join(failures or ["sin detalle; vea la interfaz"]))
    say(f"Listo en {progress.elapsed:.0f} s.")


def settle_interrupted(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed the runs that a killed server or a power cut left "started"; their ids.

    Called before the server starts: only runs of a command still alive in another terminal can then be going on.
    Left alone they would hold the queue, which lets one run in at a time, until somebody noticed.
    """
    unfinished = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    )
    dead = [run for run in instance.get_runs(unfinished) if not _alive(run.tags.get(PROCESS_TAG))]
    for run in dead:
        instance.report_run_failed(run, "El servidor se detuvo en medio de la corrida. Nada quedó publicado a medias.")
    return [run.run_id for run in dead]


def process_identity(pid: int) -> str:
    """A process by its number and the moment it began: after a restart its number may be another's.

    Raises:
        OSError: there is no such process.
    """
    # The name, in parentheses, may hold anything; the 22nd field, the start, is the 20th after it (proc(5)).
    fields = Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return f"{pid}:{fields[19]}"


def _alive(process: str | None) -> bool:
    if process is None:
        return False
    try:
        return process_identity(int(process.partition(":")[0])) == process
    except (OSError, ValueError, IndexError):
        return False


def _reason(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    described = event.step_failure_data.user_failure_data
    cause = error.cause or error if error else None
    text = (described.description if described else None) or (cause.message if cause else "")
    return f"✗ {event.step_key}: {(text or '').strip()}"


class _Progress(logging.Handler):
    """Says each line the assets log, with the seconds since the run began."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._say = say
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"{self.elapsed:6.1f} s  {record.getMessage()}")
