"""Years of a rule become one check result that a person can read, and that shows nothing personal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg

from emtp_assets.contracts import Severity
from emtp_assets.quality.outcome import WITHHELD, Outcome, blocking_failures, number, to_check_results


def outcome(year: int = 2025, **changes: Any) -> Outcome:
    values: dict[str, Any] = {
        "rule": "rbd_en_rango",
        "year": year,
        "passed": True,
        "severity": Severity.WARNING,
        "observed": "0 filas fuera",
        "unexpected_count": 0,
        "total": 1200,
        "examples": (),
        "description": "rbd está entre 1 y 99999.",
    }
    return Outcome(**{**values, **changes})


def value(result: dg.AssetCheckResult, key: str) -> Any:
    return result.metadata[key].value


def test_one_year_that_passes() -> None:
    [result] = to_check_results([outcome()], "matricula")
    assert result.passed
    assert result.check_name == "rbd_en_rango"
    assert value(result, "valor_observado") == "0 filas fuera"
    assert value(result, "regla") == "rbd está entre 1 y 99999."
    assert (value(result, "filas_evaluadas"), value(result, "filas_fuera")) == (1200, 0)
    assert "por_año" not in result.metadata
    assert "ejemplos" not in result.metadata


def test_several_years_pass_only_together_and_are_told_apart() -> None:
    bad = outcome(2024, passed=False, observed="3 filas fuera", unexpected_count=3, total=1000, examples=("0",))
    [result] = to_check_results([outcome(2025), bad, outcome(2023)], "matricula")
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert (value(result, "filas_evaluadas"), value(result, "filas_fuera")) == (3400, 3)
    assert value(result, "valor_observado") == "3 filas fuera"
    assert value(result, "ejemplos") == "0"
    table = result.metadata["por_año"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [(r.data["año"], r.data["resultado"]) for r in table.records] == [
        (2023, "cumple"),
        (2024, "no cumple"),
        (2025, "cumple"),
    ]
    assert result.description == "No cumple en 2024: 3 de 1.000 filas. rbd está entre 1 y 99999."


def test_personal_examples_are_withheld_and_said_to_be() -> None:
    [result] = to_check_results([outcome(passed=False, unexpected_count=2, examples=None)], "matricula")
    assert value(result, "ejemplos") == WITHHELD


def test_rules_keep_their_order_and_stay_apart() -> None:
    results = to_check_results([outcome(rule="b"), outcome(rule="a"), outcome(2024, rule="b")], "x")
    assert [r.check_name for r in results] == ["b", "a"]


def test_data_docs_are_linked(tmp_path: Path) -> None:
    [by_path] = to_check_results([outcome()], "x", tmp_path)
    [by_url] = to_check_results([outcome()], "x", "http://host/docs/")
    assert isinstance(by_path.metadata["data_docs"], dg.PathMetadataValue)
    assert isinstance(by_url.metadata["data_docs"], dg.UrlMetadataValue)


def test_only_failed_errors_block() -> None:
    error = outcome(passed=False, severity=Severity.ERROR)
    assert blocking_failures([outcome(), outcome(passed=False), error]) == [error]


def test_numbers_as_chileans_write_them() -> None:
    assert (number(250_000), number(0.5), number(1234.5)) == ("250.000", "0,5", "1.234")


def test_dagster_accepts_results_of_a_real_step() -> None:
    spec = dg.AssetCheckSpec("rbd_en_rango", asset="tabla", blocking=True)

    @dg.asset(name="tabla", check_specs=[spec])
    def table() -> Any:
        yield dg.MaterializeResult()
        yield from to_check_results([outcome(2024), outcome(2025)], "tabla")

    run = dg.materialize([table])
    assert [e.passed for e in run.get_asset_check_evaluations()] == [True]
