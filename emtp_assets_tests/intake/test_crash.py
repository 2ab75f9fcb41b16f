"""A process that is killed, or refused by the system, at any point: no byte is lost and a rerun completes."""

from __future__ import annotations

import os
import pickle
import random
import resource
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from emtp_assets.intake import AlreadyKnown, Delivery, Ledger, Outcome, Rejection, receive
from emtp_assets.intake.agreement import agreement
from emtp_assets.intake.deleting import dispose
from emtp_assets.intake.places import leftovers
from emtp_assets.settings import Settings
from emtp_assets_tests import faults
from emtp_assets_tests.faults import in_child
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import enrolment
from emtp_assets_tests.intake.world import FILES, Story, World

NOBODY = 65534
# Seeded points of a run, in batches that processes of a test run share.
POINTS, BATCHES, SEED = 72, 8, 4
LATER = NOW + timedelta(minutes=1)
TOMORROW = NOW + timedelta(days=2)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """What a run makes that nobody kills."""
    world = World.at(tmp_path_factory.mktemp("undisturbed"))
    world.take()
    story = world.story()
    assert story.waiting == []
    assert len(story.deliveries) >= 3
    assert sum(story.refused.values()) >= 2
    assert agreement(world.settings, NOW, every_byte=True) == []
    return story


@pytest.fixture(scope="module")
def points(undisturbed: Story, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    assert undisturbed.raw
    return faults.points_of(World.at(tmp_path_factory.mktemp("counted")).take)


def assert_nothing_lost_or_doubled(world: World, undisturbed: Story, dropped: set[str]) -> None:
    """Right after the kill, after a rerun, and a day later."""
    assert world.bytes_kept() >= dropped, "every byte dropped is in the folder, the archive or rejected/"
    in_ledger = {delivery.sha256 for delivery in Ledger(world.settings.data_dir).deliveries()}
    assert in_ledger <= set(world.story().archived), "a delivery is written down only once its bytes are kept"
    world.take(LATER)
    assert world.story() == undisturbed
    records = Counter(rejection.original_name for rejection in Ledger(world.settings.data_dir).rejections())
    assert set(records) <= set(FILES)
    assert sum(records.values()) <= sum(undisturbed.refused.values()) + 1, "the one under way is refused again"
    assert [f for f in agreement(world.settings, LATER, every_byte=True) if f.grave] == []
    world.let_a_day_pass()
    dispose(world.settings, LATER, "limpieza")
    assert leftovers(world.settings, TOMORROW) == []
    assert not list(world.settings.drop.rglob("*.part"))
    assert agreement(world.settings, TOMORROW) == []


@pytest.mark.parametrize("batch", range(BATCHES))
def test_killed_at_any_point_of_intake_a_rerun_ends_as_if_it_had_not_been(
    batch: int, points: list[str], undisturbed: Story, tmp_path: Path
) -> None:
    dropped = World.at(tmp_path / "nothing taken").bytes_kept()
    killed = 0
    mine = faults.chosen(points, POINTS, SEED)[batch::BATCHES]
    for point in mine:
        world = World.at(tmp_path / str(point))
        killed += faults.kill_at(world.take, point) == -signal.SIGKILL
        assert_nothing_lost_or_doubled(world, undisturbed, dropped)
    assert killed >= len(mine) - 1, "a run has as many points as were counted, but for one or two at its end"


def test_killed_at_any_moment_between_two_points_too(undisturbed: Story, tmp_path: Path) -> None:
    dropped = World.at(tmp_path / "nothing taken").bytes_kept()
    moments = random.Random(SEED)
    for turn in range(100 if faults.EVERY else 8):
        world = World.at(tmp_path / str(turn))
        faults.kill_after(world.take, moments.uniform(0, 0.3))
        assert_nothing_lost_or_doubled(world, undisturbed, dropped)


def test_killed_again_and_again_it_ends_all_the_same(points: list[str], undisturbed: Story, tmp_path: Path) -> None:
    world = World.at(tmp_path)
    dropped = world.bytes_kept()
    turns = random.Random(SEED)
    kills = sum(faults.kill_at(world.take, turns.randrange(len(points) // 3)) == -signal.SIGKILL for _ in range(8))
    assert kills >= 4
    assert world.bytes_kept() >= dropped
    world.take(LATER)
    assert world.story() == undisturbed
    assert [f for f in agreement(world.settings, LATER, every_byte=True) if f.grave] == []


def test_what_a_killed_process_left_half_copied_is_sealed_and_swept_by_the_next_one(instance: Instance) -> None:
    path = instance.drop(enrolment(5))
    incoming = instance.settings.data_dir / "archive" / ".incoming"
    point = 0
    while not list(incoming.glob("*/sellado")):
        faults.kill_at(lambda: _receive(instance, path), point)
        point += 1
    assert {left.name for left in incoming.glob("*/*")} == {"sellado"}
    receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)
    assert list(incoming.iterdir()) == []


def _receive(instance: Instance, path: Path) -> None:
    receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW)


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
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        outcomes.write_bytes(pickle.dumps(twice(instance, path)))

    assert in_child(body) == 0
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
