"""From deliveries to public releases, by the jobs that people start in the UI and by the command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from emtp_assets.assets.released import AUDITED
from emtp_assets.automation.jobs import EVERYTHING, preparation, releasing
from emtp_assets.cli import app
from emtp_assets.doctor import examine
from emtp_assets.intake import Ledger
from emtp_assets.keys import CANDIDATE, PREPARE_RELEASE, RELEASE, RELEASES
from emtp_assets.privacy.plans.public import public_plan
from emtp_assets.releases.manifest import Release
from emtp_assets.releases.shelf import Shelf
from emtp_assets.settings import Settings
from emtp_assets_tests.opened import archived_bytes
from emtp_assets_tests.pipeline.conftest import Instance, instance_at
from emtp_assets_tests.pipeline.test_corrections import emtp_lines
from emtp_assets_tests.pipeline.test_drop_folder import drop
from emtp_assets_tests.releases.conftest import csv_lines
from emtp_assets_tests.releases.differencing import differences
from emtp_assets_tests.releases.test_release import small_counts_alone

pytestmark = pytest.mark.pipeline


@dataclass
class Story:
    """What happened, in the order in which it did; the tests only look."""

    instance: Instance
    results: dict[str, dg.ExecuteInProcessResult] = field(default_factory=dict)
    public: dict[str, list[str]] = field(default_factory=dict)

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.instance.settings.data_dir)

    def prepare(self, moment: str, corte: str, *rehacer: str) -> None:
        self._run(moment, PREPARE_RELEASE, preparation(corte, rehacer))

    def release(self, moment: str, huella: str | None = None, quien: str = "Ana Rojas", motivo: str = "Corte.") -> None:
        waiting = self.shelf.candidate()
        self._run(moment, RELEASE, releasing(huella or (waiting.fingerprint if waiting else "x"), quien, motivo))

    def _run(self, moment: str, job: str, config: dict[str, object]) -> None:
        definition = self.instance.definitions.resolve_job_def(job)
        self.results[moment] = definition.execute_in_process(
            instance=self.instance.dagster, run_config=config, raise_on_error=False
        )
        self.public[moment] = [release.folder.name for release in self.shelf.releases()]

    def a_correction_comes(self, folder: Path, year: int, without: int) -> None:
        """The enrolment of a year is delivered again, without some of its students, and everything runs."""
        settings = self.instance.settings
        delivery = Ledger(settings.data_dir).latest("matricula", year)
        assert delivery is not None
        lines = archived_bytes(delivery.sha256, settings).splitlines(keepends=True)
        counted = emtp_lines(lines)
        left_out = set(counted[:: len(counted) // without][:without])
        file = folder / "corregida.csv"
        file.write_bytes(b"".join(line for at, line in enumerate(lines) if at not in left_out))
        job = self.instance.definitions.resolve_job_def(EVERYTHING)
        for request in drop(self.instance, file).run_requests or []:
            job.execute_in_process(
                instance=self.instance.dagster,
                partition_key=request.partition_key,
                asset_selection=request.asset_selection,
                tags=request.tags,
                raise_on_error=False,
            )

    def metadata(self, moment: str, key: dg.AssetKey) -> dict[str, object]:
        logs = self.instance.dagster.all_logs(
            self.results[moment].run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        (found,) = [e.asset_materialization for e in logs if e.asset_materialization]
        assert found.asset_key == key
        return {name: value.value for name, value in found.metadata.items()}

    def reason(self, moment: str) -> str:
        (event,) = [e for e in self.results[moment].all_events if e.is_step_failure]
        described = event.step_failure_data.user_failure_data
        assert described is not None
        return described.description or ""

    def check(self, moment: str) -> dg.AssetCheckEvaluation:
        found = self.results[moment].get_asset_check_evaluations()
        return next(check for check in found if check.check_name == AUDITED)

    def folder(self, name: str) -> Path:
        return self.shelf.root / name


@pytest.fixture(scope="module")
def story(demo: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("liberaciones")
    shutil.copytree(demo.settings.data_dir, folder / "data", symlinks=True)
    (folder / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(folder / "dagster")) as dagster, pytest.MonkeyPatch.context() as patch:
        told = Story(instance_at(folder / "data", dagster))
        told.prepare("first", "2026-03-31")
        told.release("nobody", quien=" ")
        told.release("released")
        told.a_correction_comes(folder, 2025, without=150)
        told.prepare("repeated", "2026-06-30")
        told.release("second")
        told.prepare("restated", "2026-06-30", "matricula:2025")
        patch.setattr("emtp_assets.releases.protecting.protect_crossings", small_counts_alone)
        # A new year, which nothing public repeats, so that the careless suppressor has something to do.
        told.prepare("red", "2026-06-30", "matricula:2024")
        patch.undo()
        told.release("of the red", huella=(told.shelf.rejected() or Release(folder)).fingerprint)
        told.release("third")
        yield told


def test_a_release_holds_all_six_datasets_and_is_shown_with_its_lineage(story: Story) -> None:
    first = Release(story.folder("2026-03-31.1"))
    assert {t.dataset for t in first.tables.values()} == {p.dataset for p in public_plan().populations}
    graph = story.instance.definitions.resolve_asset_graph()
    assert {key.path[-1] for key in graph.get(CANDIDATE).parent_keys} == {"aggregated"}
    assert graph.get(RELEASES).parent_keys == {CANDIDATE}
    assert graph.get(CANDIDATE).group_name == graph.get(RELEASES).group_name == "publicacion"


def test_the_audit_is_a_blocking_check_with_its_figures_and_plot(story: Story) -> None:
    check = story.check("first")
    assert check.passed
    assert check.blocking
    shown = story.metadata("first", CANDIDATE)
    assert shown["veredicto"] == "verde"
    assert "auditor" in str(shown["informe"]).lower()
    assert str(shown["gráfico"]).startswith("![")
    assert "todo aparece por primera vez" in str(shown["cambios"])
    lineage = shown["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineage)
    assert [d.asset_key.to_user_string() for d in lineage.deps_by_column["matricula"]] == ["matricula/aggregated"]


def test_the_page_of_the_candidate_gives_what_the_approval_asks(story: Story) -> None:
    shown = story.metadata("first", CANDIDATE)
    assert f'huella: "{shown["huella"]}"' in str(shown["para_aprobar"])
    assert shown["huella"] == story.metadata("released", RELEASES)["huella"]
    assert "Ana Rojas" in str(story.metadata("released", RELEASES)["aprobación"])


def test_without_a_name_nothing_is_released(story: Story) -> None:
    assert story.public["nobody"] == []
    assert "falta: quien" in story.reason("nobody")


def test_a_repeated_year_is_the_same_bytes_though_the_data_changed(story: Story) -> None:
    first, second = story.folder("2026-03-31.1"), story.folder("2026-06-30.1")
    for table in Release(first).tables.values():
        for year in table.years:
            assert csv_lines(first, table.name, year) == csv_lines(second, table.name, year)
    assert story.public["second"] == ["2026-03-31.1", "2026-06-30.1"]


def test_a_year_made_again_changes_and_tells_of_nobody(story: Story) -> None:
    third = Release(story.folder("2026-06-30.2"))
    assert third.manifest["rehechos"] == {"matricula": [2025]}
    for former in ("2026-03-31.1", "2026-06-30.1"):
        found = differences(story.folder(former), third.folder, story.instance.settings.suppression_minimum)
        assert found
        assert [d for d in found if d.shown or d.remainders or d.deep or d.crossed] == []
    assert csv_lines(third.folder, "sexo_establecimiento", 2025) != csv_lines(
        story.folder("2026-06-30.1"), "sexo_establecimiento", 2025
    )
    assert "dejan de estarlo" in str(story.metadata("restated", CANDIDATE)["cambios"])


def test_a_red_audit_leaves_what_is_public_and_what_waits(story: Story) -> None:
    assert not story.results["red"].success
    assert not story.check("red").passed
    assert story.public["red"] == story.public["second"]
    assert "no es la de la candidata" in story.reason("of the red")
    assert story.public["of the red"] == story.public["second"]
    # The one that waited before the red one could still be approved.
    assert story.public["third"] == ["2026-03-31.1", "2026-06-30.1", "2026-06-30.2"]


def test_the_doctor_finds_every_byte_as_it_was_approved(story: Story) -> None:
    (found,) = [f for f in examine(story.instance.settings) if f.what == "liberaciones"]
    assert found.good
    assert found.found == "3, cada byte como se aprobó"


def test_no_weekly_run_makes_or_releases_anything(story: Story) -> None:
    ours = {CANDIDATE, RELEASES}
    definitions = story.instance.definitions
    graph = definitions.resolve_asset_graph()
    for job in definitions.resolve_all_job_defs():
        if job.name not in {PREPARE_RELEASE, RELEASE} and not job.name.startswith("__"):
            assert not ours & set(job.asset_layer.executable_asset_keys), job.name
    assert all(graph.get(key).automation_condition is None for key in ours)


def test_the_command_lists_shows_and_refuses(story: Story, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("emtp_assets.cli.releases.settings_or_exit", lambda: _same(story.instance.settings))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    listed = CliRunner().invoke(app, ["release", "list"])
    assert "2026-06-30.2" in listed.output
    assert "Ana Rojas" in listed.output
    assert "No hay ninguna candidata" in CliRunner().invoke(app, ["release", "show"]).output
    refused = CliRunner().invoke(app, ["release", "approve", "0123", "--quien", "Ana", "--motivo", "Porque sí"])
    assert refused.exit_code == 1
    assert "No hay ninguna candidata en espera" in refused.output
    made = CliRunner().invoke(app, ["release", "candidate", "--corte", "2026-07-31"])
    assert made.exit_code == 0, made.output
    assert "emtp release approve" in made.output
    assert "2026-07-31.1" in made.output


def _same(settings: Settings) -> Settings:
    return settings
