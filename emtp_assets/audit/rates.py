"""Rates, means and money: what is shown of them, and the counts that follow from rates. Counts are `opening`'s."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa

from emtp_assets.audit.finding import Finding, Kind, cell_name
from emtp_assets.audit.manifest import Amount, Mean, Rate
from emtp_assets.audit.reading import ReadTable
from emtp_assets.audit.system import HIGH, LOW, System
from emtp_assets.audit.universe import CountTable, Universe

ABOVE, BELOW = "c>95", "c<5"
NOTES = {"rate": ("", "s", "nd", "na", ABOVE, BELOW), "figure": ("", "s", "nd", "na")}
OUTCOME = "§"
JUDGED = "judged"


def shown_figures(table: ReadTable, minimum: int) -> list[Finding]:
    """Rates, means and amounts that are shown where they may not be, row by row."""
    findings: list[Finding] = []
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.register("published", table.rows)
        for rate in table.entry.rates:
            findings += _rows(connection, table, Kind.RATE, _bad_rates(table, rate, minimum))
        for mean in table.entry.means:
            bad = [(f'"{mean.column}" is not null and coalesce("{mean.n}", 0) < {minimum}', _few(mean, minimum))]
            findings += _rows(connection, table, Kind.MEAN, bad + _bad_notes(mean.column, mean.note, "figure"))
            findings += _one_level(connection, table, mean)
        for amount in table.entry.amounts:
            findings += _rows(connection, table, Kind.MEAN, _bad_notes(amount.column, amount.note, "figure"))
            findings += _one_level(connection, table, amount)
    return findings


def _few(mean: Mean, minimum: int) -> str:
    return f"el promedio {mean.column} se muestra con menos de {minimum} personas o con su número suprimido"


def _bad_notes(column: str, note: str, kind: str) -> list[tuple[str, str]]:
    allowed = ", ".join(f"'{n}'" for n in NOTES[kind])
    noted = f"coalesce(\"{note}\"::varchar, '')"
    return [
        (f"{noted} not in ({allowed})", f"la nota de {column} no es ninguna de {', '.join(NOTES[kind])}"),
        (f"({noted} = '') <> (\"{column}\" is not null)", f"{column} tiene valor y nota, o ninguno de los dos"),
    ]


def _bad_rates(table: ReadTable, rate: Rate, minimum: int) -> list[tuple[str, str]]:
    column, note, measure = rate.column, rate.note, table.entry.measure
    told = f"(\"{column}\" is not null or \"{note}\" in ('{ABOVE}', '{BELOW}'))"
    bad = _bad_notes(column, note, "rate")
    bad.append((f'"{column}" > 95 or "{column}" < 5', f"{column} se muestra fuera de 5 a 95 sin codificar"))
    if measure is None:
        bad.append((told, f"{column} se muestra y la tabla no publica de cuántas personas es"))
        return bad
    bad.append((f'{told} and coalesce("{measure}", 0) < {minimum}', f"{column} se muestra sin su denominador"))
    if rate.dimension is not None:
        return bad
    half = 0.5 * 10**-rate.decimals
    most = f'floor(("{column}" + {half}) / 100 * "{measure}" + 1e-6)'
    least = f'ceil(("{column}" - {half}) / 100 * "{measure}" - 1e-6)'
    bad.append((f"{least} > {most}", f"{column} no es el cociente de ningún número entero de {measure}"))
    bad.append(
        (
            f'{most} < {minimum} or "{measure}" - {least} < {minimum}',
            f"{column} deja ver que son menos de {minimum} quienes tienen el atributo, o quienes no",
        )
    )
    return bad


def _rows(
    connection: duckdb.DuckDBPyConnection, table: ReadTable, kind: Kind, bad: list[tuple[str, str]]
) -> list[Finding]:
    entry = table.entry
    keys = ", ".join(f'"{c}"' for c in (entry.year, *entry.columns))
    return [
        Finding(kind, entry.name, detail, row[entry.year], cell_name({c: row[c] for c in entry.columns}))
        for condition, detail in bad
        for row in connection.sql(f"select {keys} from published where {condition}").to_arrow_table().to_pylist()
    ]


def _one_level(connection: duckdb.DuckDBPyConnection, table: ReadTable, figure: Mean | Amount) -> list[Finding]:
    """Means and sums of two levels could be subtracted from each other."""
    levels = ", ".join(f'"{c}" is null' for c in table.entry.columns) or "true"
    count = f'select count(*) from (select distinct {levels} from published where "{figure.column}" is not null)'
    ((number,),) = connection.sql(count).fetchall()
    if number < 2:
        return []
    detail = f"{figure.column} se publica en {number} niveles, que se pueden restar entre sí; publique uno solo"
    return [Finding(Kind.MEAN, table.entry.name, detail)]


def published_numerators(table: ReadTable, rate: Rate) -> list[Finding]:
    """A rate whose numerators are rows of the same table: equal to their quotient, and not coded in vain."""
    entry = table.entry
    same = " and ".join(
        f'n."{c}" is not distinct from d."{c}"' for c in (entry.year, *entry.columns) if c != rate.dimension
    )
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.register("published", table.rows)
        value = str(rate.value).replace("'", "''")
        found = connection.sql(
            f"""
            with told as (
              select d.*, n."{entry.measure}" as numerator,
                round(100.0 * n."{entry.measure}" / d."{entry.measure}", {rate.decimals}) as quotient
              from published d left join published n on {same} and n."{rate.dimension}"::varchar = '{value}'
              where d."{rate.dimension}" is null
            )
            select *,
              "{rate.column}" is not null and abs("{rate.column}" - coalesce(quotient, -100)) > 1.01e-{rate.decimals}
                as wrong
            from told
            where wrong or ("{rate.note}" in ('{ABOVE}', '{BELOW}') and quotient is not null)
            """
        ).to_arrow_table()
    return [
        Finding(
            Kind.RATE,
            entry.name,
            f"{rate.column} no es el cociente de los conteos publicados, o su numerador está suprimido"
            if row["wrong"]
            else f"{rate.column} está codificada y sus conteos publicados la dan: {row['quotient']}",
            row[entry.year],
            cell_name({c: row[c] for c in entry.columns}),
        )
        for row in found.to_pylist()
    ]


def hidden_numerators(
    universe: Universe, table: CountTable, told: pa.Table, rate: Rate, *, year: int, minimum: int
) -> list[Finding]:
    """The attack on numerators that are published nowhere, by the rates of several rows and all counts.

    Args:
        told: the table's columns, ``value`` (the denominator, null when hidden), ``rate`` and ``note``.

    A shown rate is a numerator within the rounding, a coded one is at an end. Of each hidden rate, the number who
    have the attribute and the number who have not must stay as open as a hidden count.
    """
    levels: dict[str, pa.Table] = dict(universe.levels)
    outcomes = _outcome_tables(table, told, rate)
    levels.update({name: outcome.drop_columns(JUDGED) for name, outcome in outcomes.items()})
    atoms = pa.concat_tables(
        [universe.atoms.append_column(OUTCOME, pa.array(np.full(universe.atoms.num_rows, k))) for k in (0, 1)]
    )
    system = System(levels, atoms, minimum)
    low, high = system.intervals()
    findings = []
    for index, name in enumerate(system.names):
        if name not in outcomes:
            continue
        rows = np.arange(system.offset[index], system.offset[index + 1])
        secret = outcomes[name].column(JUDGED).to_numpy()
        for row in rows[secret & (high[rows] - low[rows] < minimum - 1)]:
            cell = system.name(int(row))[1]
            who = "quienes tienen el atributo" if cell.pop(OUTCOME) else "quienes no lo tienen"
            detail = f"{rate.column} está suprimida y {who} son entre {low[row]} y {high[row]}"
            findings.append(Finding(Kind.RATE_OPEN, table.name, detail, year, cell_name(cell)))
    return findings


def _outcome_tables(table: CountTable, told: pa.Table, rate: Rate) -> Mapping[str, pa.Table]:
    """By level: how many have the attribute (1) and have not (0), as bounds; ``judged`` where the rate is hidden."""
    half = 0.5 * 10**-rate.decimals
    bounded = f"""
      select *,
        case when value is null then 0 when note = '{ABOVE}' then floor(value * 0.95)::bigint + 1
          when rate is not null then ceil((rate - {half}) / 100 * value - 1e-6)::bigint else 0 end as least,
        case when value is null then null when note = '{BELOW}' then ceil(value * 0.05)::bigint - 1
          when note = '{ABOVE}' then value
          when rate is not null then floor((rate + {half}) / 100 * value + 1e-6)::bigint end as most
      from told
    """
    tables = {}
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.register("told", told)
        for level in table.levels:
            keys = "".join(f'"{c}", ' for c in level)
            where = " and ".join(f'"{c}" is {"not null" if c in level else "null"}' for c in table.columns) or "true"
            tables[f"{'·'.join(level)}{OUTCOME}"] = connection.sql(
                f"""
                select {keys}1::bigint as "{OUTCOME}", least::bigint as {LOW}, most::bigint as {HIGH},
                  note is not distinct from 's' as {JUDGED}
                from ({bounded}) where {where}
                union all
                select {keys}0::bigint, if(most is null, 0, value - most)::bigint,
                  if(most is null, null, value - least)::bigint, note is not distinct from 's'
                from ({bounded}) where {where}
                """
            ).to_arrow_table()
    return tables
