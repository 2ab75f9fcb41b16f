"""An instance in a temporary folder, with a small anonymized layer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from emtp_assets.publication.publish import publish
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets_tests.publication.fake_lake import NOW, describe, fill, settings_for


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path / "data")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer written once; each test works on a copy."""
    settings = settings_for(tmp_path_factory.mktemp("filled") / "data")
    fill(settings)
    return settings.data_dir


@pytest.fixture
def lake(settings: Settings, filled: Path) -> Lake:
    shutil.copytree(filled, settings.data_dir, dirs_exist_ok=True)
    return Lake(settings.data_dir)


@pytest.fixture(scope="session")
def published_once(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("publicada") / "data"
    shutil.copytree(filled, data)
    publish(settings_for(data), Lake(data), now=NOW, run_id="a", describe=describe)
    return data


@pytest.fixture
def published(settings: Settings, published_once: Path) -> Lake:
    """Three official years, published; a copy that the test may change."""
    shutil.copytree(published_once, settings.data_dir, symlinks=True)
    return Lake(settings.data_dir)
