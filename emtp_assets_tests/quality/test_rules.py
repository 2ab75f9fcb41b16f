"""From a contract to its rules and check specs, before any data is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from emtp_assets.contracts import DATASETS, Contract, Severity, contract_for
from emtp_assets.quality import validation
from emtp_assets.quality.outcome import to_check_results
from emtp_assets.quality.rules import RuleError, check_specs, rules_for
from emtp_assets_tests.quality.conftest import Write

KEY = dg.AssetKey(["cleaned", "prueba"])


def test_the_columns_of_a_contract_become_these_rules(contract: Contract) -> None:
    found = {r.id: (r.expectation, r.severity) for r in rules_for(contract)}
    error, warning = Severity.ERROR, Severity.WARNING
    assert found["rbd_no_nulo"] == ("expect_column_values_to_not_be_null", error)
    assert found["clave_unica"] == ("expect_compound_columns_to_be_unique", error)
    assert found["agno_igual_a_particion"] == ("expect_column_pair_values_to_be_equal", error)
    assert found["columnas_presentes"] == ("expect_table_columns_to_match_set", error)
    assert found["filas_presentes"] == ("expect_table_row_count_to_be_between", error)
    assert found["rbd_en_rango"] == ("expect_column_values_to_be_between", warning)
    assert found["letra_con_formato"] == ("expect_column_values_to_match_regex", warning)
    assert found["cod_sexo_codigo_conocido"] == ("expect_column_values_to_be_in_set", warning)
    assert found["nota_media_plausible"] == ("expect_column_mean_to_be_between", error)


def test_codes_of_integer_columns_are_integers(contract: Contract) -> None:
    rule = next(r for r in rules_for(contract) if r.id == "cod_ruralidad_codigo_conocido")
    assert rule.kwargs["value_set"] == [0, 1]


def test_an_error_blocks_and_a_warning_does_not(contract: Contract) -> None:
    specs = {s.name: s for s in check_specs(contract, KEY)}
    assert specs["rbd_no_nulo"].blocking
    assert not specs["rbd_en_rango"].blocking
    assert specs["rbd_en_rango"].metadata["severidad"] == "warning"
    assert specs["rbd_en_rango"].description == "rbd está entre 1 y 99999."


def test_specs_and_results_have_the_same_names(contract: Contract, cleaned: Write) -> None:
    specs = check_specs(contract, KEY)
    results = to_check_results(validation.validate(contract, cleaned(), 2025), KEY)
    assert [s.name for s in specs] == [r.check_name for r in results]
    assert {s.asset_key for s in specs} == {r.asset_key for r in results}


def test_two_rules_of_one_name_are_refused(contract_with: Callable[..., Contract]) -> None:
    with pytest.raises(RuleError, match="rbd_no_nulo"):
        rules_for(contract_with(_rule("rbd_no_nulo")))


def test_a_name_that_dagster_would_refuse_is_refused(contract_with: Callable[..., Contract]) -> None:
    with pytest.raises(RuleError, match="Año bueno"):
        rules_for(contract_with(_rule("Año bueno")))


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_real_contracts_give_rules_that_great_expectations_accepts(dataset: str) -> None:
    contract = contract_for(dataset)
    rules = rules_for(contract)
    assert {s.name for s in check_specs(contract, "x")} == {r.id for r in rules}
    assert all(re.fullmatch(r"[a-z0-9_]+", r.id) and r.description for r in rules)
    for rule in rules:
        validation.expectation(rule)


def test_loading_definitions_does_not_import_great_expectations() -> None:
    modules = ("rules", "outcome", "accounting", "docs", "validation")
    code = "import sys;" + "".join(f"import emtp_assets.quality.{m};" for m in modules)
    code += "sys.exit('great_expectations' in sys.modules or 'pandas' in sys.modules and 2)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode in (0, 2)


def _rule(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": name,
        "severity": "warning",
        "type": "custom",
        "engine": "greatExpectations",
        "implementation": {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "letra"}},
    }
