"""What is hidden and what is proven of it: the ledger of the suppression. No program is solved here.

A proof is a change of the base cells that leaves every shown cell as it is: the true tables plus so many times
that change are tables that agree with all that is shown. Later suppressions cannot undo it, for they only hide
more. A proof that does not move a certain cell holds against somebody who knows that cell, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emtp_assets.privacy.linked_cells import LinkedCells


class Proofs:
    """The hidden cells, the values between which each is proven to range, and against which insiders.

    An insider is somebody alone in a published cell, who knows that it counts one. Cells of value one are
    never nested in each other (equal ones are merged), so each holds an atom of its own.

    Attributes:
        hidden: (cells,) what is hidden so far.
        low, high: (cells,) values each cell is proven to reach, nobody knowing anything.
        minimum: the least count shown.
        width: how far apart an insider must still find the values of other hidden cells; 0 is no insider.
        insiders: (insiders,) the cells of value one, none if ``width`` is 0.
        insider_atoms: (insiders,) the atom that each of them is.
    """

    def __init__(self, linked: LinkedCells, minimum: int, forced: Sequence[np.ndarray], width: int) -> None:
        self.minimum, self.width = minimum, width
        self.hidden = linked.values < minimum
        for ids, asked in zip(linked.cell_of, forced, strict=True):
            self.hidden[ids[asked]] = True
        self.low, self.high = linked.values.copy(), linked.values.copy()
        self._values = linked.values
        self.insiders = np.flatnonzero((linked.values == 1) & (width > 0) & self.hidden)
        self.insider_atoms = linked.incidence.indices[linked.incidence.indptr[self.insiders]].astype(np.int64)
        self._insider_of = np.full(len(linked.values), -1)
        self._insider_of[self.insiders] = np.arange(len(self.insiders))
        # One bit for each hidden cell and insider: proven against him.
        self._covered = np.zeros((len(linked.values), -(-len(self.insiders) // 8)), dtype=np.uint8)
        if len(self.insiders):
            self._covered[:, -1] |= np.packbits(np.arange(8) >= (len(self.insiders) - 1) % 8 + 1)[0]
            own = np.arange(len(self.insiders))
            self._covered[self.insiders, own // 8] |= (128 >> own % 8).astype(np.uint8)

    def unproven(self, cells: np.ndarray) -> np.ndarray:
        """Those of ``cells`` that are hidden without two far enough tables to prove them safe."""
        short = (self.high[cells] < self.minimum) | (self.high[cells] - self.low[cells] < self.minimum - 1)
        return cells[self.hidden[cells] & short]

    def rise(self, cell: int) -> int:
        """How far above its true value a cell must be shown possible; enough whatever its least value is."""
        return int(max(self.minimum, self.low[cell] + self.minimum - 1) - self._values[cell])

    def exposed(self, cells: np.ndarray) -> np.ndarray:
        """Those of ``cells`` that are hidden but not proven against every insider."""
        if not len(self.insiders):
            return cells[:0]
        asked = cells[self.hidden[cells]]
        return asked[(self._covered[asked] != np.uint8(255)).any(axis=1)]

    def exposed_to(self, cells: np.ndarray) -> np.ndarray:
        """(cells, insiders) bool: the pairs that no proof covers. For cells that are hidden."""
        return ~np.unpackbits(self._covered[cells], axis=1, count=len(self.insiders)).astype(bool)

    def rise_before_insider(self, cell: int) -> int:
        """How far one proof must raise a cell, when somebody knows another."""
        return int(max(self._enough - self._values[cell], self.width))

    @property
    def _enough(self) -> int:
        return min(self.minimum, self.width + 1)

    def record(self, cells: np.ndarray, moved: np.ndarray, down: int, up: int) -> bool:
        """A proof found: ``cells`` move by ``moved`` (not zero), up to ``up`` times over, ``down`` backwards.

        Hides them. Whether any of them was shown until now.
        """
        news = bool((~self.hidden[cells]).any())
        self.hidden[cells] = True
        ends = self._values[cells] + up * moved, self._values[cells] - down * moved
        low, high = np.minimum(*ends), np.maximum(*ends)
        self.low[cells] = np.minimum(self.low[cells], low)
        self.high[cells] = np.maximum(self.high[cells], high)
        if len(self.insiders):
            holds = cells[(high >= self._enough) & (high - low >= self.width)]
            unmoved = np.ones(self._covered.shape[1] * 8, dtype=bool)
            own = self._insider_of[cells]
            unmoved[own[own >= 0]] = False
            self._covered[holds] |= np.packbits(unmoved)
        return news
