"""Steps from one table that might be true to another, kept to be taken again from elsewhere.

Here: how often each step can be taken from a table and where the hidden rows are then. Steps are found in `nearby`.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

MOST = 1_000


class Steps:
    """Changes of atoms that leave every shown sum as it is, in lowest terms, each of them also backwards.

    Args:
        hidden: (rows, atoms) 0/1.
        low, high: (rows,) what is published of each.
    """

    def __init__(self, hidden: sparse.csr_matrix, low: np.ndarray, high: np.ndarray) -> None:
        self._hidden, self._low, self._high = hidden, low, high
        self._atoms: list[np.ndarray] = []
        self._changes: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []
        self._effects: list[np.ndarray] = []

    def add(self, change: np.ndarray) -> None:
        """Keep a change; both ways."""
        lowest = change // max(int(np.gcd.reduce(change)), 1)
        for step in (lowest, -lowest):
            effect = np.rint(self._hidden @ step).astype(np.int64)
            atoms, rows = np.flatnonzero(step), np.flatnonzero(effect)
            self._atoms.append(atoms)
            self._changes.append(step[atoms])
            self._rows.append(rows)
            self._effects.append(effect[rows])

    def from_table(self, table: np.ndarray, there: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows that can be moved from a table while those ``held`` stay, and what they can then be."""
        still = np.zeros(len(there), dtype=bool)
        still[held] = True
        above, below = self._high - there, there - self._low
        rows, values = [], []
        for atoms, change, moved, effect in zip(self._atoms, self._changes, self._rows, self._effects, strict=True):
            if still[moved].any():
                continue
            falls, down, up = change < 0, effect < 0, effect > 0
            times = min(
                int((table[atoms[falls]] // -change[falls]).min(initial=MOST)),
                int((below[moved[down]] // -effect[down]).min(initial=MOST)),
                int((above[moved[up]] // effect[up]).min(initial=MOST)),
            )
            if times > 0:
                rows.append(moved)
                values.append(there[moved] + times * effect)
        none = [np.zeros(0, dtype=np.int64)]
        return np.concatenate(rows or none), np.concatenate(values or none)
