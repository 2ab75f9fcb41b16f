"""Simulated data: files of exactly the official form about schools and people that do not exist.

Four marks tell them from real ones: every RBD is 90000 or more, every school's name begins with "SIMULADO",
projects are numbered "SIM-…" and the file's own name begins with "SIMULADO_".
"""

from __future__ import annotations

from pathlib import Path

from emtp_assets.contracts import Contract
from emtp_assets.settings import Settings
from emtp_assets.sources.simulated.generator import (
    NothingToSimulateError,
    can_generate,
    file_name,
    generate,
)

__all__ = ["NothingToSimulateError", "SimulatedSource", "can_generate", "file_name", "generate"]


class SimulatedSource:
    """The source of demonstration instances: a file for any dataset and year, by the settings."""

    name = "simulado"

    def __init__(self, settings: Settings) -> None:
        self._scale = settings.simulated_scale
        self._seed = settings.simulated_seed

    def fetch(self, contract: Contract, year: int, target_folder: Path) -> Path | None:
        """The simulated file, or None for a year without an official one (see `Source.fetch`)."""
        if not can_generate(contract, year):
            return None
        return generate(contract, year, target_folder, scale=self._scale, seed=self._seed)
