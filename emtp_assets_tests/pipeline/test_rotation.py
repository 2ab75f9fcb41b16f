"""Changing the key: every year anew under it or none, wherever it stops; figures stay, and who is who is forgotten."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

import emtp_assets.cli.rotation
from emtp_assets.automation.rotating import Rotated, rotate, rotation_job, scope_of
from emtp_assets.automation.runs import RunFailedError
from emtp_assets.cli import app
from emtp_assets.definitions import build_definitions
from emtp_assets.keys import key_of
from emtp_assets.privacy.crosswalk import Crosswalk
from emtp_assets.privacy.keys import key_id, pseudonym_key
from emtp_assets.privacy.rotation import Ending, RotationError, Rotations, keys_of, parts_of
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Provenance
from emtp_assets_tests.opened import rows
from emtp_assets_tests.pipeline.conftest import Instance, instance_at
from emtp_assets_tests.pipeline.test_killed import emtp, kill_when

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(900)]
assert emtp_assets.cli.rotation
YEARS = (2024, 2025)
CONJUNTOS = ("matricula", "egresados")
NEW = secrets.token_hex(32)
CLEANED = {f"{dataset} {year}" for dataset in CONJUNTOS for year in YEARS}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets of two years, that look at one another. Read only."""
    folder = tmp_path_factory.mktemp("rotation")
    (folder / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(folder / "dagster")) as dagster:
        made = instance_at(folder / "data", dagster)
        for dataset in CONJUNTOS:
            made.run(*YEARS, dataset)
    return folder / "data"


def copied(small: Path, folder: Path) -> Settings:
    """A copy of it that knows the next key."""
    shutil.copytree(small, folder / "data", symlinks=True)
    file = folder / "clave_nueva"
    file.write_text(NEW)
    file.chmod(0o600)
    return instance_at(folder / "data", dg.DagsterInstance.ephemeral(), pseudonym_key_next_file=file).settings


@pytest.fixture
def settings(small: Path, tmp_path: Path) -> Settings:
    return copied(small, tmp_path)


def rotated(
    settings: Settings, say: Callable[[str], None] = lambda _: None, *, withdraw: bool = False
) -> Rotated | None:
    return rotate(settings, build_definitions, run_id="r", who="Ana", why="prueba", withdraw=withdraw, say=say)


def content(lake: Lake, layer: Layer) -> dict[tuple[str, int], list[tuple[object, ...]]]:
    closed_with = instance_at(lake.data_dir, dg.DagsterInstance.ephemeral()).settings
    return {
        (table, year): rows("select * from part order by all", closed_with, part=path)
        for table, year, path in parts_of(lake, layer)
    }


def bytes_of(settings: Settings) -> dict[str, bytes]:
    layers = (*(layer.value for layer in Layer), "crosswalk")
    return {
        str(p.relative_to(settings.data_dir)): p.read_bytes()
        for layer in layers
        for p in (settings.data_dir / layer).rglob("*")
        if p.is_file()
    }


