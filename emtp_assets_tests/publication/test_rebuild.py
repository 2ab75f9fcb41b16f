"""What has to be there to make a former publication again, and what is said when it is not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from emtp_assets.intake import Archive, Delivery, Ledger
from emtp_assets.intake.form import Form
from emtp_assets.publication.history import Publication
from emtp_assets.publication.publish import publish
from emtp_assets.publication.rebuild import (
    RebuildError,
    forget_persons,
    made_of,
    overlap,
    prepare,
    published_on,
    put_in_force,
    still_kept,
    verdict,
)
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import code_version
from emtp_assets_tests.publication.fake_lake import NOW

DAY = date(2026, 4, 6)


def received(settings: Settings, sha: str, dataset: str, years: Iterable[int]) -> Delivery:
    """A delivery in the ledger, with its bytes in the archive."""
    wanted = dict.fromkeys(years, 3)
    delivery = Delivery(
        sha256=sha * 64,
        dataset=dataset,
        source="carpeta",
        original_name=f"{dataset}_{sha}.csv",
        received_at=datetime(2026, 1, ord(sha) % 27 + 1, tzinfo=UTC),
        size_bytes=5,
        rows=sum(wanted.values()),
        years=wanted,
        form=Form("utf-8", ";", quoted=False),
        columns=("AGNO",),
        missing_columns=(),
        unknown_columns=(),
        simulated=False,
        code_version="1",
    )
    Ledger(settings.data_dir).record(delivery)
    place = Archive(settings).root / delivery.sha256[:2] / f"{delivery.sha256}.csv"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"bytes")
    place.chmod(0o440)
    return delivery


def publication(deliveries: dict[tuple[str, int], Delivery], *, beside: Iterable[Delivery] = ()) -> Publication:
    return Publication(
        set_name="20260406T093000Z-00000000",
        at=NOW,
        code_version=code_version(),
        run_id="a",
        mode="demostracion",
        suppression_minimum=12,
        approval=None,
        deliveries={key: delivery.sha256 for key, delivery in deliveries.items()},
        sources={
            key: frozenset({delivery.sha256, *(d.sha256 for d in beside)}) for key, delivery in deliveries.items()
        },
        files={},
    )


def test_an_instance_that_published_nothing_says_so(settings: Settings) -> None:
    with pytest.raises(RebuildError, match="todavía no ha publicado nada"):
        published_on(settings, DAY)


def test_a_day_before_the_first_publication_is_told_which_was_the_first(settings: Settings, lake: Lake) -> None:
    publish(settings, lake, now=NOW, run_id="a")
    with pytest.raises(RebuildError, match="la primera publicación que consta es del 06-04-2026"):
        published_on(settings, DAY - timedelta(days=1))
    found = published_on(settings, DAY)
    assert still_kept(settings, found) == (settings.data_dir / "processed").resolve()


def test_the_folder_knows_exactly_the_deliveries_of_that_set(settings: Settings, tmp_path: Path) -> None:
    old, new = received(settings, "a", "docentes", [2024]), received(settings, "b", "docentes", [2024])
    prepared = prepare(settings, publication({("docentes", 2024): old}), tmp_path / "rehecho")
    ledger = Ledger(prepared.data_dir)
    assert ledger.deliveries() == [old], "not the one that replaced it"
    assert Archive(prepared).path(old.sha256).read_bytes() == b"bytes"
    assert Archive(prepared).path(old.sha256).is_symlink()
    assert prepared.suppression_minimum == 12
    assert prepared.drop.is_relative_to(tmp_path / "rehecho")
    assert Ledger(settings.data_dir).latest("docentes", 2024) == new, "the instance itself is as it was"


def test_of_files_that_overlap_each_year_is_made_of_the_one_that_ruled(settings: Settings, tmp_path: Path) -> None:
    """Here 2023 was made of the one and 2024 of the other: no single order of the two gives that."""
    first, second = (received(settings, sha, "docentes", [2023, 2024]) for sha in "ab")
    made = publication({("docentes", 2023): second, ("docentes", 2024): first})
    prepared = prepare(settings, made, tmp_path / "rehecho")
    assert overlap(prepared)
    for year, ruled in ((2023, second), (2024, first)):
        put_in_force(prepared, [made_of(made, prepared)["docentes", year]])
        assert Ledger(prepared.data_dir).latest("docentes", year) == ruled


def test_what_was_only_crossed_with_others_is_there_too(settings: Settings, tmp_path: Path) -> None:
    own, beside = received(settings, "a", "egresados", [2024]), received(settings, "b", "matricula", [2024])
    made = publication({("egresados", 2024): own}, beside=[beside])
    prepared = prepare(settings, made, tmp_path / "rehecho")
    assert made_of(made, prepared) == {("egresados", 2024): own.sha256, ("matricula", 2024): beside.sha256}
    assert not overlap(prepared)


def test_bytes_that_are_gone_are_named_and_nothing_is_begun(settings: Settings, tmp_path: Path) -> None:
    kept, gone = received(settings, "a", "docentes", [2024]), received(settings, "b", "proyectos", [2023, 2024])
    Archive(settings).path(gone.sha256).unlink()
    made = publication({("docentes", 2024): kept, ("proyectos", 2024): gone})
    with pytest.raises(RebuildError) as refused:
        prepare(settings, made, tmp_path / "rehecho")
    assert "ya no tiene los bytes de 1 de sus 2 entregas" in str(refused.value)
    assert "- proyectos 2023, 2024: «proyectos_b.csv» (bbbbbbbbbbbb)" in str(refused.value)
    assert not (tmp_path / "rehecho").exists()


def test_a_ledger_that_does_not_know_them_says_which_backup_to_look_for(settings: Settings, tmp_path: Path) -> None:
    known = received(settings, "a", "docentes", [2024])
    made = publication({("docentes", 2024): known})
    (settings.data_dir / "ledger.sqlite").unlink()
    with pytest.raises(RebuildError, match=r"no conoce 1 de las que se publicaron \(aaaaaaaaaaaa\)"):
        prepare(settings, made, tmp_path / "rehecho")


def test_a_folder_in_use_is_not_touched(settings: Settings, tmp_path: Path) -> None:
    made = publication({("docentes", 2024): received(settings, "a", "docentes", [2024])})
    (tmp_path / "mia").mkdir()
    (tmp_path / "mia" / "tesis.odt").write_text("x")
    with pytest.raises(RebuildError, match="no está vacía"):
        prepare(settings, made, tmp_path / "mia")
    assert [path.name for path in (tmp_path / "mia").iterdir()] == ["tesis.odt"]


def test_another_version_of_the_code_is_the_reason_why_parquet_files_differ(settings: Settings, lake: Lake) -> None:
    made = publish(settings, lake, now=NOW, run_id="a")
    then = published_on(settings, DAY)
    assert verdict(then, settings).differing == ()
    other = Publication(**{**vars(then), "code_version": "0.0.1"})
    (made.folder / "docentes.parquet").write_bytes(b"otra version en el pie")
    found = verdict(other, settings)
    assert (found.differing, found.other_code, found.same_figures) == (("docentes.parquet",), True, True)
    assert "Se publicó con el código 0.0.1" in found.reasons[0]


def test_a_table_that_was_made_of_other_deliveries_is_named(settings: Settings, lake: Lake) -> None:
    publish(settings, lake, now=NOW, run_id="a")
    then = published_on(settings, DAY)
    other = Publication(**{**vars(then), "sources": {**then.sources, ("egresados", 2024): frozenset({"c" * 64})}})
    (reason,) = verdict(other, settings).reasons
    assert reason.startswith("egresados 2024 se había calculado con otras entregas (cccccccccccc)")


def test_no_person_stays_in_the_folder_and_the_archive_stays_whole(settings: Settings, tmp_path: Path) -> None:
    own = received(settings, "a", "docentes", [2024])
    prepared = prepare(settings, publication({("docentes", 2024): own}), tmp_path / "rehecho")
    (prepared.data_dir / "raw" / "docentes").mkdir(parents=True)
    (prepared.data_dir / "raw" / "docentes" / "part.parquet").write_bytes(b"personas")
    forget_persons(prepared)
    assert sorted(path.name for path in prepared.data_dir.iterdir()) == ["ledger.lock", "ledger.sqlite"]
    assert Archive(settings).path(own.sha256).read_bytes() == b"bytes"
