"""The drop folder, with the ministry's own files and with every way in which a file can be wrong."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from emtp_assets.automation.jobs import EVERYTHING
from emtp_assets.intake import Ledger
from emtp_assets.keys import DROP_FOLDER
from emtp_assets_tests.opened import archived_bytes, refused_bytes
from emtp_assets_tests.pipeline.conftest import Instance, instance_at

pytestmark = pytest.mark.pipeline


def tick(instance: Instance, cursor: str | None = None) -> dg.SensorResult:
    """One evaluation of the sensor, as the daemon makes it."""
    sensor = instance.definitions.resolve_sensor_def("carpeta_de_entrega")
    context = dg.build_sensor_context(
        instance=instance.dagster, cursor=cursor, repository_def=instance.definitions.get_repository_def()
    )
    result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def drop(instance: Instance, *files: Path) -> dg.SensorResult:
    """Copy files into the folder, let them rest, and take them."""
    instance.settings.drop.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, instance.settings.drop / file.name)
    seen = tick(instance)
    assert all((instance.settings.drop / file.name).exists() for file in files), "just copied, not rested yet"
    rest(instance)
    return tick(instance, seen.cursor)


def rest(instance: Instance) -> None:
    time.sleep(instance.settings.drop_rest_seconds * 1.1)


def start(instance: Instance, result: dg.SensorResult) -> list[bool]:
    """Run what the sensor asked for, in its order, as the daemon would."""
    job = instance.definitions.resolve_job_def(EVERYTHING)
    return [
        job.execute_in_process(
            instance=instance.dagster,
            partition_key=request.partition_key,
            asset_selection=request.asset_selection,
            tags=request.tags,
            raise_on_error=False,
        ).success
        for request in result.run_requests or []
    ]


def explanation(instance: Instance) -> str:
    (text,) = (instance.settings.drop / "rejected").glob("*.explicacion.txt")
    return text.read_text(encoding="utf-8-sig")


@pytest.fixture(scope="module")
def with_directories(demo: Instance, shared_samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """The demonstration after the official directories of 2024 and 2025 were dropped, one after the other."""
    folder = tmp_path_factory.mktemp("official")
    shutil.copytree(demo.settings.data_dir, folder / "data", symlinks=True)
    (folder / "dagster").mkdir()
    instance = instance_at(folder / "data", dg.DagsterInstance.local_temp(str(folder / "dagster")))
    for year in (2024, 2025):
        result = drop(instance, shared_samples / f"directorio_oficial_ee_{year}.csv")
        assert [r.partition_key for r in result.run_requests or []] == [str(year)]
        assert start(instance, result) == [True]
    return instance


def country(instance: Instance, year: int) -> pd.Series:
    table = pd.read_csv(instance.processed / "establecimientos_resumen.csv")
    return table[(table["año"] == year) & (table["cod_region"] == 0)].iloc[0]


def test_official_directories_enter_their_own_years_whole(with_directories: Instance) -> None:
    ledger = Ledger(with_directories.settings.data_dir)
    for year, rows in ((2024, 16_694), (2025, 16_768)):
        delivery = ledger.latest("establecimientos", year)
        assert delivery is not None
        assert (delivery.years, delivery.simulated) == ({year: rows}, False)


def test_published_figures_agree_with_the_official_files(with_directories: Instance) -> None:
    of_2024, of_2025 = country(with_directories, 2024), country(with_directories, 2025)
    assert of_2024["establecimientos_emtp"] == 974
    assert of_2025["establecimientos_emtp"] == 971
    assert of_2025["establecimientos_emtp_con_matricula"] == 970
    assert of_2025["establecimientos_emtp_jovenes"] == 929
    assert (of_2025["matricula_tp_jovenes"], of_2025["matricula_tp_adultos"]) == (244_151, 7_484)
    assert of_2024["matricula_tp_jovenes_nota"] == "nd", "the directory of 2024 has no enrolment by level"
    assert {of_2024["origen_datos"], of_2025["origen_datos"]} == {"OFICIAL"}


def test_fifty_check_digits_are_a_warning_and_no_school_is_lost(with_directories: Instance) -> None:
    evaluations = [
        record.event_log_entry.dagster_event.asset_check_evaluation_data  # pyright: ignore[reportOptionalMemberAccess]
        for record in with_directories.dagster.get_event_records(
            dg.EventRecordsFilter(dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        )
    ]
    digits = [e for e in evaluations if e.check_name == "digito_verificador"]
    assert len(digits) == 2
    assert all(not e.passed and e.severity is dg.AssetCheckSeverity.WARN for e in digits)
    assert [e.metadata["filas_fuera"].value for e in digits] == [50, 50]
    blocking = [e for e in evaluations if not e.passed and e.severity is dg.AssetCheckSeverity.ERROR]
    assert blocking == []


def test_schools_of_official_files_are_not_called_simulated_nor_given_simulated_enrolment(
    with_directories: Instance,
) -> None:
    schools = pd.read_csv(with_directories.processed / "establecimientos_historico.csv")
    official = schools[schools["año"] == 2025]
    assert official["establecimiento_id"].nunique() == 971
    assert not official["nombre"].str.startswith("SIMULADO").any()
    assert official["matricula_especialidad"].isna().all()
    assert (official.loc[official["cod_especialidad"] > 0, "matricula_especialidad_nota"] == "nd").all()


def test_the_same_bytes_twice_are_one_delivery_and_one_run(with_directories: Instance, shared_samples: Path) -> None:
    before = with_directories.published_bytes()
    again = drop(with_directories, shared_samples / "directorio_oficial_ee_2025.csv")
    assert not again.run_requests
    assert not (with_directories.settings.drop / "directorio_oficial_ee_2025.csv").exists()
    assert with_directories.published_bytes() == before


def test_an_earlier_file_handed_over_again_is_in_force_again(own_demo: Instance, tmp_path: Path) -> None:
    good, other = tmp_path / "bueno.csv", tmp_path / "otro.csv"
    lines = _archived_enrolment(own_demo).splitlines(keepends=True)
    good.write_bytes(b"".join(lines[:-1]))
    other.write_bytes(b"".join(lines[:-2]))
    ledger = Ledger(own_demo.settings.data_dir)
    first = drop(own_demo, good)
    second = drop_after(own_demo, first, other)
    third = drop_after(own_demo, second, good)
    in_force = ledger.latest("matricula", 2025)
    assert in_force is not None
    assert in_force.original_name == "bueno.csv"
    keys = [{request.run_key for request in result.run_requests or []} for result in (first, second, third)]
    assert all(keys)
    assert not keys[0] & keys[2], "its year is run again"


def test_a_sensor_killed_after_it_took_a_file_still_asks_for_its_runs(own_demo: Instance, tmp_path: Path) -> None:
    lines = _archived_enrolment(own_demo).splitlines(keepends=True)
    (tmp_path / "x.csv").write_bytes(b"".join(lines[:-1]))
    before = tick(own_demo).cursor
    taken = drop(own_demo, tmp_path / "x.csv")
    assert not list(own_demo.settings.drop.glob("*.csv"))
    after_the_crash = tick(own_demo, before)
    assert [r.run_key for r in after_the_crash.run_requests or []] == [r.run_key for r in taken.run_requests or []]


def drop_after(instance: Instance, earlier: dg.SensorResult, file: Path) -> dg.SensorResult:
    shutil.copy(file, instance.settings.drop / file.name)
    seen = tick(instance, earlier.cursor)
    rest(instance)
    return tick(instance, seen.cursor)


def test_the_school_summary_is_refused_as_what_it_is(own_demo: Instance, shared_samples: Path) -> None:
    before = own_demo.published_bytes()
    result = drop(own_demo, shared_samples / "resumen_matricula_ee_2022.csv")
    assert not result.run_requests
    assert "Resumen de matrícula por establecimiento" in explanation(own_demo)
    assert [e.asset_key for e in result.asset_events] == [DROP_FOLDER]
    assert own_demo.published_bytes() == before


def _archived_enrolment(instance: Instance) -> bytes:
    delivery = Ledger(instance.settings.data_dir).latest("matricula", 2025)
    assert delivery is not None
    return archived_bytes(delivery.sha256, instance.settings)


_SPOILED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda data: data[: len(data) * 2 // 3], "cortado"),
    "binary": (lambda _: bytes(range(256)) * 4096, ""),
    "empty": (lambda _: b"", "vacío"),
    "header_only": (lambda data: data[: data.index(b"\n") + 1], ""),
    "wrong_separator": (lambda data: data.replace(b";", b"#"), "separar"),
    "two_tables": (lambda data: data + b"MRUN;RBD;AGNO;COD_ENSE\r\n1;1;2025;410\r\n", "dos tablas"),
}


@pytest.mark.parametrize("spoiled", _SPOILED)
def test_a_spoiled_file_is_explained_kept_and_changes_nothing(own_demo: Instance, tmp_path: Path, spoiled: str) -> None:
    spoil, word = _SPOILED[spoiled]
    before = own_demo.published_bytes()
    sent = spoil(_archived_enrolment(own_demo))
    (tmp_path / "matricula_2025.csv").write_bytes(sent)
    result = drop(own_demo, tmp_path / "matricula_2025.csv")
    assert not result.run_requests
    text = explanation(own_demo)
    assert "matricula_2025.csv" in text
    assert "Qué hacer" in text
    assert word in text.lower()
    (kept,) = (own_demo.settings.drop / "rejected").glob("*matricula_2025.csv.sellado")
    assert refused_bytes(kept, own_demo.settings) == sent
    assert own_demo.published_bytes() == before


def test_latin_1_is_read_right(own_demo: Instance, tmp_path: Path) -> None:
    sent = _archived_enrolment(own_demo).decode("utf-8-sig").encode("cp1252")
    (tmp_path / "matricula_2025.csv").write_bytes(sent)
    before = own_demo.published_bytes()
    result = drop(own_demo, tmp_path / "matricula_2025.csv")
    assert start(own_demo, result) == [True] * len(result.run_requests or [])
    after = own_demo.published_bytes()
    assert after["matricula_completa.csv"] == before["matricula_completa.csv"]


def test_a_file_cut_between_two_rows_is_stopped_by_the_year_before(own_demo: Instance, tmp_path: Path) -> None:
    lines = _archived_enrolment(own_demo).splitlines(keepends=True)
    (tmp_path / "matricula_2025.csv").write_bytes(b"".join(lines[: len(lines) // 2]))
    before = own_demo.published_bytes()
    result = drop(own_demo, tmp_path / "matricula_2025.csv")
    assert result.run_requests, "nothing in the file itself tells"
    assert not any(start(own_demo, result)[:1])
    assert own_demo.published_bytes() == before


@pytest.mark.parametrize("second_header", [True, False])
def test_rows_that_come_twice_are_stopped_as_duplicates(
    own_demo: Instance, tmp_path: Path, second_header: bool
) -> None:
    lines = _archived_enrolment(own_demo).splitlines(keepends=True)
    again = lines if second_header else lines[1:]
    (tmp_path / "matricula_2025.csv").write_bytes(b"".join([*lines, *again]))
    before = own_demo.published_bytes()
    result = drop(own_demo, tmp_path / "matricula_2025.csv")
    assert not any(start(own_demo, result)[:1])
    assert own_demo.published_bytes() == before


def test_a_file_still_being_written_waits(own_demo: Instance) -> None:
    target = own_demo.settings.drop / "matricula_2025.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    data = _archived_enrolment(own_demo)
    cursor = None
    with target.open("wb") as writing:
        for part in range(3):
            writing.write(data[part * len(data) // 4 : (part + 1) * len(data) // 4])
            writing.flush()
            result = tick(own_demo, cursor)
            cursor = result.cursor
            assert not result.run_requests
            assert target.is_file()
            rest(own_demo)
        writing.write(data[3 * len(data) // 4 :])
    waits = tick(own_demo, cursor)
    assert target.is_file(), "it grew since it was last seen"
    rest(own_demo)
    tick(own_demo, waits.cursor)
    assert not target.exists()
