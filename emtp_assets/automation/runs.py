"""Runs started from the command line, inside this process, recorded like any other. What they run is `jobs`'."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import dagster as dg

from emtp_assets.automation.jobs import EVERYTHING, job_of
from emtp_assets.contracts import DATASETS
from emtp_assets.settings import Settings

_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"


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
    if not settings.first_year <= first <= last:
        raise RunFailedError(f"Rango de años inválido: {first} a {last} (el primero posible es {settings.first_year}).")
    job = definitions.resolve_job_def(job_of(dataset) if dataset else EVERYTHING)
    progress = _Progress(say)
    logger = logging.getLogger("emtp_assets")
    logger.setLevel(logging.INFO)
    logger.addHandler(progress)
    logger.propagate = False
    try:
        result = job.execute_in_process(
            instance=instance,
            partition_key=str(first) if first == last else None,
            tags={"emtp/motivo": "línea de comandos"}
            | ({} if first == last else {_RANGE_START: str(first), _RANGE_END: str(last)}),
            raise_on_error=False,
        )
        failures = [_reason(event) for event in result.all_events if event.is_step_failure]
    finally:
        logger.removeHandler(progress)
        logger.propagate = True
    if not result.success:
        raise RunFailedError("La corrida falló:\n" + "\n".join(failures or ["sin detalle; vea la interfaz"]))
    say(f"Listo en {progress.elapsed:.0f} s.")


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
