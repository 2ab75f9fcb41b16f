"""A knot explored step by step: from tables found already to others that differ in little.

Here: what short cuts tell of the ranges of hidden rows. Whatever they leave open is settled by `knot`.
"""

from __future__ import annotations

from functools import cached_property

import highspy
import numpy as np

from emtp_assets.audit.knot import NOTHING, ImpossibleError, Knot, Unknowns
from emtp_assets.audit.nearby import Nearby
from emtp_assets.audit.steps import Steps

ROUNDS = 8
FRUITLESS = 12  # rows in a row that the nearest table does not move: there may be nothing to find


class ExploredKnot(Knot):
    """A knot that remembers its tables and the steps between them.

    Attributes:
        tables: all tables found, beside `reached`; empty when they are not remembered.
    """

    def __init__(self, unknowns: Unknowns, *, remembering: bool) -> None:
        super().__init__(unknowns)
        self.tables: list[np.ndarray] = []
        self._remembering = remembering
        self._steps = Steps(self._hidden, unknowns.low, unknowns.high)

    def look(self, rows: np.ndarray, values: np.ndarray, *, among: np.ndarray, width: int, reach: int) -> None:
        """As `supposing`, but only what a few programs find; it is in `reached`, and nothing is settled."""
        self._recall(rows, values, among, width, reach)
        fixed = (values - self._base[rows]).astype(np.float64)
        self._bind(rows, fixed, fixed)
        try:
            self._by_chance(among, width, reach, ROUNDS)
            table = self.remembered(rows, values)
            if table is not None:
                self._move_one_by_one(table, rows, among, width, reach, patience=self.rows)
        except ImpossibleError:
            pass
        finally:
            self._bind(rows, np.maximum(self._floor[rows], 0.0), self._roof[rows])

    def remembered(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray | None:
        """A table found before in which some rows are so much."""
        agrees = np.flatnonzero((self.reached[:, rows] == values).all(axis=1))
        return self.tables[agrees[-1]].astype(np.int64) if len(agrees) else None

    def _supposed(self, table: np.ndarray, row: int, value: int) -> np.ndarray | None:
        """The table nearest to one in which a row is so much."""
        there = self._leave(table, NOTHING)
        by = float(value - there[row])
        found = self._nearby.moved(row, by, by)
        if found is not None:
            self._learn(np.arange(self.rows), self._checked(found)[None])
        return found

    def _move_one_by_one(
        self, table: np.ndarray, held: np.ndarray, among: np.ndarray, width: int, reach: int, patience: int = FRUITLESS
    ) -> None:
        """From a table, first by steps taken before, then by the nearest table for each row, as long as that is found.

        ``held`` rows stay.
        """
        if not len(self._unsure(among, width, reach)):
            return
        there = self._base + np.rint(self._hidden @ table).astype(np.int64)
        moved, values = self._steps.from_table(table, there, held)
        for extreme, best in ((self._low, np.minimum), (self._high, np.maximum)):
            best.at(extreme, moved, values)
        for extreme, best in ((self._least, np.minimum), (self._most, np.maximum)):
            best.at(extreme, moved, values.astype(np.float64))
        unsure = self._unsure(among, width, reach)
        if not len(unsure):
            return
        self._leave(table, held)
        failures = 0
        for row in unsure.tolist():
            if self._high[row] - self._low[row] >= width and self._high[row] >= reach:
                continue
            up = max(reach, int(self._low[row]) + width) - int(there[row])
            found = self._nearby.moved(row, float(up), highspy.kHighsInf)
            if found is None and self._high[row] >= reach:
                down = int(self._high[row]) - width - int(there[row])
                found = self._nearby.moved(row, -highspy.kHighsInf, float(down))
            failures = 0 if found is not None else failures + 1
            if failures == patience:
                return
            if found is not None:
                self._steps.add(found - table)
                if self._remembering:
                    self._keep(found)
                else:
                    self._learn(np.arange(self.rows), self._checked(found)[None])

    def _leave(self, table: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Look for tables near this one. (rows,) what is hidden in it."""
        there = self._base + np.rint(self._hidden @ table).astype(np.int64)
        known, unlimited = self._unknowns, np.iinfo(np.int64).max
        low = np.minimum(known.low - there, 0).astype(np.float64)
        high = np.where(known.high == unlimited, highspy.kHighsInf, (known.high - there).astype(np.float64))
        low[held], high[held] = 0.0, 0.0
        self._nearby.begin(table, low, high)
        return there

    @cached_property
    def _nearby(self) -> Nearby:
        return Nearby(self._sums, self._hidden, self._ceiling)

    def _keep(self, whole: np.ndarray) -> None:
        super()._keep(whole)
        if self._remembering:
            self.tables.append(whole.astype(np.int32))

    def _learn(self, rows: np.ndarray, reached: np.ndarray) -> None:
        """Take note of what some rows are in tables that might be true."""
        if not len(reached):
            return
        low, high = reached.min(axis=0), reached.max(axis=0)
        self._low[rows], self._high[rows] = np.minimum(self._low[rows], low), np.maximum(self._high[rows], high)
        self._least[rows] = np.minimum(self._least[rows], low)
        self._most[rows] = np.maximum(self._most[rows], high)
