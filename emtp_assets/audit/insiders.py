"""Which other hidden rows somebody opens who is alone in one and knows it.

Here: in which order tables are looked for. One in which many lone rows are one is tried for each of them at once;
what such tables leave open gets programs of its own. Programs are `knot`'s, what an opened row means is `opening`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, count, islice
from math import comb

import numpy as np
from scipy import sparse

from emtp_assets.audit.knot import Knot

ALONE = 1
TOGETHER = 5  # rounds of programs in which everybody is alone at once, before anything else is looked for
FLOOD = 60  # programs before insiders are tried one by one, when nobody says who is alone
AT_ONCE = 0.4  # of the families with something left open, moved by one program while the others are held
PATIENCE = 4  # programs in a row that close nothing: what is left may truly be open


def look_together(knot: Knot, lone: np.ndarray, *, minimum: int, width: int) -> None:
    """Look for tables in which many of the rows ``lone``, each known to be one, are one at once; `reached` keeps them.

    First all of them, and all else ranges as far as a minimum to be shown asks; then about half of them, and the other
    half moves. What is left open to anybody alone is looked for by ``width``.
    """
    others = ~np.isin(np.arange(knot.rows), lone)
    ones = np.full(len(lone), ALONE)
    if len(lone) and knot.range_while(lone, ones, among=others, width=minimum - 1, reach=minimum, rounds=TOGETHER):
        _close(knot, lone, width)


def opened_by(
    knot: Knot, tried: np.ndarray, closed: np.ndarray, width: int, *, told: bool
) -> Iterator[tuple[int, np.ndarray]]:
    """For each row of ``tried`` that can be one, the rows that whoever is alone in it opens.

    Args:
        closed: (rows,) those that are not open to all.
        width: how far apart the values of a row must stay for it not to be opened.
        told: whether it is known that all of ``tried`` are one, and `look_together` has seen them.
    """
    if len(tried) and not told:
        knot.flood(FLOOD)
    for row in tried.tolist():
        # Rows that lie within his own tell of nobody else.
        others = closed & ~knot.inside(row)
        found = knot.supposing(np.array([row]), np.array([ALONE]), among=others, width=width, reach=0)
        if found is not None:
            least, most = found
            yield row, np.flatnonzero(others & (most - least < width))


def _close(knot: Knot, lone: np.ndarray, width: int) -> None:
    """Look for tables, many lone rows held at one in each, in which what they may open moves."""
    within = np.array([knot.inside(row) for row in lone.tolist()])
    family = np.full(knot.rows, -1)
    family[lone] = _families(within[:, lone])
    left = _open(knot, lone, ~within, width)
    for moved in _each_before_each(int(family.max()) + 1):
        targets = np.flatnonzero(left.any(axis=0))
        left = _moved(knot, lone, left, targets[np.isin(family[targets], [-1, *moved])], family, width)
    chance, failures = np.random.default_rng(knot.size), 0
    while left.any() and failures < PATIENCE:
        targets, before = np.flatnonzero(left.any(axis=0)), int(left.sum())
        families = np.unique(family[targets])
        some = chance.permutation(families)[: int(np.ceil(AT_ONCE * len(families)))]
        left = _moved(knot, lone, left, targets[np.isin(family[targets], some)], family, width)
        failures = failures + 1 if int(left.sum()) == before else 0


def _moved(
    knot: Knot, lone: np.ndarray, left: np.ndarray, aims: np.ndarray, family: np.ndarray, width: int
) -> np.ndarray:
    """What of the pairs ``left`` is still open when ``aims`` have been moved before those who may open them."""
    held = left[:, aims].any(axis=1) & ~np.isin(family[lone], family[aims])
    if not held.any():
        # Only within families: one row before all that may open it.
        aims = np.array([int(np.argmax(left.sum(axis=0)))])
        held = left[:, aims[0]]
    if not held.any():
        return left
    knot.raise_while(lone[held], np.full(int(held.sum()), ALONE), aims)
    return _open(knot, lone, left, width)


def _each_before_each(families: int) -> Iterator[list[int]]:
    """Rounds in which each family is moved at least once while any other is held.

    The fewest there are: each is moved in half of the rounds, no two in the same ones.

    Source: E. Sperner, Ein Satz über Untermengen einer endlichen Menge, Math. Z. 27 (1928).
    """
    rounds = next(n for n in count(2) if comb(n, n // 2) >= families)
    turns = list(islice(combinations(range(rounds), rounds // 2), families))
    for number in range(rounds):
        yield [member for member, turn in enumerate(turns) if number in turn]


def _open(knot: Knot, lone: np.ndarray, asked: np.ndarray, width: int) -> np.ndarray:
    """(lone, rows) which of the pairs ``asked`` no table found so far closes."""
    left = asked.copy()
    for place, row in enumerate(lone.tolist()):
        if left[place].any():
            reached = knot.reached[knot.reached[:, row] == ALONE]
            if len(reached):
                left[place] &= reached.max(axis=0) - reached.min(axis=0) < width
    return left


def _families(within: np.ndarray) -> np.ndarray:
    """(lone,) a number for each: rows within each other move together.

    Args:
        within: (lone, lone) whether the second lies within the first.
    """
    return np.asarray(sparse.csgraph.connected_components(sparse.csr_matrix(within), directed=False)[1])
