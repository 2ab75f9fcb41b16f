"""One knot of unknowns that hang together, and the linear programs over it: how far each hidden row can range.

Here: programs and corners. Which knots there are is `system`'s; what a narrow range means is judged elsewhere.
"""

from __future__ import annotations

import highspy
import numpy as np
from scipy import sparse

TOLERANCE = 1e-6
ROUNDS = 24
INTEGER_NODES = 100_000
PRIMAL = 4


class AttackError(RuntimeError):
    """The tables contradict each other or the structure, so they cannot be attacked: do not publish them."""


class ImpossibleError(AttackError):
    """Nothing agrees with what is published; of a supposition: it cannot be true."""


class Knot:
    """Unknown atoms, shown sums of them (equations) and hidden sums of them (rows).

    Every corner of a program in whole numbers is a table that agrees with all that is published, so what all
    hidden rows are there is kept, and speaks for all of them.

    Args:
        sums, right: the equations.
        hidden: (rows, atoms) 0/1.
        members: (rows, any atoms) 0/1, the atoms that are given outright included: what lies inside what.
        base: (rows,) what these add to each row.
        low, high: (rows,) what is published of each row.
        ceiling: more than any atom can be.
    """

    def __init__(
        self,
        *,
        sums: sparse.csr_matrix,
        right: np.ndarray,
        hidden: sparse.csr_matrix,
        members: sparse.csr_matrix,
        base: np.ndarray,
        low: np.ndarray,
        high: np.ndarray,
        ceiling: float,
    ) -> None:
        self._sums, self._right = sparse.csr_matrix(sums), np.rint(right).astype(np.int64)
        self._hidden, self._members, self._base = sparse.csr_matrix(hidden), sparse.csr_matrix(members), base
        self._floor = (low - base).astype(np.float64)
        unlimited = high == np.iinfo(np.int64).max
        self._roof = np.where(unlimited, highspy.kHighsInf, (high - np.where(unlimited, 0, base)).astype(np.float64))
        self._ceiling = ceiling
        self.size, self.rows = int(self._sums.get_shape()[1]), len(base)
        self._reached = np.zeros((64, self.rows), dtype=np.int32)
        self._corners = 0
        self._random = np.random.default_rng(self.size)
        self._solver = _silent_solver()
        self._low, self._high = self._nothing()
        # Programs here differ little from one to the next, and the last corner stays possible: 4 times as fast.
        self._solver.setOptionValue("simplex_strategy", PRIMAL)
        self._solver.passModel(self._made())

    def _made(self) -> highspy.HighsLp:
        matrix = sparse.csc_matrix(sparse.vstack([self._sums, self._hidden]))
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self.size, len(self._right) + self.rows
        model.col_cost_ = np.zeros(self.size)
        model.col_lower_, model.col_upper_ = np.zeros(self.size), np.full(self.size, self._ceiling)
        model.row_lower_ = np.concatenate([self._right.astype(np.float64), np.maximum(self._floor, 0.0)])
        model.row_upper_ = np.concatenate([self._right.astype(np.float64), self._roof])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
        model.a_matrix_.index_ = matrix.indices.astype(np.int32)
        model.a_matrix_.value_ = matrix.data.astype(np.float64)
        return model

    @property
    def reached(self) -> np.ndarray:
        """(corners, rows) what the hidden rows are in each table found possible so far."""
        return self._reached[: self._corners]

    def extremes(self, width: int, reach: int) -> tuple[np.ndarray, np.ndarray]:
        """For every row the least and greatest value found possible; exact unless ``width`` apart, ``reach`` reached.

        Raises:
            AttackError: nothing agrees with what is published, or a program could not be settled.
        """
        everything = np.ones(self.rows, dtype=bool)
        self._low, self._high = self._range(self.reached)
        self._widen(everything, width, reach)
        return self._low.copy(), self._high.copy()

    def inside(self, row: int) -> np.ndarray:
        """(rows,) whether all that a row may count lies within ``row``: who knows that one knows these."""
        shared = (self._members @ self._members[[row]].T).toarray().ravel()
        return shared == np.diff(self._members.indptr)

    def flood(self, rounds: int) -> None:
        """Look for tables in which many rows are as small as they may be, and the others anything."""
        for _ in range(rounds):
            weight = np.where(self._random.random(self.rows) < 0.6, 1.0, -1.0) * self._random.random(self.rows)
            self._corner(self._hidden.T @ weight)

    def supposing(
        self, rows: np.ndarray, values: np.ndarray, *, among: np.ndarray, width: int, reach: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """As `extremes`, for somebody who knows or supposes what some rows are. None when they cannot be that.

        Only what is ``among`` is looked for; the other rows are left as they were found.
        """
        agrees = (self.reached[:, rows] == values).all(axis=1)
        self._low, self._high = self._range(self.reached[agrees])
        if agrees.any() and not len(self._unsure(among, width, reach)):
            return self._low.copy(), self._high.copy()
        fixed = (values - self._base[rows]).astype(np.float64)
        if (fixed < 0).any() or (fixed < self._floor[rows]).any() or (fixed > self._roof[rows]).any():
            return None
        self._bind(rows, fixed, fixed)
        try:
            if among.any():
                self._widen(among, width, reach)
            else:
                self._corner(np.zeros(self.size))
            return self._low.copy(), self._high.copy()
        except ImpossibleError:
            return None
        finally:
            self._bind(rows, np.maximum(self._floor[rows], 0.0), self._roof[rows])

    def _bind(self, rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        for row, least, most in zip(rows.tolist(), low.tolist(), high.tolist(), strict=True):
            self._solver.changeRowBounds(len(self._right) + row, least, most)

    def _nothing(self) -> tuple[np.ndarray, np.ndarray]:
        return np.full(self.rows, np.iinfo(np.int64).max), np.full(self.rows, -1)

    def _range(self, reached: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not len(reached):
            return self._nothing()
        return reached.min(axis=0).astype(np.int64), reached.max(axis=0).astype(np.int64)

    def _unsure(self, among: np.ndarray, width: int, reach: int) -> np.ndarray:
        return np.flatnonzero(among & ((self._high - self._low < width) | (self._high < reach)))

    def _widen(self, among: np.ndarray, width: int, reach: int) -> None:
        for turn in range(ROUNDS):
            unsure = self._unsure(among, width, reach)
            if not len(unsure):
                return
            # All upwards and all downwards clears most; then by chance, so that no two stay bound to each other.
            weight = np.zeros(self.rows)
            weight[unsure] = self._random.normal(size=len(unsure)) if turn else 1.0
            cost = self._hidden.T @ weight
            least, _ = self._corner(cost)
            most, _ = self._corner(-cost)
            if turn and -most - least < TOLERANCE:
                self._pin(unsure)
                return
        for row in self._unsure(among, width, reach):
            cost = self._hidden[[int(row)]].toarray().ravel()
            for sign in (1.0, -1.0):
                if row not in self._unsure(among, width, reach):
                    break
                _, whole = self._corner(sign * cost)
                if not whole:
                    self._corner_in_whole_numbers(sign * cost)

    def _pin(self, rows: np.ndarray) -> None:
        """Rows of which a sum with random weights cannot change at all: each has the value that it has now."""
        found = np.array(self._solver.getSolution().col_value)
        value = self._base + np.rint(self._hidden @ found).astype(np.int64)
        self._low[rows] = self._high[rows] = value[rows]

    def _corner(self, cost: np.ndarray) -> tuple[float, bool]:
        """Minimise; take note of the corner when it is in whole numbers. The least value, and whether it is."""
        columns = np.arange(self.size, dtype=np.int32)
        self._solver.changeColsCost(self.size, columns, np.asarray(cost, dtype=np.float64))
        return self._run(self._solver)

    def _run(self, solver: highspy.Highs) -> tuple[float, bool]:
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            raise ImpossibleError("Las tablas publicadas se contradicen: ningún conteo las cumple a la vez")
        if status != highspy.HighsModelStatus.kOptimal:
            raise AttackError(f"El ataque no pudo resolverse ({status})")
        found = np.array(solver.getSolution().col_value)
        whole = np.rint(found).astype(np.int64)
        if np.abs(found - whole).max() > TOLERANCE:
            return solver.getInfo().objective_function_value, False
        if (whole < 0).any() or (np.rint(self._sums @ whole).astype(np.int64) != self._right).any():
            raise AttackError("El ataque encontró una tabla que no cumple lo publicado")
        reached = self._base + np.rint(self._hidden @ whole).astype(np.int64)
        self._low, self._high = np.minimum(self._low, reached), np.maximum(self._high, reached)
        if self._corners == len(self._reached):
            self._reached = np.concatenate([self._reached, np.zeros_like(self._reached)])
        self._reached[self._corners] = reached
        self._corners += 1
        return solver.getInfo().objective_function_value, True

    def _corner_in_whole_numbers(self, cost: np.ndarray) -> None:
        solver = _silent_solver()
        solver.setOptionValue("mip_max_nodes", INTEGER_NODES)
        solver.setOptionValue("mip_rel_gap", 0.0)
        solver.passModel(self._solver.getLp())
        columns = np.arange(self.size, dtype=np.int32)
        solver.changeColsCost(self.size, columns, np.asarray(cost, dtype=np.float64))
        kinds = np.full(self.size, highspy.HighsVarType.kInteger)
        solver.changeColsIntegrality(self.size, columns, kinds)
        self._run(solver)


def _silent_solver() -> highspy.Highs:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver
