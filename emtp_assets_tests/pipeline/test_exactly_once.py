"""Each delivery enters once or not at all: whoever else works on the folder, whatever clock and cursor say."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import dagster as dg
import pytest

from emtp_assets.automation.drop_folder import drop_folder_sensor
from emtp_assets.contracts import contract_for
from emtp_assets.intake import AlreadyKnown, Delivery, Ledger, Rejection, leaving, receive
from emtp_assets.intake.agreement import agreement
from emtp_assets.settings import Settings
from emtp_assets_tests import faults
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.faults import in_child
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import csv_bytes, enrolment, header, students
from emtp_assets_tests.intake.test_crash import NOBODY, share
from emtp_assets_tests.intake.world import World
from emtp_assets_tests.opened import refused_bytes

__all__ = ["share"]
RESTED = 1_700_000_000 * 10**9


def men(rows: int) -> bytes:
    return csv_bytes(header(contract_for("matricula"), 2024), students(rows, GEN_ALU="1"))


def women(rows: int) -> bytes:
    """As many bytes as the men's file."""
    return csv_bytes(header(contract_for("matricula"), 2024), students(rows, GEN_ALU="2"))


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(isolated_settings(data_dir=tmp_path / "data", drop_dir=tmp_path / "drop", drop_rest_seconds=0))


@pytest.fixture
def dagster() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def tick(instance: Instance, dagster: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=dagster, cursor=cursor)
    result = drop_folder_sensor(instance.settings)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def years(result: dg.SensorResult) -> list[str | None]:
    return [request.partition_key for request in result.run_requests or []]


# --- two processes at once ---------------------------------------------------------------------------------------


def at_once(bodies: list[Callable[[], None]]) -> list[int]:
    """Run each in a process of its own, let go at the same moment; their exit statuses."""
    reading, writing = os.pipe()
    pids = []
    for body in bodies:
        pid = os.fork()
        if pid == 0:
            os.close(writing)
            os.read(reading, 1)
            status = 70
            try:
                body()
                status = 0
            finally:
                os._exit(status)
        pids.append(pid)
    os.close(reading)
    os.close(writing)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def taking(world: World, names: list[str]) -> Callable[[], None]:
    """Takes those files, passing over what another process was quicker with."""

    def take() -> None:
        ledger = Ledger(world.settings.data_dir)
        for name in names:
            path = world.settings.drop / name
            if path.exists():
                try:
                    receive(path, world.settings, ledger, source="carpeta", now=datetime.now(UTC))
                except FileNotFoundError:
                    assert not path.exists()

    return take


@pytest.mark.parametrize("processes", [2, 4])
@pytest.mark.parametrize("order", ["the same", "opposite"])
def test_several_processes_on_one_folder_take_each_delivery_once(tmp_path: Path, processes: int, order: str) -> None:
    for turn in range(40 if faults.EVERY else 5):
        world = World.at(tmp_path / str(turn))
        dropped = world.bytes_kept()
        names = sorted(path.name for path in world.settings.drop.iterdir())
        orders = [names if order == "the same" or p % 2 == 0 else names[::-1] for p in range(processes)]
        assert at_once([taking(world, each) for each in orders]) == [0] * processes
        story = world.story()
        assert story.waiting == []
        assert max(story.deliveries.values()) == 1
        assert world.bytes_kept() >= dropped
        assert set(story.refused.values()) == {1}
        moved = [r.moved_to for r in Ledger(world.settings.data_dir).rejections()]
        assert all(path is not None and path.is_file() for path in moved), "one refusal of each, and true"
        assert len(moved) == sum(story.refused.values())
        assert agreement(world.settings, datetime.now(UTC), every_byte=True) == []


# --- a file that is replaced while it is read -----------------------------------------------------------------


@pytest.mark.parametrize("first", ["accepted", "refused"])
@pytest.mark.parametrize("how", ["renamed over", "written in place"])
def test_a_file_replaced_at_any_point_of_its_reception_is_taken_as_what_it_is_then(
    tmp_path: Path, first: str, how: str
) -> None:
    old, new = men(6), women(6)
    old = old if first == "accepted" else old[:-1] + b"!"
    assert len(old) == len(new)

    def world(name: str) -> Instance:
        made = Instance(Settings(data_dir=tmp_path / name / "data", drop_dir=tmp_path / name / "drop"))
        rested = made.drop(old)
        os.utime(rested, ns=(RESTED, RESTED))
        (tmp_path / name / "nueva.csv").write_bytes(new)
        return made

    def take(instance: Instance, name: str = "matricula.csv") -> None:
        receive(instance.settings.drop / name, instance.settings, instance.ledger, source="carpeta", now=NOW)

    take(world("warm"))
    counted = world("counted")
    points = faults.points_of(lambda: take(counted))
    for point in faults.chosen(points, 20, 4):
        instance = world(str(point))
        path = instance.settings.drop / "matricula.csv"

        def replace(instance: Instance = instance, path: Path = path) -> None:
            if how == "renamed over":
                other = instance.settings.drop.parent / "nueva.csv"
                os.utime(other, ns=(RESTED, RESTED))
                other.replace(path)
            elif path.exists():
                with path.open("r+b") as file:
                    file.write(new)
                (instance.settings.drop.parent / "nueva.csv").unlink()

        assert faults.act_at(lambda instance=instance: take(instance), point, replace) == 0, point
        for left in [*instance.settings.drop.glob("*.csv")] * 2:
            if left.exists():
                take(instance, left.name)
        assert not list(instance.settings.drop.glob("*.csv")), point
        if (instance.settings.drop.parent / "nueva.csv").exists():
            continue  # there was nothing to write into any more
        entered = {delivery.sha256 for delivery in instance.ledger.deliveries()}
        assert digest(new) in entered, f"at point {point} the new version was passed over"
        assert entered <= {digest(old), digest(new)}, f"at point {point} a mixture of both entered"
        aside = (instance.settings.drop / "rejected").glob("*.csv.sellado")
        kept = {digest(refused_bytes(path, instance.settings)) for path in aside}
        assert kept <= {digest(old)}, f"at point {point} the new version was refused for the old one's fault"


