"""Rules on cleaned tables: every kind passes on good rows, fails on a bad one, and says how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emtp_assets.contracts import Contract, Severity
from emtp_assets.quality import validation
from emtp_assets.quality.outcome import Outcome
from emtp_assets.quality.rules import rules_for
from emtp_assets_tests.quality.conftest import ODCS, Write, contract_from, good_row


def outcomes(contract: Contract, path: Path, year: int = 2025) -> dict[str, Outcome]:
    return {o.rule: o for o in validation.validate(contract, path, year)}


def failed(contract: Contract, path: Path, year: int = 2025) -> dict[str, int]:
    return {o.rule: o.unexpected_count for o in outcomes(contract, path, year).values() if not o.passed}


def test_good_rows_pass_every_rule(contract: Contract, cleaned: Write) -> None:
    found = validation.validate(contract, cleaned(), 2025)
    assert [o.rule for o in found] == [r.id for r in rules_for(contract)]
    assert all(o.passed for o in found), [o for o in found if not o.passed]
    assert {o.total for o in found} == {6}


@pytest.mark.parametrize(
    ("rule", "changes", "count"),
    [
        ("rbd_no_nulo", [(0, "rbd", None), (1, "rbd", None)], 2),
        ("rbd_en_rango", [(0, "rbd", 0), (1, "rbd", 100_000), (2, "rbd", 0)], 3),
        ("cod_sexo_codigo_conocido", [(3, "cod_sexo", 7)], 1),
        ("cod_ruralidad_codigo_conocido", [(0, "cod_ruralidad", 9), (2, "cod_ruralidad", 9)], 2),
        ("letra_con_formato", [(0, "letra", "AB"), (2, "letra", "ab"), (4, "letra", "AB")], 3),
        ("nota_en_rango", [(0, "nota", 7.1)], 1),
        ("agno_igual_a_particion", [(0, "agno", 2024)], 1),
        ("clave_unica", [(1, "id_persona", good_row(0)["id_persona"])], 2),
        ("termino_tras_inicio", [(0, "termino", "2025-02-01"), (1, "termino", "2025-01-01")], 2),
        ("nota_media_plausible", [(n, "nota", 1.0) for n in range(6)], 0),
        ("letra_casi_siempre", [(n, "letra", None) for n in range(4)], 4),
        ("letra_rural", [(1, "letra", "B"), (2, "letra", "B")], 1),
    ],
)
def test_each_kind_of_rule_fails_alone_and_counts_rows(
    contract: Contract, cleaned: Write, rule: str, changes: list[tuple[int, str, Any]], count: int
) -> None:
    assert failed(contract, cleaned(*changes)) == {rule: count}


def test_a_missing_value_breaks_only_the_rules_that_speak_of_it(contract: Contract, cleaned: Write) -> None:
    blank = [(0, c, None) for c in ("cod_sexo", "cod_ruralidad", "letra", "inicio", "termino", "nota")]
    assert failed(contract, cleaned(*blank, (1, "inicio", None))) == {}


def test_a_column_without_any_value_passes_the_optional_rules(contract: Contract, cleaned: Write) -> None:
    blank = [(n, c, None) for n in range(6) for c in ("cod_sexo", "cod_ruralidad", "inicio")]
    assert failed(contract, cleaned(*blank)) == {}


def test_a_missing_column_fails_its_rules_and_the_structure(contract: Contract, cleaned: Write) -> None:
    found = outcomes(contract, cleaned(drop=("rbd", "inicio")))
    wrong = {rule for rule, o in found.items() if not o.passed}
    assert wrong == {"columnas_presentes", "rbd_no_nulo", "rbd_en_rango", "termino_tras_inicio"}
    assert found["columnas_presentes"].observed == "faltan: rbd, inicio"
    assert found["rbd_no_nulo"].observed == "falta la columna rbd"


def test_a_missing_year_or_key_column_fails(contract: Contract, cleaned: Write) -> None:
    wrong = set(failed(contract, cleaned(drop=("agno", "id_persona"))))
    assert {"agno_igual_a_particion", "clave_unica", "columnas_presentes", "agno_no_nulo"} <= wrong


def test_an_empty_table_fails(contract: Contract, cleaned: Write) -> None:
    found = failed(contract, cleaned(rows=0))
    assert "filas_presentes" in found
    assert "rbd_no_nulo" not in found


def test_an_error_inside_an_expectation_is_a_failure_never_a_pass(
    contract_with: Callable[..., Contract], cleaned: Write
) -> None:
    contract = contract_with(
        _rule("sin_sentido", "expect_column_values_to_be_between", column="letra", min_value=3),
        _rule("media_de_texto", "expect_column_mean_to_be_between", column="letra", min_value=3),
        _rule("otra_columna", "expect_column_mean_to_be_between", column="no_existe", min_value=3),
    )
    found = outcomes(contract, cleaned())
    assert {r for r, o in found.items() if not o.passed} == {"sin_sentido", "media_de_texto", "otra_columna"}
    assert str(found["sin_sentido"].observed).startswith("no se pudo evaluar: ")
    assert str(found["media_de_texto"].observed).startswith("no se pudo evaluar: ")
    assert found["otra_columna"].observed == "falta la columna no_existe"


def test_an_unknown_expectation_is_refused(contract_with: Callable[..., Contract], cleaned: Write) -> None:
    contract = contract_with(_rule("mal_escrita", "expect_column_values_to_be_ok", column="letra"))
    with pytest.raises(ValueError, match="expect_column_values_to_be_ok"):
        validation.validate(contract, cleaned(), 2025)


def test_a_required_column_that_the_year_does_not_have_is_not_demanded(contract: Contract, cleaned: Write) -> None:
    blank = [(n, "nivel", None) for n in range(6)]
    early = outcomes(contract, cleaned(*blank, year=2023), 2023)["nivel_no_nulo"]
    assert early.passed
    assert str(early.observed).startswith("no aplica")
    assert failed(contract, cleaned(*blank, year=2024), 2024) == {"nivel_no_nulo": 6}
    assert failed(contract, cleaned(*blank[:2], year=2023, name="half"), 2023) == {"nivel_no_nulo": 2}


def test_several_years_are_judged_each_on_its_own(contract: Contract, cleaned: Write) -> None:
    files = {
        2023: cleaned((0, "letra", "AB"), year=2023),
        2024: cleaned(year=2024, rows=4),
        2025: cleaned((0, "letra", "AB"), (1, "letra", "AB"), (2, "termino", "2025-01-01")),
    }
    together = validation.validate_years(contract, files)
    apart = [o for year, path in files.items() for o in validation.validate(contract, path, year)]
    assert Counter(together) == Counter(apart)
    wrong = {(o.rule, o.year): (o.unexpected_count, o.total) for o in together if not o.passed}
    assert wrong == {
        ("letra_con_formato", 2023): (1, 6),
        ("letra_con_formato", 2025): (2, 6),
        ("termino_tras_inicio", 2025): (1, 6),
        ("letra_rural", 2025): (1, 6),
    }


def test_a_column_missing_in_one_of_the_years_fails_there_only(contract: Contract, cleaned: Write) -> None:
    files = {2024: cleaned(year=2024, drop=("letra",)), 2025: cleaned()}
    wrong = {(o.rule, o.year) for o in validation.validate_years(contract, files) if not o.passed}
    rules = ("columnas_presentes", "letra_con_formato", "letra_casi_siempre", "letra_rural")
    assert wrong == {(rule, 2024) for rule in rules}


def test_examples_are_the_commonest_values_and_never_personal(contract: Contract, cleaned: Write) -> None:
    path = cleaned((0, "letra", "zz"), (1, "letra", "xx"), (2, "letra", "xx"), (3, "cod_sexo", 77), (4, "nota", 123.25))
    found = outcomes(contract, path)
    assert found["letra_con_formato"].examples == ("xx", "zz")
    assert found["cod_sexo_codigo_conocido"].examples is None
    assert found["cod_sexo_codigo_conocido"].unexpected_count == 1
    assert found["nota_en_rango"].examples is None
    assert found["clave_unica"].examples is None
    assert found["nota_media_plausible"].examples is None
    assert "123.25" not in repr(found)
    assert "77" not in repr({k: v for k, v in found.items() if k != "nivel"})


def test_rows_of_one_key_are_repeated_even_where_part_of_the_key_is_missing(contract: Contract, cleaned: Write) -> None:
    path = cleaned((0, "id_persona", None), (1, "id_persona", None))
    assert failed(contract, path) == {"clave_unica": 2, "id_persona_no_nulo": 2}


def test_a_pseudonym_is_not_held_to_the_identifiers_pattern(contract: Contract) -> None:
    assert "id_persona_con_formato" not in {r.id for r in rules_for(contract)}


def test_a_column_with_very_many_values_is_counted_exactly(contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    rows = 30_000
    duckdb.sql(
        f"SELECT 2025 AS agno, i::VARCHAR AS id_persona, i AS rbd, 1 AS cod_sexo, 0 AS cod_ruralidad,"
        " 'A' AS letra,"
        " DATE '2025-03-01' + (i % 300)::INT AS inicio, DATE '2025-06-01' AS termino, 5.0::DOUBLE AS nota,"
        f" 1 AS nivel FROM range({rows}) t(i)"
    ).write_parquet(str(path))
    assert failed(contract, path) == {"rbd_en_rango": 1, "termino_tras_inicio": 100 * 207}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.one_of(st.none(), st.text(alphabet="AB1 ñ\x00\u2028", max_size=3), st.just("A")), min_size=1))
def test_counts_agree_with_plain_python_whatever_the_text(tmp_path: Path, values: list[str | None]) -> None:
    contract = contract_from(ODCS)
    rows = [{**good_row(n), "letra": value} for n, value in enumerate(values)]
    path = tmp_path / "any.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    found = outcomes(contract, path)["letra_con_formato"]
    wrong = sum(v is not None and not (len(v) == 1 and "A" <= v <= "Z") for v in values)
    assert (found.unexpected_count, found.total) == (wrong, len(values))


def test_severity_comes_from_the_contract(contract: Contract, cleaned: Write) -> None:
    found = outcomes(contract, cleaned())
    assert found["rbd_no_nulo"].severity is Severity.ERROR
    assert found["rbd_en_rango"].severity is Severity.WARNING
    assert found["nota_media_plausible"].severity is Severity.ERROR


def _rule(name: str, expectation: str, **kwargs: Any) -> dict[str, Any]:
    return {
        "name": name,
        "description": name,
        "severity": "warning",
        "type": "custom",
        "engine": "greatExpectations",
        "implementation": {"type": expectation, "kwargs": kwargs},
    }
