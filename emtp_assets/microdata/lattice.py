"""The search for the generalisation that loses least: full-domain, with the rows that stay alone left out.

It knows groups of persons and levels of columns, and neither files nor pseudonyms. Models: k-anonymity (Samarati 2001;
Sweeney 2002); the lattice and what an infeasible node says of those below it (El Emam et al. 2009, OLA); the loss is
the normalised certainty penalty (Xu et al. 2006), left-out rows counted as lost whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import duckdb
import numpy as np

from emtp_assets.microdata.plans import MicrodataPlan, Quasi

CELLS = "microdata_cells"
PERSONS = "microdata_persons"

Node = tuple[int, ...]
"""A level for each column of the plan, in its order; ``len(levels)`` is "not published"."""


class NoAdmissibleTableError(ValueError):
    """No combination of levels is anonymous enough without leaving out too many rows; the message is Spanish."""


@dataclass(frozen=True)
class Demand:
    """What a table must be. ``k``: persons that share each combination, at least. ``average_risk``: the mean over the
    rows of one in so many. ``left_out``: rows that may stay out, as a share. The shares run from 0 to 1."""

    k: int
    average_risk: float = 0.01
    left_out: float = 0.05


@dataclass(frozen=True)
class Found:
    """A node and what it costs. ``loss`` runs from 0 (nothing lost) to 1; ``evaluated`` of ``lattice`` were counted."""

    node: Node
    loss: float
    persons: int
    shown: int
    classes: int
    smallest: int
    discernibility: int
    evaluated: int
    lattice: int

    @property
    def left_out(self) -> int:
        return self.persons - self.shown

    @property
    def mean_class(self) -> float:
        """Rows a combination, on average over the combinations: the inverse of the average risk over the rows."""
        return self.shown / self.classes if self.classes else 0.0


def level_column(quasi: Quasi, level: int) -> str:
    """The column of `CELLS`, and of a domain, that holds a plan's column at a level."""
    return f"{quasi.name}_{level}"


def domain(quasi: Quasi) -> str:
    """The relation with every true value of a column that occurs, and each of its levels."""
    return f"domain_{quasi.name}"


def joined(quasi: Quasi, persons: str = "p", values: str = "d") -> str:
    """The condition that joins a person to the values of a column's domain: a blank is a value like any other."""
    return " and ".join(f'{persons}."{c}" is not distinct from {values}."{c}"' for c in quasi.made_from)


def prepare(connection: duckdb.DuckDBPyConnection, plan: MicrodataPlan) -> None:
    """From `PERSONS` (one row a person, the true columns), make the domains of the columns and the groups of `CELLS`.

    A level's ``_loss`` is its normalised certainty penalty: the share of the other true values that are lost in it.
    """
    for quasi in plan.quasi:
        true = ", ".join(f'"{column}"' for column in quasi.made_from)
        levels = ", ".join(f'({level.sql}) as "{level_column(quasi, i)}"' for i, level in enumerate(quasi.levels))
        connection.execute(
            f"create or replace temp table {domain(quasi)} as "
            f"select *, {levels} from (select distinct {true} from {PERSONS})"
        )
        penalties = ", ".join(
            f'(count(*) over (partition by "{level_column(quasi, i)}") - 1)'
            f' / greatest(count(*) over () - 1, 1) as "{level_column(quasi, i)}_loss"'
            for i in range(len(quasi.levels))
        )
        connection.execute(
            f"create or replace temp table {domain(quasi)} as select *, {penalties} from {domain(quasi)}"
        )
    columns = ", ".join(
        f'{domain(q)}."{level_column(q, i)}", {domain(q)}."{level_column(q, i)}_loss"'
        for q in plan.quasi
        for i in range(len(q.levels))
    )
    joins = " ".join(f"join {domain(q)} on {joined(q, 'p', domain(q))}" for q in plan.quasi)
    connection.execute(
        f"create or replace temp table {CELLS} as "
        f"select {columns}, count(*) as n from {PERSONS} as p {joins} group by all"
    )
    _number_the_values(connection, plan)


def _number_the_values(connection: duckdb.DuckDBPyConnection, plan: MicrodataPlan) -> None:
    """Groups by small numbers are counted three times as fast as by their names."""
    numbered = ", ".join(
        f'dense_rank() over (order by "{name}")::usmallint as "{name}"'
        for q in plan.quasi
        for name in (level_column(q, i) for i in range(len(q.levels)))
    )
    connection.execute(f"create or replace temp table {CELLS} as select * replace ({numbered}) from {CELLS}")


