"""Who is in the data cannot be read anywhere but in the data: logs, events, checks, documents, alarms, commands.

Six datasets about people whose names and numbers are known go the whole way, mistakes and refusals included, in an
instance of aggregates (mode A), in one that also hands microdata over (mode B) and in one of full access (mode C). Then
everything that is readable is searched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from typer.testing import CliRunner

from emtp_assets.automation.alerting import look
from emtp_assets.automation.runs import RunFailedError
from emtp_assets.cli import app
from emtp_assets.contracts import DATASETS, Treatment, contract_for
from emtp_assets.intake import Ledger
from emtp_assets.settings import PrivacyMode
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets_tests.leaks.people import MARK, People, refused
from emtp_assets_tests.leaks.search import files_under, found_in, leaks
from emtp_assets_tests.opened import rows
from emtp_assets_tests.pipeline.conftest import Instance, instance_at
from emtp_assets_tests.pipeline.test_drop_folder import drop

pytestmark = [pytest.mark.pipeline, pytest.mark.timeout(900)]

YEARS = {"A": (2024, 2025), "B": (2025,), "C": (2025,)}
SCALE = 0.003
# Where persons may stand: what was handed over, as it was, and the values that cleaning refused.
GUARDED = ("archive", "raw", "quarantine", "rejected", "drop")
# Of the cleaned layer, numbers are searched: a mistake may have put a name where a school's name belongs, and nothing
# tells the two apart. Nobody but the service reads it, and no text of a file about persons leaves (`test_free_text`).
CLEANED = "cleaned"
# Official codes of seven and eight digits: a person's number cannot be told from one. It reaches nothing either.
LIKE_A_PERSONS = {"titulacion.cod_plan_estudio"}
MODES = {
    "A": {"privacy_mode": "A"},
    "B": {"privacy_mode": "B"},
    "C": {"privacy_mode": "C", "access_purpose": "prueba de fugas", "access_responsible": "quien ensaya"},
}
COMMANDS = (
    ("doctor",),
    ("quarantine",),
    ("alerts",),
    ("approve",),
    ("retain", "--simular"),
    ("trace", "matricula_completa", "--anio", "2025"),
    ("trace", "docentes"),
    ("release", "candidate"),
    ("release", "show"),
    ("release", "list"),
    ("access-request",),
)
MICRODATA = (
    ("microdata", "deliver", "matricula", "2025", "--destinatario", "centro-de-estudios", "--entrega", "2026-05",
     "--quien", "quien ensaya", "--finalidad", "prueba de fugas"),
    ("microdata", "list"),
)  # fmt: skip


@dataclass
class World:
    """An instance after its runs, who its people are, and all that was said meanwhile."""

    instance: Instance
    people: People
    folder: Path
    said: list[str] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.instance.settings.data_dir


class _Everything(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


@pytest.fixture(scope="module", params=MODES)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp(f"fugas_{request.param}")
    (folder / "dagster").mkdir()
    (folder / "archivos").mkdir()
    people = People()
    heard = _Everything()
    loggers = [logging.getLogger(name) for name in ("", "emtp_assets", "dagster")]
    with dg.DagsterInstance.local_temp(str(folder / "dagster")) as dagster:
        instance = instance_at(folder / "data", dagster, **MODES[request.param])
        made = World(instance, people, folder)
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.addHandler(heard)
            logger.setLevel(logging.DEBUG)
        try:
            files = [
                people.written(dataset, year, folder / "archivos", scale=SCALE, seed=year)
                for year in YEARS[request.param]
                for dataset in DATASETS
            ]
            drop(instance, *files, *refused(folder / "archivos", people.numbers))
            for file in (folder / "archivos").iterdir():
                file.unlink()
            with suppress(RunFailedError):
                made.said += instance.run(YEARS[request.param][0], 2025)
            made.said += look(instance.settings, dagster, datetime.now(UTC)).lines
            made.said += _commands(instance, folder, request.param)
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.removeHandler(heard)
                logger.setLevel(level)
        made.said += heard.said
        yield made


def _commands(instance: Instance, folder: Path, mode: str) -> list[str]:
    """What the operator's commands say of that instance."""
    environment = {f"EMTP_{name.upper()}": str(value) for name, value in MODES[mode].items()}
    environment |= {"EMTP_DATA_DIR": str(instance.settings.data_dir), "DAGSTER_HOME": str(folder / "dagster")}
    deliveries = Ledger(instance.settings.data_dir).deliveries()
    asked = [
        *COMMANDS,
        *(MICRODATA if mode == "B" else ()),
        *(("quarantine", d.sha256[:12]) for d in deliveries if d.form.quarantined),
    ]
    said = []
    for command in asked:
        done = CliRunner(env=environment).invoke(app, list(command))
        said.append(f"{' '.join(command)}: {done.output}")
        assert done.output, command
        assert done.exception is None or isinstance(done.exception, SystemExit), command
    return said


