"""Deleting is a run with a record: in Dagster what went, in the ledger each file; `emtp retain` is such a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.execution.plan.outputs import StepOutputData
from typer.testing import CliRunner

import emtp_assets.cli.retention
from emtp_assets.assets.raw import raw_asset
from emtp_assets.automation.retention import confirmation, retention_job, retention_schedule
from emtp_assets.cli import app
from emtp_assets.contracts import contract_for
from emtp_assets.intake import Archive, Ledger
from emtp_assets.intake.disposals import Disposals, Ending
from emtp_assets.partitions import academic_years
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.sealing import sealed_size
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.faults import in_child
from emtp_assets_tests.intake.conftest import Instance
from emtp_assets_tests.intake.tables import enrolment
from emtp_assets_tests.intake.test_crash import NOBODY

assert emtp_assets.cli.retention
LONG_AGO = datetime.now(UTC) - timedelta(days=400)


def holding(folder: Path, **limits: int) -> Settings:
    """An instance with one delivery and one refusal of 400 days ago, whose limits were looked at a week ago."""
    settings = isolated_settings(data_dir=folder / "data", drop_dir=folder / "drop", **limits)
    instance = Instance(settings)
    instance.accepted(enrolment(4), now=LONG_AGO)
    instance.refused(enrolment(4)[:-7], "María Pérez.csv", now=LONG_AGO)
    Disposals(settings.data_dir).reviewed("el lunes anterior", datetime.now(UTC) - timedelta(days=7))
    return settings


@pytest.fixture
def dagster() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run(settings: Settings, dagster: dg.DagsterInstance, *, confirmed: bool = False) -> dg.ExecuteInProcessResult:
    config = confirmation(confirmed) if confirmed else None
    return retention_job(settings).execute_in_process(instance=dagster, run_config=config, raise_on_error=False)


def step_output(result: dg.ExecuteInProcessResult) -> StepOutputData:
    (output,) = [event for event in result.all_node_events if event.is_successful_output]
    return output.step_output_data


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    return {name: value.value for name, value in step_output(result).metadata.items()}


def test_a_run_says_how_many_bytes_of_which_dataset_and_years_went_and_the_ledger_which_run_it_was(
    tmp_path: Path, dagster: dg.DagsterInstance
) -> None:
    settings = holding(tmp_path, retention_days=365)
    (delivery,) = Ledger(settings.data_dir).deliveries()
    result = run(settings, dagster)
    assert result.success
    said = metadata(result)
    assert (said["archivos_borrados"], said["se_entregaron_de_nuevo"]) == (3, 0)
    table = step_output(result).metadata["qué_se_borró"]
    assert isinstance(table, dg.TableMetadataValue)
    (row,) = [record.data for record in table.records if record.data["qué"] == "copia histórica"]
    assert row == {
        "qué": "copia histórica",
        "conjunto": "matricula",
        "años": "2024",
        "archivos": 1,
        "bytes": sealed_size(delivery.size_bytes),
        "por_qué": "EMTP_RETENTION_DAYS=365: entrega vigente",
    }
    assert "María" not in str(said), "the name of a file that a person chose may be a person's"
    records = Disposals(settings.data_dir).all()
    assert {(each.run_id, each.outcome) for each in records} == {(result.run_id, Ending.DELETED)}
    assert not Archive(settings).path(delivery.sha256).exists()


def test_a_run_without_a_limit_deletes_nothing_and_says_that_there_is_none(
    tmp_path: Path, dagster: dg.DagsterInstance
) -> None:
    settings = holding(tmp_path)
    said = metadata(run(settings, dagster))
    assert said["archivos_borrados"] == 0
    assert "sin plazo" in str(said["plazo"])
    assert Disposals(settings.data_dir).all() == []


@pytest.fixture
def foreign() -> Iterator[Path]:
    """A folder that another user may enter, which those of pytest are not."""
    if os.geteuid() != 0:
        pytest.skip("solo root puede volverse otro usuario")
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_what_cannot_be_deleted_fails_the_run_with_what_to_do_and_goes_the_next_time(
    foreign: Path, dagster: dg.DagsterInstance
) -> None:
    settings = holding(foreign, retention_days=365)
    (delivery,) = Ledger(settings.data_dir).deliveries()
    folder = Archive(settings).path(delivery.sha256).parent
    for path in [foreign, *foreign.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    os.chown(folder, 0, 0)
    folder.chmod(0o755)

    def as_nobody() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        result = run(settings, dagster)
        told = str([event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure])
        assert not result.success
        assert "Dé permiso" in told
        assert str(folder) in told

    assert in_child(as_nobody) == 0
    assert Archive(settings).verify(delivery.sha256)
    assert metadata(run(settings, dagster))["archivos_borrados"] == 1, "the others went the first time"


def test_a_run_after_a_long_silence_fails_with_what_to_do_and_a_person_may_confirm_it(
    tmp_path: Path, dagster: dg.DagsterInstance
) -> None:
    settings = holding(tmp_path, retention_days=365)
    Disposals(settings.data_dir).reviewed("hace mucho", datetime.now(UTC) - timedelta(days=200))
    refused = run(settings, dagster)
    assert not refused.success
    told = str([event.step_failure_data.user_failure_data for event in refused.all_events if event.is_step_failure])
    assert "200 días antes" in told
    assert "confirmado: true" in told
    assert Disposals(settings.data_dir).all() == []
    assert metadata(run(settings, dagster, confirmed=True))["archivos_borrados"] == 3


def test_a_later_run_of_that_year_says_that_the_bytes_were_deleted_and_the_years_stay(
    tmp_path: Path, dagster: dg.DagsterInstance
) -> None:
    settings = holding(tmp_path, retention_days=365)
    contract = contract_for("matricula")
    raw = raw_asset(contract, settings, academic_years(settings))

    def update() -> dg.ExecuteInProcessResult:
        return dg.materialize([raw], partition_key="2024", instance=dagster, raise_on_error=False)

    assert update().success
    assert run(settings, dagster).success
    assert not Lake(settings.data_dir).part(Layer.RAW, "matricula", 2024).exists()
    result = update()
    (failed,) = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    assert failed is not None
    told = str(failed.description)
    assert f"{datetime.now(ZoneInfo('America/Santiago')):%d-%m-%Y} (EMTP_RETENTION_DAYS=365" in told
    assert "no es la que se recibió" not in told
    Instance(settings).receive(enrolment(4))
    assert update().success, "handed over again it can be made again"


def test_it_is_scheduled_after_the_weekly_update(tmp_path: Path) -> None:
    schedule = retention_schedule(isolated_settings(data_dir=tmp_path))
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 6 * * 1", "America/Santiago")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "dagster").mkdir()
    settings = holding(tmp_path, retention_days=365)
    for name, value in (
        ("DAGSTER_HOME", tmp_path / "dagster"),
        ("EMTP_DATA_DIR", settings.data_dir),
        ("EMTP_DROP_DIR", settings.drop),
        ("EMTP_RETENTION_DAYS", 365),
    ):
        monkeypatch.setenv(name, str(value))
    return settings


def test_emtp_retain_shows_what_would_go_and_then_makes_it_a_run(command: Settings) -> None:
    shown = CliRunner().invoke(app, ["retain", "--simular"])
    assert shown.exit_code == 0, shown.output
    assert "copia histórica" in shown.output
    assert "no se borró nada" in shown.output
    assert "María" not in shown.output
    assert Disposals(command.data_dir).all() == []
    done = CliRunner().invoke(app, ["retain"])
    assert done.exit_code == 0, done.output
    (run_id,) = {each.run_id for each in Disposals(command.data_dir).all()}
    with dg.DagsterInstance.get() as instance:
        found = instance.get_run_by_id(run_id)
    assert found is not None
    assert (found.job_name, found.status) == ("retencion", dg.DagsterRunStatus.SUCCESS)
    assert "Nada cumplió el plazo" in CliRunner().invoke(app, ["retain", "--simular"]).output


def test_emtp_retain_after_a_long_silence_asks_a_person_to_confirm(command: Settings) -> None:
    Disposals(command.data_dir).reviewed("hace mucho", datetime.now(UTC) - timedelta(days=200))
    for arguments in (["retain", "--simular"], ["retain"]):
        shown = CliRunner().invoke(app, arguments)
        assert "emtp retain --confirmar" in shown.output
    assert shown.exit_code == 1
    assert Disposals(command.data_dir).all() == []
    assert CliRunner().invoke(app, ["retain", "--confirmar"]).exit_code == 0
    assert len(Disposals(command.data_dir).all()) == 3
