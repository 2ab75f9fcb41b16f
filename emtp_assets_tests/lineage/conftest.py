"""The SQL of this checkout, compiled once from a copy of the dbt project: nothing is written into it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emtp_assets.contracts import all_contracts
from emtp_assets.lineage.graph import ColumnGraph
from emtp_assets.lineage.store import compute
from emtp_assets.settings import HOME, Settings
from emtp_assets.transformation.dbt import compiled_sql

NOT_OURS = shutil.ignore_patterns("target", "logs", "seeds")


def copy_of_project(folder: Path) -> Settings:
    """An instance whose dbt project is a copy that a test may spoil."""
    shutil.copytree(HOME / "dbt_project", folder / "dbt_project", ignore=NOT_OURS)
    (folder / "dbt_project" / "seeds").mkdir()
    return Settings(data_dir=folder / "data", dbt_dir=folder / "dbt_project", _env_file=None)  # pyright: ignore[reportCallIssue]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return copy_of_project(tmp_path_factory.mktemp("lineage"))


@pytest.fixture(scope="session")
def compiled(project: Settings) -> dict[str, str]:
    return compiled_sql(project, all_contracts())


@pytest.fixture(scope="session")
def graph(project: Settings) -> ColumnGraph:
    return compute(project)
