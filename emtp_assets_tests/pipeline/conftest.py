"""One real instance, made once a session: three simulated years through every layer to the published set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from emtp_assets.automation.runs import run_years
from emtp_assets.definitions import build_definitions
from emtp_assets.settings import Settings
from emtp_assets_tests.conftest import isolated_settings

YEARS = (2023, 2024, 2025)


@dataclass(frozen=True)
class Instance:
    """A working instance: its settings, its Dagster definitions and its event log."""

    settings: Settings
    definitions: dg.Definitions
    dagster: dg.DagsterInstance

    @property
    def processed(self) -> Path:
        return self.settings.data_dir / "processed"

    def run(self, first: int, last: int, dataset: str | None = None) -> list[str]:
        said: list[str] = []
        run_years(self.definitions, self.dagster, self.settings, first, last, dataset, say=said.append)
        return said

    def published_bytes(self) -> dict[str, bytes]:
        """Every data file of the published set; the documents that carry the time of publication aside."""
        return {p.name: p.read_bytes() for p in sorted(self.processed.iterdir()) if p.suffix in {".csv", ".parquet"}}


def instance_at(data_dir: Path, dagster: dg.DagsterInstance, **changes: object) -> Instance:
    settings = isolated_settings(data_dir=data_dir, simulated_scale=0.02, **changes)
    return Instance(settings, build_definitions(settings), dagster)


@pytest.fixture(scope="session")
def _demo_dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as dagster:
        yield dagster


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, _demo_dagster: dg.DagsterInstance) -> Instance:
    """Read only: a test that changes an instance takes `own_demo`."""
    instance = instance_at(tmp_path_factory.mktemp("demo") / "data", _demo_dagster)
    instance.run(YEARS[0], YEARS[-1])
    return instance


@pytest.fixture
def own_demo(demo: Instance, tmp_path: Path) -> Iterator[Instance]:
    """A copy of the demonstration that the test may spoil."""
    shutil.copytree(demo.settings.data_dir, tmp_path / "data", symlinks=True)
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as dagster:
        yield instance_at(tmp_path / "data", dagster)
