"""Privacy mode C, run for real: what works on names is on record before it does, and nothing leaves."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from emtp_assets.automation.jobs import PUBLISH
from emtp_assets.cli import app
from emtp_assets.keys import PRIVACY_TAG, key_of
from emtp_assets.privacy.access_log import AccessLog, verified
from emtp_assets.storage.lake import Layer
from emtp_assets_tests.pipeline.conftest import Instance, instance_at

pytestmark = pytest.mark.pipeline


def test_a_year_in_full_access_is_logged_and_publishes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as dagster:
        instance = instance_at(tmp_path / "data", dagster, privacy_mode="C")
        said = instance.run(2025, 2025, "matricula")
        assert "no se publica ni se libera nada" in said[-1]
        _logged(instance)
        _refused(instance)
    monkeypatch.setenv("EMTP_DATA_DIR", str(instance.settings.data_dir))
    for name, value in {"MODE": "C", "PURPOSE": "ensayo", "RESPONSIBLE": "Ana"}.items():
        monkeypatch.setenv(f"EMTP_{'PRIVACY' if name == 'MODE' else 'ACCESS'}_{name}", value)
    answer = CliRunner().invoke(app, ["access-log"])
    assert answer.exit_code == 0
    assert answer.stderr.startswith("Modo de privacidad C")
    assert "matricula/raw [2025]" in answer.stdout
    assert "Registro entero: 2 líneas" in answer.stdout


def _logged(instance: Instance) -> None:
    lines = AccessLog(instance.settings.data_dir).lines()
    assert [line.what for line in lines] == ["matricula/raw [2025]", "matricula/cleaned [2025]"]
    assert {(line.mode, line.who, line.purpose) for line in lines} == {("C", "quien ensaya", "ensayo")}
    (run,) = instance.dagster.get_runs()
    assert {line.run_id for line in lines} == {run.run_id}
    assert run.tags[PRIVACY_TAG] == "C"
    assert verified(instance.settings.data_dir) is None
    event = instance.dagster.get_latest_materialization_event(key_of(Layer.CLEANED, "matricula"))
    assert event is not None
    assert event.asset_materialization is not None
    assert lines[-1].chain in str(event.asset_materialization.metadata["registro_de_accesos"].value)


def _refused(instance: Instance) -> None:
    result = instance.definitions.resolve_job_def(PUBLISH).execute_in_process(
        instance=instance.dagster, raise_on_error=False
    )
    assert not result.success
    failed = [e.step_failure_data.user_failure_data for e in result.all_events if e.is_step_failure]
    assert any("no se publica ni se libera nada" in (each.description or "") for each in failed if each)
    assert not instance.processed.exists()
