"""A file that changes figures already published: it waits for a person, and both versions can be made again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from emtp_assets.alerts import Outbox
from emtp_assets.automation.alerting import look
from emtp_assets.automation.jobs import APPROVE, EVERYTHING, PUBLISH, approval
from emtp_assets.automation.rebuilding import rebuild
from emtp_assets.cli.corrections import app
from emtp_assets.contracts import read_codes
from emtp_assets.definitions import build_definitions
from emtp_assets.intake import Archive, Ledger
from emtp_assets.keys import CORRECTIONS, PUBLISHED
from emtp_assets.publication.approvals import Approvals
from emtp_assets.publication.rebuild import RebuildError
from emtp_assets_tests.opened import archived_bytes
from emtp_assets_tests.pipeline.conftest import Instance, instance_at
from emtp_assets_tests.pipeline.test_drop_folder import drop

pytestmark = pytest.mark.pipeline


@dataclass
class Story:
    """What happened, in the order in which it did; the tests only look."""

    instance: Instance
    folder: Path
    bytes: dict[str, dict[str, bytes]] = field(default_factory=dict)
    results: dict[str, dg.ExecuteInProcessResult] = field(default_factory=dict)
    alarms: dict[str, list[str]] = field(default_factory=dict)

    def keep(self, moment: str) -> None:
        self.bytes[moment] = self.instance.published_bytes()

    def drop(self, moment: str, year: int, without: int) -> None:
        """Drop the enrolment of a year again, without some of its EMTP rows, and run what the sensor asks for."""
        lines = self.in_force(year).splitlines(keepends=True)
        counted = emtp_lines(lines)
        # Rows from all over the country: the files are in the order of schools.
        left_out = set(counted[:: len(counted) // without][:without])
        self.hand_over(moment, b"".join(line for at, line in enumerate(lines) if at not in left_out))

    def in_force(self, year: int) -> bytes:
        delivery = Ledger(self.instance.settings.data_dir).latest("matricula", year)
        assert delivery is not None
        return archived_bytes(delivery.sha256, self.instance.settings)

    def hand_over(self, moment: str, content: bytes) -> None:
        file = self.folder / f"{moment}.csv"
        file.write_bytes(content)
        requests = drop(self.instance, file).run_requests or []
        assert requests
        job = self.instance.definitions.resolve_job_def(EVERYTHING)
        runs = [
            job.execute_in_process(
                instance=self.instance.dagster,
                partition_key=request.partition_key,
                asset_selection=request.asset_selection,
                tags=request.tags,
                raise_on_error=False,
            )
            for request in requests
        ]
        # The year that was delivered; those that count it too come after.
        self.results[moment] = runs[0]
        self.keep(moment)

    def approve(self, moment: str, huella: str, quien: str = "Ana Rojas", motivo: str = "Rectificó el SIGE.") -> None:
        """Start the job of the UI with what a person writes in its Launchpad."""
        job = self.instance.definitions.resolve_job_def(APPROVE)
        self.results[moment] = job.execute_in_process(
            instance=self.instance.dagster, run_config=approval(huella, quien, motivo), raise_on_error=False
        )
        self.keep(moment)

    def look(self, moment: str) -> None:
        look(self.instance.settings, self.instance.dagster, datetime.now(UTC))
        standing = Outbox.of(self.instance.settings).standing()
        self.alarms[moment] = [f"{cause.alert.title}\n{cause.alert.cause}" for cause in standing]

    def reason(self, moment: str) -> str:
        (event,) = [e for e in self.results[moment].all_events if e.is_step_failure]
        described = event.step_failure_data.user_failure_data
        assert described is not None
        return described.description or ""

    def metadata(self, moment: str) -> dict[str, object]:
        """Of the materialization of the corrections in that run."""
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        (found,) = [
            entry.asset_materialization
            for entry in self.instance.dagster.all_logs(self.results[moment].run_id, of_type=kind)
            if entry.asset_materialization and entry.asset_materialization.asset_key == CORRECTIONS
        ]
        return {name: value.value for name, value in found.metadata.items()}

    @property
    def fingerprint(self) -> str:
        return str(self.metadata("again")["huella"])


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("correcciones")
    (folder / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(folder / "dagster")) as dagster:
        told = Story(instance_at(folder / "data", dagster, published_sets_kept=50), folder)
        told.instance.run(2024, 2025, "matricula")
        told.keep("first")
        _a_week_passes(told.instance)
        told.drop("small", 2024, without=3)
        original = told.in_force(2025)
        told.drop("waits", 2025, without=300)
        told.look("waits")
        changed = told.in_force(2025)
        told.hand_over("declined", original)
        told.look("declined")
        told.hand_over("again", changed)
        told.results["alone"] = dg.materialize(
            [told.instance.definitions.resolve_assets_def(PUBLISHED)],
            instance=dagster,
            raise_on_error=False,
        )
        told.keep("alone")
        told.approve("other", "0123456789abcdef")
        told.approve("blank", told.fingerprint, motivo=" ")
        assert Approvals(told.instance.settings.data_dir).all() == []
        told.approve("approved", told.fingerprint)
        told.look("approved")
        yield told


def emtp_lines(lines: list[bytes]) -> list[int]:
    """Which lines of an enrolment file are rows of technical-professional education."""
    at = lines[0].decode("utf-8-sig").split(";").index("COD_ENSE")
    emtp = {code.encode() for code in read_codes("tipo_ensenanza", "es_emtp")}
    return [number for number, line in enumerate(lines) if line.split(b";")[at] in emtp]


def _a_week_passes(instance: Instance) -> None:
    """Every publication so far was made a week earlier: both days would otherwise be today."""
    with closing(sqlite3.connect(instance.settings.data_dir / "publications.sqlite")) as history, history:
        for number, at in history.execute("SELECT number, published_at FROM publications").fetchall():
            earlier = (datetime.fromisoformat(at) - timedelta(days=7)).isoformat(timespec="microseconds")
            history.execute("UPDATE publications SET published_at = ? WHERE number = ?", (earlier, number))


def national(content: bytes, year: int) -> int:
    table = pd.read_csv(BytesIO(content), encoding="utf-8-sig")
    row = table[(table["año"] == year) & (table["cod_region"] == 0) & (table["lectura"] == "1º a 4º medio")]
    return int(row["matricula_total"].iloc[0])


def test_a_small_correction_passes_and_is_shown(story: Story) -> None:
    assert story.results["small"].success
    before, after = (national(story.bytes[m]["matricula_region.csv"], 2024) for m in ("first", "small"))
    assert 0 < before - after <= 3
    shown = story.metadata("small")
    row = f"| matricula_region | 2024 | País | matricula_total (1º a 4º medio) | {dotted(before)} | {dotted(after)} |"
    assert row in str(shown["cambios"])
    assert shown["cifras_sobre_el_umbral"] == 0
    assert shown["aprobación"] == "no necesita"


def dotted(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def test_a_big_one_waits_and_what_was_published_stays_byte_by_byte(story: Story) -> None:
    assert not story.results["waits"].success
    assert story.bytes["waits"] == story.bytes["small"]
    started = {e.step_key for e in story.results["waits"].all_events if e.is_step_start}
    assert "publicacion__correcciones" in started
    assert "publicacion__conjunto_publicado" not in started


def test_the_reason_says_what_changes_and_how_to_approve_and_to_decline(story: Story) -> None:
    said = story.reason("again")
    assert "matricula_region 2025, País, matricula_total (1º a 4º medio)" in said
    assert "Sigue vigente el conjunto" in said
    assert "Entra «waits.csv»" in said
    assert APPROVE in said
    assert f"huella {story.fingerprint}" in said
    assert "Para rechazarlo: copie de nuevo en la carpeta de entrega «" in said


def test_the_former_file_handed_over_again_declines_it(story: Story) -> None:
    assert story.results["declined"].success
    assert story.bytes["declined"] == story.bytes["small"]
    assert story.alarms["declined"] == []
    assert story.metadata("waits")["huella"] != story.fingerprint, "what was asked before is asked again"


def test_it_is_an_alarm_that_reads_well(story: Story) -> None:
    (alarm,) = story.alarms["waits"]
    assert "correccion_aprobada" in alarm.splitlines()[0]
    assert "No se publicó: cambian cifras ya publicadas" in alarm


def test_publishing_alone_is_no_way_around(story: Story) -> None:
    """The last asset alone can be materialized in the UI; its upstream check is then not part of the run."""
    assert not story.results["alone"].success
    assert story.fingerprint in story.reason("alone")
    assert story.bytes["alone"] == story.bytes["small"]


def test_the_approval_of_another_change_does_not_count(story: Story) -> None:
    assert not story.results["other"].success
    said = story.reason("other")
    assert said.startswith("La huella 0123456789abcdef no es la de la corrección que espera")
    assert story.fingerprint in said
    assert story.bytes["other"] == story.bytes["small"]


def test_an_approval_without_a_reason_is_none(story: Story) -> None:
    assert "falta: motivo" in story.reason("blank")
    assert story.bytes["blank"] == story.bytes["small"]


def test_once_approved_it_is_published_and_who_approved_is_recorded(story: Story) -> None:
    assert story.results["approved"].success
    before, after = (national(story.bytes[m]["matricula_region.csv"], 2025) for m in ("small", "approved"))
    assert (before - after) / before > 0.01
    (recorded,) = Approvals(story.instance.settings.data_dir).all()
    assert (recorded.fingerprint, recorded.who, recorded.why) == (story.fingerprint, "Ana Rojas", "Rectificó el SIGE.")
    assert recorded.run_id == story.results["approved"].run_id


def test_the_set_itself_says_what_it_corrects_but_not_who_approved(story: Story) -> None:
    text = (story.instance.processed / "correcciones.md").read_text(encoding="utf-8")
    assert "## matricula_region 2025" in text
    assert "una persona lo aprobó" in text
    everything = text + (story.instance.processed / "procedencia.json").read_text(encoding="utf-8")
    assert "Ana Rojas" not in everything


def test_after_that_nothing_waits_any_more(story: Story) -> None:
    job = story.instance.definitions.resolve_job_def(PUBLISH)
    assert job.execute_in_process(instance=story.instance.dagster).success
    assert story.instance.published_bytes() == story.bytes["approved"]


def test_what_was_published_before_can_be_made_again_byte_by_byte(story: Story, tmp_path: Path) -> None:
    said: list[str] = []
    archived = sorted(Archive(story.instance.settings).root.rglob("*.csv.sellado"))
    found = rebuild(
        build_definitions,
        story.instance.settings,
        local_today() - timedelta(days=7),
        tmp_path / "rehecho",
        keep_layers=False,
        say=said.append,
    )
    data = tmp_path / "rehecho" / "data"
    remade = {p.name: p.read_bytes() for p in (data / "processed").iterdir() if p.suffix in {".csv", ".parquet"}}
    assert found.differing == (), found.reasons
    assert remade == story.bytes["first"]
    assert any("El original todavía está en" in line for line in said)
    assert not any((data / layer).exists() for layer in ("raw", "cleaned", "aggregated", "rejected", "archive"))
    assert sorted(Archive(story.instance.settings).root.rglob("*.csv.sellado")) == archived


def local_today() -> date:
    from zoneinfo import ZoneInfo

    return datetime.now(ZoneInfo("America/Santiago")).date()


class TestTheCommands:
    @pytest.fixture
    def emtp(self, story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
        """The command of the story's instance, as a terminal gives it."""
        monkeypatch.setenv("EMTP_DATA_DIR", str(story.instance.settings.data_dir))
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        return lambda *arguments: CliRunner().invoke(app, list(arguments))

    def test_as_of_makes_it_again_and_says_that_it_is_identical(
        self, emtp: Callable[..., Result], tmp_path: Path
    ) -> None:
        answer = emtp("as-of", local_today().isoformat(), "--carpeta", str(tmp_path / "hoy"))
        assert answer.exit_code == 0, answer.output
        assert "archivos de datos, byte por byte" in answer.output
        again = emtp("as-of", local_today().isoformat(), "--carpeta", str(tmp_path / "hoy"))
        assert again.exit_code == 1
        assert "no está vacía" in again.output

    def test_approve_shows_what_waits_and_records_nothing_where_nothing_does(
        self, story: Story, emtp: Callable[..., Result]
    ) -> None:
        assert "Ninguna cifra ya publicada cambia." in emtp("approve").output
        told = emtp("approve", "0123456789abcdef", "--quien", "Ana Rojas", "--motivo", "Porque sí")
        assert told.exit_code == 0, told.output
        assert "No había ninguna corrección en espera" in told.output
        assert len(Approvals(story.instance.settings.data_dir).all()) == 1
        lacking = emtp("approve", "0123456789abcdef")
        assert lacking.exit_code == 1
        assert "falta: quien, motivo" in lacking.output


def test_before_the_first_publication_there_is_nothing_to_make_again(story: Story, tmp_path: Path) -> None:
    with pytest.raises(RebuildError, match="todavía no se había publicado nada: la primera"):
        rebuild(
            build_definitions,
            story.instance.settings,
            local_today() - timedelta(days=30),
            tmp_path / "rehecho",
            keep_layers=False,
            say=lambda _: None,
        )
    assert not (tmp_path / "rehecho").exists()
