"""A publication that is killed at any point: readers have one whole set before, during and after."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from emtp_assets.publication.publish import publish
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import SPILL
from emtp_assets.storage.lake import Lake
from emtp_assets_tests import faults
from emtp_assets_tests.publication.fake_lake import NOW, fill, settings_for, table_bytes

POINTS, BATCHES, SEED = 28, 4, 4
# Publications killed one after the other before one is left alone.
IN_A_ROW = 1 if faults.EVERY else 4


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One set published, and a lake that has changed since."""
    settings = settings_for(tmp_path_factory.mktemp("published") / "data")
    publish(settings, fill(settings, years=[2024], rows=16), now=NOW, run_id="antes")
    fill(settings, years=[2024, 2025], rows=24)
    return settings


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same lake, and nothing published but the folder of a fresh checkout."""
    settings = settings_for(tmp_path_factory.mktemp("empty") / "data")
    fill(settings, years=[2024, 2025], rows=24)
    (settings.data_dir / "processed").mkdir()
    (settings.data_dir / "processed" / "README.md").write_text("aquí irá lo publicado")
    return settings


@pytest.fixture(scope="module")
def after(published: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The files of the set that an undisturbed publication makes."""
    settings = copied(published, tmp_path_factory.mktemp("undisturbed"))
    return table_bytes(publish(settings, Lake(settings.data_dir), now=NOW, run_id="después").folder)


def copied(settings: Settings, folder: Path) -> Settings:
    shutil.copytree(settings.data_dir, folder / "data", symlinks=True)
    return settings_for(folder / "data")


def republish(settings: Settings, weeks: int = 1) -> None:
    publish(settings, Lake(settings.data_dir), now=NOW + timedelta(weeks=weeks), run_id=f"semana {weeks}")


def whole_set(settings: Settings) -> dict[str, str]:
    """What a reader finds, file by file as its record says; nothing before the first publication."""
    link = settings.data_dir / "processed"
    if not link.is_symlink():
        return {}
    folder = link.resolve(strict=True)
    record = json.loads((folder / "procedencia.json").read_text(encoding="utf-8"))
    assert record["conjunto"] == folder.name
    files = {name: digest for table in record["tablas"].values() for name, digest in table["sha256"].items()}
    assert files == {name: sha256((folder / name).read_bytes()).hexdigest() for name in files}
    return table_bytes(folder)


def leftovers(settings: Settings) -> list[str]:
    """What is neither a kept set, its mark, nor the lock; of this process's room to spill into, only files in it."""
    sets = settings.data_dir / ".sets"
    kept = {path.name for path in sets.iterdir() if path.is_dir() and not path.name.startswith(".")}
    expected = kept | {f"{name}.publicado" for name in kept} | {".lock"}
    staged = settings.data_dir / ".staging"
    return sorted(
        [path.name for path in sets.iterdir() if path.name not in expected]
        + [path.name for path in settings.data_dir.glob(".processed*")]
        + [path.name for path in staged.iterdir() if path.name != SPILL and any(path.iterdir())]
        + [path.name for path in (staged / SPILL).rglob("*") if path.is_file()]
    )


@pytest.mark.parametrize("batch", range(BATCHES))
def test_killed_at_any_point_readers_have_one_whole_set_and_a_rerun_the_new_one(
    batch: int, published: Settings, after: dict[str, str], tmp_path: Path
) -> None:
    before = whole_set(published)
    assert before != after
    counted = copied(published, tmp_path / "counted")
    points = faults.points_of(lambda: republish(counted))
    killed = 0
    mine = faults.chosen(points, POINTS, SEED)[batch::BATCHES]
    for turn in range(0, len(mine), IN_A_ROW):
        settings = copied(published, tmp_path / str(turn))
        for point in mine[turn : turn + IN_A_ROW]:
            killed += faults.kill_at(lambda settings=settings: republish(settings), point) == -signal.SIGKILL
            assert whole_set(settings) in (before, after)
        republish(settings, weeks=2)
        assert whole_set(settings) == after
        assert leftovers(settings) == []
    assert killed >= len(mine) - 1


def test_killed_at_any_moment_between_two_points_too(
    published: Settings, after: dict[str, str], tmp_path: Path
) -> None:
    before, moments = whole_set(published), random.Random(SEED)
    for turn in range(60 if faults.EVERY else 3):
        settings = copied(published, tmp_path / str(turn))
        faults.kill_after(lambda settings=settings: republish(settings), moments.uniform(0, 0.4))
        assert whole_set(settings) in (before, after)
        republish(settings, weeks=2)
        assert whole_set(settings) == after
        assert leftovers(settings) == []


def test_the_first_publication_of_a_fresh_checkout_killed_as_it_is_put_in_place(
    empty: Settings, after: dict[str, str], tmp_path: Path
) -> None:
    """The last third of a publication: renaming, linking, marking."""
    counted = copied(empty, tmp_path / "counted")
    points = faults.points_of(lambda: republish(counted))
    settings = copied(empty, tmp_path / "killed")
    for point in [p for p in faults.chosen(points, POINTS // 3, SEED) if p > len(points) * 2 // 3]:
        faults.kill_at(lambda: republish(settings), point)
        assert whole_set(settings) in ({}, after)
    republish(settings, weeks=2)
    assert whole_set(settings) == after
    assert leftovers(settings) == []


def test_killed_while_old_sets_are_pruned_no_old_set_is_left_half_removed(published: Settings, tmp_path: Path) -> None:
    settings = copied(published, tmp_path).model_copy(update={"published_sets_kept": 1})
    counted = settings_for(tmp_path / "counted" / "data", published_sets_kept=1)
    shutil.copytree(settings.data_dir, counted.data_dir, symlinks=True)
    points = faults.points_of(lambda: republish(counted))
    for point in range(len(points) - 8, len(points), 2):
        status = faults.kill_at(lambda point=point: republish(settings, weeks=point), point)
        assert status in (-signal.SIGKILL, 0)
        assert whole_set(settings)
    republish(settings, weeks=len(points) + 1)
    assert [p.name for p in (settings.data_dir / ".sets").iterdir() if p.is_dir()] == [
        os.path.basename(os.readlink(settings.data_dir / "processed"))  # noqa: PTH115, PTH119
    ]
