"""From a contract to the rules of its cleaned table, and to the check specs that the UI shows.

Read while definitions load: nothing here may import Great Expectations. Evaluating belongs to `validation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from emtp_assets.contracts import (
    Classification,
    Column,
    Contract,
    LogicalType,
    Severity,
    Treatment,
    read_codes,
)

PARTITION = "academic_year"  # the column that the folder of a year stands for; no file carries it
_COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list", "column_set")
_PERSONAL = (
    Classification.DIRECT_IDENTIFIER,
    Classification.QUASI_IDENTIFIER,
    Classification.SENSITIVE,
)


class RuleError(ValueError):
    """A contract asks for a rule that cannot be built; raised while definitions load."""


@dataclass(frozen=True)
class Rule:
    """One expectation about a cleaned table, ready to be evaluated.

    ``columns`` are those that must exist for it; ``personal`` says that the values it looks at must never be
    shown; ``years`` are the years whose official file has the column, for rules
    that a year without the column cannot break (None: every year).
    """

    id: str
    description: str
    severity: Severity
    expectation: str
    kwargs: dict[str, Any]
    columns: tuple[str, ...]
    personal: bool = False
    years: tuple[tuple[int, int], ...] | None = None

    def expected_in(self, year: int) -> bool:
        """Whether that year's official file carries the column at all."""
        return self.years is None or any(first <= year <= last for first, last in self.years)


def rules_for(contract: Contract) -> tuple[Rule, ...]:
    """Every rule of the contract's cleaned table: the table's own, the columns', then the explicit ones.

    Raises:
        RuleError: two rules would have the same id, or a code list does not fit its column's type.
    """
    rules = [*_table_rules(contract)]
    for column in contract.cleaned_columns:
        rules.extend(_column_rules(column))
    rules.extend(_explicit_rules(contract))
    ids = [rule.id for rule in rules]
    if twice := sorted({i for i in ids if ids.count(i) > 1}):
        raise RuleError(f"{contract.dataset}: reglas con el mismo nombre: {', '.join(twice)}")
    if wrong := [i for i in ids if not re.fullmatch(r"[a-z0-9_]+", i)]:
        raise RuleError(f"{contract.dataset}: nombres de regla que no son a-z, 0-9 y _: {', '.join(wrong)}")
    return tuple(rules)


def check_specs(contract: Contract, asset_key: dg.AssetKey | str) -> list[dg.AssetCheckSpec]:
    """The asset checks of the cleaned table, one a rule, blocking where the rule is an error."""
    return [
        spec(rule.id, asset_key, rule.description, rule.severity, regla=rule.expectation)
        for rule in rules_for(contract)
    ]


def spec(
    name: str, asset_key: dg.AssetKey | str, description: str, severity: Severity, **metadata: str
) -> dg.AssetCheckSpec:
    """One check spec: an error blocks what is downstream, a warning is only shown."""
    return dg.AssetCheckSpec(
        name,
        asset=asset_key,
        description=description,
        blocking=severity is Severity.ERROR,
        metadata={"severidad": severity.value, **metadata},
    )


def year_column(contract: Contract) -> Column:
    """The column that must equal the partition."""
    return next(c for c in contract.columns if c.official == contract.year_column)


def _table_rules(contract: Contract) -> Iterable[Rule]:
    year = year_column(contract)
    names = [c.name for c in contract.cleaned_columns]
    yield Rule(
        "columnas_presentes",
        f"La tabla tiene las {len(names)} columnas que su contrato describe.",
        Severity.ERROR,
        "expect_table_columns_to_match_set",
        {"column_set": names, "exact_match": False},
        (),
    )
    if not any(rule.expectation == "expect_table_row_count_to_be_between" for rule in contract.rules):
        yield Rule(
            "filas_presentes",
            "La tabla tiene al menos una fila.",
            Severity.ERROR,
            "expect_table_row_count_to_be_between",
            {"min_value": 1},
            (),
        )
    yield Rule(
        f"{year.name}_igual_a_particion",
        f"El año académico de cada fila ({year.name}) es el de su partición.",
        Severity.ERROR,
        "expect_column_pair_values_to_be_equal",
        {"column_A": year.name, "column_B": PARTITION},
        (year.name,),
    )
    key = [c.name for c in contract.key]
    if key:
        yield Rule(
            "clave_unica",
            f"No hay dos filas con la misma clave ({', '.join(key)}).",
            Severity.ERROR,
            "expect_compound_columns_to_be_unique" if len(key) > 1 else "expect_column_values_to_be_unique",
            {"column_list": key} if len(key) > 1 else {"column": key[0]},
            tuple(key),
            personal=any(c.classification in _PERSONAL for c in contract.key),
        )


