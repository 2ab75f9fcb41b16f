"""What the time limit reaches is deleted with a record, what it does not stays; and the record is never untrue."""

from __future__ import annotations

import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.intake import AlreadyKnown, Delivery, IntakeError, extract_raw
from emtp_assets.intake.agreement import agreement
from emtp_assets.intake.deleting import Disposed, dispose
from emtp_assets.intake.disposals import Disposals, Ending, Kind
from emtp_assets.intake.places import going_place
from emtp_assets.intake.quarantine import Quarantine, SetAside
from emtp_assets.intake.retention import due, refuse_deleted, setting_in_words
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets_tests import faults
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import enrolment

YEAR = timedelta(days=365)


def limited(instance: Instance, **limits: int) -> Settings:
    return instance.settings.model_copy(update=limits)


def raw_year(instance: Instance, delivery: Delivery, year: int = 2024) -> Path:
    """That year of a delivery in the raw layer."""
    lake = Lake(instance.settings.data_dir)
    with lake.staging() as folder:
        staged = folder / "part.parquet"
        path = instance.archive.path(delivery.sha256)
        extract_raw(instance.settings, contract_for(delivery.dataset), delivery, path, year, staged)
        return lake.promote(staged, Layer.RAW, delivery.dataset, year)


def age(path: Path, days: float) -> None:
    """Let a file have been written so many days before `NOW`."""
    moment = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))


def run(settings: Settings, now: datetime, run_id: str = "corrida") -> Disposed:
    """As each Monday: the limits were looked at a week ago."""
    Disposals(settings.data_dir).reviewed("el lunes anterior", now - timedelta(days=7))
    return dispose(settings, now, run_id)


def kinds(settings: Settings, now: datetime) -> list[Kind]:
    return sorted(each.kind for each in due(settings, now))


def test_without_a_limit_nothing_is_deleted_and_that_is_said(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(4))
    raw = raw_year(instance, delivery)
    refused = instance.refused(enrolment(4)[:-7], "mala.csv")
    assert due(instance.settings, NOW + 50 * YEAR) == []
    assert run(instance.settings, NOW + 50 * YEAR).deleted == []
    assert raw.is_file()
    assert refused.moved_to is not None
    assert refused.moved_to.is_file()
    assert "sin plazo" in setting_in_words(instance.settings)


