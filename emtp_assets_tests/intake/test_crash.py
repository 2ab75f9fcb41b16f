"""A process that is killed, or refused by the system, at any step: no byte is lost and a rerun completes."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emtp_assets.intake import AlreadyKnown, Delivery, Ledger, Outcome, Rejection, receive
from emtp_assets.settings import Settings
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import enrolment

NOBODY = 65534


def in_child(body: Callable[[], None]) -> int:
    """Run in a forked process; its exit status, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            body()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DiesBefore(Ledger):
    """A ledger whose process is killed as it reaches a step."""

    step = ""

    def find(self, sha256: str) -> Delivery | None:
        return die() if self.step == "inspection" else super().find(sha256)

    def record(self, delivery: Delivery) -> bool:
        if self.step == "record":
            die()
        new = super().record(delivery)
        if self.step == "removal":
            die()
        return new

    def record_rejection(self, rejection: Rejection) -> int:
        if self.step == "rejection record":
            die()
        number = super().record_rejection(rejection)
        if self.step == "rejection move":
            die()
        return number


def receive_and_die(instance: Instance, path: Path, step: str) -> int:
    def body() -> None:
        ledger = DiesBefore(instance.settings.data_dir)
        ledger.step = step
        receive(path, instance.settings, ledger, source="carpeta", now=NOW)

    return in_child(body)


@pytest.mark.parametrize("step", ["inspection", "record", "removal"])
def test_killed_before_a_step_a_rerun_ends_as_if_it_had_not_been(instance: Instance, step: str) -> None:
    content = enrolment(50)
    path = instance.drop(content)
    assert receive_and_die(instance, path, step) == -signal.SIGKILL
    assert path.read_bytes() == content
    outcome = receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
    delivery = outcome.delivery if isinstance(outcome, AlreadyKnown) else outcome
    assert isinstance(delivery, Delivery)
    assert isinstance(outcome, AlreadyKnown) is (step == "removal")
    assert instance.ledger.deliveries() == [delivery]
    assert instance.archive.path(delivery.sha256).read_bytes() == content
    assert not path.exists()
    assert len(instance.raw(delivery, 2024)) == 50


@pytest.mark.parametrize("step", ["rejection record", "rejection move"])
def test_killed_while_refusing_the_file_is_still_there_to_be_refused(instance: Instance, step: str) -> None:
    content = enrolment(5)[:-7]
    path = instance.drop(content)
    assert receive_and_die(instance, path, step) == -signal.SIGKILL
    assert path.read_bytes() == content
    outcome = receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
    assert isinstance(outcome, Rejection)
    assert outcome.moved_to is not None
    assert outcome.moved_to.read_bytes() == content
    assert outcome.explanation is not None
    assert outcome.explanation.is_file()


def test_what_a_killed_process_left_half_copied_is_swept_a_day_later(instance: Instance) -> None:
    path = instance.drop(enrolment(5))
    receive_and_die(instance, path, "inspection")
    incoming = instance.settings.data_dir / "archive" / ".incoming"
    (left,) = incoming.iterdir()
    os.utime(left, (0, 0))
    receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
    assert list(incoming.iterdir()) == []


def test_a_full_disk_leaves_file_and_ledger_as_they_were(instance: Instance) -> None:
    path = instance.drop(enrolment(5000))
    content = path.read_bytes()

    def body() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, len(content)))
        try:
            receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
        except OSError:
            os._exit(3)

    assert in_child(body) == 3
    assert path.read_bytes() == content
    assert (instance.ledger.deliveries(), instance.ledger.rejections()) == ([], [])
    assert isinstance(receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW), Delivery)


@pytest.fixture
def share() -> Iterator[Instance]:
    """An instance in a folder that another user may enter, its drop folder owned by us."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        instance = Instance(Settings(data_dir=root / "data", drop_dir=root / "drop"))
        for path in [root / "data", *(root / "data").iterdir()]:
            path.chmod(0o777)
        yield instance


def as_nobody(instance: Instance, path: Path) -> tuple[Outcome, Outcome]:
    """Two sightings of a file by a user without rights; permission bits don't bind root."""
    if os.geteuid() != 0:
        return twice(instance, path)
    outcomes = instance.settings.data_dir / "outcomes.pickle"

    def body() -> None:
        import pickle

        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        outcomes.write_bytes(pickle.dumps(twice(instance, path)))

    assert in_child(body) == 0
    import pickle

    return pickle.loads(outcomes.read_bytes())


def twice(instance: Instance, path: Path) -> tuple[Outcome, Outcome]:
    first = receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
    return first, receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)


def test_a_file_without_permission_stays_and_is_reported_once(share: Instance) -> None:
    path = share.drop(enrolment(3))
    path.chmod(0)
    first, second = as_nobody(share, path)
    assert isinstance(first, Rejection)
    assert isinstance(second, Rejection)
    assert (first.code, first.moved_to, first.already_reported) == ("sin_permiso", None, False)
    assert (second.code, second.already_reported) == ("sin_permiso", True)
    assert len(share.ledger.rejections()) == 1
    assert path.exists()
    path.chmod(0o644)
    assert isinstance(receive(path, share.settings, share.ledger, source="carpeta", now=NOW), Delivery)


def test_a_folder_that_cannot_be_written_keeps_its_files_and_they_are_not_read_again(share: Instance) -> None:
    good, bad = share.drop(enrolment(3), "buena.csv"), share.drop(enrolment(3)[:-9], "mala.csv")
    share.settings.drop.chmod(0o555)
    first, second = as_nobody(share, good)
    assert isinstance(first, Delivery)
    assert isinstance(second, AlreadyKnown)
    assert second.left_in_drop
    first, second = as_nobody(share, bad)
    assert isinstance(first, Rejection)
    assert isinstance(second, Rejection)
    assert (first.moved_to, first.already_reported, second.already_reported) == (None, False, True)
    assert good.exists()
    assert bad.exists()
    share.settings.drop.chmod(0o755)
