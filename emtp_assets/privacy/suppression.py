"""The choice of what to hide: a sequence of linear programs, each proving one hidden cell and paying for it.

Here: the method. What it promises is said in `disclosure`; this module knows cells and numbers, no tables.

For each hidden cell not yet proven safe, the cheapest change of the base cells is sought that raises it
enough and leaves every shown cell as it is; where there is none, shown cells may move too, at their weight,
and those that move are hidden. The true table plus that change is another table that agrees with all that
stays shown: a proof that is checked by adding whole numbers, and that later suppressions cannot undo, for
they only hide more. Every change is pushed as far as it goes, both ways, and so proves many cells at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import highspy
import numpy as np
from scipy import sparse

from emtp_assets.privacy.linked_cells import LinkedCells

WHOLE = 1e-6
PATIENCE = 4  # programs that hid nothing new before all cells are tried at once: such are cheap proofs
DENOMINATORS = range(1, 13)
WHOLE_NUMBER_NODES = 20_000  # nodes, not seconds: the answer must not depend on how busy the machine is
WHOLE_NUMBER_GAP = 0.2


class UnprovenError(RuntimeError):
    """A hidden cell for which no second table could be found; the message says how many, in Spanish."""


@dataclass
class _State:
    """What is hidden so far, and between which values each cell is proven to range. Arrays over cells."""

    hidden: np.ndarray
    low: np.ndarray
    high: np.ndarray
    minimum: int

    def unproven(self, cells: np.ndarray) -> np.ndarray:
        """Those of ``cells`` that are hidden without two far enough tables to prove it safe."""
        short = (self.high[cells] < self.minimum) | (self.high[cells] - self.low[cells] < self.minimum - 1)
        return cells[self.hidden[cells] & short]

    def rise(self, cell: int, value: int) -> int:
        """How far above its true value a cell must be shown possible; enough whatever its least value is."""
        return int(max(self.minimum, self.low[cell] + self.minimum - 1) - value)


def suppress(linked: LinkedCells, minimum: int) -> list[np.ndarray]:
    """For each table, a mask over its groups: what must be hidden.

    Raises:
        UnprovenError: some hidden cell could not be proven safe.
    """
    state = _State(linked.values < minimum, linked.values.copy(), linked.values.copy(), minimum)
    everything = np.arange(len(linked.values))
    if sections := int(linked.section.max()):
        for section in range(sections + 1):
            _protect_part(linked, state, *linked.part(section))
    if len(state.unproven(everything)):
        _protect_part(linked, state, np.arange(len(linked.counts)), everything, everything[:0])
    if left := len(state.unproven(everything)):
        raise UnprovenError(f"{left} celdas suprimidas quedan sin prueba de protección")
    return [state.hidden[ids] for ids in linked.cell_of]


def _protect_part(
    linked: LinkedCells, state: _State, atoms: np.ndarray, cells: np.ndarray, crossing: np.ndarray
) -> None:
    """Prove every hidden cell of a part, hiding more of it as needed, without moving the ``crossing`` ones.

    Cells for which that is impossible are left unproven.
    """
    if not len(state.unproven(cells)):
        return
    program = _Program(linked, state, atoms, cells, crossing)
    order = np.lexsort((cells, linked.values[cells]))
    tried = np.zeros(len(linked.values), dtype=bool)
    idle, patience = 0, PATIENCE
    while True:
        waiting = state.unproven(cells[order])
        waiting = waiting[~tried[waiting]]
        if not len(waiting):
            return
        if idle >= patience:
            _prove_many(linked, state, program)
            proven = len(waiting) - len(np.intersect1d(waiting, state.unproven(cells)))
            idle, patience = 0, PATIENCE if proven > PATIENCE else 2 * patience
            continue
        cell = int(waiting[0])
        tried[cell] = True
        change = program.cheapest_rise(cell, state.rise(cell, int(linked.values[cell])))
        if change is not None:
            idle += not _adopt(linked, state, program, change)


def _prove_many(linked: LinkedCells, state: _State, program: _Program) -> None:
    """Let all unproven cells rise and fall at once without hiding more; what they reach is proof."""
    for sense in (1, -1):
        change = program.widest(sense)
        if change is not None:
            _adopt(linked, state, program, change)


def _adopt(linked: LinkedCells, state: _State, program: _Program, change: np.ndarray) -> bool:
    """Hide what a change of the atoms moves, and learn how far it lets every cell range.

    Whether that hid anything new.
    """
    cells = program.cells
    moved = program.effect(change)
    news = bool((~state.hidden[cells[moved != 0]]).any())
    state.hidden[cells[moved != 0]] = True
    values = linked.values[cells]
    for direction in (1, -1):
        steps = program.room(direction * change)
        reached = values + direction * steps * moved
        state.low[cells] = np.minimum(state.low[cells], reached)
        state.high[cells] = np.maximum(state.high[cells], reached)
    return news


class _Program:
    """The linear program of one part: columns are changes of atoms, then rises and falls of cells.

    Atoms stay at 0 or above, cells at 1 or above: an attacker sees that their rows exist.
    """

    def __init__(
        self, linked: LinkedCells, state: _State, atoms: np.ndarray, cells: np.ndarray, crossing: np.ndarray
    ) -> None:
        self._free = np.arange(len(cells) + len(crossing)) < len(cells)
        cells = np.concatenate([cells, crossing])
        self.state, self.atoms, self.cells = state, atoms, cells
        self.counts, self.values = linked.counts[atoms], linked.values[cells]
        self.incidence = sparse.csr_matrix(linked.incidence[cells][:, atoms])
        self._whole = self.incidence.astype(np.int64)
        self.members = np.diff(self.incidence.indptr)
        self.weights = linked.weights[cells]
        self._local = {int(cell): i for i, cell in enumerate(cells)}
        self._costed = np.ones(len(cells), dtype=bool)
        self._solver = _quiet()
        self._solver.passModel(self._model())
        self._direction = np.zeros(len(cells))
        self._signs = np.random.default_rng(len(cells))

    def _model(self) -> highspy.HighsLp:
        atoms, cells = len(self.atoms), len(self.cells)
        infinity = highspy.kHighsInf
        one = sparse.identity(cells, format="csr")
        matrix = sparse.csc_matrix(sparse.hstack([self.incidence, -one, one]))
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
        _set_matrix(model, matrix)
        return model

    def effect(self, change: np.ndarray) -> np.ndarray:
        """What a change of atoms does to the cells."""
        return self._whole @ change

    def room(self, change: np.ndarray) -> int:
        """How many times over a change can be made with atoms at 0 or more and cells at 1 or more."""
        moved = self.effect(change)
        falls = np.concatenate(
            [
                self.counts[change < 0] // -change[change < 0],
                (self.values[moved < 0] - 1) // -moved[moved < 0],
            ]
        )
        return int(falls.min()) if len(falls) else int(self.state.minimum)

    def cheapest_rise(self, cell: int, rise: int) -> np.ndarray | None:
        """The whole-number change that raises a cell by ``rise`` at least, hiding as little as it can.

        In lowest terms. None when there is none.
        """
        column = len(self.atoms) + self._local[cell]
        fall = column + len(self.cells)
        self._forget_costs()
        infinity = highspy.kHighsInf
        self._solver.changeColBounds(column, float(rise), infinity)
        self._solver.changeColBounds(fall, 0.0, 0.0)
        found = self._solve(self._solver)
        change = None if found is None else self._in_whole_numbers(found, cell, rise)
        if found is not None and change is None:
            change = self._by_whole_numbers(cell, rise)
        self._solver.changeColBounds(column, 0.0, infinity)
        self._solver.changeColBounds(fall, 0.0, float(self.values[self._local[cell]] - 1))
        return change

    def widest(self, sense: int) -> np.ndarray | None:
        """A change of hidden cells alone that moves the unproven ones far, half up and half down by chance.

        ``sense`` -1 asks for the opposite directions of the ``sense`` 1 before.
        """
        hidden = self.state.hidden[self.cells] & self._free
        rows = np.arange(len(self.cells), dtype=np.int32)
        lower, upper = (
            np.where(hidden, 1.0 - self.values, 0.0),
            np.where(hidden, float(self.state.minimum), 0.0),
        )
        # highspy's stub lacks this method
        self._prover.changeRowsBounds(len(rows), rows, lower, upper)  # pyright: ignore[reportAttributeAccessIssue]
        if sense == 1:
            self._direction[:] = 0.0
            aims = hidden & np.isin(self.cells, self.state.unproven(self.cells))
            self._direction[aims] = self._signs.choice([-1.0, 1.0], size=int(aims.sum()))
        columns = np.arange(len(self.atoms), dtype=np.int32)
        self._prover.changeColsCost(len(columns), columns, -sense * (self.incidence.T @ self._direction))
        found = self._solve(self._prover)
        if found is None:
            return None
        change = np.rint(found).astype(np.int64)
        sound = np.abs(found - change).max() <= WHOLE and change.any()
        return change // np.gcd.reduce(change) if sound else None

    @cached_property
    def _prover(self) -> highspy.Highs:
        """The same program without columns for cells: shown ones stay, hidden ones move within bounds."""
        atoms, model = len(self.atoms), self._model()
        model.num_col_ = atoms
        model.col_cost_ = np.zeros(atoms)
        model.col_lower_, model.col_upper_ = model.col_lower_[:atoms], model.col_upper_[:atoms]
        _set_matrix(model, sparse.csc_matrix(self.incidence))
        prover = _quiet()
        prover.passModel(model)
        return prover

    def _forget_costs(self) -> None:
        """Cells hidden since the last program move for nothing now."""
        now_free = np.flatnonzero(self._costed & self._free & self.state.hidden[self.cells])
        if len(now_free):
            first = len(self.atoms)
            columns = np.concatenate([first + now_free, first + len(self.cells) + now_free]).astype(np.int32)
            self._solver.changeColsCost(len(columns), columns, np.zeros(len(columns)))
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
            if self.effect(change)[~self._free].any():
                continue
            if self.room(change) * self.effect(change)[self._local[cell]] >= rise:
                return change
        return None

    def _by_whole_numbers(self, cell: int, rise: int) -> np.ndarray | None:
        """The same program over whole numbers, for the rare corner that is not one."""
        solver = _quiet()
        solver.setOptionValue("mip_max_nodes", WHOLE_NUMBER_NODES)
        solver.setOptionValue("mip_rel_gap", WHOLE_NUMBER_GAP)
        solver.passModel(self._solver.getLp())
        columns = np.arange(len(self.atoms), dtype=np.int32)
        solver.changeColsIntegrality(len(columns), columns, np.full(len(columns), highspy.HighsVarType.kInteger))
        found = self._solve(solver)
        return None if found is None else self._in_whole_numbers(found, cell, rise)


def _quiet() -> highspy.Highs:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("random_seed", 0)
    return solver


def _set_matrix(model: highspy.HighsLp, matrix: sparse.csc_matrix) -> None:
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    model.a_matrix_.index_ = matrix.indices.astype(np.int32)
    model.a_matrix_.value_ = matrix.data.astype(np.float64)
