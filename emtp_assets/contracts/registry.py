"""Finds and reads the contract files.

The order of ``DATASETS`` is the one in which people list them, and in which they are made: what counts others together
with itself comes after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from emtp_assets.contracts.model import Contract, contract_from_odcs

FOLDER = Path(__file__).parent
DATASETS = ("matricula", "egresados", "titulacion", "establecimientos", "docentes", "proyectos")


@dataclass(frozen=True)
class KnownFile:
    """An official file that is not one of our datasets, so that a person who drops it is told what it is."""

    name: str
    signature: tuple[str, ...]
    explanation: str


@cache
def contract_for(dataset: str) -> Contract:
    """The contract of one dataset.

    Raises:
        KeyError: no such dataset.
        ContractError: the file is not a usable contract.
    """
    if dataset not in DATASETS:
        raise KeyError(dataset)
    # libyaml's loader takes a tenth of the time of the pure one, which `OpenDataContractStandard.from_string` uses.
    with (FOLDER / f"{dataset}.yaml").open("rb") as file:
        return contract_from_odcs(OpenDataContractStandard(**yaml.load(file, Loader=yaml.CSafeLoader)))


@cache
def all_contracts() -> tuple[Contract, ...]:
    return tuple(contract_for(dataset) for dataset in DATASETS)


@cache
def known_files() -> tuple[KnownFile, ...]:
    entries = yaml.safe_load((FOLDER / "known_files.yaml").read_text(encoding="utf-8"))
    return tuple(KnownFile(e["name"], tuple(e["signature"]), e["explanation"].strip()) for e in entries)
