"""A disk that is really full: a file system of a few megabytes, mounted for one process alone."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from emtp_assets.intake import AlreadyKnown, Delivery, Ledger, Rejection, receive
from emtp_assets.intake.agreement import agreement
from emtp_assets.settings import Settings
from emtp_assets_tests.faults import in_child
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import enrolment
from emtp_assets_tests.opened import refused_bytes

_NEW_MOUNTS, _PRIVATE = 0x20000, 0x44000
_SKIPPED = 71


def on_a_small_disk(folder: Path, body: Callable[[], None], megabytes: int = 4) -> None:
    """Run in a child that has a file system of that size mounted at a folder, seen by nobody else."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mounted() -> None:
        made = libc.unshare(_NEW_MOUNTS) == 0 and libc.mount(b"none", b"/", None, _PRIVATE, None) == 0
        size = f"size={megabytes}m".encode()
        if not made or libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, size):
            os._exit(_SKIPPED)
        body()

    status = in_child(mounted)
    if status == _SKIPPED:
        pytest.skip("esta máquina no permite montar un sistema de archivos (hace falta ser root)")
    assert status == 0


def fill(folder: Path, but_for: int) -> Path:
    """Take up the disk, all but that many bytes."""
    ballast = folder / "lastre"
    status = os.statvfs(folder)
    with ballast.open("wb") as file:
        file.write(b"0" * max(status.f_bavail * status.f_frsize - but_for, 0))
    return ballast


def settled(instance: Instance, *, interrupted: bool = False) -> list[str]:
    """What does not agree; bytes archived just before the ledger could not be written to are one that mends itself."""
    found = agreement(instance.settings, NOW, every_byte=True)
    return [each.code for each in found if each.grave or not interrupted]


@pytest.mark.parametrize("kilobytes", [0, 4, 16, 48, 64, 96, 128, 192, 256])
@pytest.mark.parametrize("kind", ["accepted", "refused"])
def test_whatever_step_the_disk_fills_up_at_nothing_is_lost_and_a_rerun_completes(
    tmp_path: Path, kilobytes: int, kind: str
) -> None:
    """The data folder's disk is full; the drop folder is a share of its own."""
    content = enrolment(400) if kind == "accepted" else enrolment(400)[:-7]
    data = tmp_path / "data"
    data.mkdir()

    def body() -> None:
        instance = Instance(Settings(data_dir=data, drop_dir=tmp_path / "drop"))
        path = instance.drop(content)
        ballast = fill(data, but_for=kilobytes * 1024)
        outcome, refusals = None, list[OSError]()
        try:
            outcome = receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
        except OSError as error:
            assert path.read_bytes() == content, "it stays in the folder"
            assert not [*(tmp_path / "drop").glob("rejected/*")], "nothing half told, or every try would leave one more"
            refusals.append(error)
        ballast.unlink()
        assert all(e.errno == errno.ENOSPC or "registro de entregas" in str(e.strerror) for e in refusals)
        assert settled(instance, interrupted=outcome is None) == []
        if outcome is None:
            outcome = receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
        assert not path.exists()
        assert settled(instance) == []
        if kind == "refused":
            assert isinstance(outcome, Rejection)
            assert outcome.moved_to is not None
            assert refused_bytes(outcome.moved_to, instance.settings) == content
        else:
            delivery = outcome.delivery if isinstance(outcome, AlreadyKnown) else outcome
            assert isinstance(delivery, Delivery)
            assert Ledger(data).deliveries() == [delivery]
            assert instance.archive.verify(delivery.sha256)

    on_a_small_disk(data, body)


def test_a_full_drop_folder_keeps_a_refused_file_and_explains_it_in_the_ledger(tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    content = enrolment(400)[:-7]

    def body() -> None:
        instance = Instance(Settings(data_dir=tmp_path / "data", drop_dir=drop))
        path = instance.drop(content)
        ballast = fill(drop, but_for=0)
        for _ in range(2):
            outcome = receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
            assert isinstance(outcome, Rejection)
            assert outcome.moved_to is None
            assert outcome.what
        assert path.read_bytes() == content
        assert len(instance.ledger.rejections()) == 1
        ballast.unlink()
        assert settled(instance) == []

    on_a_small_disk(drop, body)


@pytest.mark.parametrize("kind", ["accepted", "refused"])
def test_a_full_ledger_is_told_in_spanish_and_nothing_is_half_entered(tmp_path: Path, kind: str) -> None:
    """The bytes still find room, and the ledger's next page does not."""
    content = enrolment(3) if kind == "accepted" else enrolment(3)[:-7]
    data = tmp_path / "data"
    data.mkdir()

    def body() -> None:
        told = set()
        for kilobytes in range(0, 200, 4):
            instance = Instance(Settings(data_dir=data, drop_dir=tmp_path / "drop"))
            path = instance.drop(content)
            ballast = fill(data, but_for=kilobytes * 1024)
            try:
                receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
                break
            except OSError as error:
                told.add(error.strerror)
                ballast.unlink()
                assert (instance.ledger.deliveries(), instance.ledger.rejections()) == ([], [])
                assert path.read_bytes() == content
                assert not [*(tmp_path / "drop").glob("rejected/*")]
        assert "no queda espacio para el registro de entregas" in told

    on_a_small_disk(data, body)