def test_a_limit_takes_every_file_that_may_name_a_person_and_nothing_else(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emtp_assets.intake.inspection.WORTH_IT", 1)
    delivery = instance.accepted(enrolment(4))
    raw = raw_year(instance, delivery)
    refused = instance.refused(enrolment(4)[:-7], "mala.csv")
    aside = [SetAside(3, 1, "campos", "sobra uno", b"x")]
    Quarantine(instance.settings).keep(delivery.sha256, aside, instance.settings.data_dir)
    cleaned = Lake(instance.settings.data_dir).part(Layer.CLEANED, "matricula", 2024)
    cleaned.parent.mkdir(parents=True)
    shutil.copy(raw, cleaned)
    settings = limited(instance, retention_days=365)
    assert due(settings, NOW + YEAR) == [], "not a moment before"
    now = NOW + YEAR + timedelta(seconds=1)
    done = run(settings, now, "r1")
    assert sorted(each.kind for each in done.deleted) == sorted(
        [Kind.ARCHIVED, Kind.SET_ASIDE, Kind.PLACES, Kind.RAW, Kind.REFUSED, Kind.REFUSED]
    )
    assert not any(each.path.exists() for each in done.deleted)
    assert not instance.archive.path(delivery.sha256).exists()
    assert not raw.exists()
    assert refused.moved_to is not None
    assert not refused.moved_to.exists()
    assert cleaned.is_file()
    assert instance.ledger.deliveries() == [delivery], "what came, and when, stays written down"
    assert len(instance.ledger.rejections()) == 1
    assert agreement(settings, now) == []


def test_each_deletion_has_its_record(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(4))
    size = instance.archive.path(delivery.sha256).stat().st_size
    run(limited(instance, retention_days=365), NOW + 2 * YEAR, "corrida-7")
    (record,) = Disposals(instance.settings.data_dir).all()
    assert (record.kind, record.sha256, record.bytes) == (Kind.ARCHIVED, delivery.sha256, size)
    assert (record.dataset, record.years, record.run_id) == ("matricula", (2024,), "corrida-7")
    assert (record.outcome, record.ended_at, record.since) == (Ending.DELETED, NOW + 2 * YEAR, NOW)
    assert record.reason.startswith("EMTP_RETENTION_DAYS=365: ")


def test_what_another_delivery_replaced_goes_first(instance: Instance) -> None:
    replaced = instance.accepted(enrolment(4))
    in_force = instance.accepted(enrolment(5), now=NOW + timedelta(days=1))
    settings = limited(instance, retention_days=3650, retention_replaced_days=90)
    done = run(settings, NOW + timedelta(days=200))
    assert [each.sha256 for each in done.deleted] == [replaced.sha256]
    assert done.deleted[0].reason.startswith("EMTP_RETENTION_REPLACED_DAYS=90: entrega reemplazada")
    assert instance.archive.verify(in_force.sha256)


def test_with_the_limit_of_the_replaced_alone_what_is_in_force_is_never_due(instance: Instance) -> None:
    instance.accepted(enrolment(4))
    instance.accepted(enrolment(5, year=2023))
    assert due(limited(instance, retention_replaced_days=30), NOW + 90 * YEAR) == []


def test_what_a_person_handed_over_is_not_replaced_by_a_system_that_stands_in(instance: Instance) -> None:
    by_hand = instance.accepted(enrolment(4))
    by_system = instance.accepted(enrolment(5), source="sftp", now=NOW + timedelta(days=1))
    now = NOW + YEAR
    assert due(limited(instance, retention_replaced_days=30), now) == []
    instance.accepted(enrolment(6), source="sftp", now=NOW + timedelta(days=2))
    (old,) = due(limited(instance, retention_replaced_days=30), now)
    assert old.sha256 == by_system.sha256 != by_hand.sha256


def test_age_counts_from_the_day_a_delivery_was_put_in_force_again(instance: Instance) -> None:
    first = instance.accepted(enrolment(4))
    instance.accepted(enrolment(5), now=NOW + timedelta(days=1))
    again = instance.receive(enrolment(4), now=NOW + timedelta(days=300))
    assert isinstance(again, AlreadyKnown)
    assert again.reinstated
    done = run(limited(instance, retention_days=365), NOW + timedelta(days=400))
    assert first.sha256 not in {each.sha256 for each in done.deleted}
    assert len(done.deleted) == 1


def test_a_raw_year_made_of_a_replaced_delivery_goes_with_it(instance: Instance) -> None:
    """The correction was received, and the run that makes the year of it has not been."""
    replaced = instance.accepted(enrolment(4))
    raw = raw_year(instance, replaced)
    instance.accepted(enrolment(5), now=NOW + timedelta(days=1))
    run(limited(instance, retention_replaced_days=30), NOW + YEAR)
    assert not raw.exists()


def test_a_file_the_ledger_does_not_know_has_the_limit_too(instance: Instance) -> None:
    stranger = instance.settings.data_dir / "archive" / "ab" / f"{'ab' * 32}.csv"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes(b"de nadie")
    age(stranger, 40)
    assert kinds(limited(instance, retention_days=60), NOW) == []
    assert kinds(limited(instance, retention_days=60, retention_replaced_days=30), NOW) == [Kind.ARCHIVED]


def test_abandoned_copies_are_removed_a_day_later_whatever_the_limit(instance: Instance) -> None:
    left = instance.settings.data_dir / "archive" / ".incoming" / "muerto"
    left.mkdir(parents=True)
    (left / "bytes.csv").write_bytes(b"RUN;123")
    half = instance.settings.drop / "rejected" / "20260101T000000_x.csv.explicacion.txt.part"
    half.parent.mkdir(parents=True)
    half.write_text("a medias")
    note = half.with_name("notas del equipo.part")
    note.write_text("no es nuestro")
    for path in (left, half, note):
        age(path, 0.9)
    assert kinds(instance.settings, NOW) == []
    for path in (left, half, note):
        age(path, 1.1)
    assert kinds(instance.settings, NOW) == [Kind.LEFTOVER, Kind.LEFTOVER]
    run(instance.settings, NOW)
    assert (left.exists(), half.exists(), note.exists()) == (False, False, True)


def test_a_later_run_says_on_which_day_and_under_which_limit_the_bytes_were_deleted(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(4))
    settings = limited(instance, retention_days=365)
    refuse_deleted(settings, {2024: delivery})
    run(settings, datetime.fromisoformat("2028-03-06T09:30:00+00:00"))
    with pytest.raises(IntakeError) as told:
        refuse_deleted(settings, {2024: delivery})
    assert told.value.code == "bytes_borrados"
    for words in ("2024", "06-03-2028", "EMTP_RETENTION_DAYS=365"):
        assert words in str(told.value)
    assert "dañad" not in str(told.value)


def test_bytes_that_are_lost_and_were_not_deleted_are_not_said_to_be_deleted(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(4))
    instance.archive.path(delivery.sha256).unlink()
    refuse_deleted(instance.settings, {2024: delivery})


def test_the_same_bytes_handed_over_again_are_there_again_and_their_age_starts_anew(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(4))
    settings = limited(instance, retention_days=30)
    run(settings, NOW + timedelta(days=31))
    assert not instance.archive.holds(delivery.sha256, delivery.size_bytes)
    instance.receive(enrolment(4), now=NOW + timedelta(days=40))
    archived = instance.archive.path(delivery.sha256)
    age(archived, -40)
    assert len(instance.raw(delivery, 2024)) == 4
    refuse_deleted(settings, {2024: delivery})
    later = NOW + timedelta(days=60)
    assert run(settings, later).deleted == []
    assert Disposals(settings.data_dir).all()[0].outcome is Ending.RENEWED
    assert agreement(settings, later) == []
    archived.rename(settings.data_dir / "perdido")
    assert [each.code for each in agreement(settings, later)] == ["sin_bytes"], "not excused by the former deletion"
    (settings.data_dir / "perdido").rename(archived)
    assert len(run(settings, NOW + timedelta(days=71)).deleted) == 1


@pytest.mark.parametrize("killed_after", ["decision", "rename", "removal"])
def test_killed_in_between_the_next_run_ends_it_and_the_record_is_true(instance: Instance, killed_after: str) -> None:
    delivery = instance.accepted(enrolment(4))
    settings = limited(instance, retention_days=30)
    now = NOW + timedelta(days=31)
    (decided,) = Disposals(settings.data_dir).decide(due(settings, now), "muerta", now)
    going = going_place(decided.path, decided.number)
    if killed_after != "decision":
        decided.path.rename(going)
    if killed_after == "removal":
        going.unlink()
    assert agreement(settings, now) == []
    later = now + timedelta(days=2)
    grave = [each.code for each in agreement(settings, later)]
    assert grave == ["borrado_a_medias"]
    run(settings, later)
    assert list(decided.path.parent.iterdir()) == []
    assert agreement(settings, later) == []
    with pytest.raises(IntakeError):
        refuse_deleted(settings, {2024: delivery})
    assert [each.outcome for each in Disposals(settings.data_dir).all()] == (
        [Ending.KEPT, Ending.DELETED] if killed_after == "decision" else [Ending.DELETED]
    )


@pytest.mark.parametrize("handed_over", ["before it is taken out", "after it is taken out", "both"])
def test_bytes_handed_over_while_they_are_being_deleted_are_not_lost(instance: Instance, handed_over: str) -> None:
    delivery = instance.accepted(enrolment(4))
    settings = limited(instance, retention_days=30)
    now = NOW + timedelta(days=31)
    (decided,) = Disposals(settings.data_dir).decide(due(settings, now), "muerta", now)
    if handed_over != "after it is taken out":
        instance.receive(enrolment(4), now=now)
        age(decided.path, -31)
    decided.path.rename(going_place(decided.path, decided.number))
    if handed_over != "before it is taken out":
        instance.receive(enrolment(4), now=now)
        age(decided.path, -31)
    done = run(settings, now)
    assert [each.sha256 for each in done.renewed] == [delivery.sha256]
    assert done.deleted == []
    assert instance.archive.verify(delivery.sha256)
    assert [path.name for path in decided.path.parent.iterdir()] == [decided.path.name]


def test_lines_set_aside_come_back_with_the_bytes_that_are_handed_over_again(instance: Instance) -> None:
    content = enrolment(4) + b"2024;8489\r\n"
    delivery = instance.accepted(content)
    settings = limited(instance, retention_days=30)
    aside = Quarantine(settings).rows(delivery.sha256)
    assert len(aside) == 1
    run(settings, NOW + timedelta(days=31))
    assert Quarantine(settings).rows(delivery.sha256) == []
    assert isinstance(instance.receive(content, now=NOW + timedelta(days=32)), AlreadyKnown)
    assert Quarantine(settings).rows(delivery.sha256) == aside
    run(settings, NOW + timedelta(days=33))
    assert agreement(settings, NOW + timedelta(days=33)) == []
    Quarantine(settings).path(delivery.sha256).unlink()
    found = [each.code for each in agreement(settings, NOW + timedelta(days=33))]
    assert found == ["apartadas_distintas"], "not excused by the former deletion"


def test_a_clock_that_jumped_ahead_deletes_nothing_until_a_person_says_that_it_is_right(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(4))
    settings = limited(instance, retention_days=365)
    dispose(settings, NOW + timedelta(days=7), "el lunes")
    ahead = NOW + 10 * YEAR
    for _ in range(2):
        with pytest.raises(IntakeError, match="No se borró nada") as told:
            dispose(settings, ahead, "con el reloj adelantado")
        assert told.value.code == "reloj_dudoso"
        assert "29-11-2026" in told.value.what
        assert "emtp retain --confirmar" in told.value.action
    assert Disposals(settings.data_dir).all() == []
    assert instance.archive.verify(delivery.sha256)
    assert dispose(settings, NOW + timedelta(days=14), "con el reloj en hora").deleted == []
    assert len(dispose(settings, ahead, "confirmada", confirmed=True).deleted) == 1


def test_a_service_that_stood_still_and_has_nothing_due_needs_nobody(instance: Instance) -> None:
    instance.accepted(enrolment(4))
    settings = limited(instance, retention_days=1000)
    dispose(settings, NOW, "antes de la pausa")
    assert dispose(settings, NOW + 2 * YEAR, "después de la pausa").deleted == []
    assert len(dispose(settings, NOW + 2 * YEAR + timedelta(days=50), "más tarde").deleted) == 0
    assert len(run(settings, NOW + 3 * YEAR).deleted) == 1


def test_the_first_run_of_all_is_judged_by_what_the_ledger_last_noted(instance: Instance) -> None:
    instance.accepted(enrolment(4), now=NOW - 2 * YEAR)
    settings = limited(instance, retention_days=365)
    with pytest.raises(IntakeError, match="lo último que anotó el registro"):
        dispose(settings, NOW, "primera")
    instance.accepted(enrolment(5, year=2023), now=NOW - timedelta(days=10))
    assert len(dispose(settings, NOW, "primera").deleted) == 1


@pytest.mark.parametrize("known", [0, 1])
def test_a_ledger_that_was_lost_or_is_older_does_not_take_the_archive_with_it(instance: Instance, known: int) -> None:
    """Without the ledger, nobody knows what was archived; and it is what cannot be made again."""
    deliveries = [instance.accepted(enrolment(n), now=NOW) for n in range(3, 10)]
    for delivery in deliveries:
        age(instance.archive.path(delivery.sha256), 400)
    for path in instance.settings.data_dir.glob("ledger.sqlite*"):
        path.unlink()
    restored = Instance(instance.settings)
    for delivery in deliveries[:known]:
        restored.ledger.record(delivery)
    settings = limited(instance, retention_days=365)
    with pytest.raises(IntakeError, match="no están en el registro") as told:
        dispose(settings, NOW, "tras restaurar")
    assert told.value.code == "registro_dudoso"
    assert all(instance.archive.verify(delivery.sha256) for delivery in deliveries)


def test_bytes_that_another_source_hands_over_again_count_from_then(instance: Instance) -> None:
    """That source never was the first to bring any."""
    first = instance.accepted(enrolment(4))
    instance.accepted(enrolment(5), now=NOW + timedelta(days=1))
    instance.receive(enrolment(4), source="sftp", now=NOW + timedelta(days=300))
    due_then = due(limited(instance, retention_days=365), NOW + timedelta(days=400))
    assert first.sha256 not in {each.sha256 for each in due_then}


def test_what_a_person_put_in_force_again_is_what_a_person_handed_over_whoever_brought_it_first(
    instance: Instance,
) -> None:
    by_system = instance.accepted(enrolment(4), source="sftp")
    instance.accepted(enrolment(5), source="sftp", now=NOW + timedelta(days=1))
    instance.receive(enrolment(4), now=NOW + timedelta(days=2))
    instance.accepted(enrolment(6), source="sftp", now=NOW + timedelta(days=3))
    without_systems = instance.ledger.latest("matricula", 2024, but_for={"sftp"})
    assert without_systems == by_system
    due_then = due(limited(instance, retention_replaced_days=30), NOW + YEAR)
    assert by_system.sha256 not in {each.sha256 for each in due_then}


@pytest.mark.parametrize("batch", range(2))
def test_killed_at_any_point_a_rerun_ends_it_and_no_more_is_deleted_than_was_due(batch: int, tmp_path: Path) -> None:
    def made(name: str) -> tuple[Instance, Settings]:
        fresh = Instance(Settings(data_dir=tmp_path / name / "data", drop_dir=tmp_path / name / "drop"))
        raw_year(fresh, fresh.accepted(enrolment(4)))
        fresh.refused(enrolment(4)[:-7], "mala.csv")
        fresh.accepted(enrolment(5, year=2023), now=NOW + timedelta(days=20))
        Disposals(fresh.settings.data_dir).reviewed("el lunes anterior", NOW + timedelta(days=24))
        return fresh, limited(fresh, retention_days=30)

    now = NOW + timedelta(days=31)
    counted = made("counted")[1]
    points = faults.points_of(lambda: dispose(counted, now, "contada"))
    for point in faults.chosen(points, 24, 4)[batch::2]:
        instance, settings = made(str(point))
        wanted = {each.place for each in due(settings, now)}
        faults.kill_at(lambda settings=settings: dispose(settings, now, "muerta"), point)
        gone = {place for place in wanted if not Path(place).exists()}
        noted = {each.place for each in Disposals(settings.data_dir).all()}
        assert gone <= noted, "nothing goes before it is written down"
        dispose(settings, now, "otra")
        assert not any(Path(place).exists() for place in wanted)
        deleted = [each.place for each in Disposals(settings.data_dir).all() if each.outcome is Ending.DELETED]
        assert sorted(deleted) == sorted(wanted), "each has one record of its end"
        assert not [*tmp_path.joinpath(str(point)).rglob(".borrar-*")]
        kept = instance.ledger.latest("matricula", 2023)
        assert kept is not None
        assert instance.archive.verify(kept.sha256)
        assert agreement(settings, now) == []


def test_what_was_replaced_is_never_kept_longer_than_the_limit_of_all_files(instance: Instance) -> None:
    replaced = instance.accepted(enrolment(4))
    instance.accepted(enrolment(5), now=NOW + timedelta(days=300))
    settings = limited(instance, retention_days=365, retention_replaced_days=3650)
    (old,) = due(settings, NOW + timedelta(days=400))
    assert (old.sha256, old.reason.partition(":")[0]) == (replaced.sha256, "EMTP_RETENTION_DAYS=365")
    assert "3650" not in setting_in_words(settings)
