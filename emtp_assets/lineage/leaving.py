"""What leaves by the other two doors, for the graph: the public tables of a release, and microdata.

Both are read from the SQL that makes them. The weekly set is `build`'s.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence

from emtp_assets.contracts import contract_for
from emtp_assets.contracts.codes import code_list_path
from emtp_assets.lineage.graph import MICRODATA, RELEASED, Table
from emtp_assets.lineage.reading import Reader
from emtp_assets.lineage.relation import Branch, LineageError, Relation, leaf, without_origin
from emtp_assets.microdata.plans import MicrodataPlan
from emtp_assets.microdata.table import PERSON
from emtp_assets.privacy.disclosure import SUPPRESSED
from emtp_assets.privacy.plans.public import Population, Protection, PublicPlan, PublicTable
from emtp_assets.releases import layout
from emtp_assets.storage.lake import Layer

_ANY_YEAR, _ANY_MINIMUM = 2025, 10
"""Lineage does not depend on them: they are literals of the SQL."""


def public_tables(plan: PublicPlan, tables: Mapping[str, Table], year: str) -> dict[str, Table]:
    """The tables of a release by id (``released/<table>``), out of the aggregated ones.

    Args:
        year: the partition's column, which releases do not read.

    Raises:
        LineageError: the plan's SQL names what does not exist or cannot be read.
    """
    made: dict[str, Table] = {}
    for population in plan.populations:
        known = {model: _model(model, tables, year) for model in population.reads}
        known |= {name: without_origin(_header(name)) for name in population.codes}
        for table in population.tables:
            where = f"publico.yaml, {table.name}"
            try:
                relation = _released(plan, population, table, known)
            except LineageError as error:
                raise LineageError(f"{where}: {error}") from error
            made[f"{RELEASED}/{table.name}"] = Table.of(f"{RELEASED}/{population.name}", relation)
    return made


def microdata_tables(plans: Iterable[MicrodataPlan], tables: Mapping[str, Table]) -> dict[str, Table]:
    """The microdata tables by id (``microdata/<dataset>``), out of the cleaned ones: a column's forms together, since
    any of them may be the one that is delivered.

    Raises:
        LineageError: a plan's SQL names a column that cleaning does not give, or cannot be read.
    """
    made: dict[str, Table] = {}
    for plan in plans:
        cleaned = f"{Layer.CLEANED}/{plan.dataset}"
        known = {"persons": leaf(cleaned, tables[cleaned].columns)}
        forms = {quasi.name: [level.sql for level in quasi.levels] for quasi in plan.quasi}
        forms |= {each.name: [each.sql] for each in plan.sensitive}
        listed = [f'"{plan.person}" as {PERSON}', f'"{contract_for(plan.dataset).year_column.lower()}" as agno']
        listed += [f'[{", ".join(sql)}] as "{name}"' for name, sql in forms.items()]
        try:
            relation = Reader(known).read(f"select {', '.join(listed)} from persons")
        except LineageError as error:
            raise LineageError(f"plan de microdatos de {plan.dataset}: {error}") from error
        made[f"{MICRODATA}/{plan.dataset}"] = Table.of(f"{MICRODATA}/{plan.dataset}", relation)
    return made


def _model(model: str, tables: Mapping[str, Table], year: str) -> Relation:
    table = f"{Layer.AGGREGATED}/{model}"
    if table not in tables:
        raise LineageError(f"publico.yaml: no existe el modelo {model}")
    return leaf(table, [name for name in tables[table].columns if name != year])


def _header(code_list: str) -> list[str]:
    with code_list_path(code_list).open(encoding="utf-8", newline="") as handle:
        return next(csv.reader(handle))


def _released(plan: PublicPlan, population: Population, table: PublicTable, known: Mapping[str, Relation]) -> Relation:
    """The SQL by which a release lays a table out, read over what the protection answers."""
    reader = Reader(known)
    match population.protection:
        case Protection.PUBLIC_RECORD:
            return reader.read(layout.recorded_rows(table, plan.codes, _ANY_YEAR, ""))
        case Protection.CONTRIBUTORS:
            return reader.read(layout.contributed_rows(table, plan.codes, _ANY_YEAR, "", plan.p_percent))
    assert population.cells is not None
    cells = reader.read(population.cells)
    laid_out = {**known, "cells": cells, "answer": _answer(population, table, cells)}
    if table.rate is not None:
        laid_out["groups"] = Reader(laid_out).read(_groups(table.columns, table.rate.outcome, population.measure))
    return Reader(laid_out).read(layout.counted_rows(population, table, plan.codes, _ANY_YEAR, "", _ANY_MINIMUM))


def _groups(columns: Sequence[str], outcome: str, measure: str | None) -> str:
    """What `releases.outcomes` makes of it: all of each group, both outcomes, and whether the rate is hidden."""
    keys = "".join(f'"{name}", ' for name in columns)
    counted = ", ".join(
        f'sum(case when "{outcome}" = {value} then "{measure}" end) as {name}'
        for name, value in (("has", 1), ("lacks", 0))
    )
    return f'select {keys}sum("{measure}") as n, {counted}, bool_or({SUPPRESSED}) as hidden from answer group by all'


def _answer(population: Population, table: PublicTable, cells: Relation) -> Relation:
    """What `privacy.crossings` answers: the dimensions, the outcome, the measure, and whether it is hidden."""
    assert population.measure is not None
    measure = population.measure
    keys = (*table.columns, *([table.rate.outcome] if table.rate else []))
    if absent := [name for name in (*keys, measure) if name.lower() not in cells.columns]:
        raise LineageError(f"usa columnas que sus celdas no dan: {', '.join(absent)}")
    # A key that is a literal in the cells is null in the rows that add up over it.
    columns = {name: cells.column(name).varying() for name in (*keys, measure)}
    columns[SUPPRESSED] = columns[measure]
    return Relation(tuple(columns), (Branch({name.lower(): found for name, found in columns.items()}),), cells.rows)
