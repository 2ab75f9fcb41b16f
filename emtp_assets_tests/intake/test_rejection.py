"""A refused file lies in rejected/ beside its explanation, and neither overwrites another."""

from __future__ import annotations

from emtp_assets_tests.intake.conftest import Instance
from emtp_assets_tests.intake.tables import enrolment


def test_the_explanation_says_what_where_and_what_to_do(instance: Instance) -> None:
    rejection = instance.refused(enrolment(3) + b"2024;1", "Matrícula 2024.csv")
    assert rejection.moved_to is not None
    assert rejection.explanation is not None
    assert rejection.explanation == rejection.moved_to.with_name(rejection.moved_to.name + ".explicacion.txt")
    assert rejection.moved_to.name == "20261122T120000_Matrícula 2024.csv.sellado"
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
    assert rejection.moved_to.name.endswith("ñ.csv.sellado")


def test_what_is_refused_can_be_read_only_with_the_key(instance: Instance) -> None:
    content = enrolment(3) + b"2024;1"
    rejection = instance.refused(content, "Matr\u00edcula 2024.csv")
    assert rejection.moved_to is not None
    kept = rejection.moved_to.read_bytes()
    assert content not in kept
    assert not any(line in kept for line in content.splitlines() if len(line) > 8)
    assert rejection.moved_to.stat().st_mode & 0o777 == 0o440
    assert rejection.explanation is not None
    assert f"emtp unseal '{rejection.moved_to}'" in rejection.explanation.read_text("utf-8-sig")
