"""The linear programs of the suppression: the cheapest change that raises a cell, the widest that hides nothing.

Here: models and solvers. Which program is solved when, and what a change proves, is `suppression` and `proofs`.
"""

from __future__ import annotations

from functools import cached_property

import highspy
import numpy as np
from scipy import sparse

from emtp_assets.privacy.linked_cells import LinkedCells
from emtp_assets.privacy.proofs import Proofs

WHOLE = 1e-6
DENOMINATORS = range(1, 13)
OTHER_CORNERS = 8  # with costs shaken by up to a half, before a program over whole numbers
WHOLE_NUMBER_NODES = 1_000  # nodes, not seconds: the answer must not depend on how busy the machine is
WHOLE_NUMBER_GAP = 0.5
DEVEX = 1  # pricing: twice as fast here as the solver's own choice
PRIMAL = 4
INSIDER_COST = 0.02  # of moving somebody's own cell: far below that of hiding any, enough to go round it


class Program:
    """The linear program of one part: columns are changes of atoms, then rises and falls of cells.

    Atoms stay at 0 or above, cells at 1 or above: an attacker sees that their rows exist. ``crossing`` cells
    reach beyond the part and may not move unless they are hidden already.
    """

    def __init__(
        self, linked: LinkedCells, proofs: Proofs, atoms: np.ndarray, cells: np.ndarray, crossing: np.ndarray
    ) -> None:
        cells = np.concatenate([cells, crossing])
        self._free = proofs.hidden[cells] | (np.arange(len(cells)) < len(cells) - len(crossing))
        self.proofs, self.atoms, self.cells = proofs, atoms, cells
        self.counts, self.values = linked.counts[atoms], linked.values[cells]
        self._whole: sparse.csr_matrix = sparse.csr_matrix(linked.incidence[cells][:, atoms], dtype=np.int64)
        here = np.concatenate([atoms, len(linked.counts) + cells])
        self._sums = sparse.csr_matrix(linked.sums[cells][:, here])
        self.weights = linked.weights[cells]
        self._held = self._whole[np.flatnonzero(~self._free)]
        self._local = {int(cell): i for i, cell in enumerate(cells)}
        self._local_atom = {int(atom): i for i, atom in enumerate(atoms)}
        self._costed = np.ones(len(cells), dtype=bool)
        self._random = np.random.default_rng(len(cells))
        self._direction = np.zeros(len(cells))

    def effect(self, change: np.ndarray) -> np.ndarray:
        """What a change of atoms does to the cells."""
        return self._whole @ change

    def room(self, change: np.ndarray, moved: np.ndarray) -> int:
        """How many times over a change can be made with atoms at 0 or more and cells at 1 or more."""
        falls = np.concatenate(
            [
                self.counts[change < 0] // -change[change < 0],
                (self.values[moved < 0] - 1) // -moved[moved < 0],
            ]
        )
        return int(falls.min()) if len(falls) else self.proofs.minimum

    def hopeless(self, cell: int, rise: int) -> bool:
        """Whether a cell cannot rise because a total that may not move has too little beside it in this part."""
        inside = self._whole[self._local[cell]].indices
        around = np.asarray(self._held[:, inside].sum(axis=1)).ravel() == len(inside)
        return bool((self._held[around] @ self.counts < self.values[self._local[cell]] + rise).any())

    def cheapest_rise(self, cell: int, rise: int, known: int | None = None) -> np.ndarray | None:
        """The whole-number change that raises a cell by ``rise`` at least, hiding as little as it can.

        In lowest terms; without moving the atom ``known``. None when there is none.
        """
        column = len(self.atoms) + self._local[cell]
        fall = column + len(self.cells)
        held = None if known is None else self._local_atom.get(known)
        at_rest = self._at_rest
        self._forget_costs()
        infinity = highspy.kHighsInf
        self._solver.changeColBounds(column, float(rise), infinity)
        self._solver.changeColBounds(fall, 0.0, 0.0)
        if held is not None:
            self._solver.changeColBounds(held, 0.0, 0.0)
        # From where nothing moves a program needs but a few steps; from the last one's answer, many back.
        self._solver.setBasis(at_rest)
        found = self._solve(self._solver)
        change = None if found is None else self._in_whole_numbers(found, cell, rise)
        if found is not None and change is None:
            change = self._by_other_corners(found, cell, rise)
        self._solver.changeColBounds(column, 0.0, infinity)
        self._solver.changeColBounds(fall, 0.0, float(self.values[self._local[cell]] - 1))
        if held is not None:
            self._solver.changeColBounds(held, -float(self.counts[held]), infinity)
        return change

    def widest(self, aims: np.ndarray, sense: int, known: np.ndarray) -> np.ndarray | None:
        """A change of hidden cells alone that moves the cells ``aims`` far, half up and half down by chance.

        Without moving the atoms ``known``. ``sense`` -1 asks for the opposite directions of the 1 before.
        """
        hidden = self.proofs.hidden[self.cells] & self._free
        still = np.isin(self.atoms, known)
        if sense == 1:
            aimed = hidden & np.isin(self.cells, aims)
            self._direction[:] = 0.0
            self._direction[aimed] = self._random.choice([-1.0, 1.0], size=int(aimed.sum()))
        columns = np.arange(len(self.atoms) + len(self.cells), dtype=np.int32)
        lowest = np.where(hidden, 1.0 - self.values, 0.0)
        highest = np.where(hidden, float(self.proofs.minimum), 0.0)
        self._prover.changeColsBounds(
            len(columns),
            columns,
            np.concatenate([np.where(still, 0.0, -self.counts.astype(np.float64)), lowest]),
            np.concatenate([np.where(still, 0.0, highspy.kHighsInf), highest]),
        )
        self._prover.changeColsCost(
            len(columns), columns, np.concatenate([np.zeros(len(self.atoms)), -sense * self._direction])
        )
        found = self._solve(self._prover)
        if found is None:
            return None
        change = np.rint(found).astype(np.int64)
        sound = np.abs(found - change).max() <= WHOLE and change.any()
        return change // np.gcd.reduce(change) if sound else None

    @cached_property
    def _solver(self) -> highspy.Highs:
        solver = _quiet()
        solver.passModel(self._model())
        return solver

    @cached_property
    def _at_rest(self) -> highspy.HighsBasis:
        self._solver.run()
        return self._solver.getBasis()

    @cached_property
    def _prover(self) -> highspy.Highs:
        """The same program with one column a cell, which moves within bounds: shown ones stay."""
        atoms, cells = len(self.atoms), len(self.cells)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = atoms + cells, cells
        model.col_cost_ = np.zeros(atoms + cells)
        model.col_lower_ = model.col_upper_ = np.zeros(atoms + cells)
        model.row_lower_ = model.row_upper_ = np.zeros(cells)
        _set_matrix(model, sparse.csc_matrix(self._balance()))
        prover = _quiet()
        prover.setOptionValue("simplex_strategy", PRIMAL)  # the last answer stays possible from one aim to the next
        prover.passModel(model)
        return prover

    def _balance(self) -> sparse.csr_matrix:
        """Over changes of atoms and cells: zero where each cell changes as much as what it is made of."""
        rows, columns = self._sums.get_shape()
        return sparse.csr_matrix(self._sums - sparse.eye(rows, columns, k=len(self.atoms)))

    def _model(self) -> highspy.HighsLp:
        atoms, cells = len(self.atoms), len(self.cells)
        infinity = highspy.kHighsInf
        balance = self._balance()
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = atoms + 2 * cells, cells
        model.col_cost_ = np.concatenate([np.zeros(atoms), self.weights, self.weights])
        model.col_lower_ = np.concatenate([-self.counts.astype(np.float64), np.zeros(2 * cells)])
        model.col_upper_ = np.concatenate(
            [
                np.full(atoms, infinity),
                np.where(self._free, infinity, 0.0),
                np.where(self._free, self.values - 1.0, 0.0),
            ]
        )
        model.row_lower_ = model.row_upper_ = np.zeros(cells)
        _set_matrix(model, sparse.csc_matrix(sparse.hstack([balance, -balance[:, atoms:]])))
        return model

    def _forget_costs(self) -> None:
        """Cells hidden since the last program move for nothing now, but for those that somebody knows."""
        now_free = np.flatnonzero(self._costed & self._free & self.proofs.hidden[self.cells])
        if len(now_free):
            first = len(self.atoms)
            columns = np.concatenate([first + now_free, first + len(self.cells) + now_free]).astype(np.int32)
            known = np.isin(self.cells[now_free], self.proofs.insiders)
            self._solver.changeColsCost(len(columns), columns, np.tile(INSIDER_COST * known, 2).astype(np.float64))
            self._costed[now_free] = False

    def _solve(self, solver: highspy.Highs) -> np.ndarray | None:
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return None
        return np.array(solver.getSolution().col_value)[: len(self.atoms)]

    def _in_whole_numbers(self, found: np.ndarray, cell: int, rise: int) -> np.ndarray | None:
        """A corner of the program as a whole-number change; small fractions are multiplied away."""
        for factor in DENOMINATORS:
            scaled = found * factor
            change = np.rint(scaled).astype(np.int64)
            if np.abs(scaled - change).max() > WHOLE:
                continue
            divisor = int(np.gcd.reduce(change))
            if divisor == 0:
                return None
            change //= divisor
            moved = self.effect(change)
            if moved[~self._free].any():
                continue
            if self.room(change, moved) * moved[self._local[cell]] >= rise:
                return change
        return None

    def _by_other_corners(self, found: np.ndarray, cell: int, rise: int) -> np.ndarray | None:
        """Whole numbers from corners nearly as cheap as the fractional one ``found``.

        One of them is mostly in whole numbers; else a program over whole numbers over the few atoms that any of them
        moves, and as the last resort over all.
        """
        first = len(self.atoms)
        columns = np.arange(first, first + 2 * len(self.cells), dtype=np.int32)
        costs = np.array(self._solver.getLp().col_cost_, dtype=np.float64)[first:]
        moved, change = np.abs(found) > WHOLE, None
        for _ in range(OTHER_CORNERS):
            shaken = np.asarray(costs * self._random.uniform(0.67, 1.5, len(costs)), dtype=np.float64)
            self._solver.changeColsCost(len(columns), columns, shaken)
            corner = self._solve(self._solver)
            if corner is None:
                break
            moved |= np.abs(corner) > WHOLE
            change = self._in_whole_numbers(corner, cell, rise)
            if change is not None:
                break
        self._solver.changeColsCost(len(columns), columns, costs)
        if change is None:
            change = self._by_whole_numbers(moved, cell, rise)
        return change if change is not None else self._by_whole_numbers(np.ones_like(moved), cell, rise)

    def _by_whole_numbers(self, movable: np.ndarray, cell: int, rise: int) -> np.ndarray | None:
        """The same program over whole numbers, the other atoms held still."""
        solver = _quiet()
        solver.setOptionValue("mip_max_nodes", WHOLE_NUMBER_NODES)
        solver.setOptionValue("mip_rel_gap", WHOLE_NUMBER_GAP)
        solver.passModel(self._solver.getLp())
        columns = np.arange(len(self.atoms), dtype=np.int32)
        solver.changeColsIntegrality(len(columns), columns, np.full(len(columns), highspy.HighsVarType.kInteger))
        still = np.flatnonzero(~movable).astype(np.int32)
        solver.changeColsBounds(len(still), still, np.zeros(len(still)), np.zeros(len(still)))
        found = self._solve(solver)
        return None if found is None else self._in_whole_numbers(found, cell, rise)


def _quiet() -> highspy.Highs:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("random_seed", 0)
    solver.setOptionValue("simplex_dual_edge_weight_strategy", DEVEX)
    return solver


def _set_matrix(model: highspy.HighsLp, matrix: sparse.csc_matrix) -> None:
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    model.a_matrix_.index_ = matrix.indices.astype(np.int32)
    model.a_matrix_.value_ = matrix.data.astype(np.float64)
