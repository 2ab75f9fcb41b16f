"""What exists in each privacy mode, and that the mode is to be seen wherever somebody looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from pydantic import SecretStr

from emtp_assets.automation.impact import publication_of
from emtp_assets.automation.jobs import EVERYTHING, PUBLISH
from emtp_assets.automation.microdata import microdata_request
from emtp_assets.definitions import build_definitions
from emtp_assets.doctor import examine
from emtp_assets.keys import DELIVER_MICRODATA, MICRODATA_GROUP, PRIVACY_TAG, PUBLICATION, microdata_key
from emtp_assets.microdata import delivery
from emtp_assets.microdata.lattice import Demand, Node
from emtp_assets.microdata.plans import MICRODATA_SETS, MicrodataPlan
from emtp_assets.microdata.table import Made, make_table
from emtp_assets.privacy.access_log import AccessLog
from emtp_assets.publication.gate import pending
from emtp_assets.publication.publish import publish
from emtp_assets.publication.sets import PublicationError
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.microdata.conftest import write_cleaned

MODES = ["A", "B", "C"]
NOW = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


def settings_in(mode: str, tmp_path: Path) -> Settings:
    return isolated_settings(data_dir=tmp_path / "data", privacy_mode=mode)


class TestSeen:
    def test_on_every_asset_job_and_the_code_location(self, mode: str, tmp_path: Path) -> None:
        settings = settings_in(mode, tmp_path)
        definitions = build_definitions(settings)
        for node in definitions.resolve_asset_graph().asset_nodes:
            if node.is_materializable:
                assert node.tags[PRIVACY_TAG] == mode, node.key
                assert settings.privacy_mode.in_words in (node.description or ""), node.key
        assert definitions.resolve_job_def(EVERYTHING).tags[PRIVACY_TAG] == mode
        assert definitions.metadata["modo_privacidad"].value == settings.privacy_mode.in_words  # type: ignore[union-attr]

    def test_in_doctor(self, mode: str, tmp_path: Path) -> None:
        (found,) = [f for f in examine(settings_in(mode, tmp_path)) if f.what == "modo de privacidad"]
        assert found.found.startswith(f"{mode} · ")
        assert ("quien ensaya" in found.found) == (mode == "C")


class TestMicrodata:
    def test_they_exist_in_modes_b_and_c_alone_and_in_no_run_that_publishes(self, mode: str, tmp_path: Path) -> None:
        definitions = build_definitions(settings_in(mode, tmp_path))
        graph = definitions.resolve_asset_graph()
        keys = {microdata_key(dataset) for dataset in MICRODATA_SETS}
        assert bool(keys & graph.get_all_asset_keys()) == (mode != "A")
        for job in (EVERYTHING, PUBLISH):
            assert not keys & set(definitions.resolve_job_def(job).asset_layer.executable_asset_keys)
        for key in keys & graph.get_all_asset_keys():
            assert graph.get(key).group_name == MICRODATA_GROUP
            assert not graph.get(key).child_keys, "nothing is made of microdata"

    def test_a_delivery_by_dagster_is_checked_recorded_and_logged(self, tmp_path: Path) -> None:
        settings = settings_in("B", tmp_path)
        write_cleaned(settings)
        result = _deliver(settings, tmp_path, microdata_request(["matricula"], "centro", "2026-05", "Ana", "estudio"))
        assert result.success
        checked = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
        assert checked.keys() >= {"k_anonimo", "riesgo_de_enlace", "diversidad_sensible"}
        assert all(checked.values())
        assert (settings.data_dir / "microdata/centro/2026-05/matricula_2025/matricula_2025.csv").is_file()
        (line,) = AccessLog(settings.data_dir).lines()
        assert (line.who, line.purpose, line.run_id) == ("Ana", "estudio", result.run_id)
        assert result.dagster_run.tags[PRIVACY_TAG] == "B"

    def test_materialized_from_the_graph_without_a_request_it_says_what_is_missing(self, tmp_path: Path) -> None:
        settings = settings_in("B", tmp_path)
        write_cleaned(settings, 500)
        result = _deliver(settings, tmp_path, microdata_request(["matricula"]))
        assert not result.success
        (failure,) = [e for e in result.all_events if e.is_step_failure]
        said = failure.step_failure_data.user_failure_data
        assert said is not None
        assert "falta: destinatario, entrega, quien, finalidad" in (said.description or "")
        assert not (settings.data_dir / "microdata").exists()

    def test_a_delivery_that_is_not_anonymous_is_stopped_by_its_check(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A fault in how the table is made: whoever counts the file again finds it, and nothing is put in place."""
        settings = settings_in("B", tmp_path)
        write_cleaned(settings)
        monkeypatch.setattr(delivery, "make_table", _careless)
        result = _deliver(settings, tmp_path, microdata_request(["matricula"], "centro", "2026-05", "Ana", "estudio"))
        assert not result.success
        assert {e.check_name for e in result.get_asset_check_evaluations() if not e.passed} >= {"k_anonimo"}
        assert not (settings.data_dir / "microdata").exists()


def _careless(
    connection: duckdb.DuckDBPyConnection,
    plan: MicrodataPlan,
    cleaned: Path,
    year: int,
    demand: Demand,
    key: SecretStr,
    node: Node | None = None,
) -> Made:
    """It takes three for ten."""
    return make_table(connection, plan, cleaned, year, replace(demand, k=3), key, node)


def _deliver(settings: Settings, tmp_path: Path, config: dict[str, object]) -> dg.ExecuteInProcessResult:
    (tmp_path / "dagster").mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        job = build_definitions(settings).resolve_job_def(DELIVER_MICRODATA)
        return job.execute_in_process(
            instance=instance,
            partition_key="2025",
            asset_selection=[microdata_key("matricula")],
            run_config=config,
            raise_on_error=False,
        )


class TestPublication:
    def test_full_access_publishes_nothing_and_says_why(self, tmp_path: Path) -> None:
        settings = settings_in("C", tmp_path)
        with pytest.raises(PublicationError, match="es de uso interno: no se publica ni se libera nada"):
            publish(settings, Lake(settings.data_dir), now=NOW, run_id="r")
        with pytest.raises(PublicationError, match="modo de privacidad C"):
            pending(settings, Lake(settings.data_dir), describe=lambda sha: None, now=NOW)
        assert not (settings.data_dir / "processed").exists()

    def test_no_weekly_run_ends_with_a_publication_that_would_only_refuse(self, mode: str, tmp_path: Path) -> None:
        settings = settings_in(mode, tmp_path)
        assert publication_of(settings) == (() if mode == "C" else PUBLICATION)
        made = set(build_definitions(settings).resolve_job_def(EVERYTHING).asset_layer.executable_asset_keys)
        assert (set(PUBLICATION) <= made) == (mode != "C")
        assert bool(set(PUBLICATION) & made) == (mode != "C")
