"""Readers always see one whole set: during a swap, after a crash, on a full disk."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from emtp_assets.publication.publish import PublicationError, publish
from emtp_assets.publication.sets import SetStore
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets_tests.publication import fake_lake
from emtp_assets_tests.publication.fake_lake import NOW, fill, settings_for, table_bytes

ROOT = Path(__file__).parents[2]


def leftovers(settings: Settings) -> list[str]:
    return sorted(
        path.name
        for path in (settings.data_dir / ".sets").iterdir()
        if path.name.startswith((".en-curso", ".retirada"))
    ) + [path.name for path in settings.data_dir.glob(".processed*")]


def test_a_reader_never_sees_a_missing_or_mixed_set(settings: Settings) -> None:
    publish(settings, fill(settings), now=NOW, run_id="0")
    processed = settings.data_dir / "processed"
    done = threading.Event()
    seen: set[str] = set()
    faults: list[str] = []

    def read() -> None:
        while not done.is_set():
            try:
                (processed / "titulacion.csv").read_bytes()
                whole = processed.resolve(strict=True)
                record = json.loads((whole / "procedencia.json").read_text(encoding="utf-8"))
                if record["conjunto"] != whole.name:
                    faults.append(f"{whole.name} holds the record of {record['conjunto']}")
                for table in record["tablas"].values():
                    for name, digest in table["sha256"].items():
                        if sha256((whole / name).read_bytes()).hexdigest() != digest:
                            faults.append(f"{whole.name}/{name} is not the recorded one")
                seen.add(whole.name)
            except OSError as error:
                faults.append(repr(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for week in range(1, 6):
            lake = fill(settings, tables=["titulacion", "docentes"], rows=200 + week)
            publish(settings, lake, now=NOW + timedelta(weeks=week), run_id=str(week))
            time.sleep(0.1)
    finally:
        done.set()
        reader.join()
    assert faults == []
    assert len(seen) > 1


def test_old_sets_are_pruned_but_never_the_current(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, published_sets_kept=2)
    lake = fill(settings, years=[2025], rows=20)
    names = [publish(settings, lake, now=NOW + timedelta(weeks=w), run_id=str(w)).name for w in range(4)]
    store = SetStore(settings.data_dir)
    assert [s.name for s in store.published()] == names[-2:]
    # an operator went back to the older one; a clock went back too
    (settings.data_dir / "back").symlink_to(Path(".sets") / names[2])
    (settings.data_dir / "back").replace(store.link)
    last = publish(settings, lake, now=NOW, run_id="4")
    assert store.current() == last.folder
    assert len(store.published()) == 2


def test_the_link_is_relative_so_that_the_folder_can_be_moved(settings: Settings, lake: Lake) -> None:
    publish(settings, lake, now=NOW, run_id="0")
    moved = settings.data_dir.rename(settings.data_dir.with_name("otra"))
    assert (moved / "processed" / "LEEME.txt").is_file()


def test_a_folder_with_only_a_readme_gives_way_once(settings: Settings, lake: Lake) -> None:
    processed = settings.data_dir / "processed"
    processed.mkdir()
    (processed / "README.md").write_text("Aquí se publica.")
    publish(settings, lake, now=NOW, run_id="0")
    assert processed.is_symlink()
    assert (processed / "docentes.csv").is_file()
    assert leftovers(settings) == []


def test_a_folder_with_somebodys_files_is_not_touched(settings: Settings, lake: Lake) -> None:
    processed = settings.data_dir / "processed"
    processed.mkdir()
    (processed / "mi_analisis.xlsx").write_text("x")
    with pytest.raises(PublicationError, match=r"mi_analisis\.xlsx"):
        publish(settings, lake, now=NOW, run_id="0")
    assert (processed / "mi_analisis.xlsx").read_text() == "x"


def test_two_publications_at_once_come_one_after_the_other(settings: Settings, lake: Lake) -> None:
    failures: list[Exception] = []

    def run(week: int) -> None:
        try:
            publish(settings, lake, now=NOW + timedelta(weeks=week), run_id=str(week))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(week,)) for week in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(SetStore(settings.data_dir).published()) == 3
    assert leftovers(settings) == []


def start_publication(settings: Settings) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", fake_lake.__name__, str(settings.data_dir)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when_files(settings: Settings, wanted: int) -> bool:
    """Start a publication in its own process and kill it once ``wanted`` files stand in its folder."""
    process = start_publication(settings)
    sets = settings.data_dir / ".sets"
    while process.poll() is None:
        for building in sets.glob(".en-curso-*"):
            try:
                files = sum(1 for entry in os.scandir(building) if entry.is_file())
            except FileNotFoundError:
                continue
            if files >= wanted:
                os.kill(process.pid, signal.SIGKILL)
                return process.wait() == -signal.SIGKILL
    return False


@pytest.mark.parametrize("files", [2, 20])
def test_a_killed_publication_leaves_the_former_set_and_the_next_gives_the_undisturbed_bytes(
    settings: Settings, tmp_path: Path, files: int
) -> None:
    before = publish(settings, fill(settings, rows=50), now=NOW, run_id="0")
    bytes_before = table_bytes(before.folder)
    lake = fill(settings, rows=5_000)
    for _ in range(3):
        if kill_when_files(settings, files) and leftovers(settings):
            break
    else:
        pytest.fail("the publication was never caught in the middle")
    assert (settings.data_dir / "processed").resolve() == before.folder
    assert table_bytes(before.folder) == bytes_before

    after = publish(settings, lake, now=NOW + timedelta(days=1), run_id="1")
    assert leftovers(settings) == []
    undisturbed = settings_for(tmp_path / "other")
    expected = publish(undisturbed, fill(undisturbed, rows=5_000), now=NOW, run_id="2")
    assert table_bytes(after.folder) == table_bytes(expected.folder) != bytes_before


def test_a_set_complete_but_never_swapped_in_is_cleaned_away(settings: Settings, lake: Lake) -> None:
    before = publish(settings, lake, now=NOW, run_id="0")
    orphan = before.folder.with_name("20270101T000000Z-0123abcd")
    shutil.copytree(before.folder, orphan)
    (settings.data_dir / ".processed-20270101T000000Z-0123abcd").symlink_to(orphan)
    after = publish(settings, lake, now=NOW + timedelta(days=1), run_id="1")
    assert not orphan.exists()
    assert leftovers(settings) == []
    assert SetStore(settings.data_dir).published() == [before.folder, after.folder]


LIMITED = """
import resource, sys
from pathlib import Path
from emtp_assets.publication.publish import PublicationError, publish
from emtp_assets.storage.lake import Lake
from emtp_assets_tests.publication.fake_lake import NOW, settings_for
settings = settings_for(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    publish(settings, Lake(settings.data_dir), now=NOW, run_id="limitada")
except PublicationError as error:
    print(error)
    sys.exit(3)
"""


@pytest.mark.parametrize("limit", [1_000, 30_000])
def test_a_write_that_the_system_refuses_leaves_the_former_set(settings: Settings, limit: int) -> None:
    before = publish(settings, fill(settings, rows=50), now=NOW, run_id="0")
    bytes_before = table_bytes(before.folder)
    fill(settings, rows=3_000)
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(settings.data_dir), str(limit)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 3, run.stderr
    assert "sigue vigente" in run.stdout
    assert (settings.data_dir / "processed").resolve() == before.folder
    assert table_bytes(before.folder) == bytes_before
    assert leftovers(settings) == []


FULL = """
import os, sys
from pathlib import Path
from emtp_assets.publication.publish import PublicationError, publish
from emtp_assets.storage.lake import Lake
from emtp_assets_tests.publication.fake_lake import NOW, fill, settings_for, table_bytes
settings = settings_for(Path(sys.argv[1]))
lake = fill(settings, rows=50)
before = publish(settings, lake, now=NOW, run_id="0")
bytes_before = table_bytes(before.folder)
fill(settings, rows=3_000)
free = os.statvfs(settings.data_dir / ".sets")
left = int(sys.argv[2])
filler = settings.data_dir / ".sets" / "relleno"
filler.write_bytes(b"0" * (free.f_bavail * free.f_frsize - left))
try:
    publish(settings, lake, now=NOW, run_id="1")
except PublicationError as error:
    print(error)
else:
    sys.exit("published on a full disk")
assert (settings.data_dir / "processed").resolve() == before.folder
assert table_bytes(before.folder) == bytes_before
assert not list((settings.data_dir / ".sets").glob(".en-curso*"))
filler.unlink()
publish(settings, lake, now=NOW, run_id="2")
sys.exit(3)
"""


@pytest.mark.parametrize("left", [0, 200_000])
def test_a_full_disk_leaves_the_former_set_and_does_no_harm_once_there_is_room(tmp_path: Path, left: int) -> None:
    """On a real file system of its own, 64 MB in memory, filled up but for ``left`` bytes."""
    sets = tmp_path / "data" / ".sets"
    sets.mkdir(parents=True)
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    mount = f"mount -t tmpfs -o size=64m tmpfs {sets}"
    if (
        not shutil.which("unshare")
        or subprocess.run([*unshare, "sh", "-c", mount], capture_output=True, check=False).returncode
    ):
        pytest.skip("this system gives no private mount to fill up")
    script = f'{mount} && exec "{sys.executable}" -c "$1" "{tmp_path / "data"}" {left}'
    run = subprocess.run(
        [*unshare, "sh", "-c", script, "sh", FULL], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 3, run.stderr
    assert "sigue vigente" in run.stdout


def test_a_set_in_place_stands_although_it_could_not_be_marked(
    settings: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full just after the swap: readers have the new set, and nobody is told otherwise."""
    before = publish(settings, lake, now=NOW, run_id="0")
    touch = Path.touch

    def full(path: Path, mode: int = 0o666, exist_ok: bool = True) -> None:
        if path.suffix == ".publicado" and before.name not in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        touch(path, mode, exist_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "touch", full)
        second = publish(settings, lake, now=NOW + timedelta(days=1), run_id="1")
    store = SetStore(settings.data_dir)
    assert store.current() == second.folder
    third = publish(settings, lake, now=NOW + timedelta(days=2), run_id="2")
    assert store.published() == [before.folder, second.folder, third.folder]