class TestRotated:
    @pytest.fixture(scope="class")
    def after(self, small: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Lake, Instance]]:
        """By the job, as in the interface: the settings, the lake as it was, and the Dagster instance that saw it."""
        folder = tmp_path_factory.mktemp("rotated")
        settings = copied(small, folder)
        (folder / "dagster").mkdir()
        with dg.DagsterInstance.local_temp(str(folder / "dagster")) as dagster:
            result = rotation_job(settings, build_definitions).execute_in_process(
                instance=dagster, run_config={"ops": {"rehacer_y_cambiar": {"config": {"quien": "Ana", "motivo": "x"}}}}
            )
            assert result.success
            yield settings, Lake(small), Instance(settings, build_definitions(settings), dagster)

    def test_every_year_stands_under_the_new_key_and_none_under_the_former(
        self, after: tuple[Settings, Lake, Instance]
    ) -> None:
        settings, former, _ = after
        new = Lake(settings.data_dir)
        assert {key: set(years) for key, years in keys_of(new).items()} == {key_id(SecretStr(NEW)): CLEANED}
        for layer in (Layer.AGGREGATED, Layer.ANONYMIZED):
            assert {Provenance.of(path).key for _, _, path in parts_of(new, layer)} == {key_id(SecretStr(NEW))}
            assert [(t, y) for t, y, _ in parts_of(new, layer)] == [(t, y) for t, y, _ in parts_of(former, layer)]

    def test_each_person_has_one_other_pseudonym_everywhere(self, after: tuple[Settings, Lake, Instance]) -> None:
        settings, former, _ = after
        new = Lake(settings.data_dir)
        joined = " union all ".join(
            f"select one.id_estudiante as former, two.id_estudiante as new from read_parquet({literal(path)}) as one"
            f" join read_parquet({literal(new.part(Layer.CLEANED, table, year))}) as two using (_delivery, _row)"
            for table, year, path in parts_of(former, Layer.CLEANED)
        )
        with duckdb.connect() as connection:
            counts = connection.sql(
                f"select count(*), count(distinct former), count(distinct new), count(distinct (former, new)),"
                f" count(*) filter (former = new) from ({joined})"
            ).fetchall()[0]
        rows = sum(len(of) for of in content(former, Layer.CLEANED).values())
        assert counts[0] == rows > 5000
        assert counts[1] == counts[2] == counts[3]
        assert counts[4] == 0

    def test_no_figure_changed(self, after: tuple[Settings, Lake, Instance]) -> None:
        settings, former, _ = after
        for layer in (Layer.AGGREGATED, Layer.ANONYMIZED, Layer.REJECTED):
            assert content(Lake(settings.data_dir), layer) == content(former, layer)

    def test_the_pairs_are_as_many_under_the_new_key(self, after: tuple[Settings, Lake, Instance]) -> None:
        settings, former, _ = after
        before = Crosswalk(former.data_dir, pseudonym_key(settings)).pairs()
        now = Crosswalk(settings.data_dir, SecretStr(NEW)).pairs()
        assert before.num_rows == now.num_rows > 50
        assert not set(before["provisional"].to_pylist()) & set(now["provisional"].to_pylist())

    def test_it_is_on_record_and_no_key_is_anywhere(self, after: tuple[Settings, Lake, Instance]) -> None:
        settings, _, instance = after
        (rotation,) = Rotations(settings.data_dir).all()
        assert (rotation.outcome, rotation.who, rotation.new) == (Ending.DONE, "Ana", key_id(SecretStr(NEW)))
        assert rotation.former == (key_id(pseudonym_key(settings)),)
        folder = settings.data_dir.parent
        held = [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and NEW.encode() in p.read_bytes()]
        assert held == [settings.pseudonym_key_next_file]
        assert not (settings.data_dir / ".rotation" / "new").exists()
        shown = instance.dagster.get_latest_materialization_event(key_of(Layer.CLEANED, "matricula"))
        assert shown is not None

    def test_until_the_settings_say_so_no_run_mixes_the_two_keys(self, after: tuple[Settings, Lake, Instance]) -> None:
        settings, _, instance = after
        with pytest.raises(RunFailedError, match="ponga la nueva en EMTP_PSEUDONYM_KEY_FILE"):
            instance.run(2025, 2025, "egresados")
        assert set(keys_of(Lake(settings.data_dir))) == {key_id(SecretStr(NEW))}

    def test_with_the_new_key_in_the_settings_the_same_is_published(
        self, after: tuple[Settings, Lake, Instance]
    ) -> None:
        settings, _, instance = after
        before = instance.published_bytes()
        with_it = instance_at(settings.data_dir, instance.dagster, pseudonym_key=NEW)
        with_it.run(2025, 2025, "egresados")
        assert with_it.published_bytes() == before
        assert rotated(with_it.settings) is None, "and there is nothing left to do"


def test_raw_years_that_are_gone_are_said_beforehand_and_given_up_only_if_a_person_says_so(settings: Settings) -> None:
    shutil.rmtree(settings.data_dir / "raw" / "matricula" / "academic_year=2024")
    before, lake = bytes_of(settings), Lake(settings.data_dir)
    figures = content(lake, Layer.ANONYMIZED)
    with pytest.raises(RotationError, match="matricula 2024"):
        rotated(settings)
    assert bytes_of(settings) == before
    assert Rotations(settings.data_dir).all() == []
    done = rotated(settings, withdraw=True)
    assert done is not None
    assert done.lost == ["matricula 2024"]
    assert {key: set(years) for key, years in keys_of(lake).items()} == {
        key_id(SecretStr(NEW)): CLEANED - {"matricula 2024"}
    }
    # What looked at that year, retention of 2025 too, cannot be made again and stays; it names no key.
    assert content(Lake(settings.data_dir), Layer.ANONYMIZED) == figures
    kept = Lake(settings.data_dir).part(Layer.AGGREGATED, "aggregated_matricula_retencion", 2025)
    assert Provenance.of(kept).key is None


