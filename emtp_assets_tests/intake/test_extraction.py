"""Raw holds what was sent: text, by official name, EMTP rows only, the same bytes every time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.intake import IntakeError, RawCounts, extract_raw
from emtp_assets.intake.extraction import extract_raw_years
from emtp_assets.storage import sealing
from emtp_assets.storage.restricted import read
from emtp_assets_tests.intake.conftest import Instance
from emtp_assets_tests.intake.tables import csv_bytes, enrolment, header, students

MATRICULA = contract_for("matricula")
NAMES = header(MATRICULA, 2024)


def test_only_emtp_rows_are_kept_and_the_others_counted(instance: Instance, tmp_path: Path) -> None:
    codes = ["410", "110", "0410", " 863 ", "310", "910", "10", ""]
    rows = [students(1, first=i, COD_ENSE=code)[0] for i, code in enumerate(codes)]
    delivery = instance.accepted(csv_bytes(NAMES, rows))
    target = tmp_path / "raw.parquet"
    path = instance.archive.path(delivery.sha256)
    counts = extract_raw(instance.settings, MATRICULA, delivery, path, 2024, target)
    assert counts == RawCounts(rows_in_year=8, in_scope=3, out_of_scope=5)
    table = read(target, instance.settings).to_pylist()
    assert [(row["_row"], row["COD_ENSE"]) for row in table] == [(1, "410"), (3, "0410"), (4, " 863 ")]


def test_columns_are_the_contracts_as_text_and_blanks_stay_as_sent(instance: Instance, tmp_path: Path) -> None:
    delivery = instance.accepted(csv_bytes(NAMES, students(1, NOMBRE_SLEP=" ", NOM_RBD="", COD_ESPE="052")))
    target = tmp_path / "raw.parquet"
    extract_raw(instance.settings, MATRICULA, delivery, instance.archive.path(delivery.sha256), 2024, target)
    schema = read(target, instance.settings).schema
    assert schema.names == [*(c.official for c in MATRICULA.columns), "_delivery", "_row"]
    assert {str(schema.field(name).type) for name in schema.names[:-1]} == {"string"}
    assert str(schema.field("_row").type) == "int64"
    (row,) = read(target, instance.settings).to_pylist()
    assert (row["NOMBRE_SLEP"], row["NOM_RBD"], row["COD_ESPE"]) == (" ", "", "052")
    assert row["_delivery"] == delivery.sha256
    assert {row[c.official] for c in MATRICULA.columns if c.official not in NAMES} <= {None}


def test_the_same_bytes_give_the_same_parquet_alone_or_with_other_years(instance: Instance, tmp_path: Path) -> None:
    rows = students(30_000)
    for row in rows[::3]:
        row[0] = "2023"
    delivery = instance.accepted(csv_bytes(NAMES, rows))
    path = instance.archive.path(delivery.sha256)
    once, again = tmp_path / "once.parquet", tmp_path / "again.parquet"
    extract_raw(instance.settings, MATRICULA, delivery, path, 2024, once)
    extract_raw(instance.settings, MATRICULA, delivery, path, 2024, again)
    together = {2023: tmp_path / "2023.parquet", 2024: tmp_path / "2024.parquet"}
    counts = extract_raw_years(instance.settings, MATRICULA, delivery, path, together)
    assert counts == {2023: RawCounts(10_000, 10_000, 0), 2024: RawCounts(20_000, 20_000, 0)}
    assert read(once, instance.settings) == read(again, instance.settings) == read(together[2024], instance.settings)


def test_a_file_without_any_emtp_row_gives_an_empty_table(instance: Instance) -> None:
    delivery = instance.accepted(csv_bytes(NAMES, students(3, COD_ENSE="110")))
    assert instance.raw(delivery, 2024) == []


def test_a_year_that_was_not_delivered_cannot_be_extracted(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(2))
    with pytest.raises(KeyError):
        instance.raw(delivery, 2020)


@pytest.mark.parametrize("damage", ["row lost", "row gained", "field lost"])
def test_a_damaged_archive_is_found_and_its_content_kept_out_of_the_message(
    instance: Instance, tmp_path: Path, damage: str
) -> None:
    content = enrolment(4)
    delivery = instance.accepted(content)
    last = content[content.rindex(b"\n", 0, -1) + 1 :]
    changed = {
        "row lost": content[: -len(last)],
        "row gained": content + last,
        "field lost": content[: -len(last)] + last.partition(b";")[2],
    }[damage]
    broken = tmp_path / "broken.csv"
    broken.write_bytes(changed)
    with pytest.raises(IntakeError) as caught:
        extract_raw(instance.settings, MATRICULA, delivery, broken, 2024, tmp_path / "raw.parquet")
    assert caught.value.code == "archivo_dañado"
    assert caught.value.__cause__ is None
    assert "NÚÑEZ" not in str(caught.value)


def test_a_ledger_that_counts_otherwise_than_the_bytes_is_found(instance: Instance, tmp_path: Path) -> None:
    delivery = replace(instance.accepted(enrolment(4)), rows=5)
    path = instance.archive.path(delivery.sha256)
    with pytest.raises(IntakeError):
        extract_raw(instance.settings, MATRICULA, delivery, path, 2024, tmp_path / "raw.parquet")


def test_a_line_that_names_a_later_year_is_read_as_it_was_at_reception(instance: Instance) -> None:
    """Whether a total at the foot may be a row that failed depends on which years there may be: the same both times."""
    names = [NAMES[1], NAMES[0], *NAMES[2:]]
    rows = [[row[1], row[0], *row[2:]] for row in students(3)]
    delivery = instance.accepted(csv_bytes(names, rows) + b"Total;2026\r\n")
    assert delivery.form.quarantined == 1
    assert len(instance.raw(delivery, 2024)) == 3


def test_by_their_places_the_rows_of_a_sealed_delivery_are_the_same_though_not_all_of_it_is_opened(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emtp_assets.intake.inspection.WORTH_IT", 1)
    rows = students(40_000)
    for at, row in enumerate(rows):
        row[NAMES.index("COD_ENSE")] = "410" if at // 3_000 in {1, 7} else "110"
    delivery = instance.accepted(csv_bytes(NAMES, rows))
    path = instance.archive.path(delivery.sha256)
    targets = [tmp_path / "por_lugares.parquet", tmp_path / "entero.parquet"]
    # A byte of a piece without any row in scope: who opens it is told.
    damaged = bytearray(path.read_bytes())
    damaged[sealing.HEADER + 5 * (sealing.CHUNK + 16) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(damaged)
    counts = extract_raw(instance.settings, MATRICULA, delivery, path, 2024, targets[0])
    for kept in (instance.settings.data_dir / "selections").rglob("*.parquet"):
        kept.unlink()
    with pytest.raises(IntakeError):
        extract_raw(instance.settings, MATRICULA, delivery, path, 2024, targets[1])
    damaged[sealing.HEADER + 5 * (sealing.CHUNK + 16) // 2] ^= 1
    path.write_bytes(damaged)
    assert extract_raw(instance.settings, MATRICULA, delivery, path, 2024, targets[1]) == counts
    assert read(targets[0], instance.settings) == read(targets[1], instance.settings)
    assert counts.in_scope == 6_000
