"""No column that is, holds or descends from a direct identifier may be published."""

from __future__ import annotations

import pytest

from emtp_assets.contracts import all_contracts
from emtp_assets.privacy.identifiers import identifier_violations

CONTRACTS = all_contracts()
SAFE = {"cod_region": {("matricula", "COD_REG_RBD")}, "n": {("matricula", "MRUN")}, "suppressed": set()}


def test_counts_by_public_columns_may_leave() -> None:
    assert identifier_violations("t", ["cod_region", "n", "suppressed"], SAFE, CONTRACTS, counts={"n"}) == []


def test_a_column_computed_from_an_identifier_may_not_unless_it_is_a_protected_count() -> None:
    (violation,) = identifier_violations("t", list(SAFE), SAFE, CONTRACTS)
    assert violation == "t.n: proviene de matricula.MRUN, un identificador directo"


@pytest.mark.parametrize("name", ["id_estudiante", "ID_ESTUDIANTE", "MRUN", "mrun", "id_docente"])
def test_an_identifier_by_name_may_not_whatever_its_lineage_says(name: str) -> None:
    (violation,) = identifier_violations("t", [name], {name: set()}, CONTRACTS, counts={name})
    assert "lleva el nombre de un identificador directo" in violation


def test_every_direct_identifier_of_every_contract_is_caught_by_lineage() -> None:
    for contract in CONTRACTS:
        for column in contract.direct_identifiers:
            for spelling in column.spellings:
                lineage = {"x": {(contract.dataset, spelling.lower())}}
                assert identifier_violations("t", ["x"], lineage, CONTRACTS), (contract.dataset, spelling)


def test_a_column_whose_origin_is_not_known_may_not_leave() -> None:
    (violation,) = identifier_violations("t", ["misterio"], {}, CONTRACTS)
    assert "no se conoce" in violation


@pytest.mark.parametrize("origin", [("matricula", "_row"), ("nadie", "RBD")])
def test_an_origin_that_no_contract_describes_may_not_leave(origin: tuple[str, str]) -> None:
    (violation,) = identifier_violations("t", ["x"], {"x": {origin}}, CONTRACTS)
    assert "ningún contrato describe" in violation