def test_killed_in_the_middle_nothing_has_changed_and_the_next_try_goes_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, former = bytes_of(settings), set(keys_of(Lake(settings.data_dir)))
    monkeypatch.setenv("EMTP_PSEUDONYM_KEY_NEXT_FILE", str(settings.pseudonym_key_next_file))
    kill_when(emtp(settings.data_dir.parent, "rotate-key"), "aggregated, 2024")
    assert bytes_of(settings) == before
    told: list[str] = []
    assert rotated(settings, told.append) is not None
    assert "Se sigue donde quedó el intento anterior." in told
    assert not [line for line in told if line.startswith("cleaned,")], "what was made is used"
    assert set(keys_of(Lake(settings.data_dir))) == {key_id(SecretStr(NEW))} != former
    assert [each.outcome for each in Rotations(settings.data_dir).all()] == [Ending.FAILED, Ending.DONE]


def test_what_another_run_changed_meanwhile_is_not_overwritten(settings: Settings) -> None:
    part = Lake(settings.data_dir).part(Layer.CLEANED, "egresados", 2025)

    def another(said: str) -> None:
        if said.startswith("anonymized,"):
            part.write_bytes(part.read_bytes())

    with pytest.raises(RotationError, match="otra corrida cambió 1 archivos"):
        rotated(settings, another)
    assert key_id(SecretStr(NEW)) not in keys_of(Lake(settings.data_dir))


class TestTheFormerForm:
    """Before ``v1`` a pseudonym was made of another message, and the id of a key was its twelve digits alone."""

    @pytest.fixture
    def old(self, small: Path, tmp_path: Path) -> Instance:
        shutil.copytree(small, tmp_path / "data", symlinks=True)
        with duckdb.connect() as connection:
            for _, _, path in parts_of(Lake(tmp_path / "data"), Layer.CLEANED):
                of = Provenance.of(path)
                assert of.key is not None
                former = replace(of, key=of.key.removeprefix("v1-"))
                rows = connection.sql(
                    f"select * replace (md5(id_estudiante) as id_estudiante) from read_parquet({literal(path)},"
                    " hive_partitioning = false)"
                ).to_arrow_table()
                connection.register("rows", rows)
                connection.execute(f"copy rows to {literal(path)} (format parquet, {former.copy_option})")
        return instance_at(tmp_path / "data", dg.DagsterInstance.ephemeral())

    def test_its_years_are_not_mixed_with_those_of_now_and_are_made_again_under_the_same_key(
        self, old: Instance, small: Path
    ) -> None:
        with pytest.raises(RunFailedError, match="forma anterior de esta misma clave"):
            old.run(2025, 2025, "egresados")
        assert rotated(old.settings) is not None
        assert content(Lake(old.settings.data_dir), Layer.CLEANED) == content(Lake(small), Layer.CLEANED)
        old.run(2025, 2025, "egresados")


def test_the_command_says_what_there_is_to_do_before_it_is_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(settings.data_dir / "raw" / "egresados" / "academic_year=2025")
    monkeypatch.setenv("EMTP_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("EMTP_PSEUDONYM_KEY_NEXT_FILE", str(settings.pseudonym_key_next_file))
    shown = CliRunner().invoke(app, ["rotate-key", "--simular"])
    assert shown.exit_code == 0, shown.output
    assert key_id(SecretStr(NEW)) in shown.output
    assert "Años por rehacer: 3." in shown.output
    assert "egresados 2025" in shown.output.splitlines()[-2]
    assert NEW not in shown.output


def test_an_empty_instance_has_nothing_to_change(tmp_path: Path) -> None:
    file = tmp_path / "clave"
    file.write_text(NEW)
    file.chmod(0o600)
    assert (
        rotated(instance_at(tmp_path / "data", dg.DagsterInstance.ephemeral(), pseudonym_key_next_file=file).settings)
        is None
    )
    assert scope_of(Lake(tmp_path / "data")).lost == []
