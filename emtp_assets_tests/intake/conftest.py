"""An instance of its own for each intake test: folders, ledger, and the way a person drops a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from emtp_assets.contracts import contract_for
from emtp_assets.intake import Archive, Delivery, Ledger, Outcome, Rejection, extract_raw, receive
from emtp_assets.intake.quarantine import Quarantine
from emtp_assets.settings import HOME, Mode, Settings
from emtp_assets.storage.restricted import read
from emtp_assets_tests.conftest import STORAGE_KEY
from emtp_assets_tests.opened import refused_bytes

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@dataclass
class Instance:
    """Settings, ledger and archive under a test's own folder."""

    settings: Settings

    def __post_init__(self) -> None:
        self.settings.drop.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(self.settings.data_dir)
        self.archive = Archive(self.settings)
        self.quarantine = Quarantine(self.settings)

    def drop(self, content: bytes, name: str = "matricula.csv") -> Path:
        path = self.settings.drop / name
        path.write_bytes(content)
        return path

    def receive(
        self, content: bytes, name: str = "matricula.csv", *, source: str = "carpeta", now: datetime = NOW
    ) -> Outcome:
        return receive(self.drop(content, name), self.settings, self.ledger, source=source, now=now)

    def accepted(self, content: bytes, name: str = "matricula.csv", **how: Any) -> Delivery:
        outcome = self.receive(content, name, **how)
        assert isinstance(outcome, Delivery), outcome
        return outcome

    def refused(self, content: bytes, name: str = "matricula.csv", **how: Any) -> Rejection:
        """The rejection, once shown that nothing entered and that no byte was lost."""
        before = self.ledger.deliveries()
        outcome = self.receive(content, name, **how)
        assert isinstance(outcome, Rejection), outcome
        assert self.ledger.deliveries() == before
        assert outcome.moved_to is not None
        assert refused_bytes(outcome.moved_to, self.settings) == content
        assert not (self.settings.drop / name).exists()
        assert outcome.sha256 is not None
        assert not self.archive.path(outcome.sha256).exists()
        return outcome

    def raw(self, delivery: Delivery, year: int) -> list[dict[str, Any]]:
        target = self.settings.data_dir / f"{delivery.sha256[:8]}-{year}.parquet"
        path = self.archive.path(delivery.sha256)
        extract_raw(self.settings, contract_for(delivery.dataset), delivery, path, year, target)
        return read(target, self.settings).to_pylist()


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(Settings(data_dir=tmp_path / "data", mode=Mode.DEMONSTRATION))


@pytest.fixture
def production(tmp_path: Path) -> Instance:
    return Instance(Settings(data_dir=tmp_path / "data", mode=Mode.PRODUCTION, storage_key=SecretStr(STORAGE_KEY)))


@pytest.fixture(scope="session")
def official_samples() -> Path:
    """The folder of real official files, which are never copied into the project."""
    shared = Path(os.environ.get("EMTP_SHARED", HOME.parent / "shared")) / "samples"
    if not shared.is_dir():
        pytest.skip("official sample files not found: set EMTP_SHARED")
    return shared
