"""One knot of unknowns that hang together, and the linear programs over it: how far each hidden row can range.

Here: programs and corners. Which knots there are is `system`'s; what a narrow range means is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

TOLERANCE = 1e-6
ROUNDS = 24
INTEGER_NODES = 100_000
MENDING_NODES = 50
SMALL = 2_000  # atoms up to which open cells are told exactly though their corners are fractions
NEAR, FEW = 1, 12  # how many steps from a fraction a mending reaches, through sums of so few atoms
PRIMAL = 4
SHAKEN = 0.03
CONTRADICTED = "Las tablas publicadas se contradicen: ningún conteo las cumple a la vez"


class AttackError(RuntimeError):
    """The tables contradict each other or the structure, so they cannot be attacked: do not publish them."""


class ImpossibleError(AttackError):
    """Nothing agrees with what is published; of a supposition: it cannot be true."""


@dataclass(frozen=True)
class Unknowns:
    """Atoms whose counts nobody published, and what is known of them.

    Attributes:
        sums, right: the equations, (equations, atoms) 0/1 and what each comes to.
        hidden: (rows, atoms) 0/1.
        members: (rows, any atoms) 0/1, the atoms that are given outright included: what lies inside what.
        base: (rows,) what these add to each row.
        low, high: (rows,) what is published of each row.
        ceiling: more than any atom can be.
    """

    sums: sparse.csr_matrix
    right: np.ndarray
    hidden: sparse.csr_matrix
    members: sparse.csr_matrix
    base: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ceiling: float


class Knot:
    """Unknown atoms, shown sums of them (equations) and hidden sums of them (rows).

    Every corner of a program in whole numbers is a table that agrees with all that is published, so what all
    hidden rows are there is kept, and speaks for all of them.
    """

    def __init__(self, unknowns: Unknowns) -> None:
        self._sums, self._right = sparse.csr_matrix(unknowns.sums), np.rint(unknowns.right).astype(np.int64)
        self._hidden, self._members = sparse.csr_matrix(unknowns.hidden), sparse.csr_matrix(unknowns.members)
        base, high = unknowns.base, unknowns.high
        self._base = base
        self._matrix = sparse.csr_matrix(sparse.vstack([self._sums, self._hidden]))
        self._floor = (unknowns.low - base).astype(np.float64)
        unlimited = high == np.iinfo(np.int64).max
        self._roof = np.where(unlimited, highspy.kHighsInf, (high - np.where(unlimited, 0, base)).astype(np.float64))
        self._ceiling, self._unknowns = unknowns.ceiling, unknowns
        self.size, self.rows = int(self._sums.get_shape()[1]), len(base)
        self._reached = np.zeros((64, self.rows), dtype=np.int32)
        self._corners = 0
        self._random = np.random.default_rng(self.size)
        self._solver = _silent_solver()
        self._begin(self.reached)
        self._solver.passModel(self._made())

    def _made(self) -> highspy.HighsLp:
        matrix = sparse.csc_matrix(self._matrix)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self.size, len(self._right) + self.rows
        model.col_cost_ = np.zeros(self.size)
        model.col_lower_, model.col_upper_ = np.zeros(self.size), np.full(self.size, self._ceiling)
        model.row_lower_ = np.concatenate([self._right.astype(np.float64), np.maximum(self._floor, 0.0)])
        model.row_upper_ = np.concatenate([self._right.astype(np.float64), self._roof])
        _set_matrix(model, matrix)
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
        self._begin(self.reached)
        self._widen(np.ones(self.rows, dtype=bool), width, reach)
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

    def range_while(
        self, held: np.ndarray, values: np.ndarray, *, among: np.ndarray, width: int, reach: int, rounds: int
    ) -> bool:
        """Look for tables in which ``held`` rows are so much and those ``among`` range as far as `extremes` asks.

        Nothing is settled; the tables are in `reached`. Whether there are any.
        """
        self._begin(self._agreeing(held, values))
        try:
            with self._supposed(held, values):
                self._by_chance(among, width, reach, rounds)
        except ImpossibleError:
            return False
        return True

    def raise_while(self, held: np.ndarray, values: np.ndarray, aims: np.ndarray) -> bool:
        """Look for a table in which ``held`` rows are so much and the rows ``aims`` together large; it is in `reached`.

        Whether there is one.
        """
        weight = np.zeros(self.rows)
        weight[aims] = self._random.uniform(0.5, 1.5, len(aims))
        try:
            with self._supposed(held, values):
                self._corner(-(self._hidden.T @ weight))
        except ImpossibleError:
            return False
        return True

    def supposing(
        self, rows: np.ndarray, values: np.ndarray, *, among: np.ndarray, width: int, reach: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """As `extremes`, for somebody who knows or supposes what some rows are. None when they cannot be that.

        Only what is ``among`` is looked for; the other rows are left as they were found.
        """
        self._begin(self._agreeing(rows, values))
        if (self._high >= 0).all() and not len(self._unsure(among, width, reach)):
            return self._low.copy(), self._high.copy()
        try:
            with self._supposed(rows, values):
                if among.any():
                    self._widen(among, width, reach)
                else:
                    self._corner(np.zeros(self.size))
        except ImpossibleError:
            return None
        return self._low.copy(), self._high.copy()

    @contextmanager
    def _supposed(self, rows: np.ndarray, values: np.ndarray) -> Iterator[None]:
        """While some rows are so much."""
        fixed = (values - self._base[rows]).astype(np.float64)
        if (fixed < 0).any() or (fixed < self._floor[rows]).any() or (fixed > self._roof[rows]).any():
            raise ImpossibleError(CONTRADICTED)
        self._bind(rows, fixed, fixed)
        try:
            yield
        finally:
            self._bind(rows, np.maximum(self._floor[rows], 0.0), self._roof[rows])

    def _agreeing(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """(corners, rows) those found so far in which some rows are so much."""
        return self.reached[(self.reached[:, rows] == values).all(axis=1)]

    def _bind(self, rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        for row, least, most in zip(rows.tolist(), low.tolist(), high.tolist(), strict=True):
            self._solver.changeRowBounds(len(self._right) + row, least, most)

    def _begin(self, reached: np.ndarray) -> None:
        """Begin anew, with what some corners say: extremes in whole numbers, and of all corners beside them."""
        if not len(reached):
            self._low, self._high = np.full(self.rows, np.iinfo(np.int64).max), np.full(self.rows, -1)
            self._least, self._most = np.full(self.rows, np.inf), np.full(self.rows, -np.inf)
            return
        self._low, self._high = reached.min(axis=0).astype(np.int64), reached.max(axis=0).astype(np.int64)
        self._least, self._most = self._low.astype(np.float64), self._high.astype(np.float64)

    def _unsure(self, among: np.ndarray, width: int, reach: int) -> np.ndarray:
        return np.flatnonzero(among & ((self._high - self._low < width) | (self._high < reach)))

    def _widen(self, among: np.ndarray, width: int, reach: int) -> None:
        if self._by_chance(among, width, reach, ROUNDS):
            self._pin(self._unsure(among, width, reach))
            return
        self._pin_still(among, width, reach)
        for row in self._unsure(among, width, reach):
            if row in self._unsure(among, width, reach):
                self._settle(int(row), among, width, reach)

    def _by_chance(self, among: np.ndarray, width: int, reach: int, rounds: int) -> bool:
        """Move all unsure rows at once. Whether those that are left cannot move at all."""
        for turn in range(rounds):
            unsure = self._unsure(among, width, reach)
            if not len(unsure):
                return False
            # By chance, so that no two stay bound to each other.
            weight = np.zeros(self.rows)
            weight[unsure] = self._random.normal(size=len(unsure))
            cost = self._hidden.T @ weight
            self._corner(cost)
            self._corner(-cost)
            if turn and not self._moved(unsure).any():
                return True
        return False

    def _pin_still(self, among: np.ndarray, width: int, reach: int) -> None:
        """Pin at once the rows that no corner moved: where there is nothing to find, a program each is too dear."""
        for _ in range(ROUNDS):
            unsure = self._unsure(among, width, reach)
            still = unsure[~self._moved(unsure)]
            if not len(still):
                return
            weight = np.zeros(self.rows)
            weight[still] = self._random.normal(size=len(still))
            cost = self._hidden.T @ weight
            self._corner(cost)
            self._corner(-cost)
            if not self._moved(still).any():
                self._pin(still)
                return

    def _settle(self, row: int, among: np.ndarray, width: int, reach: int) -> None:
        """Both ends of one row by programs of its own, in whole numbers where it matters."""
        cost = self._hidden[[row]].toarray().ravel()
        least, low_whole = self._corner(cost)
        most, high_whole = self._corner(-cost)
        if (low_whole and high_whole) or row not in self._unsure(among, width, reach):
            return
        low = int(np.ceil(least - TOLERANCE)) + int(self._base[row])
        high = int(np.floor(-most + TOLERANCE)) + int(self._base[row])
        if self.size > SMALL and (high - low < width or high < reach):
            # Whole numbers could only narrow it further, and it is open as it is.
            self._low[row], self._high[row] = low, high
            return
        for sign, whole in ((1.0, low_whole), (-1.0, high_whole)):
            if not whole and row in self._unsure(among, width, reach):
                self._corner_in_whole_numbers(sign * cost)

    def _moved(self, rows: np.ndarray) -> np.ndarray:
        """Which of some rows were seen with two values, corners in fractions included."""
        return self._most[rows] - self._least[rows] > TOLERANCE

    def _pin(self, rows: np.ndarray) -> None:
        """Rows that stay where they are when a sum of them with random weights is least, and most: they cannot move."""
        self._low[rows] = self._high[rows] = np.rint(self._least[rows]).astype(np.int64)

    def _corner(self, cost: np.ndarray) -> tuple[float, bool]:
        """Minimise; take note of the corner, mended when it is not in whole numbers. The least value, and whether
        it is reached in whole numbers."""
        columns = np.arange(self.size, dtype=np.int32)
        self._solver.changeColsCost(self.size, columns, np.asarray(cost, dtype=np.float64))
        found, value = self._run(self._solver)
        whole = np.rint(found)
        off = np.abs(found - whole) > TOLERANCE
        if not off.any():
            self._keep(whole.astype(np.int64))
            return value, True
        mended = self._mended(np.where(off, found, whole), off, cost)
        return value, mended is not None and abs(mended - value) < TOLERANCE

    def _run(self, solver: highspy.Highs) -> tuple[np.ndarray, float]:
        """The atoms at the corner, and what the program comes to there."""
        solver.run()
        # Programs here differ little from one to the next, and the last corner stays possible: 4 times as fast.
        self._solver.setOptionValue("simplex_strategy", PRIMAL)
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            raise ImpossibleError(CONTRADICTED)
        if status != highspy.HighsModelStatus.kOptimal:
            raise AttackError(f"El ataque no pudo resolverse ({status})")
        found = np.array(solver.getSolution().col_value)
        values = self._base + self._hidden @ found
        self._least, self._most = np.minimum(self._least, values), np.maximum(self._most, values)
        return found, solver.getInfo().objective_function_value

    def _keep(self, whole: np.ndarray) -> None:
        """A table that might be true: what it says of every hidden row."""
        reached = self._checked(whole)
        self._low, self._high = np.minimum(self._low, reached), np.maximum(self._high, reached)
        if self._corners == len(self._reached):
            self._reached = np.concatenate([self._reached, np.zeros_like(self._reached)])
        self._reached[self._corners] = reached
        self._corners += 1

    def _checked(self, whole: np.ndarray) -> np.ndarray:
        reached = self._base + np.rint(self._hidden @ whole).astype(np.int64)
        possible = (reached >= self._unknowns.low) & (reached <= self._unknowns.high)
        sums = np.rint(self._sums @ whole).astype(np.int64)
        if (whole < 0).any() or (sums != self._right).any() or not possible.all():
            raise AttackError("El ataque encontró una tabla que no cumple lo publicado")
        return reached

    def _mended(self, found: np.ndarray, off: np.ndarray, cost: np.ndarray) -> float | None:
        """A table in whole numbers near a corner that is none: only the atoms near a fraction may move.

        What the program comes to there; None when there is none so near.
        """
        lp = self._solver.getLp()
        atoms = np.flatnonzero(self._near(off))
        held = found.copy()
        held[atoms] = 0.0
        part, ranges = self._rowwise(atoms)
        fixed = self._matrix @ np.rint(held)
        solver = _silent_solver()
        solver.setOptionValue("mip_max_nodes", MENDING_NODES)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(atoms), len(ranges)
        # Chance between equals spares two thirds of the search.
        shaken = SHAKEN * self._random.uniform(0.5, 1.5, len(atoms))
        model.col_cost_ = np.asarray(cost, dtype=np.float64)[atoms] + shaken
        model.col_lower_, model.col_upper_ = np.zeros(len(atoms)), np.full(len(atoms), self._ceiling)
        model.row_lower_ = np.array(lp.row_lower_)[ranges] - fixed[ranges]
        model.row_upper_ = np.array(lp.row_upper_)[ranges] - fixed[ranges]
        _set_matrix(model, sparse.csc_matrix(part))
        model.integrality_ = [highspy.HighsVarType.kInteger] * len(atoms)
        solver.passModel(model)
        solver.run()
        solution = np.array(solver.getSolution().col_value)
        if solver.getInfo().primal_solution_status != 2 or len(solution) != len(atoms):
            return None
        whole = np.rint(held).astype(np.int64)
        whole[atoms] = np.rint(solution).astype(np.int64)
        self._keep(whole)
        return float(np.asarray(cost) @ whole)

    def _near(self, off: np.ndarray) -> np.ndarray:
        """(atoms,) those off, and all that share a sum of a few atoms with one of them."""
        near = off
        for _ in range(NEAR):
            rows = self._matrix @ near.astype(np.float64) > 0
            small = rows & (np.diff(self._matrix.indptr) <= FEW)
            near = near | (self._matrix[small].T @ np.ones(int(small.sum())) > 0)
        return near

    def _rowwise(self, atoms: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
        """The part of the matrix that some atoms are in, and its rows."""
        part = sparse.csr_matrix(self._matrix[:, atoms])
        rows = np.flatnonzero(np.diff(part.indptr))
        return part[rows], rows

    def _corner_in_whole_numbers(self, cost: np.ndarray) -> None:
        solver = _silent_solver()
        solver.setOptionValue("mip_max_nodes", INTEGER_NODES)
        solver.setOptionValue("mip_rel_gap", 0.0)
        solver.passModel(self._solver.getLp())
        columns = np.arange(self.size, dtype=np.int32)
        solver.changeColsCost(self.size, columns, np.asarray(cost, dtype=np.float64))
        kinds = np.full(self.size, highspy.HighsVarType.kInteger)
        solver.changeColsIntegrality(self.size, columns, kinds)
        found, _ = self._run(solver)
        self._keep(np.rint(found).astype(np.int64))


def _silent_solver() -> highspy.Highs:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver


def _set_matrix(model: highspy.HighsLp, matrix: sparse.csc_matrix) -> None:
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    model.a_matrix_.index_ = matrix.indices.astype(np.int32)
    model.a_matrix_.value_ = matrix.data.astype(np.float64)