def least_loss(connection: duckdb.DuckDBPyConnection, plan: MicrodataPlan, demand: Demand) -> Found:
    """The admissible node of least loss, proven: every node that is not counted is worse or inadmissible.

    A node's loss is at least that of its levels over everybody, nothing left out; and if a node leaves out too many,
    so does every one that is finer in all columns. The one in the middle of those left is counted next: whether it is
    good or bad, it rules out many.

    Raises:
        NoAdmissibleTableError: there is none.
    """
    nodes = np.array(list(product(*(range(len(q.levels) + 1) for q in plan.quasi))), dtype=np.int8)
    bounds = _bounds(connection, plan, nodes)
    alive = np.ones(len(nodes), dtype=bool)
    best: Found | None = None
    evaluated = 0
    while alive.any():
        candidates = np.flatnonzero(alive)
        at = int(candidates[np.argsort(bounds[candidates], kind="stable")[len(candidates) // 2]])
        alive[at] = False
        found = count_node(connection, plan, tuple(int(level) for level in nodes[at]), demand.k)
        evaluated += 1
        if found.left_out > demand.left_out * found.persons:
            alive &= ~(nodes <= nodes[at]).all(axis=1)
        elif found.classes <= demand.average_risk * found.shown and (best is None or _order(found) < _order(best)):
            best = found
            alive &= bounds <= best.loss
    if best is None:
        raise NoAdmissibleTableError(
            f"Ninguna generalización de {plan.dataset} deja a cada persona entre {demand.k} o más, con riesgo medio de "
            f"{demand.average_risk:.0%} y a lo más {demand.left_out:.0%} de filas fuera: hay muy pocas personas. No se "
            "entregan microdatos de ese año; pida cifras agregadas."
        )
    return _with_search(best, evaluated, len(nodes))


def count_node(connection: duckdb.DuckDBPyConnection, plan: MicrodataPlan, node: Node, k: int) -> Found:
    """What a node shows and costs at that k."""
    weights = sum(q.weight for q in plan.quasi)
    shown = [(q, level) for q, level in zip(plan.quasi, node, strict=True) if level < len(q.levels)]
    unpublished = sum(q.weight for q, level in zip(plan.quasi, node, strict=True) if level == len(q.levels))
    penalty = " + ".join([str(unpublished), *(f'{q.weight} * "{level_column(q, i)}_loss"' for q, i in shown)])
    group = ", ".join(f'"{level_column(q, i)}"' for q, i in shown) or "()"
    row = connection.execute(
        f"""
        select sum(n), sum(n) filter (n >= {k}), count(*) filter (n >= {k}), min(n) filter (n >= {k}),
            sum(penalty) filter (n >= {k})::double, sum(n * n) filter (n >= {k})
        from (select sum(n)::bigint as n, sum(n * ({penalty}))::double as penalty from {CELLS} group by {group})
        """
    ).fetchone()
    assert row is not None
    persons, visible, classes, smallest, lost, squares = (value or 0 for value in row)
    left_out = persons - visible
    return Found(
        node=node,
        loss=float((lost / weights + left_out) / persons) if persons else 0.0,
        persons=int(persons),
        shown=int(visible),
        classes=int(classes),
        smallest=int(smallest),
        discernibility=int(squares + left_out * persons),
        evaluated=1,
        lattice=1,
    )


def _bounds(connection: duckdb.DuckDBPyConnection, plan: MicrodataPlan, nodes: np.ndarray) -> np.ndarray:
    """For each node, the loss of its levels alone; float64."""
    weights = sum(q.weight for q in plan.quasi)
    bound = np.zeros(len(nodes))
    for position, quasi in enumerate(plan.quasi):
        means = ", ".join(f'sum(n * "{level_column(quasi, i)}_loss") / sum(n)' for i in range(len(quasi.levels)))
        row: Sequence[float] | None = connection.execute(f"select {means} from {CELLS}").fetchone()
        assert row is not None
        by_level = np.array([*(value or 0.0 for value in row), 1.0])
        bound += quasi.weight / weights * by_level[nodes[:, position]]
    # A bound worked out in another order may be a rounding above the loss that it bounds.
    return bound - 1e-9


def _order(found: Found) -> tuple[float, Node]:
    return round(found.loss, 9), found.node


def _with_search(found: Found, evaluated: int, lattice: int) -> Found:
    from dataclasses import replace

    return replace(found, evaluated=evaluated, lattice=lattice)
