"""Protected counts as the rows that people read: labels, notes, rates, means. Nothing is decided here but rounding.

Relations are named: ``cells`` (the population's base cells), ``answer`` (a protected crossing), and the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emtp_assets.privacy.plans.public import Code, Mean, Population, PublicTable
from emtp_assets.privacy.primary import dominated, mean_note, rate_note
from emtp_assets.releases.manifest import NOTE_SUFFIX, SCHOOL, YEAR, carries_attributes

TOTAL = "Total"
ORIGIN = "origen_datos"


def quoted(name: str) -> str:
    """A column's name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def note_of(figure: str) -> str:
    """The column of a figure's note."""
    return figure + NOTE_SUFFIX


def same(one: str, other: str) -> str:
    """Equality by which null is null: rows that add up over a column match one another."""
    return f"{one} is not distinct from {other}"


@dataclass(frozen=True)
class Column:
    """A column of a published table, as the dictionary tells it. ``figure`` when a note stands beside it."""

    name: str
    type: str
    unit: str
    description: str
    figure: bool = False


def columns_of(population: Population, table: PublicTable, codes: Mapping[str, Code]) -> list[Column]:
    """Every column of a table, in the order in which it is published."""
    columns = [Column(YEAR, "INTEGER", "año", "Año académico (marzo a febrero)")]
    for name in table.columns:
        columns += _coded(codes[name])
    if carries_attributes(population, table):
        for name in population.attributes:
            columns += _coded(codes[name])
    if population.measure:
        columns += _figure(population.measure, "BIGINT", "personas", population.description)
    if table.rate:
        columns += _figure(table.rate.name, "DOUBLE", "%", table.rate.description)
    for mean in population.means_of(table):
        columns += _figure(mean.name, "DOUBLE", mean.unit, mean.description)
    for amount in table.amounts:
        columns += (
            _figure(amount.name, amount.type, amount.unit, amount.description)
            if population.protection.protects_amounts
            else [Column(amount.name, amount.type, amount.unit, amount.description)]
        )
    columns.append(Column(ORIGIN, "VARCHAR", "", "De qué son las cifras: OFICIAL, SIMULADO o MIXTO"))
    return columns


def _coded(code: Code) -> list[Column]:
    said = Column(code.name, "INTEGER", "código", f"{code.description}. Vacío: la fila suma todos")
    return [said, *([Column(code.label, "VARCHAR", "", f"Nombre de {code.name}")] if code.label else [])]


def _figure(name: str, kind: str, unit: str, description: str) -> list[Column]:
    return [
        Column(name, kind, unit, description, figure=True),
        Column(note_of(name), "VARCHAR", "", f"Por qué {name} está vacía, según los símbolos de LEAME.md"),
    ]


def counted_rows(
    population: Population, table: PublicTable, codes: Mapping[str, Code], year: int, origin: str, minimum: int
) -> str:
    """A table of persons as SQL over ``answer``, ``cells``, the models behind its means and, for a rate, ``groups``."""
    assert population.measure is not None
    measure, outcome = quoted(population.measure), table.rate.outcome if table.rate else None
    joins, selected = [], [f"{year}::integer as {quoted(YEAR)}"]
    for name in table.columns:
        selected += _labelled(codes[name], joins)
    if carries_attributes(population, table):
        listed = ", ".join(f"max({quoted(name)}) as {quoted(name)}" for name in population.attributes)
        joins.append(
            f"left join (select {SCHOOL}, {listed} from cells group by {SCHOOL}) as school "
            f"on school.{SCHOOL} = a.{SCHOOL}"
        )
        for name in population.attributes:
            selected += _labelled(codes[name], joins, of="school", total="null")
    selected += [f"a.{measure} as {measure}", _note(population.measure, "a.suppressed")]
    if table.rate:
        selected += _rate(table, joins)
    for mean in population.means_of(table):
        selected += _mean(mean, table, joins, minimum)
    selected.append(f"'{origin}' as {quoted(ORIGIN)}")
    where = f" where a.{quoted(outcome)} is null" if outcome else ""
    return f"select {', '.join(selected)} from answer as a {' '.join(joins)}{where}"


