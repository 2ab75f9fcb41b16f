"""Runs a contract's rules through Great Expectations on staged Parquet. Which rules there are, `rules` says.

Great Expectations is imported on the first call, not before: it costs seconds. It is given distinct values
(see `tally`), not rows, wherever a rule allows it; the counts of rows that come out are exact all the same.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emtp_assets.contracts import Contract, Severity
from emtp_assets.contracts.discretion import discreet, without_values
from emtp_assets.quality.outcome import EXAMPLES, Outcome, number
from emtp_assets.quality.rules import PARTITION, Rule, rules_for
from emtp_assets.quality.tally import Measure, TableFiles, Tally, frame, padded

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.datasource.fluent.interfaces import Batch

    from emtp_assets.quality.docs import DataDocs

# Expectations about one row at a time: evaluating distinct rows and counting gives the same answer.
_ROW_WISE = frozenset(
    {
        "expect_column_values_to_be_null",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_be_between",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_match_regex_list",
        "expect_column_values_to_not_match_regex_list",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_in_set",
        "expect_multicolumn_sum_to_equal",
        "expect_multicolumn_values_to_be_unique",
        "expect_select_column_values_to_be_unique_within_record",
    }
)
# Columns with more distinct values than this are evaluated apart, so that the others are not padded to them.
_SHORT = 10_000


def validate(contract: Contract, parquet: Path, year: int, docs: DataDocs | None = None) -> list[Outcome]:
    """Every rule of the contract on one year's cleaned Parquet; see `validate_years`."""
    return validate_years(contract, {year: parquet}, docs)


def validate_years(contract: Contract, files: Mapping[int, Path], docs: DataDocs | None = None) -> list[Outcome]:
    """Every rule of the contract on the cleaned Parquet of each year, one outcome a rule and year.

    Many years cost little more than one, so a backfill should validate its years together. A rule that
    cannot be evaluated (missing column, error inside the expectation) is a failed outcome that says so. The
    outcomes stand in the contract's order, then by year; ``docs`` receives them too.

    Raises:
        OSError, pyarrow.ArrowInvalid: a file cannot be read as Parquet.
    """
    rules = rules_for(contract)
    with TableFiles(files) as tables:
        found: dict[tuple[str, int], Outcome] = {}
        ready: list[Rule] = []
        for rule in rules:
            absent = {year: tables.missing(year, rule.columns) for year in tables.years}
            found.update({(rule.id, y): _missing(rule, y, tables, a) for y, a in absent.items() if a})
            if not all(absent.values()):
                ready.append(rule)
        questions = {rule.id: _question(rule) for rule in ready}
        row_wise = [question for question in questions.values() if question is not None]
        whole = [rule for rule in ready if questions[rule.id] is None]
        for outcome in [*_row_wise(row_wise, tables), *_whole(whole, tables)]:
            found.setdefault((outcome.rule, outcome.year), outcome)
        outcomes = [found[rule.id, year] for rule in rules for year in tables.years]
    if docs is not None:
        docs.add(contract, rules, outcomes)
    return outcomes


@dataclass(frozen=True)
class _Question:
    """What is asked of Great Expectations for a rule: of which columns, or of which measure of them."""

    rule: Rule
    columns: tuple[str, ...]
    expectation: str
    kwargs: dict[str, Any]
    measure: Measure | None = None

    @property
    def group(self) -> tuple[str, ...]:
        """The columns of the frame it is asked on."""
        return (self.kwargs["column"],) if self.measure else self.columns


def _question(rule: Rule) -> _Question | None:
    """The row-wise form of a rule; None when it has none and must see every row.

    Rules of a table or a key are asked of a measure of it (rows, missing columns, how often a key occurs):
    the same answer without a row in pandas.
    """
    kwargs = rule.kwargs
    measured = None if "row_condition" in kwargs else _measured(rule)
    if measured is not None:
        measure, columns, expectation, asked = measured
        name = f"{measure} ({', '.join(columns)})" if columns else measure.value
        return _Question(rule, columns, expectation, {"column": name, **asked}, measure)
    if rule.expectation in _ROW_WISE:
        return _Question(rule, rule.columns, rule.expectation, kwargs)
    return None


def _measured(rule: Rule) -> tuple[Measure, tuple[str, ...], str, dict[str, Any]] | None:
    """The measure that answers a rule, of which columns, and what is expected of it."""
    kwargs = rule.kwargs
    between, null = "expect_column_values_to_be_between", "expect_column_values_to_be_null"
    limits = {k: kwargs[k] for k in ("min_value", "max_value", "strict_min", "strict_max") if k in kwargs}
    answer = None
    match rule.expectation:
        case "expect_table_row_count_to_be_between":
            answer = Measure.ROWS, (), between, limits
        case "expect_table_columns_to_match_set" if kwargs.get("exact_match") is False:
            answer = Measure.MISSING, tuple(kwargs["column_set"]), null, {}
        case "expect_column_unique_value_count_to_be_between":
            answer = Measure.DISTINCT, rule.columns, between, limits
        case "expect_column_pair_values_to_be_equal" if kwargs["column_B"] == PARTITION:
            answer = Measure.FOREIGN_YEAR, rule.columns, null, {}
        case "expect_compound_columns_to_be_unique" | "expect_column_values_to_be_unique":
            once = {"min_value": 1, "max_value": 1}
            answer = Measure.REPEATS, rule.columns, between, once
    return answer


