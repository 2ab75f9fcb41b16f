"""Runs of the command line, and what becomes of runs whose server was killed."""

from __future__ import annotations

import os

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from emtp_assets.automation.runs import PROCESS_TAG, RunFailedError, process_identity, run_years, settle_interrupted
from emtp_assets.definitions import build_definitions
from emtp_assets.settings import Settings


def test_a_run_left_started_is_failed_so_that_the_queue_goes_on() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dead = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED)
        done = create_run_for_test(instance, status=dg.DagsterRunStatus.SUCCESS)
        mine = process_identity(os.getpid())
        alive = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: mine})
        # Before the restart, the number that is mine now was another's.
        before = create_run_for_test(
            instance, status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: f"{os.getpid()}:1"}
        )
        assert set(settle_interrupted(instance)) == {dead.run_id, before.run_id}
        statuses = {run.run_id: run.status for run in instance.get_runs()}
        assert statuses[dead.run_id] is dg.DagsterRunStatus.FAILURE
        assert statuses[done.run_id] is dg.DagsterRunStatus.SUCCESS
        assert statuses[alive.run_id] is dg.DagsterRunStatus.STARTED


@pytest.mark.parametrize(
    ("first", "last", "dataset", "said"),
    [
        (2025, 2025, "notas", "No existe el conjunto"),
        (2025, 2024, None, "Rango de años inválido"),
        (1990, 2024, None, "Rango de años inválido"),
        (2025, 2999, None, "Rango de años inválido"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(
    settings: Settings, first: int, last: int, dataset: str | None, said: str
) -> None:
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(RunFailedError, match=said):
        run_years(build_definitions(settings), instance, settings, first, last, dataset, say=print)


def test_a_failed_step_is_said_with_its_reason(settings: Settings) -> None:
    """Projects of a production instance that nobody has delivered."""
    production = Settings.model_validate(
        {"data_dir": settings.data_dir, "mode": "produccion", "pseudonym_key": "0123456789abcdef" * 4}
    )
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(RunFailedError, match="Ninguna fuente entregó proyectos del año 2025"),
    ):
        run_years(build_definitions(production), instance, production, 2025, 2025, "proyectos", say=print)
