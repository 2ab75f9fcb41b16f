"""What proves a delivery: its files counted again, and an attack on them by somebody who has a register with names.

It reads the files as they are handed over and shares no code with how the table is made: a fault there is seen here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from emtp_assets.microdata.names import install_names
from emtp_assets.microdata.plans import MicrodataPlan
from emtp_assets.storage.duck import literal


@dataclass(frozen=True)
class Recount:
    """A delivered file, counted: ``k`` is the smallest group of equal quasi-identifiers (0 if the file is empty)."""

    rows: int
    pseudonyms: int
    groups: int
    k: int

    @property
    def average_risk(self) -> float:
        """The mean over the rows of one in as many as the row's group has."""
        return self.groups / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Diversity:
    """A sensitive column: ``l`` different values in the poorest group; ``alike``: rows whose whole group has one
    value, so that whoever knows that somebody is in the group knows the value (a share)."""

    column: str
    l: int  # noqa: E741 - l-diversity's own name (Machanavajjhala et al. 2007)
    alike: float


@dataclass(frozen=True)
class Linkage:
    """What somebody with the true quasi-identifiers of everybody achieves: the chance to name a row, the best and the
    mean over the rows, each from 0 to 1; ``strangers``: rows that fit nobody of the register."""

    register: int
    worst: float
    average: float
    strangers: int


def read_delivered(connection: duckdb.DuckDBPyConnection, csv: Path, name: str = "delivered") -> None:
    """Make a table of a delivered CSV, every value as the text that stands there."""
    connection.execute(
        f"create or replace temp table {name} as select * from "
        f"read_csv({literal(csv)}, delim=';', header=true, all_varchar=true, nullstr='\\N', quote='\"')"
    )


def recount(connection: duckdb.DuckDBPyConnection, quasi: Sequence[str], person: str) -> Recount:
    """Count the table that `read_delivered` made."""
    by = _listed(quasi)
    row = connection.execute(
        f"""
        select coalesce(sum(n), 0)::bigint, (select count(distinct {person}) from delivered), count(*),
            coalesce(min(n), 0)
        from (select count(*) as n from delivered {f"group by {by}" if by else "having count(*) > 0"})
        """
    ).fetchone()
    assert row is not None
    return Recount(*row)


def diversity(connection: duckdb.DuckDBPyConnection, quasi: Sequence[str], sensitive: Sequence[str]) -> list[Diversity]:
    """Distinct l-diversity of each sensitive column of the table that `read_delivered` made."""
    by = _listed(quasi)
    found = []
    for column in sensitive:
        row = connection.execute(
            f"""
            select coalesce(min(different), 0), coalesce(sum(n) filter (different = 1) / sum(n), 0)::double
            from (select count(*) as n, count(distinct "{column}") as different
                  from delivered {f"group by {by}" if by else ""})
            """
        ).fetchone()
        assert row is not None
        found.append(Diversity(column, *row))
    return found


def link(
    connection: duckdb.DuckDBPyConnection, plan: MicrodataPlan, levels: Mapping[str, str], register: str
) -> Linkage:
    """Attack the table that `read_delivered` made with ``register``: a table expression with the true columns of
    everybody, the persons left out and every further row of a person too.

    The attacker knows how each column was generalised (``levels``, by column the name that its form has in the plan)
    and applies it to the register; a row could be any person that it fits.
    """
    install_names(connection)
    rules = {q.name: next(v.sql for v in q.levels if v.name == levels[q.name]) for q in plan.quasi if q.name in levels}
    columns = list(dict.fromkeys(c for q in plan.quasi for c in q.made_from))
    true = _listed(columns)
    written = "".join(f', ({sql})::varchar as "written_{name}"' for name, sql in rules.items())
    same = " and ".join(f'd."{name}" is not distinct from c."written_{name}"' for name in rules) or "true"
    by = "".join(f', "written_{name}"' for name in rules)
    row = connection.execute(
        f"""
        with profiles as (
            select {true}{written} from (select distinct {true} from {register})
        ), persons as (
            select distinct r."{plan.person}" as person{by}
            from {register} as r join profiles as p
            on {" and ".join(f'r."{c}" is not distinct from p."{c}"' for c in columns)}
            where r."{plan.person}" is not null
        ), candidates as (
            select count(*) as n{by} from persons group by all
        )
        select (select count(distinct person) from persons), max(1 / c.n), avg(1 / c.n), count(*) filter (c.n is null)
        from delivered as d left join candidates as c on {same}
        """
    ).fetchone()
    assert row is not None
    return Linkage(int(row[0]), float(row[1] or 0), float(row[2] or 0), int(row[3]))


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