def _note(figure: str, hidden: str) -> str:
    return f"case when {hidden} then 's' else '' end as {quoted(note_of(figure))}"


def _labelled(code: Code, joins: list[str], of: str = "a", total: str = f"'{TOTAL}'") -> list[str]:
    name = quoted(code.name)
    value = f"{of}.{name}::integer as {name}"
    if code.label is None:
        return [value]
    alias, label = quoted(f"label_{code.name}"), quoted(code.label)
    joins.append(
        f"left join (select {name}, max({label}) as {label} from cells group by {name}) as {alias} "
        f"on {alias}.{name} = {of}.{name}"
    )
    return [value, f"case when {of}.{name} is null then {total} else {alias}.{label} end as {label}"]


def _rate(table: PublicTable, joins: list[str]) -> list[str]:
    """The share who have the outcome, where it is not hidden; coded near all and none."""
    assert table.rate is not None
    on = " and ".join(same(f"g.{quoted(c)}", f"a.{quoted(c)}") for c in table.columns) or "true"
    joins.append(f"left join groups as g on {on}")
    share, hidden = "100.0 * g.has / g.n", "coalesce(g.hidden, true)"
    note = rate_note(share, hidden)
    name = quoted(table.rate.name)
    return [
        f"case when {note} = '' then round({share}, 1) end as {name}",
        f"{note} as {quoted(note_of(table.rate.name))}",
    ]


def _mean(mean: Mean, table: PublicTable, joins: list[str], minimum: int) -> list[str]:
    alias = quoted(f"mean_{mean.name}")
    level = ", ".join(quoted(name) for name in mean.at)
    joins.append(
        f"left join (select {level}, sum({quoted(mean.sum)}) as total, sum({quoted(mean.count)}) as known "
        f"from {mean.source} group by {level}) as {alias} on "
        + " and ".join(f"{alias}.{quoted(name)} = a.{quoted(name)}" for name in mean.at)
    )
    at_level = " and ".join(f"a.{quoted(c)} is {'not ' if c in mean.at else ''}null" for c in table.columns)
    note = f"case when not ({at_level}) then 'na' else {mean_note(f'{alias}.known', 'a.suppressed', minimum)} end"
    name = quoted(mean.name)
    return [
        f"case when {note} = '' then round({alias}.total / {alias}.known, 1)::double end as {name}",
        f"{note} as {quoted(note_of(mean.name))}",
    ]


def recorded_rows(table: PublicTable, codes: Mapping[str, Code], year: int, origin: str) -> str:
    """A table of public record: the plan's own rows, which count no person."""
    names = [quoted(n) for name in table.columns for n in (name, codes[name].label) if n]
    listed = ", ".join([*names, *(f"{quoted(a.name)}::{a.type} as {quoted(a.name)}" for a in table.amounts)])
    return (
        f"select {year}::integer as {quoted(YEAR)}, {listed}, '{origin}' as {quoted(ORIGIN)} from ({table.rows}) as r"
    )


def contributed_rows(table: PublicTable, codes: Mapping[str, Code], year: int, origin: str, p_percent: int) -> str:
    """Money by what each contributed (a row of the plan's SQL is a contribution), hidden where the sum betrays one."""
    keys = ", ".join(quoted(name) for name in table.columns)
    labels = [f"max({quoted(label)}) as {quoted(label)}" for name in table.columns if (label := codes[name].label)]
    amounts = []
    for amount in table.amounts:
        name = quoted(amount.name)
        unsafe = dominated(name, p_percent)
        amounts += [
            f"case when not {unsafe} then sum({name})::{amount.type} end as {name}",
            _note(amount.name, unsafe),
        ]
    inner = f"select {keys}, {', '.join([*labels, *amounts])} from ({table.rows}) as r group by {keys}"
    order = [quoted(n) for name in table.columns for n in (name, codes[name].label) if n]
    order += [quoted(n) for amount in table.amounts for n in (amount.name, note_of(amount.name))]
    return (
        f"select {year}::integer as {quoted(YEAR)}, {', '.join(order)}, '{origin}' as {quoted(ORIGIN)} from ({inner})"
    )
