"""The choice of what to hide: a sequence of linear programs, each proving one hidden cell and paying for it.

Here: the order in which things are proven. What the method promises is said in `disclosure`; what a proof is, in
`proofs`; this module knows cells and numbers, no tables.

For each hidden cell not yet proven safe, the cheapest change of the base cells is sought that raises it
enough and leaves every shown cell as it is; where there is none, shown cells may move too, at their weight,
and those that move are hidden. Every change is pushed as far as it goes, both ways, and so proves many cells
at once. Then the same for every hidden cell and every insider against whom no proof holds, his cell held still.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import numpy as np

from emtp_assets.privacy.linked_cells import LinkedCells
from emtp_assets.privacy.programs import Program
from emtp_assets.privacy.proofs import Proofs

PATIENCE = 8  # programs for one cell each before all cells are tried at once, which costs about as much
FEW = 100  # cells left open are soon proven over the whole; more are first tried in middling parts, which hide more
WORTHWHILE = 0.05  # of the open pairs of cell and insider must be settled for another try at all of them


class UnprovenError(RuntimeError):
    """A hidden cell for which no second table could be found; the message says how many, in Spanish."""


def suppress(
    linked: LinkedCells, minimum: int, forced: Sequence[np.ndarray], *, insider_width: int
) -> list[np.ndarray]:
    """For each table, a mask over its groups: what must be hidden.

    Args:
        linked: the shape of the tables.
        minimum: the least count shown.
        forced: for each table, a mask over its groups: those to hide whatever their count.
        insider_width: how far apart the possible values of a hidden cell stay for somebody who knows another
            one of value one; 0 leaves him out of account.

    Raises:
        UnprovenError: some hidden cell could not be proven safe.
    """
    proofs = Proofs(linked, minimum, forced, insider_width)
    everything = np.arange(len(linked.values))
    for part in _growing(linked):
        whole = len(part) == linked.section.max() + 1
        if _left(proofs, everything) > (0 if whole or len(part) == 1 else FEW):
            _protect_part(linked, proofs, *linked.part(part))
    if left := _left(proofs, everything):
        raise UnprovenError(f"{left} celdas suprimidas quedan sin prueba de protección")
    return [proofs.hidden[ids] for ids in linked.cell_of]


def _growing(linked: LinkedCells) -> Iterator[list[int]]:
    """Each section, then always the two smallest parts as one, up to the whole: programs stay small while they can."""
    sizes = np.bincount(linked.section)
    parts = [(int(size), [section]) for section, size in enumerate(sizes)]
    yield from (part for _, part in parts)
    while len(parts) > 1:
        heapq.heapify(parts)
        (size, part), (other_size, other) = heapq.heappop(parts), heapq.heappop(parts)
        heapq.heappush(parts, (size + other_size, together := sorted(part + other)))
        yield together


def _left(proofs: Proofs, cells: np.ndarray) -> int:
    return len(np.union1d(proofs.unproven(cells), proofs.exposed(cells)))


def _protect_part(
    linked: LinkedCells, proofs: Proofs, atoms: np.ndarray, cells: np.ndarray, crossing: np.ndarray
) -> None:
    """Prove every hidden cell of a part, hiding more of it as needed, without moving the ``crossing`` ones.

    Cells for which that is impossible are left unproven.
    """
    if not _left(proofs, cells):
        return
    program = Program(linked, proofs, atoms, cells, crossing)
    order = cells[np.lexsort((cells, linked.values[cells]))]
    tried: set[tuple[int, int]] = set()
    while True:
        _prove_each(proofs, program, order, tried)
        _prove_all_before_insiders(proofs, program, order)
        if not _prove_one_before_insiders(proofs, program, order, tried):
            return


NOBODY = -1


def _prove_each(proofs: Proofs, program: Program, order: np.ndarray, tried: set[tuple[int, int]]) -> None:
    programs = patience = PATIENCE  # so that what costs nothing is tried first
    while True:
        waiting = np.array([c for c in proofs.unproven(order).tolist() if (c, NOBODY) not in tried], dtype=np.int64)
        if not len(waiting):
            return
        if programs >= patience and len(waiting) > 1:
            _prove_many(proofs, program, waiting, waiting[:0])
            proven = len(waiting) - len(np.intersect1d(waiting, proofs.unproven(waiting)))
            programs, patience = 0, PATIENCE if proven > PATIENCE else 2 * patience
            continue
        cell = int(waiting[0])
        tried.add((cell, NOBODY))
        if program.hopeless(cell, proofs.rise(cell)):
            continue
        change = program.cheapest_rise(cell, proofs.rise(cell))
        if change is not None:
            _adopt(proofs, program, change)
        programs += 1


def _prove_all_before_insiders(proofs: Proofs, program: Program, order: np.ndarray) -> None:
    """Let many cells move while the half of the insiders' cells stay, as long as that settles many pairs."""
    random = np.random.default_rng(len(order))
    while len(cells := _exposed_alone(proofs, order)) > 1:
        open_pairs = proofs.exposed_to(cells)
        concerned = np.flatnonzero(open_pairs.any(axis=0))
        known = random.permutation(concerned)[: -(-len(concerned) // 2)]
        aims = cells[open_pairs[:, known].any(axis=1)]
        before = int(open_pairs.sum())
        _prove_many(proofs, program, aims, proofs.insider_atoms[known])
        if int(proofs.exposed_to(cells).sum()) > (1 - WORTHWHILE) * before:
            return  # a program each is cheaper by now


def _exposed_alone(proofs: Proofs, cells: np.ndarray) -> np.ndarray:
    """The cells that an insider may open, and nobody else: the others are not to be proven in this part anyway."""
    return np.setdiff1d(proofs.exposed(cells), proofs.unproven(cells))


def _prove_one_before_insiders(
    proofs: Proofs, program: Program, order: np.ndarray, tried: set[tuple[int, int]]
) -> bool:
    """A program for each pair of cell and insider that is left. Whether anything was hidden for it."""
    news = False
    for cell in _exposed_alone(proofs, order).tolist():
        for insider in np.flatnonzero(proofs.exposed_to(np.array([cell]))[0]).tolist():
            if (cell, insider) in tried or not proofs.exposed_to(np.array([cell]))[0, insider]:
                continue
            tried.add((cell, insider))
            known = int(proofs.insider_atoms[insider])
            rise = proofs.rise_before_insider(cell)
            change = None if program.hopeless(cell, rise) else program.cheapest_rise(cell, rise, known)
            if change is None:
                break  # what he knows is seldom why: a larger part must do, for all of them
            news |= _adopt(proofs, program, change)
    return news


def _prove_many(proofs: Proofs, program: Program, aims: np.ndarray, known: np.ndarray) -> None:
    """Let cells rise and fall at once without hiding more; what they reach is proof."""
    for sense in (1, -1):
        change = program.widest(aims, sense, known)
        if change is not None:
            _adopt(proofs, program, change)


def _adopt(proofs: Proofs, program: Program, change: np.ndarray) -> bool:
    """Hide what a change of the atoms moves, and learn how far it lets every cell range.

    Whether that hid anything new.
    """
    moved = program.effect(change)
    up, down = program.room(change, moved), program.room(-change, -moved)
    return proofs.record(program.cells[moved != 0], moved[moved != 0], down, up)
