"""What every source promises, proven on the one that needs no network."""

from __future__ import annotations

from pathlib import Path

from emtp_assets.contracts import contract_for
from emtp_assets.settings import Settings
from emtp_assets.sources import Fetched, Source, Unchanged
from emtp_assets.sources.simulated import SimulatedSource


def test_the_simulated_source_is_a_source(tmp_path: Path) -> None:
    source = SimulatedSource(Settings(simulated_scale=0.02, simulated_seed=3))
    assert isinstance(source, Source)
    assert source.name == "simulado"
    fetched = source.fetch(contract_for("proyectos"), 2025, tmp_path)
    assert isinstance(fetched, Fetched)
    assert fetched.path.parent == tmp_path
    assert fetched.path.stat().st_size > 0
    assert all(probe.good for probe in source.examine())


def test_a_source_with_nothing_says_none(tmp_path: Path) -> None:
    source = SimulatedSource(Settings(simulated_scale=0.02))
    assert source.fetch(contract_for("titulacion"), 2012, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_is_known_is_not_fetched_again(tmp_path: Path) -> None:
    source = SimulatedSource(Settings(simulated_scale=0.02))
    first = source.fetch(contract_for("proyectos"), 2025, tmp_path)
    assert isinstance(first, Fetched)
    first.path.unlink()
    again = source.fetch(contract_for("proyectos"), 2025, tmp_path, known_mark=first.mark)
    assert isinstance(again, Unchanged)
    assert list(tmp_path.iterdir()) == []