def test_the_people_are_in_the_data(world: World) -> None:
    """The control: names and numbers came in, mistakes were met, and what the mode gives away was made."""
    lake = Lake(world.data)
    settings = world.instance.settings
    assert MARK.upper() in str(rows("from raw", settings, raw=lake.part(Layer.RAW, "matricula", 2025))[0])
    assert len(world.people.numbers) > 2000
    assert {d.dataset for d in Ledger(world.data).deliveries()} == set(DATASETS)
    assert len(Ledger(world.data).rejections()) >= 6
    rejected = [path for d in DATASETS if (path := lake.part(Layer.REJECTED, d, 2025)).is_file()]
    assert sum(rows("select count(*) from r", settings, r=path)[0][0] for path in rejected) > 5
    assert any(each.form.quarantined for each in Ledger(world.data).deliveries())
    assert list((world.data / "data_docs").rglob("2025.html"))
    full = settings.privacy_mode.full_access
    handed_over = world.data / "microdata" / "centro-de-estudios" / "2026-05"
    assert (settings.privacy_mode is PrivacyMode.PSEUDONYMS) is any(handed_over.rglob("*.parquet"))
    assert full or (world.data / "processed" / "LEEME.txt").is_file()
    assert full is not (world.data / "releases" / ".candidata" / "publicacion.json").is_file()


def test_no_file_outside_the_guarded_zone_shows_anybody(world: World) -> None:
    assert leaks(files_under(world.data, but=(*GUARDED, CLEANED)), world.people.numbers, world.data) == []


def test_no_value_of_the_cleaned_layer_is_anybodys_number(world: World) -> None:
    """Neither a code, an amount nor a text: a number that slid there was not read."""
    found = []
    for path in files_under(world.data / CLEANED):
        for name, kind, *_ in duckdb.sql(f"describe select * from '{path}'").fetchall():
            where = f"{path.parent.parent.name}.{name}"
            if name.startswith("_") or where in LIKE_A_PERSONS:
                continue
            text = f'cast("{name}" as bigint)' if kind in {"BIGINT", "INTEGER", "DOUBLE"} else f'"{name}"'
            values = duckdb.sql(f"select distinct {text}::varchar from '{path}' where {text} is not null").fetchall()
            told = found_in((value for (value,) in values), world.people.numbers)
            found += [f"{where}: {each}" for each in told if each.startswith("número")]
    assert found == []


def test_no_pseudonym_stands_beside_a_name_or_a_number(world: World) -> None:
    """Columns that identify directly are pseudonyms of 32 characters or are not there."""
    for dataset in DATASETS:
        path = Lake(world.data).part(Layer.CLEANED, dataset, 2025)
        columns = {name for name, *_ in duckdb.sql(f"describe select * from '{path}'").fetchall()}
        for column in contract_for(dataset).direct_identifiers:
            if column.treatment is Treatment.RAW_ONLY:
                assert column.name not in columns
            else:
                shortest = duckdb.sql(f"select min(length({column.name})) from '{path}'").fetchone()
                assert shortest is not None and shortest[0] >= 32, (dataset, column.name)


def test_no_explanation_of_a_refused_file_shows_anybody(world: World) -> None:
    explanations = list((world.data / "drop").rglob("*.explicacion.txt"))
    assert len(explanations) >= 6
    assert leaks(explanations, world.people.numbers, world.data) == []


def test_nothing_that_dagster_keeps_shows_anybody(world: World) -> None:
    """Its databases: events, checks with their metadata, materializations, runs, tags, sensors."""
    dagster = world.folder / "dagster"
    assert any(path.suffix == ".db" for path in dagster.rglob("*"))
    assert leaks(files_under(dagster), world.people.numbers, dagster) == []


def test_no_log_alarm_or_command_shows_anybody(world: World) -> None:
    assert len(world.said) > 60
    assert list(found_in(world.said, world.people.numbers)) == []


def test_nothing_was_left_elsewhere(world: World) -> None:
    """Temporary copies are gone, or in the guarded zone."""
    known = {world.data, world.folder / "dagster", world.folder / "archivos"}
    assert set(world.folder.iterdir()) == known
    assert list((world.folder / "archivos").iterdir()) == []
