"""Contracts: one ODCS YAML a dataset, the typed reader of them, and the code lists they name.

What a dataset *is* belongs here; how it is fetched, stored, checked or protected does not.
"""

from emtp_assets.contracts.codes import CODE_LISTS, code_list_path, read_codes
from emtp_assets.contracts.model import (
    Classification,
    Column,
    Contract,
    ContractError,
    LogicalType,
    QualityRule,
    Scope,
    Severity,
    Treatment,
)
from emtp_assets.contracts.registry import DATASETS, KnownFile, all_contracts, contract_for, known_files

__all__ = [
    "CODE_LISTS",
    "DATASETS",
    "Classification",
    "Column",
    "Contract",
    "ContractError",
    "KnownFile",
    "LogicalType",
    "QualityRule",
    "Scope",
    "Severity",
    "Treatment",
    "all_contracts",
    "code_list_path",
    "contract_for",
    "known_files",
    "read_codes",
]
