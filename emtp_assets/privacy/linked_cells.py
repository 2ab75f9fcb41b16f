"""The shape of linked tables as arrays: base cells, published cells, what adds up. Nothing is hidden here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

TOTAL_FACTOR = 4.0  # by how much a total outweighs a cell of the next finer table with the same count
TALLEST = 4  # beyond which totals are dear enough, and wider weights would only strain the solver
CROSSING_SHARE = 20  # a partition is of use when fewer than one cell in so many crosses it
LARGEST_SECTION = 0.75


@dataclass(frozen=True)
class LinkedCells:
    """Published cells over base cells ("atoms").

    A published cell is a set of atoms; groups of several tables that are the same set are one cell here, for
    they hold the same number and are shown or hidden together.

    Attributes:
        counts: (atoms,) true counts, all positive.
        incidence: (cells, atoms) 0/1, row-compressed.
        sums: (cells, atoms + cells) 0/1: the same, with each cell that can be added up from a few others
            written as their sum instead. Programs over it are several times faster.
        values: (cells,) true counts of the cells.
        weights: (cells,) what it costs to hide each; positive.
        cell_of: for each table, (groups of it,) the cell that each group is.
        section: (atoms,) a part of the whole (a region, say) that few cells cross, so that parts can be
            protected one by one as long as nothing that crosses moves; all zero when there is none.
    """

    counts: np.ndarray
    incidence: sparse.csr_matrix
    sums: sparse.csr_matrix
    values: np.ndarray
    weights: np.ndarray
    cell_of: tuple[np.ndarray, ...]
    section: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray, groups: Sequence[np.ndarray]) -> LinkedCells:
        """From the atoms' counts and, for each table, the atoms' group numbers (0, 1, … without gaps)."""
        atoms = len(counts)
        sizes = [int(group.max()) + 1 for group in groups]
        finer = _strictly_finer(groups, sizes)
        height = _heights(finer)
        cell_of, cells = _merge_equal(groups, sizes)

        rows = np.concatenate([cell_of[t][group] for t, group in enumerate(groups)])
        columns = np.tile(np.arange(atoms), len(groups))
        incidence = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(cells, atoms), dtype=np.float64)
        incidence.data[:] = 1.0  # an atom counted once for each table that shares the cell
        values = np.rint(incidence @ counts).astype(np.int64)

        weights = np.zeros(cells)
        for table, ids in enumerate(cell_of):
            np.add.at(weights, ids, np.sqrt(values[ids]) * TOTAL_FACTOR ** min(int(height[table]), TALLEST))

        section = _sections(groups, sizes, cells)
        sums = _sums(incidence, groups, cell_of, finer)
        return cls(counts, incidence, sums, values, weights, cell_of, section)

    def part(self, sections: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of some sections: their atoms, the cells that lie wholly within them, and those that cross their border."""
        within = np.isin(self.section, sections)
        touching = self.incidence @ within.astype(np.float64)
        size = np.diff(self.incidence.indptr)
        return (
            np.flatnonzero(within),
            np.flatnonzero((touching > 0) & (touching == size)),
            np.flatnonzero((touching > 0) & (touching < size)),
        )


def _pairs(a: np.ndarray, b: np.ndarray, size_b: int) -> int:
    return len(np.unique(a * size_b + b))


def _strictly_finer(groups: Sequence[np.ndarray], sizes: Sequence[int]) -> np.ndarray:
    """``result[u, t]``: every group of table u lies in one group of t, and u has more groups."""
    number = len(groups)
    result = np.zeros((number, number), dtype=bool)
    for u in range(number):
        for t in range(number):
            if sizes[u] > sizes[t]:
                result[u, t] = _pairs(groups[u], groups[t], sizes[t]) == sizes[u]
    return result


def _heights(finer: np.ndarray) -> np.ndarray:
    """How many ever finer tables hang below each table: 0 for the finest."""
    height = np.zeros(len(finer), dtype=np.int64)
    for _ in range(len(finer)):
        for t in range(len(finer)):
            below = np.flatnonzero(finer[:, t])
            if len(below):
                height[t] = 1 + height[below].max()
    return height


def _merge_equal(groups: Sequence[np.ndarray], sizes: Sequence[int]) -> tuple[tuple[np.ndarray, ...], int]:
    """Number the cells so that groups made of the same atoms share a number."""
    members = [np.bincount(group, minlength=size) for group, size in zip(groups, sizes, strict=True)]
    cell_of: list[np.ndarray] = []
    following = 0
    for t, group in enumerate(groups):
        ids = np.full(sizes[t], -1, dtype=np.int64)
        for u in range(t):
            pair, pair_size = np.unique(group * sizes[u] + groups[u], return_counts=True)
            mine, theirs = pair // sizes[u], pair % sizes[u]
            same = (pair_size == members[t][mine]) & (pair_size == members[u][theirs])
            ids[mine[same]] = cell_of[u][theirs[same]]
        new = ids < 0
        ids[new] = following + np.arange(int(new.sum()))
        following += int(new.sum())
        cell_of.append(ids)
    return tuple(cell_of), following


def _sums(
    incidence: sparse.csr_matrix, groups: Sequence[np.ndarray], cell_of: Sequence[np.ndarray], finer: np.ndarray
) -> sparse.csr_matrix:
    """Each cell as the sum of its fewest parts in one finer table; of its atoms, where no table is finer."""
    cells, atoms = incidence.get_shape()
    fewest = np.diff(incidence.indptr).astype(np.int64)
    parts = [(np.repeat(np.arange(cells), fewest), incidence.indices.astype(np.int64))]
    chosen = np.zeros(cells, dtype=np.int64)
    for t, outer in enumerate(groups):
        for u in np.flatnonzero(finer[:, t]).tolist():
            inner = groups[u]
            pairs = np.unique(np.stack([cell_of[t][outer], cell_of[u][inner]]), axis=1)
            pairs = pairs[:, pairs[0] != pairs[1]]
            number = np.bincount(pairs[0], minlength=cells)
            better = (number > 0) & (number < fewest)
            fewest[better] = number[better]
            chosen[better] = len(parts)
            parts.append((pairs[0], atoms + pairs[1]))
    rows, columns = (
        np.concatenate([part[axis][chosen[part[0]] == i] for i, part in enumerate(parts)]) for axis in (0, 1)
    )
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(cells, atoms + cells))


def _sections(groups: Sequence[np.ndarray], sizes: Sequence[int], cells: int) -> np.ndarray:
    """The groups of the table that the fewest cells of other tables cross, when that is few indeed."""
    best, fewest = np.zeros(len(groups[0]), dtype=np.int64), cells / CROSSING_SHARE
    for group, size in zip(groups, sizes, strict=True):
        if np.bincount(group).max() > LARGEST_SECTION * len(group):
            continue
        crossing = 0
        for other, other_size in zip(groups, sizes, strict=True):
            pairs = np.unique(other * size + group) // size
            crossing += int((np.bincount(pairs, minlength=other_size) > 1).sum())
        if crossing < fewest:
            best, fewest = group, crossing
    return best