def _column_rules(column: Column) -> Iterable[Rule]:
    name = column.name
    common: dict[str, Any] = {"columns": (name,), "personal": column.classification in _PERSONAL}
    if column.required:
        yield Rule(
            f"{name}_no_nulo",
            f"{name} viene siempre informado.",
            Severity.ERROR,
            "expect_column_values_to_not_be_null",
            {"column": name},
            years=column.years,
            **common,
        )
    if column.treatment is Treatment.PSEUDONYM:
        return  # ranges, patterns and codes of the contract describe the identifier, which is no longer there
    if column.minimum is not None or column.maximum is not None:
        limits = {"min_value": column.minimum, "max_value": column.maximum}
        yield Rule(
            f"{name}_en_rango",
            f"{name} está {_between(column.minimum, column.maximum)}.",
            Severity.WARNING,
            "expect_column_values_to_be_between",
            {"column": name, **{k: v for k, v in limits.items() if v is not None}},
            **common,
        )
    if column.pattern is not None:
        yield Rule(
            f"{name}_con_formato",
            f"{name} tiene la forma {column.pattern}.",
            Severity.WARNING,
            "expect_column_values_to_match_regex",
            {"column": name, "regex": column.pattern},
            **common,
        )
    if column.code_list is not None:
        yield Rule(
            f"{name}_codigo_conocido",
            f"{name} es un código de la lista oficial «{column.code_list}».",
            Severity.WARNING,
            "expect_column_values_to_be_in_set",
            {"column": name, "value_set": _codes(column)},
            **common,
        )


def _codes(column: Column) -> list[Any]:
    codes = list(read_codes(column.code_list or ""))
    if column.type is LogicalType.STRING:
        return codes
    try:
        return [int(code) for code in codes]
    except ValueError as wrong:
        raise RuleError(f"{column.name}: la lista {column.code_list} tiene códigos que no son enteros") from wrong


def _explicit_rules(contract: Contract) -> Iterable[Rule]:
    by_name = {c.name: c for c in contract.cleaned_columns}
    for rule in contract.rules:
        kwargs = {key: _plain(value) for key, value in rule.kwargs.items()}
        columns = _columns_of(kwargs, by_name)
        # A missing value is the business of the not-null rule; a comparison speaks of what is there.
        if rule.expectation.startswith("expect_column_pair_values"):
            kwargs.setdefault("ignore_row_if", "either_value_is_missing")
        if isinstance(kwargs.get("row_condition"), str):
            kwargs.setdefault("condition_parser", "pandas")
        yield Rule(
            rule.id,
            rule.description,
            rule.severity,
            rule.expectation,
            kwargs,
            columns,
            personal=any(n not in by_name or by_name[n].classification in _PERSONAL for n in columns),
        )


def _columns_of(kwargs: dict[str, Any], known: dict[str, Column]) -> tuple[str, ...]:
    """The columns an expectation reads, those of its ``row_condition`` included, in order, once each."""
    named: list[str] = []
    for key in _COLUMN_KWARGS:
        value = kwargs.get(key)
        named.extend([value] if isinstance(value, str) else [str(v) for v in value or ()])
    words = re.findall(r"\w+", str(kwargs.get("row_condition") or ""))
    return tuple(dict.fromkeys([*named, *(w for w in words if w in known)]))


def _plain(value: Any) -> Any:
    """YAML dates as ISO text, the form in which date columns are compared."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def _between(minimum: float | None, maximum: float | None) -> str:
    if minimum is None:
        return f"en {maximum:g} o menos"
    if maximum is None:
        return f"en {minimum:g} o más"
    return f"entre {minimum:g} y {maximum:g}"
