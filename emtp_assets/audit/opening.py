"""The attack on one population and year: what anyone can work out, and what somebody who knows his own cell can.

Here: judging the ranges that `system` and `knot` find. Which tables are published together is `auditor`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emtp_assets.audit.finding import Finding, Kind, Severity, cell_name
from emtp_assets.audit.insiders import ALONE, look_together, opened_by
from emtp_assets.audit.system import System
from emtp_assets.audit.universe import Universe


@dataclass(frozen=True)
class Opening:
    """What an attack on one population and year came to.

    Attributes:
        cells, hidden: published counts, each counted once though several tables hold it.
        exact, narrow: hidden cells recovered exactly, and narrowed down further than the protection level.
        low, high: (hidden,) the values found possible: at least so far apart, exact where narrow.
        cell: (hidden,) their names.
        insiders: cells that were tried as one person's, who knows it.
        openers: insiders who thereby open another cell.
        opened: cells that some insider opens.
    """

    cells: int
    hidden: int
    exact: int
    narrow: int
    low: np.ndarray
    high: np.ndarray
    cell: tuple[str, ...]
    insiders: int
    openers: int
    opened: int
    findings: tuple[Finding, ...]

    @property
    def width(self) -> np.ndarray:
        """(hidden,) how far apart possible values are, as far as it was looked for."""
        return self.high - self.low


def attack(
    universe: Universe,
    year: int,
    minimum: int,
    insider_width: int,
    alone: Mapping[frozenset[str], pa.Table] | None = None,
) -> Opening:
    """Try everything on one population and year.

    Args:
        alone: by the columns of a level, these and ``value`` 1: the cells of which one person knows that nobody else
            is in them. None when nobody says so: then every cell is tried that may be one person's.
        insider_width: how many values above the least a cell must be able to take even for an insider; 1 means
            that he opens none exactly.

    Raises:
        AttackError: the tables contradict each other.
    """
    system = System(universe.levels, universe.atoms, minimum)
    suspects = system.low <= ALONE if alone is None else _values(system, alone) == ALONE
    if alone is not None:
        for part in system.knots:
            lone = np.flatnonzero(suspects[part.rows])
            look_together(part.knot, lone, minimum=minimum, width=insider_width)
    low, high = system.intervals()
    rows = system.hidden_rows
    exact = rows[high[rows] == low[rows]]
    narrow = rows[(high[rows] > low[rows]) & ((high[rows] - low[rows] < minimum - 1) | (high[rows] < minimum))]
    names = _Names(system, universe.tables)
    findings = [
        names.finding(Kind.EXACT, row, year, f"lo publicado deja un solo valor posible: {low[row]}") for row in exact
    ] + [
        names.finding(Kind.NARROW, row, year, f"lo publicado la acota entre {low[row]} y {high[row]}") for row in narrow
    ]
    # What is open to all needs no insider.
    closed = np.ones(len(low), dtype=bool)
    closed[exact] = False
    insiders, openers, opened = 0, 0, set()
    for part in system.knots:
        tried = np.flatnonzero(closed[part.rows] & suspects[part.rows])
        for index, found in opened_by(part.knot, tried, closed[part.rows], insider_width, told=alone is not None):
            insiders += 1
            row, others = int(part.rows[index]), part.rows[found]
            if not len(others):
                continue
            openers += 1
            opened.update(others.tolist())
            detail = f"si es una sola persona, ella deduce {len(others)} celdas más: {names.of(int(others[0]))} …"
            # That a cell may be one person's does not make it so, and then there is nobody who knows it.
            severity = Severity.WARNING if alone is None else Severity.ERROR
            findings.append(names.finding(Kind.INSIDER, row, year, detail, severity))
    return Opening(
        cells=len(low),
        hidden=len(rows),
        exact=len(exact),
        narrow=len(narrow),
        low=low[rows],
        high=high[rows],
        cell=tuple(names.of(int(row)) for row in rows),
        insiders=insiders,
        openers=openers,
        opened=len(opened),
        findings=tuple(findings),
    )


class _Names:
    """Rows of a system in words."""

    def __init__(self, system: System, tables: Mapping[str, tuple[str, ...]]) -> None:
        self._system, self._tables = system, tables

    def of(self, row: int) -> str:
        return cell_name(self._system.name(int(row))[1])

    def finding(self, kind: Kind, row: int, year: int, detail: str, severity: Severity = Severity.ERROR) -> Finding:
        level, cell = self._system.name(int(row))
        return Finding(kind, ", ".join(self._tables.get(level, (level,))), detail, year, cell_name(cell), severity)


def supposed_unchanged(
    universe: Universe, former: Mapping[frozenset[str], pa.Table], year: int, minimum: int
) -> list[Finding]:
    """What follows for a restated year when hidden cells are supposed to be what was shown of them before.

    Args:
        former: by the columns of a level, these and ``value``: what was shown before of cells hidden now.

    Wherever the supposition contradicts what is shown now, it is given up for that knot. A cell is exposed when
    the others being unchanged leaves it one value, other than before by less than the minimum; or, hidden both
    times, one value at all.
    """
    system = System(universe.levels, universe.atoms, minimum)
    system.intervals()
    before = _values(system, former)
    before[system.shown] = -1
    names = _Names(system, universe.tables)
    findings = []
    for part in system.knots:
        value = before[part.rows]
        known = np.flatnonzero(value >= 0)
        unknown = value < 0
        if not len(known):
            continue
        found = part.knot.supposing(known, value[known], among=unknown, width=1, reach=0)
        if found is not None:
            findings += [
                names.finding(Kind.BY_FORMER, part.rows[row], year, f"si lo demás no cambió, vale {found[0][row]}")
                for row in np.flatnonzero(unknown & (found[0] == found[1]))
            ]
        for row in known:
            others = known[known != row]
            alone = np.arange(len(value)) == row
            found = part.knot.supposing(others, value[others], among=alone, width=1, reach=0)
            if found is None or found[0][row] != found[1][row]:
                continue
            change = int(found[0][row] - value[row])
            if 0 < abs(change) < minimum:
                detail = f"si lo demás no cambió, pasó de {value[row]} a {found[0][row]}"
                findings.append(names.finding(Kind.BY_FORMER, part.rows[row], year, detail))
    return findings


def _values(system: System, told: Mapping[frozenset[str], pa.Table]) -> np.ndarray:
    """(rows,) what is told of each row; -1 where nothing is."""
    values = np.full(len(system.low), -1, dtype=np.int64)
    for index, name in enumerate(system.names):
        columns = system.dimensions[name]
        shown = told.get(frozenset(columns))
        if shown is None or not shown.num_rows:
            continue
        rows = np.arange(system.offset[index], system.offset[index + 1])
        numbered = system.tables[name].select(columns).append_column("row_number_", pa.array(rows))
        if columns:
            found = numbered.join(shown, columns, join_type="inner")
        else:
            found = numbered.append_column("value", shown.column("value"))
        values[found.column("row_number_").to_numpy()] = found.column("value").to_numpy()
    return values