def test_a_file_written_in_place_while_it_is_read_never_enters_as_a_mixture(
    instance: Instance, dagster: dg.DagsterInstance
) -> None:
    """Somebody corrects a file again and again, with pauses in which it looks finished."""
    quick = Instance(instance.settings.model_copy(update={"drop_rest_seconds": 0.02}))
    versions = [men(60_000), women(60_000)]
    deadline = time.monotonic() + (60 if faults.EVERY else 5)

    def write() -> None:
        turns = random.Random(4)
        while time.monotonic() < deadline:
            try:
                with (quick.settings.drop / "matricula.csv").open("r+b") as file:
                    file.write(turns.choice(versions))
            except FileNotFoundError:
                quick.drop(turns.choice(versions))
            time.sleep(turns.uniform(0.02, 0.08))

    pid = os.fork()
    if pid == 0:
        write()
        os._exit(0)
    cursor = None
    while time.monotonic() < deadline:
        cursor = tick(quick, dagster, cursor).cursor
    os.waitpid(pid, 0)
    entered = {delivery.sha256 for delivery in quick.ledger.deliveries()}
    assert entered
    assert entered <= {digest(each) for each in versions}


def test_a_file_that_came_in_the_last_instant_goes_back_where_there_are_no_hard_links(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a Windows share, whose refusal is what the system call is made to give here."""

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    path, other = instance.drop(men(3)), instance.drop(women(3), "otra.csv")
    leaving.put_back(other, path)
    assert path.read_bytes() == men(3)
    assert (instance.settings.drop / "matricula-2.csv").read_bytes() == women(3)
    leaving.put_back(path, other)
    assert other.read_bytes() == men(3)


# --- identity is the content ----------------------------------------------------------------------------------


def seen_by_nobody(instance: Instance, path: Path) -> str:
    """What a process without rights over the drop folder makes of a file: a class, and a hash or code."""
    if os.geteuid() != 0:
        return _seen(instance, path)
    told = instance.settings.data_dir / "told"
    told.touch()
    told.chmod(0o666)

    def body() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        told.write_text(_seen(instance, path))

    assert in_child(body) == 0
    return told.read_text()


def _seen(instance: Instance, path: Path) -> str:
    match receive(path, instance.settings, instance.ledger, source="carpeta", now=NOW):
        case Delivery(sha256=sha):
            return f"new {sha}"
        case AlreadyKnown(delivery=delivery):
            return f"known {delivery.sha256}"
        case Rejection(code=code):
            return f"refused {code}"


@pytest.mark.parametrize("first", ["accepted", "refused"])
@pytest.mark.parametrize("how", ["renamed over", "written in place"])
def test_changed_bytes_of_the_same_name_size_and_time_are_a_new_version(share: Instance, first: str, how: str) -> None:
    """Where the folder cannot be written to, files stay in it and are told apart without being read again."""
    old, new = men(6), women(6)
    path = share.drop(old if first == "accepted" else old[:-1] + b"!")
    status = path.stat()
    share.settings.drop.chmod(0o555)
    outcome = "new" if first == "accepted" else "refused"
    assert seen_by_nobody(share, path).split()[0] == outcome
    assert seen_by_nobody(share, path).split()[0] == ("known" if first == "accepted" else "refused"), "not read again"
    share.settings.drop.chmod(0o755)
    if how == "renamed over":
        other = share.settings.drop.parent / "nueva.csv"
        other.write_bytes(new)
        other.replace(path)
    else:
        path.write_bytes(new)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    share.settings.drop.chmod(0o555)
    seen = seen_by_nobody(share, path)
    share.settings.drop.chmod(0o755)
    assert seen == f"new {digest(new)}"


@pytest.mark.parametrize("ahead", [None, -3600, 10 * 365 * 86400], ids=["1970", "an hour ago", "in ten years"])
def test_no_time_of_a_file_makes_it_be_skipped(
    instance: Instance, dagster: dg.DagsterInstance, ahead: float | None
) -> None:
    modified = 0 if ahead is None else time.time() + ahead
    cursor = tick(instance, dagster).cursor
    for rows in (3, 4, 5):
        path = instance.drop(enrolment(rows))
        os.utime(path, (modified, modified))
        for _ in range(2):
            result = tick(instance, dagster, cursor)
            cursor = result.cursor
        assert not path.exists()
    assert [delivery.rows for delivery in instance.ledger.deliveries()] == [3, 4, 5]


def test_the_same_bytes_under_another_name_add_nothing(instance: Instance, dagster: dg.DagsterInstance) -> None:
    instance.drop(enrolment(3), "a.csv")
    first = tick(instance, dagster)
    instance.drop(enrolment(3), "z.csv")
    again = tick(instance, dagster, first.cursor)
    assert (years(first), years(again)) == (["2024"], [])
    assert len(instance.ledger.deliveries()) == 1
    assert not list(instance.settings.drop.glob("*.csv"))


# --- a clock that jumps ---------------------------------------------------------------------------------------


def test_after_the_clock_went_back_a_correction_is_in_force_and_its_runs_are_asked_for(
    instance: Instance, dagster: dg.DagsterInstance
) -> None:
    """Received while the clock was a year ahead; then it was set right, and a correction came."""
    ahead = datetime.now(UTC) + timedelta(days=365)
    receive(instance.drop(enrolment(3)), instance.settings, instance.ledger, source="carpeta", now=ahead)
    before = tick(instance, dagster)
    instance.drop(enrolment(4))
    after = tick(instance, dagster, before.cursor)
    in_force = instance.ledger.latest("matricula", 2024)
    assert in_force is not None
    assert in_force.rows == 4
    assert years(after) == ["2024"]
    assert years(tick(instance, dagster, after.cursor)) == [], "once"


def test_a_file_that_took_long_to_receive_is_not_overtaken(instance: Instance, dagster: dg.DagsterInstance) -> None:
    """Another process began with it before the one that is in the ledger already, and ended after."""
    early = datetime.now(UTC)
    instance.drop(enrolment(3, year=2023), "rapida.csv")
    cursor = tick(instance, dagster).cursor
    receive(instance.drop(enrolment(4)), instance.settings, instance.ledger, source="carpeta", now=early)
    assert years(tick(instance, dagster, cursor)) == ["2024"]


def test_bytes_put_in_force_again_after_the_clock_went_back_are(instance: Instance) -> None:
    good, wrong = enrolment(3), enrolment(4)
    for day, content in enumerate((good, wrong, good, wrong, good)):
        # Each a day before the former, by our clock.
        outcome = instance.receive(content, now=NOW - timedelta(days=day))
        assert not isinstance(outcome, Rejection)
        in_force = instance.ledger.latest("matricula", 2024)
        assert in_force is not None
        assert in_force.sha256 == digest(content)


# --- a sensor restarted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cursor",
    [
        None,
        "",
        "no es nuestro",
        "[]",
        "{}",
        "null",
        '{"vistos": 3, "pedidas_hasta": "ayer"}',
        json.dumps({"vistos": "{}", "pedidas_hasta": "2019-01-01T00:00:00+00:00"}),
        json.dumps({"vistos": "{}", "pedidas_hasta": "2190-01-01T00:00:00+00:00"}),
        json.dumps({"vistos": '{"a.csv": {"size": 1}}', "pedidas_hasta": "2190-01-01T00:00:00"}),
    ],
    ids=["none", "empty", "text", "list", "object", "null", "other", "old", "another_ledger", "another_version"],
)
def test_with_any_cursor_every_delivery_has_its_run_asked_for_under_the_same_key(
    instance: Instance, dagster: dg.DagsterInstance, cursor: str | None
) -> None:
    """Dagster itself starts no second run of a key that it has; so asking again is nothing lost, not asking is."""
    instance.drop(enrolment(3))
    first = tick(instance, dagster)
    instance.drop(enrolment(4, year=2023), "otra.csv")
    restarted = tick(instance, dagster, cursor)
    keys = Counter(request.run_key for result in (first, restarted) for request in result.run_requests or [])
    assert sorted(key.split(":")[1] for key in keys if key) == ["2023", "2024"]
    assert years(tick(instance, dagster, restarted.cursor)) == []


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("12345678-5 Soto Mella")])
def test_a_file_that_cannot_be_read_to_its_end_keeps_no_other_waiting(
    instance: Instance, dagster: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """As on a share with a broken block, or where the reader itself fails, whose words may quote a person."""
    instance.drop(enrolment(3), "a_rota.csv")
    instance.drop(enrolment(4, year=2023), "b_buena.csv")
    real = receive

    def refusing(path: Path, *given: object, **named: object) -> object:
        if path.name == "a_rota.csv":
            raise error
        return real(path, *given, **named)  # pyright: ignore[reportCallIssue, reportArgumentType]

    monkeypatch.setattr("emtp_assets.automation.drop_folder.receive", refusing)
    result = tick(instance, dagster)
    assert years(result) == ["2023"]
    told = str([event.description for event in result.asset_events])
    assert "a_rota.csv" in told
    assert "12345678-5" not in told
    monkeypatch.undo()
    assert years(tick(instance, dagster, result.cursor)) == ["2024"]
