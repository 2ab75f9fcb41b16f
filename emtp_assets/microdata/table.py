"""One year's microdata as a DuckDB relation: persons, their generalised columns, a pseudonym of this delivery alone.

Which levels it has is `lattice`'s; its files are `delivery`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
from pydantic import SecretStr

from emtp_assets.microdata.lattice import (
    PERSONS,
    Demand,
    Found,
    Node,
    count_node,
    domain,
    joined,
    least_loss,
    level_column,
    prepare,
)
from emtp_assets.microdata.names import install_names
from emtp_assets.microdata.plans import MicrodataPlan
from emtp_assets.privacy.pseudonyms import install_pseudonym
from emtp_assets.storage.duck import parquet

PERSON = "id_persona"
TABLE = "microdata"


@dataclass(frozen=True)
class Made:
    """What was made: the node with its cost, and the rows that say nothing of a known person (left out, counted)."""

    found: Found
    quasi: tuple[str, ...]
    sensitive: tuple[str, ...]
    repeated: int
    nobody: int


def make_table(
    connection: duckdb.DuckDBPyConnection,
    plan: MicrodataPlan,
    cleaned: Path,
    year: int,
    demand: Demand,
    key: SecretStr,
    node: Node | None = None,
) -> Made:
    """Make the relation `TABLE` from a year's cleaned file; rows stand in the order of their pseudonyms.

    Args:
        key: that of the delivery (`privacy.keys.release_key`), never the internal one.
        node: the levels of an earlier delivery of the year, kept so that the two tell no more than one.

    Raises:
        NoAdmissibleTableError: no combination of levels will do, or the one given no longer does.
    """
    install_names(connection)
    repeated, nobody = _persons(connection, plan, cleaned)
    prepare(connection, plan)
    found = least_loss(connection, plan, demand) if node is None else count_node(connection, plan, node, demand.k)
    shown = [(q, level) for q, level in zip(plan.quasi, found.node, strict=True) if level < len(q.levels)]
    columns = "".join(f', {domain(q)}."{level_column(q, i)}" as "{q.name}"' for q, i in shown)
    joins = " ".join(f"join {domain(q)} on {joined(q, 'p', domain(q))}" for q, _ in shown)
    said = "".join(f', ({s.sql}) as "said_{s.name}"' for s in plan.sensitive)
    sensitive = "".join(f', p."said_{s.name}" as "{s.name}"' for s in plan.sensitive)
    group = ", ".join(f'"{q.name}"' for q, _ in shown)
    install_pseudonym(connection, key)
    connection.execute(
        f"""
        create or replace temp table {TABLE} as
        with each_person as (
            select p."{plan.person}" as person{columns}{sensitive} from (select *{said} from {PERSONS}) as p {joins}
        ), anonymous as (
            select * from each_person
            qualify count(*) over ({f"partition by {group}" if group else ""}) >= {demand.k}
        )
        select pseudonym('MICRODATO', person) as {PERSON}, {year} as agno, * exclude (person)
        from anonymous order by {PERSON}
        """
    )
    return Made(found, tuple(q.name for q, _ in shown), tuple(s.name for s in plan.sensitive), repeated, nobody)


def _persons(connection: duckdb.DuckDBPyConnection, plan: MicrodataPlan, cleaned: Path) -> tuple[int, int]:
    """Make `PERSONS`; returns how many further rows of the same persons, and rows of nobody known, were left out."""
    columns = ", ".join(f'"{column}"' for column in (plan.person, *plan.columns_read))
    rows = f"(select * from {parquet(cleaned)} where {plan.only or 'true'})"
    once = f'qualify row_number() over (partition by "{plan.person}" order by {plan.prefer}) = 1' if plan.prefer else ""
    connection.execute(
        f"create or replace temp table {PERSONS} as "
        f'select {columns} from {rows} where "{plan.person}" is not null {once}'
    )
    counted = connection.execute(
        f'select count(*), count("{plan.person}"), (select count(*) from {PERSONS}) from {rows}'
    ).fetchone()
    assert counted is not None
    every, known, persons = counted
    return known - persons, every - known
