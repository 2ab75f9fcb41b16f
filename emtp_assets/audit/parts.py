"""A large knot in parts that few sums cross (regions, say): what one part alone can be is found many times faster.

Here: tables in which all but one part stay as they are. What they leave open is settled by `knot` over the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from emtp_assets.audit.explored import ExploredKnot
from emtp_assets.audit.knot import Unknowns

WORTHWHILE = 1_000  # atoms from which on parts are faster than the whole
LARGEST = 0.75  # of all atoms in one part, at most
CROSSING = 0.2  # of the sums may cross a border, at most
FEWEST = 12  # programs of each part before insiders; of the whole there would be more
LIFTED = 3  # tables of a part that are tried beside those of the others


def parts_of(unknowns: Unknowns, groups: np.ndarray) -> np.ndarray | None:
    """(atoms,) which part each is in: the groups of the table that the fewest sums cross; None if there is none.

    Args:
        groups: (tables, atoms) the row that each atom adds to in each table.
    """
    size = groups.shape[1]
    if size < WORTHWHILE:
        return None
    matrix = sparse.csr_matrix(sparse.vstack([unknowns.sums, unknowns.hidden]))
    first = matrix.indptr[:-1][np.diff(matrix.indptr) > 0]
    best, fewest = None, CROSSING * len(first)
    for group in groups:
        _, label, sizes = np.unique(group, return_inverse=True, return_counts=True)
        if sizes.max() > LARGEST * size:
            continue
        there = label[matrix.indices]
        crossing = int((np.minimum.reduceat(there, first) < np.maximum.reduceat(there, first)).sum())
        if crossing < fewest:
            best, fewest = label, crossing
    return best


@dataclass(frozen=True)
class _Part:
    """Some atoms, as a knot of their own in which all others stay; and the rows that they are in."""

    knot: ExploredKnot
    atoms: np.ndarray
    rows: np.ndarray


class PartedKnot(ExploredKnot):
    """A knot whose tables are first looked for one part at a time, around one table of the whole."""

    def __init__(self, unknowns: Unknowns, label: np.ndarray) -> None:
        super().__init__(unknowns, remembering=False)
        self._label = label

    @cached_property
    def _parts(self) -> list[_Part]:
        self._corner(self._random.uniform(0.5, 1.5, self.size))  # half the fractions and time of no aim at all
        if self.last is None:
            return []
        return [self._part(np.flatnonzero(self._label == number)) for number in range(int(self._label.max()) + 1)]

    def _part(self, atoms: np.ndarray) -> _Part:
        known, here = self._unknowns, self._here
        hidden, sums = sparse.csr_matrix(known.hidden)[:, atoms], sparse.csr_matrix(known.sums)[:, atoms]
        rows, equations = np.flatnonzero(np.diff(hidden.indptr)), np.flatnonzero(np.diff(sums.indptr))
        table = self._table[atoms]
        part = Unknowns(
            sums=sums[equations],
            right=sums[equations] @ table,
            hidden=hidden[rows],
            members=hidden[rows],
            base=here[rows] - np.rint(hidden[rows] @ table).astype(np.int64),
            low=known.low[rows],
            high=known.high[rows],
            ceiling=known.ceiling,
        )
        return _Part(ExploredKnot(part, remembering=True), atoms, rows)

    @cached_property
    def _table(self) -> np.ndarray:
        """(atoms,) the table around which the parts move."""
        assert self.last is not None
        return self.last

    @cached_property
    def _here(self) -> np.ndarray:
        """(rows,) what the hidden rows are in it."""
        return self._base + np.rint(self._hidden @ self._table).astype(np.int64)

    @cached_property
    def _home(self) -> np.ndarray:
        """(rows,) the only part that a row is in; -1 when there are several."""
        home = np.full(self.rows, -2)
        for number, part in enumerate(self._parts):
            home[part.rows] = np.where(home[part.rows] == -2, number, -1)
        return home

    def flood(self, rounds: int) -> None:
        for part in self._parts:
            part.knot.flood(rounds // len(self._parts) + FEWEST)
        if not self._parts:
            super().flood(rounds)

    def _recall(self, rows: np.ndarray, values: np.ndarray, among: np.ndarray, width: int, reach: int) -> None:
        parts = self._parts
        super()._recall(rows, values, among, width, reach)
        if not parts:
            return
        table: np.ndarray | None = self._table
        if not len(rows):
            for part in parts:
                part.knot.look(rows, values, among=among[part.rows], width=width, reach=reach)
                self._learn(part.rows, part.knot.reached)
        elif len(rows) == 1:
            home = int(self._home[rows[0]])
            table = self._recall_at(parts[home], rows, values, among, width, reach) if home >= 0 else None
            if table is None:
                table = self._supposed(self._table, int(rows[0]), int(values[0]))
        else:
            return
        if table is not None:
            self._move_one_by_one(table, rows, among, width, reach)

    def _recall_at(
        self, home: _Part, rows: np.ndarray, values: np.ndarray, among: np.ndarray, width: int, reach: int
    ) -> np.ndarray | None:
        """What is possible when a row of one part is so much: there, and beside it in each other part.

        A whole table in which it is.
        """
        local = np.searchsorted(home.rows, rows)
        found = home.knot.reached[(home.knot.reached[:, local] == values).all(axis=1)]
        # What never moved while all other parts stay will not when one of its own rows stays as well.
        movable = among[home.rows] & (home.knot.reached.min(axis=0) < home.knot.reached.max(axis=0))
        if not len(found) or self._narrow(found, movable, width, reach):
            home.knot.look(local, values, among=movable, width=width, reach=reach)
            found = home.knot.reached[(home.knot.reached[:, local] == values).all(axis=1)]
        if not len(found):
            return None
        elsewhere = np.setdiff1d(np.arange(self.rows), home.rows)
        self._learn(elsewhere, self._here[None, elsewhere])
        self._learn(home.rows, found)
        for table in found[:: -(-len(found) // LIFTED)]:
            moved = np.zeros(self.rows, dtype=np.int64)
            moved[home.rows] = table - self._here[home.rows]
            for part in self._parts:
                unsure = self._unsure(among, width, reach)
                if part is home or not np.isin(part.rows, unsure).any():
                    continue
                # Rows that cross the border move with both parts, and may not leave what is published of them.
                both = part.knot.reached + moved[part.rows]
                low, high = self._unknowns.low[part.rows], self._unknowns.high[part.rows]
                self._learn(part.rows, both[((both >= low) & (both <= high)).all(axis=1)])
        whole = self._table.copy()
        whole[home.atoms] = home.knot.remembered(local, values)
        return whole

    @staticmethod
    def _narrow(found: np.ndarray, among: np.ndarray, width: int, reach: int) -> bool:
        low, high = found.min(axis=0), found.max(axis=0)
        return bool((among & ((high - low < width) | (high < reach))).any())
