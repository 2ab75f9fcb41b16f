"""From one table that might be true to another that differs in as little as can be.

Here: programs over changes. Unlike a corner of all tables, the least change has few atoms and is mostly in whole
numbers, so that one row of a large knot is moved in a fraction of the time.
"""

from __future__ import annotations

import highspy
import numpy as np
from scipy import sparse

WHOLE = 1e-6
OTHER_CORNERS = 4
NODES = 50


class Nearby:
    """Programs over rises and falls of the atoms.

    Args:
        sums: (equations, atoms) whose values stay.
        hidden: (rows, atoms) whose values may move between ``low`` and ``high``.
    """

    def __init__(self, sums: sparse.csr_matrix, hidden: sparse.csr_matrix, ceiling: float) -> None:
        self._equations, self._atoms = (int(n) for n in sums.get_shape())
        self._hidden = hidden
        both = sparse.csc_matrix(sparse.vstack([sums, hidden]))
        self._matrix = sparse.csc_matrix(sparse.hstack([both, -both]))
        self._random = np.random.default_rng(self._atoms)
        columns, rows = 2 * self._atoms, self._equations + int(hidden.get_shape()[0])
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = columns, rows
        model.col_cost_, model.col_lower_ = np.ones(columns), np.zeros(columns)
        model.col_upper_ = np.full(columns, ceiling)
        model.row_lower_, model.row_upper_ = np.zeros(rows), np.zeros(rows)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = self._matrix.indptr.astype(np.int32)
        model.a_matrix_.index_ = self._matrix.indices.astype(np.int32)
        model.a_matrix_.value_ = self._matrix.data.astype(np.float64)
        self._solver = _silent()
        self._solver.passModel(model)
        self._solver.run()
        self._at_rest = self._solver.getBasis()

    def begin(self, table: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """Start from a table; each row may move by ``low`` (0 or less) to ``high`` (0 or more)."""
        self._table, self._low, self._high = table, low, high
        falls = np.arange(self._atoms, 2 * self._atoms, dtype=np.int32)
        self._solver.changeColsBounds(len(falls), falls, np.zeros(len(falls)), table.astype(np.float64))
        for row, (least, most) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
            self._solver.changeRowBounds(self._equations + row, least, most)

    def moved(self, row: int, low: float, high: float) -> np.ndarray | None:
        """The nearest table in which a row has moved by ``low`` to ``high``; None when none is found."""
        low, high = max(low, float(self._low[row])), min(high, float(self._high[row]))
        if low > high:
            return None
        self._solver.changeRowBounds(self._equations + row, low, high)
        self._solver.changeColsCost(2 * self._atoms, self._columns, np.ones(2 * self._atoms))
        self._solver.setBasis(self._at_rest)
        support = np.zeros(self._atoms, dtype=bool)
        answer = None
        for turn in range(OTHER_CORNERS):
            if turn:
                costs = self._random.uniform(0.6, 1.6, 2 * self._atoms)
                self._solver.changeColsCost(2 * self._atoms, self._columns, costs)
            self._solver.run()
            if self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
                break
            found = np.array(self._solver.getSolution().col_value)
            change = found[: self._atoms] - found[self._atoms :]
            support |= np.abs(change) > WHOLE
            if np.abs(change - np.rint(change)).max() <= WHOLE:
                answer = np.rint(change).astype(np.int64)
                break
        else:
            answer = self._in_whole_numbers(support)
        self._solver.changeRowBounds(self._equations + row, float(self._low[row]), float(self._high[row]))
        return None if answer is None else self._table + answer

    @property
    def _columns(self) -> np.ndarray:
        return np.arange(2 * self._atoms, dtype=np.int32)

    def _in_whole_numbers(self, support: np.ndarray) -> np.ndarray | None:
        """The same in whole numbers, of the atoms that some answer in fractions moved."""
        lp = self._solver.getLp()
        atoms = np.flatnonzero(support)
        part = sparse.csr_matrix(self._matrix[:, atoms])
        rows = np.flatnonzero(np.diff(part.indptr))
        matrix = sparse.csc_matrix(part[rows])
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(atoms), len(rows)
        model.col_cost_ = np.zeros(len(atoms))
        model.col_lower_ = -self._table[atoms].astype(np.float64)
        model.col_upper_ = np.array(lp.col_upper_)[atoms]
        model.row_lower_, model.row_upper_ = np.array(lp.row_lower_)[rows], np.array(lp.row_upper_)[rows]
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
        model.a_matrix_.index_ = matrix.indices.astype(np.int32)
        model.a_matrix_.value_ = matrix.data.astype(np.float64)
        model.integrality_ = [highspy.HighsVarType.kInteger] * len(atoms)
        solver = _silent()
        solver.setOptionValue("mip_max_nodes", NODES)
        solver.passModel(model)
        solver.run()
        found = np.array(solver.getSolution().col_value)
        if solver.getInfo().primal_solution_status != 2 or len(found) != len(atoms):
            return None
        change = np.zeros(self._atoms, dtype=np.int64)
        change[atoms] = np.rint(found).astype(np.int64)
        return change


def _silent() -> highspy.Highs:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver
