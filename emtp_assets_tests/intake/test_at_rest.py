"""What an older version left in the clear is found, closed, and still what it was; what this one writes never is."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from emtp_assets.cli import app
from emtp_assets.contracts import contract_for
from emtp_assets.intake import Delivery, extract_raw
from emtp_assets.intake.agreement import agreement
from emtp_assets.intake.at_rest import close, in_the_clear, of_another_key, open_to_others
from emtp_assets.intake.problem import IntakeError
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.restricted import read
from emtp_assets.storage.sealing import SEALED
from emtp_assets.storage.storage_key import Purpose
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import enrolment
from emtp_assets_tests.opened import archived_bytes, refused_bytes

CONTENT = enrolment(30) + b"2024;8489;JUANA MARIA\r\n"
REFUSED = enrolment(3)[:-7]


def made_raw(instance: Instance, delivery: Delivery) -> Path:
    lake = Lake(instance.settings.data_dir)
    with lake.staging() as folder:
        staged = folder / "part.parquet"
        path = instance.archive.path(delivery.sha256)
        extract_raw(instance.settings, contract_for("matricula"), delivery, path, 2024, staged)
        return lake.promote(staged, Layer.RAW, "matricula", 2024)


def as_an_older_version_left_it(instance: Instance) -> Delivery:
    """A delivery, its raw year, a line set aside and a refused file, all in the clear."""
    settings = instance.settings
    delivery = instance.accepted(CONTENT)
    raw = made_raw(instance, delivery)
    refused = instance.refused(REFUSED, "mala.csv")
    assert refused.moved_to is not None
    for path, purpose in ((raw, Purpose.RAW), (instance.quarantine.path(delivery.sha256), Purpose.QUARANTINE)):
        pq.write_table(read(path, settings, purpose), path)
    archived = instance.archive.path(delivery.sha256)
    for path, content in ((archived, CONTENT), (refused.moved_to, REFUSED)):
        clear = path.with_name(path.name.removesuffix(SEALED))
        clear.write_bytes(content)
        path.unlink()
    instance.ledger.refused_file_moved(refused.moved_to, Path(str(refused.moved_to).removesuffix(SEALED)))
    (settings.data_dir / "archive").chmod(0o755)
    return delivery


def test_what_this_version_writes_is_never_in_the_clear(instance: Instance) -> None:
    made_raw(instance, instance.accepted(CONTENT))
    instance.refused(REFUSED, "mala.csv")
    assert in_the_clear(instance.settings) == []
    assert of_another_key(instance.settings) == []
    assert [path for path in open_to_others(instance.settings) if path.is_relative_to(instance.settings.data_dir)] == []
    for path in instance.settings.data_dir.rglob("*"):
        if path.is_file() and not path.name.endswith(".explicacion.txt"):
            assert b"JUANA" not in path.read_bytes(), path


def test_an_older_instance_is_read_as_it_is_and_closed_by_the_command(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, settings = as_an_older_version_left_it(instance), instance.settings
    archived = instance.archive.path(delivery.sha256)
    os.utime(archived, ns=(10**18, 10**18))
    assert instance.archive.verify(delivery.sha256)
    before = instance.raw(delivery, 2024)
    assert len(in_the_clear(settings)) == 4
    assert settings.data_dir / "archive" in open_to_others(settings)

    monkeypatch.setenv("EMTP_DATA_DIR", str(settings.data_dir))
    told = CliRunner().invoke(app, ["seal"])
    assert told.exit_code == 0, told.output
    assert "1 entregas" in told.output
    assert in_the_clear(settings) == []
    assert settings.data_dir / "archive" not in open_to_others(settings)

    assert archived_bytes(delivery.sha256, settings) == CONTENT
    assert instance.archive.path(delivery.sha256).stat().st_mtime_ns == 10**18, "retention counts from it"
    assert not archived.exists()
    assert instance.raw(delivery, 2024) == before
    assert [aside.raw for aside in instance.quarantine.rows(delivery.sha256)] == [b"2024;8489;JUANA MARIA\r"]
    (refused,) = instance.ledger.rejections()
    assert refused_bytes(refused.moved_to, settings) == REFUSED
    assert [f for f in agreement(settings, NOW + timedelta(days=2), every_byte=True) if f.grave] == []
    assert "No había nada en claro" in CliRunner().invoke(app, ["seal"]).output


def test_a_damaged_copy_in_the_clear_is_told_and_not_made_to_look_whole(instance: Instance) -> None:
    delivery = as_an_older_version_left_it(instance)
    archived = instance.archive.path(delivery.sha256)
    archived.write_bytes(CONTENT[:-30] + CONTENT[-29:] + b"x")
    done = close(instance.settings)
    assert [path for path, _ in done.failed] == [archived]
    assert instance.archive.path(delivery.sha256) == archived
    assert not instance.archive.verify(delivery.sha256)


def test_with_another_key_it_says_so_and_reads_nothing(instance: Instance) -> None:
    delivery = instance.accepted(CONTENT)
    (instance.settings.data_dir / ".secrets" / "clave_almacenamiento_demo").unlink()
    with pytest.raises(IntakeError, match="otra clave"):
        instance.raw(delivery, 2024)
    assert of_another_key(instance.settings) == [instance.archive.path(delivery.sha256)]


def test_one_wrong_byte_of_a_kept_delivery_is_refused(instance: Instance) -> None:
    delivery = instance.accepted(CONTENT)
    path = instance.archive.path(delivery.sha256)
    wrong = bytearray(path.read_bytes())
    wrong[len(wrong) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(wrong)
    assert not instance.archive.verify(delivery.sha256)
    with pytest.raises(IntakeError, match=delivery.sha256[:12]):
        instance.raw(delivery, 2024)


def test_a_refused_file_is_given_back_to_whoever_has_the_key(
    instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = instance.refused(REFUSED, "mala.csv")
    monkeypatch.setenv("EMTP_DATA_DIR", str(instance.settings.data_dir))
    saved = tmp_path / "vista.csv"
    arguments = ["unseal", str(refused.moved_to), "--guardar", str(saved)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert saved.read_bytes() == REFUSED
    assert saved.stat().st_mode & 0o777 == 0o600
    assert "ya existe" in CliRunner().invoke(app, arguments).output
    (instance.settings.data_dir / ".secrets" / "clave_almacenamiento_demo").unlink()
    saved.unlink()
    told = CliRunner().invoke(app, arguments)
    assert told.exit_code == 1
    assert "otra clave" in told.output
    assert not saved.exists()