def _row_wise(questions: Iterable[_Question], tables: TableFiles) -> Iterator[Outcome]:
    groups: dict[tuple[str, ...], list[_Question]] = {}
    for question in questions:
        groups.setdefault(question.group, []).append(question)
    tallies = {group: _tally(asked, tables) for group, asked in groups.items()}
    single = [t for group, t in tallies.items() if len(group) == 1]
    batches = [
        [t for t in single if len(t) <= _SHORT],
        *([t] for t in single if len(t) > _SHORT),
        *([t] for group, t in tallies.items() if len(group) > 1),
    ]
    for batch in batches:
        if not batch:
            continue
        asked = [(question, tally) for tally in batch for question in groups[tally.columns]]
        data = padded(batch) if len(batch) > 1 else frame(batch[0].values)
        results = _evaluate(data, [question for question, _ in asked])
        for question, tally in asked:
            yield from _weighed(question, tally, results[question.rule.id], tables)


def _tally(asked: list[_Question], tables: TableFiles) -> Tally:
    question = asked[0]
    if question.measure is not None:
        return tables.measured(question.group[0], question.measure, question.columns)
    presence = all(q.expectation == "expect_column_values_to_not_be_null" for q in asked)
    return tables.tally(question.columns, presence=presence and len(question.columns) == 1)


def _whole(rules: Sequence[Rule], tables: TableFiles) -> Iterator[Outcome]:
    """Rules about whole columns (a mean, a quantile): on all rows of the columns they need, year by year."""
    needed = tuple(dict.fromkeys(name for rule in rules for name in rule.columns))
    for year in tables.years if rules else ():
        here = [name for name in needed if not tables.missing(year, (name,))]
        data = frame(tables.read(year, here)) if here else _rows_only(tables.rows(year))
        questions = [_Question(rule, rule.columns, rule.expectation, rule.kwargs) for rule in rules]
        results = _evaluate(data, questions)
        for rule in rules:
            yield _aggregate(rule, year, results[rule.id], tables.rows(year))


def _rows_only(rows: int) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(index=pd.RangeIndex(rows))


@cache
def _batch_definition() -> Any:
    """One ephemeral context a process, nothing sent anywhere, no progress bars."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}  # type: ignore[assignment]
    asset = context.data_sources.add_pandas("emtp").add_dataframe_asset("tabla")
    return asset.add_batch_definition_whole_dataframe("entera")


def expectation(rule: Rule) -> Any:
    """The Great Expectations object of a rule, as the contract and the Data Docs say it.

    Raises:
        ValueError: Great Expectations knows no such expectation, or refuses its arguments.
    """
    return _expectation(_Question(rule, rule.columns, rule.expectation, rule.kwargs))


def _expectation(question: _Question) -> Any:
    """The object asked, carrying the rule's id, Spanish description and severity."""
    from great_expectations.exceptions.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.metadata_types import FailureSeverity
    from great_expectations.expectations.registry import get_expectation_impl

    rule = question.rule
    severity = FailureSeverity.CRITICAL if rule.severity is Severity.ERROR else FailureSeverity.WARNING
    try:
        kind = get_expectation_impl(question.expectation)
    except ExpectationNotFoundError as unknown:
        raise ValueError(f"{rule.id}: no existe la expectativa {question.expectation}") from unknown
    return kind(**question.kwargs, description=rule.description, severity=severity, meta={"regla": rule.id})


def _evaluate(data: pd.DataFrame, questions: Sequence[_Question]) -> dict[str, ExpectationValidationResult]:
    """Results by rule id. Which positions break a rule is asked only of rules that something breaks.

    Asking it of every rule would double the cost of a validation.
    """
    batch: Batch = _batch_definition().get_batch({"dataframe": data})
    results = _results(batch, questions, {"result_format": "BASIC", "partial_unexpected_count": 0})
    broken = [q for q in questions if (results[q.rule.id].result or {}).get("unexpected_count")]
    if broken:
        results |= _results(batch, broken, {"result_format": "COMPLETE"})
    return results


def _results(
    batch: Batch, questions: Sequence[_Question], form: dict[str, Any]
) -> dict[str, ExpectationValidationResult]:
    from great_expectations.core import ExpectationSuite

    suite = ExpectationSuite(name="emtp")
    suite.expectations = [_expectation(question) for question in questions]
    results = batch.validate(suite, result_format=form).results
    return {r.expectation_config.meta["regla"]: r for r in results if r.expectation_config}


def _exception(result: ExpectationValidationResult) -> str | None:
    """The message of the error inside an expectation, if there was one.

    GX reports it as one mapping, or as one a metric that failed; never by raising.
    """
    info = result.exception_info or {}
    infos = [info] if "raised_exception" in info else [i for i in info.values() if isinstance(i, dict)]
    messages = [str(i.get("exception_message")) for i in infos if i.get("raised_exception")]
    return messages[0] if messages else None


def _missing(rule: Rule, year: int, tables: TableFiles, absent: list[str]) -> Outcome:
    observed = f"falta la columna {', '.join(absent)}"
    return _outcome(rule, year, passed=False, observed=observed, outside=0, total=tables.rows(year))


def _weighed(
    question: _Question, tally: Tally, result: ExpectationValidationResult, tables: TableFiles
) -> Iterator[Outcome]:
    rule, mostly = question.rule, question.rule.kwargs.get("mostly")
    error = _exception(result)
    unexpected = (result.result or {}).get("unexpected_index_list")
    if error is None and unexpected is None and not result.success:
        error = "la expectativa no dijo qué filas la rompen"
    positions = np.array([i for i in unexpected or [] if i < len(tally)], dtype=np.int64)
    out, nulls = tally.rows_by_year(positions), tally.rows_by_year(np.flatnonzero(tally.nulls()))
    all_rows = tally.rows_by_year()
    for year in tables.years:
        rows = tables.rows(year)
        if error is not None:
            yield _outcome(rule, year, passed=False, observed=_said(rule, error), outside=0, total=rows)
            continue
        outside = out.get(year, 0)
        if not rule.expected_in(year) and nulls.get(year, 0) == all_rows.get(year, 0):
            absent = "no aplica: la fuente no trae la columna ese año"
            yield _outcome(rule, year, passed=True, observed=absent, outside=0, total=rows)
            continue
        about_nulls = rule.expectation.endswith("_null")
        examined = all_rows.get(year, 0) - (0 if about_nulls else nulls.get(year, 0))
        here = positions[tally.years[positions] == year]
        observed, examples = _observed(question, tally, here, year)
        if question.measure is not None and question.measure.of_table:
            # a fault of the table, not of its rows
            yield _outcome(rule, year, passed=not len(here), observed=observed, outside=0, total=rows)
            continue
        yield _outcome(
            rule,
            year,
            passed=not outside or 1 - outside / examined >= float(1 if mostly is None else mostly),
            observed=observed,
            outside=outside,
            total=rows,
            examples=examples,
        )


def _observed(question: _Question, tally: Tally, here: np.ndarray, year: int) -> tuple[str | int, tuple[str, ...]]:
    """What was found, in words, and the values out of the rule, the commonest first."""
    measure = question.measure
    if measure is Measure.MISSING:
        # Names of the contract, not values of a file.
        return (f"faltan: {tally.values.column(0)[int(here[0])]}" if len(here) else "ninguna falta"), ()
    if measure is not None and measure.of_table:
        values = tally.values.column(0).filter(pa.array(tally.years == year)).to_pylist()
        return (values[0] if values else "sin filas"), ()
    ordered = here[np.argsort(-tally.counts[here], kind="stable")]
    examples = tuple(dict.fromkeys(_shown(tally, int(position)) for position in ordered[: 20 * EXAMPLES]))
    text = f"{number(int(tally.counts[here].sum()))} filas fuera"
    return text, () if measure is Measure.REPEATS else examples[:EXAMPLES]


def _shown(tally: Tally, position: int) -> str:
    row = {name: tally.values.column(name)[position].as_py() for name in tally.columns}
    if len(row) == 1:
        value = next(iter(row.values()))
        return _value(value)
    return ", ".join(f"{name}={_value(value)}" for name, value in row.items())


def _value(value: Any) -> str:
    """A value as anybody may read it: mistakes put people's numbers and names into public columns too."""
    return "(vacío)" if value is None else discreet(str(value))


def _aggregate(rule: Rule, year: int, result: ExpectationValidationResult, rows: int) -> Outcome:
    error = _exception(result)
    if error is not None:
        return _outcome(rule, year, passed=False, observed=_said(rule, error), outside=0, total=rows)
    details = result.result or {}
    outside = int(details.get("unexpected_count") or 0)
    value = details.get("observed_value")
    observed = f"{number(outside)} filas fuera" if value is None or rule.personal else value
    if isinstance(observed, list | tuple | set):
        observed = ", ".join(_value(value) for value in observed)[:200]
    elif not isinstance(observed, int | float):
        observed = observed if observed.endswith("filas fuera") else _value(observed)
    listed = [] if rule.personal else details.get("unexpected_list") or []
    examples = tuple(dict.fromkeys(_value(value) for value in listed))[:EXAMPLES]
    return _outcome(
        rule,
        year,
        passed=bool(result.success),
        observed=observed,
        outside=outside,
        total=rows,
        examples=examples,
    )


def _said(rule: Rule, error: str) -> str:
    """The error as an operator may read it, without what it quotes of the data; of personal columns no message."""
    said = without_values(error.splitlines()[0])[:300]
    return "no se pudo evaluar" if rule.personal else f"no se pudo evaluar: {said}"


def _outcome(
    rule: Rule,
    year: int,
    *,
    passed: bool,
    observed: str | float,
    outside: int,
    total: int,
    examples: tuple[str, ...] = (),
) -> Outcome:
    shown = None if rule.personal else examples
    return Outcome(rule.id, year, passed, rule.severity, observed, outside, total, shown, rule.description)
