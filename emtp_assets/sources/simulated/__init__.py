"""Simulated data: files of exactly the official form about schools and people that do not exist.

Four marks tell them from real ones: every RBD is 90000 or more, every school's name begins with "SIMULADO",
projects are numbered "SIM-…" and the file's own name begins with "SIMULADO_".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emtp_assets.contracts import Contract
from emtp_assets.settings import Settings
from emtp_assets.sources.protocol import Answer, Fetched, Probe, Unchanged
from emtp_assets.sources.simulated.generator import (
    NothingToSimulateError,
    can_generate,
    file_name,
    generate,
)
from emtp_assets.storage.provenance import code_version

__all__ = ["NothingToSimulateError", "SimulatedSource", "can_generate", "file_name", "generate"]


class SimulatedSource:
    """The source of demonstration instances: a file for any dataset and year, by the settings."""

    name = "simulado"

    def __init__(self, settings: Settings) -> None:
        self._scale = settings.simulated_scale
        self._seed = settings.simulated_seed

    def fetch(self, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None = None) -> Answer:
        """The simulated file, or None for a year without an official one (see `Source.fetch`)."""
        if not can_generate(contract, year):
            return None
        mark = f"semilla {self._seed}, escala {self._scale:g}, código {code_version()}"
        if mark == known_mark:
            return Unchanged(mark)
        path = generate(contract, year, target_folder, scale=self._scale, seed=self._seed)
        return Fetched(path, mark, f"datos simulados ({mark})")

    def examine(self) -> Iterator[Probe]:
        """Nothing to try: it is computed."""
        yield Probe("simulador", good=True, found=f"semilla {self._seed}, escala {self._scale:g}")
