"""The weekly update from each of the five ways in, end to end: the same data become the same published bytes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from emtp_assets.alerts import Outbox
from emtp_assets.automation.alerting import look
from emtp_assets.automation.runs import RunFailedError, run_weekly
from emtp_assets.contracts import DATASETS
from emtp_assets.intake import Ledger
from emtp_assets.keys import key_of
from emtp_assets.sources import Journal, Result
from emtp_assets.storage.lake import Layer
from emtp_assets_tests.pipeline.conftest import Instance, instance_at
from emtp_assets_tests.pipeline.test_drop_folder import drop, start
from emtp_assets_tests.servers.ministry import Ministry
from emtp_assets_tests.servers.systems import NAMES, Systems

pytestmark = pytest.mark.pipeline

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
DUE = {
    "egresados": [2025],
    "titulacion": [2025],
    "proyectos": [2025],
    "matricula": [2026],
    "establecimientos": [2026],
    "docentes": [2026],
}


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    folder = tmp_path_factory.mktemp("ministerio")
    with Systems(Ministry(folder / "datos", DUE, scale=0.01), folder / "sistemas") as running:
        yield running


def new_instance(folder: Path, **settings: object) -> Instance:
    """An instance whose event log is in memory: what is proven here is in its data."""
    return instance_at(folder / "data", dg.DagsterInstance.ephemeral(), **settings)


def week(instance: Instance) -> list[str]:
    said: list[str] = []
    run_weekly(instance.definitions, instance.dagster, instance.settings, MONDAY, say=said.append)
    return said


@pytest.fixture(scope="module")
def by_folder(systems: Systems, tmp_path_factory: pytest.TempPathFactory) -> Instance:
    """The files copied into the drop folder by hand, taken by the sensor."""
    instance = new_instance(tmp_path_factory.mktemp("carpeta"))
    result = drop(instance, *systems.ministry.files.values())
    assert all(start(instance, result))
    return instance


@pytest.mark.parametrize("name", NAMES)
def test_the_same_data_are_the_same_published_bytes(
    name: str, systems: Systems, by_folder: Instance, tmp_path: Path
) -> None:
    instance = new_instance(tmp_path, **systems.settings(name))
    week(instance)
    attempts = Journal(instance.settings.data_dir).attempts()
    assert {(a.source, a.result) for a in attempts} == {(name, Result.DELIVERED)}
    assert {a.dataset for a in attempts} == set(DATASETS)
    expected, published = by_folder.published_bytes(), instance.published_bytes()
    assert published.keys() == expected.keys()
    assert [file for file in published if published[file] != expected[file]] == []
    assert all(instance.settings.data_dir.rglob("part.parquet"))
    with_rows = [file for file, content in published.items() if file.endswith(".csv") and content.count(b"\n") > 1]
    assert len(with_rows) >= 8, "the comparison must not be of empty tables"
    look(instance.settings, instance.dagster, MONDAY)
    assert [cause.alert.title for cause in Outbox.of(instance.settings).standing()] == []


def test_what_was_used_and_why_is_on_the_materialization(systems: Systems, tmp_path: Path) -> None:
    """The preferred system is down, the second has nothing for that week, the third delivers."""
    settings = systems.settings("sqlserver", "sharepoint", "sftp")
    settings["sqlserver"] |= {"port": 1}
    settings["sharepoint"] |= {"folder": "Datos/Archivo"}
    (systems.sharepoint.root / "Documentos" / "Datos" / "Archivo").mkdir(exist_ok=True)
    instance = new_instance(tmp_path, **settings, retry_attempts=2, retry_first_wait=0.01)
    week(instance)
    latest = instance.dagster.get_latest_materialization_event(key_of(Layer.RAW, "matricula"))
    assert latest is not None
    assert latest.asset_materialization is not None
    metadata = latest.asset_materialization.metadata
    why = str(metadata["por_qué_esta_fuente"].value)
    assert metadata["fuente"].value == "sftp"
    assert "Entregó sftp, porque antes falló: sqlserver." in why
    assert "sqlserver: falló (conexion_rechazada, pasajera)" in why
    assert "sharepoint: sin archivo" in why


def test_an_unchanged_week_fetches_nothing_and_publishes_the_same(systems: Systems, tmp_path: Path) -> None:
    instance = new_instance(tmp_path, **systems.settings("sftp"))
    week(instance)
    before, read = instance.published_bytes(), systems.sftp.seen.bytes_read
    week(instance)
    assert systems.sftp.seen.bytes_read == read
    assert instance.published_bytes() == before
    assert len(Ledger(instance.settings.data_dir).deliveries()) == len(DATASETS)


def test_when_nobody_delivers_the_run_fails_and_what_is_published_stays(systems: Systems, tmp_path: Path) -> None:
    working = new_instance(tmp_path / "uno", **systems.settings("sqlserver"))
    week(working)
    before = working.published_bytes()
    wrong = systems.settings("sqlserver", "rest")
    wrong["sqlserver"] |= {"password": "otra"}
    wrong["rest"] |= {"key": "otra"}
    shutil.copytree(working.settings.data_dir, tmp_path / "dos" / "data", symlinks=True)
    broken = new_instance(tmp_path / "dos", **wrong)
    with pytest.raises(RunFailedError) as failed:
        week(broken)
    said = str(failed.value)
    assert "Ninguna fuente entregó matricula del año 2026" in said
    assert "sqlserver: falló (credencial, permanente)" in said
    assert "rest: falló (credencial, permanente)" in said
    assert "Última entrega" in said
    assert broken.published_bytes() == before
    refused = [a for a in systems.sqlserver.logins if not a.accepted]
    assert len(refused) == 2, "one refused password a run: more would lock the account"


def test_the_folder_works_while_every_system_is_down(systems: Systems, by_folder: Instance, tmp_path: Path) -> None:
    settings = systems.settings("sqlserver", "sftp")
    settings["sqlserver"] |= {"port": 1}
    settings["sftp"] |= {"port": 1}
    instance = new_instance(tmp_path, **settings)
    assert all(start(instance, drop(instance, *systems.ministry.files.values())))
    assert instance.published_bytes() == by_folder.published_bytes()
    assert Journal(instance.settings.data_dir).attempts() == [], "a run about a file asks nobody"
