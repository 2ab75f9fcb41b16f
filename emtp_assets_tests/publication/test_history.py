"""What was published when: no publication is missing from the history, whatever happened after the swap."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from emtp_assets.publication.history import Publication, PublicationHistory
from emtp_assets.publication.publish import publish
from emtp_assets.publication.record import read_record
from emtp_assets.publication.sets import SetStore
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets_tests.publication.fake_lake import NOW, TABLES, YEARS, delivery, describe, fill, table_bytes


def history(settings: Settings) -> list[Publication]:
    return PublicationHistory(settings.data_dir).all()


def forget(settings: Settings, set_name: str) -> None:
    """As if the process had been killed between the swap and the record."""
    with closing(sqlite3.connect(settings.data_dir / "publications.sqlite")) as db, db:
        (number,) = db.execute("SELECT number FROM publications WHERE set_name = ?", (set_name,)).fetchone()
        for table in ("publication_files", "publication_sources", "publication_deliveries", "publications"):
            db.execute(f"DELETE FROM {table} WHERE number = ?", (number,))


def test_a_publication_is_written_down_with_all_it_is_made_of(settings: Settings, lake: Lake) -> None:
    made = publish(settings, lake, now=NOW, run_id="abc", describe=describe)
    (found,) = history(settings)
    assert (found.set_name, found.at, found.run_id) == (made.name, NOW, "abc")
    assert (found.mode, found.suppression_minimum, found.approval) == ("demostracion", 10, None)
    data = table_bytes(made.folder)
    del data["diccionario_datos.csv"]
    assert found.files == data
    # The ledger of these tests knows nothing of proyectos.
    expected = {(d, y): delivery(d, y) for d in {*TABLES.values()} - {"proyectos"} for y in YEARS}
    assert found.deliveries == expected, "of retention, which looks a year ahead, each year keeps its own"
    assert found.sources["matricula_completa", 2024] == {delivery("matricula", 2024), delivery("matricula", 2025)}
    assert (settings.data_dir / "publications.sqlite").stat().st_mode & 0o077 == 0


def test_the_history_outlives_the_sets(settings: Settings) -> None:
    few = settings.model_copy(update={"published_sets_kept": 2})
    lake = fill(few, years=[2025], rows=20)
    names = [publish(few, lake, now=NOW + timedelta(weeks=week), run_id=str(week)).name for week in range(4)]
    assert [found.set_name for found in history(few)] == names
    assert len(SetStore(few.data_dir).published()) == 2


def test_a_gap_is_closed_by_the_next_publication(settings: Settings, lake: Lake) -> None:
    first = publish(settings, lake, now=NOW, run_id="a")
    forget(settings, first.name)
    second = publish(settings, lake, now=NOW + timedelta(days=7), run_id="b")
    assert [found.set_name for found in history(settings)] == [first.name, second.name]


def test_a_gap_is_closed_by_whoever_reads(settings: Settings, lake: Lake) -> None:
    made = publish(settings, lake, now=NOW, run_id="a", describe=describe)
    (before,) = history(settings)
    forget(settings, made.name)
    reader = PublicationHistory(settings.data_dir)
    reader.catch_up(SetStore(settings.data_dir))
    reader.catch_up(SetStore(settings.data_dir))
    assert reader.all() == [before]


def test_a_set_that_could_not_be_written_down_is_not_pruned(settings: Settings) -> None:
    few = settings.model_copy(update={"published_sets_kept": 1})
    lake = fill(few, years=[2025], rows=20)
    first = publish(few, lake, now=NOW, run_id="a")
    place = few.data_dir / "publications.sqlite"
    place.rename(few.data_dir / "guardada")
    place.mkdir()
    second = publish(few, lake, now=NOW + timedelta(days=7), run_id="b")
    assert [warning for warning in second.warnings if "historia de publicaciones" in warning]
    assert SetStore(few.data_dir).published() == [first.folder, second.folder]
    place.rmdir()
    (few.data_dir / "guardada").rename(place)
    third = publish(few, lake, now=NOW + timedelta(days=14), run_id="c")
    assert [found.set_name for found in history(few)] == [first.name, second.name, third.name]
    assert SetStore(few.data_dir).published() == [third.folder]


def test_a_day_ends_at_midnight_in_santiago_and_its_last_publication_counts(settings: Settings) -> None:
    lake = fill(settings, years=[2025], rows=20)
    for run, at in (
        ("a", datetime(2026, 5, 4, 3, 59, tzinfo=UTC)),  # still the third of May in Santiago
        ("b", datetime(2026, 5, 4, 12, tzinfo=UTC)),
        ("c", datetime(2026, 5, 4, 12, tzinfo=UTC)),
    ):
        publish(settings, lake, now=at, run_id=run)
    days = (date(2026, 5, 2), date(2026, 5, 3), date(2026, 5, 4), date(2026, 5, 30))
    found = [PublicationHistory(settings.data_dir).as_of(day) for day in days]
    assert [publication.run_id if publication else None for publication in found] == [None, "a", "c", "c"]


def test_a_set_of_an_earlier_version_is_read_too(settings: Settings, lake: Lake) -> None:
    """Its record says nothing of corrections."""
    made = publish(settings, lake, now=NOW, run_id="a")
    record = read_record(made.folder)
    assert record is not None
    del record["correcciones"]
    assert Publication.of_record(record).approval is None


def test_of_files_of_several_years_each_year_keeps_the_newest(tmp_path: Path) -> None:
    """One file of 2023 and 2024, then one of 2024 alone: both are behind 2024's table, by what it is crossed with."""

    def known(years: list[str], received: str) -> dict[str, object]:
        return {"conjunto_de_datos": "matricula", "años": dict.fromkeys(years, 1), "recibida": received}

    def entry(dataset: str, **years: list[str]) -> dict[str, object]:
        return {
            "conjunto_de_datos": dataset,
            "copia_de": None,
            "sha256": {},
            "años": {year.removeprefix("y"): {"entregas": shas} for year, shas in years.items()},
        }

    made = Publication.of_record(
        {
            "conjunto": "x",
            "generado": NOW.isoformat(),
            "version_codigo": "1",
            "ejecucion": "a",
            "modo": "demostracion",
            "minimo_supresion": 10,
            "tablas": {
                "matricula_completa": entry("matricula", y2023=["both"], y2024=["both", "new"]),
                "matricula_region": entry("matricula", y2023=["both"], y2024=["new"]),
                "egresados": entry("egresados", y2024=["both", "new"]),
            },
            "entregas": {"both": known(["2023", "2024"], "2025-01-01"), "new": known(["2024"], "2025-06-01")},
        }
    )
    assert made.deliveries == {("matricula", 2023): "both", ("matricula", 2024): "new"}


def test_after_a_clock_that_ran_ahead_was_set_back_the_last_one_made_counts(settings: Settings) -> None:
    lake = fill(settings, years=[2025], rows=20)
    for run, at in (("ahead", NOW + timedelta(days=1)), ("back", NOW)):
        publish(settings, lake, now=at, run_id=run)
    days = (NOW.date(), NOW.date() + timedelta(days=1))
    found = [PublicationHistory(settings.data_dir).as_of(day) for day in days]
    assert [publication.run_id if publication else None for publication in found] == ["back", "back"]
