"""Ledger and disk that do not tell the same story are found out, each in its own words; and only they."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from emtp_assets.intake.agreement import agreement
from emtp_assets.intake.quarantine import Quarantine, SetAside
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import enrolment

DAY = timedelta(days=1)
ASIDE = SetAside(line=7, lines=2, code="campos", what="le sobra un campo", raw=b"sintetico")


def codes(instance: Instance, *, grave: bool | None = None, every_byte: bool = False) -> list[str]:
    found = agreement(instance.settings, NOW, every_byte=every_byte)
    return [each.code for each in found if grave is None or each.grave is grave]


def age(path: Path, days: float) -> None:
    moment = (NOW - days * DAY).timestamp()
    os.utime(path, (moment, moment))


@pytest.fixture
def settled(instance: Instance) -> Instance:
    """Deliveries accepted, refused, replaced and handed over again."""
    instance.accepted(enrolment(3), now=NOW - 3 * DAY)
    instance.accepted(enrolment(4), now=NOW - 2 * DAY)
    instance.receive(enrolment(3), now=NOW - DAY)
    instance.refused(enrolment(3)[:-7], "mala.csv", now=NOW - DAY)
    return instance


def test_a_working_instance_agrees(settled: Instance) -> None:
    assert codes(settled, every_byte=True) == []


def archived(instance: Instance) -> Path:
    return instance.archive.path(instance.ledger.deliveries()[0].sha256)


def _shorten(instance: Instance) -> None:
    path = archived(instance)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


def _strange(days: float) -> Callable[[Instance], None]:
    def spoil(instance: Instance) -> None:
        path = instance.settings.data_dir / "archive" / "ab" / f"{'ab' * 32}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        age(path, days)

    return spoil


def _left(where: str, days: float) -> Callable[[Instance], None]:
    def spoil(instance: Instance) -> None:
        path = instance.settings.data_dir / where
        path.mkdir(parents=True)
        (path / "bytes.csv").write_bytes(b"x")
        age(path, days)

    return spoil


def _take_refused(instance: Instance) -> None:
    (path,) = (instance.settings.drop / "rejected").glob("*mala.csv.sellado")
    path.unlink()


@pytest.mark.parametrize(
    ("spoil", "grave", "said"),
    [
        (lambda instance: archived(instance).unlink(), ["sin_bytes"], []),
        (_shorten, ["bytes_distintos"], []),
        (_strange(2), ["archivado_sin_entrega"], []),
        (_strange(0.1), [], ["archivado_sin_entrega"]),
        (_strange(-5), [], ["archivado_sin_entrega"]),
        (_left("archive/.incoming/muerto", 2), ["restos"], []),
        (_left(".staging/muerto", 2), ["restos"], []),
        (_left("archive/.incoming/vivo", 0.1), [], []),
        (_take_refused, [], ["rechazados_quitados"]),
    ],
    ids=["gone", "shorter", "stranger", "at_work", "future", "incoming", "staging", "running", "taken_away"],
)
def test_each_disagreement_has_its_name(
    settled: Instance, spoil: Callable[[Instance], None], grave: list[str], said: list[str]
) -> None:
    spoil(settled)
    assert (codes(settled, grave=True), codes(settled, grave=False)) == (grave, said)


def test_a_wrong_bit_shows_when_every_byte_is_read(settled: Instance) -> None:
    path = archived(settled)
    spoilt = bytearray(path.read_bytes())
    spoilt[-5] ^= 1
    path.chmod(0o600)
    path.write_bytes(spoilt)
    assert codes(settled) == []
    assert codes(settled, every_byte=True) == ["bytes_distintos"]


@pytest.mark.parametrize(("kept", "expected"), [(2, []), (1, ["apartadas_distintas"]), (0, ["apartadas_distintas"])])
def test_lines_set_aside_are_as_many_as_the_ledger_says(instance: Instance, kept: int, expected: list[str]) -> None:
    delivery = instance.accepted(enrolment(3))
    other = replace(delivery, sha256="cd" * 32, form=replace(delivery.form, lines={"datos": 3, "apartadas": 4}))
    instance.ledger.record(other)
    path = instance.archive.path(other.sha256)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(instance.archive.path(delivery.sha256).read_bytes())
    Quarantine(instance.settings).keep(other.sha256, [ASIDE] * kept, path.parent)
    assert codes(instance) == expected


def test_what_is_found_never_names_a_person_or_a_row(settled: Instance) -> None:
    for spoil in (_shorten, _strange(2), _left("archive/.incoming/muerto", 2), _take_refused):
        spoil(settled)
    for each in agreement(settled.settings, NOW, every_byte=True):
        assert "LICEO" not in each.found + each.remedy
        assert each.remedy or not each.grave


def test_titles_and_totals_that_are_no_rows_are_no_disagreement(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(3) + b"Total;3\r\nFuente: MINEDUC\r\n")
    assert delivery.form.lines["pie"] == 2
    assert codes(instance, every_byte=True) == []
