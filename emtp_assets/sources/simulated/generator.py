"""Generates one simulated file: contract, year, scale and seed in, a file of the official form out."""

from __future__ import annotations

import tempfile
from pathlib import Path

from emtp_assets.contracts import Contract
from emtp_assets.sources.simulated.datasets import SELECTIONS
from emtp_assets.sources.simulated.population import population
from emtp_assets.sources.simulated.writer import write

PREFIX = "SIMULADO_"


class NothingToSimulateError(ValueError):
    """The official files of that year do not exist, or the dataset is not one the generator knows."""


def file_name(contract: Contract, year: int) -> str:
    """The official stamp (date, dataset, year, cut) behind ``SIMULADO_``."""
    stamp = SELECTIONS[contract.dataset].stamp.replace("{year}", str(year))
    return f"{PREFIX}{year}0930_{stamp}.csv"


def can_generate(contract: Contract, year: int) -> bool:
    """Whether the dataset is simulated and had official files in that academic year."""
    return contract.dataset in SELECTIONS and bool(contract.official_columns(year))


def generate(contract: Contract, year: int, target: Path, *, scale: float = 1.0, seed: int) -> Path:
    """Write the simulated file of a dataset and academic year; the same arguments give the same bytes.

    Args:
        contract: what the file's columns and their order are taken from.
        year: academic year; of the year of the title for titulacion.
        target: a folder (the file is named as `file_name` says) or the file to write; replaced if it exists.
        scale: share of the country's schools, above 0 and up to 1. Schools keep their real sizes, so the
            default 1.0 is the national file (3.5 million rows of matrícula) and memory is the same.
        seed: what all pseudo-random choices follow from.

    Returns:
        The file's path. A failed write leaves nothing behind.

    Raises:
        NothingToSimulateError: there is no official file to imitate.
        ValueError: the scale is out of range.
        OSError: the disk refused.
    """
    if not can_generate(contract, year):
        raise NothingToSimulateError(f"No hay archivo oficial de {contract.dataset} que simular para {year}")
    path = target / file_name(contract, year) if target.is_dir() else target
    columns = [column.official for column in contract.official_columns(year)]
    with tempfile.TemporaryDirectory(prefix=".simulado-", dir=path.parent) as scratch:
        written = Path(scratch) / path.name
        with population(scale, seed, Path(scratch) / "spill") as con:
            write(con, SELECTIONS[contract.dataset], columns, year, written)
        written.replace(path)
    return path
