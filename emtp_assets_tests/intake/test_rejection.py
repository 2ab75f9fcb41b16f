"""A refused file lies in rejected/ beside its explanation, and neither overwrites another."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from emtp_assets.intake.rejection import move
from emtp_assets_tests.intake.conftest import Instance
from emtp_assets_tests.intake.tables import enrolment


def test_the_explanation_says_what_where_and_what_to_do(instance: Instance) -> None:
    rejection = instance.refused(enrolment(3) + b"2024;1", "Matrícula 2024.csv")
    assert rejection.moved_to is not None
    assert rejection.explanation is not None
    assert rejection.explanation == rejection.moved_to.with_name(rejection.moved_to.name + ".explicacion.txt")
    assert rejection.moved_to.name == "20261122T120000_Matrícula 2024.csv"
    text = rejection.explanation.read_text("utf-8-sig")
    for part in ("Archivo: Matrícula 2024.csv", "Cuándo: 22-11-2026 12:00:00", "Qué está mal:",
                 "Dónde: línea 5", "Qué se esperaba:", "Qué hacer:"):  # fmt: skip
        assert part in text
    assert instance.ledger.rejections() == [rejection]


def test_the_same_name_in_the_same_second_is_kept_apart(instance: Instance) -> None:
    first, second = instance.refused(b""), instance.refused(b"\x00")
    assert first.moved_to != second.moved_to
    assert len(list((instance.settings.drop / "rejected").iterdir())) == 4


def test_a_very_long_name_is_shortened_and_keeps_its_end(instance: Instance) -> None:
    name = "ñ" * 120 + ".csv"
    rejection = instance.refused(b"", name)
    assert rejection.original_name == name
    assert rejection.moved_to is not None
    assert rejection.moved_to.name.endswith("ñ.csv")


def test_between_two_disks_the_copy_is_whole_before_the_original_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_bytes(b"datos")
    rename = Path.replace

    def across(self: Path, to: Path) -> Path:
        # Two file systems are not at hand in every test machine: the kernel's answer is given here.
        if self == source:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, to)

    monkeypatch.setattr(Path, "replace", across)
    move(source, target)
    assert (target.read_bytes(), source.exists()) == (b"datos", False)
    assert [p.name for p in tmp_path.iterdir()] == ["b.csv"]
