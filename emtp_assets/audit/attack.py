"""The attacker: what can be worked out from published tables alone. Shares no code with the suppressor.

Here: the question asked of linked tables and its answer, as a blocking check uses them. The arithmetic is `system`
and `knot`. Nothing is hidden or mended here, and the true counts are never seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from emtp_assets.audit.knot import AttackError
from emtp_assets.audit.system import HIGH, LOW, System

__all__ = ["AttackError", "Recoverable", "recoverable"]

FLAG = "suppressed"


@dataclass(frozen=True)
class Recoverable:
    """A cell that the published tables betray: all an attacker deems possible lies in ``low`` … ``high``.

    ``low == high`` is exact recovery; that includes a small count that is plainly shown.
    """

    table: str
    cell: dict[str, object]
    low: int
    high: int

    @property
    def exactly(self) -> bool:
        return self.low == self.high


def recoverable(
    published: Mapping[str, pa.Table], structure: pa.Table, measure: str, *, minimum: int
) -> list[Recoverable]:
    """The hidden cells that an attacker can narrow down too far, with how far he gets.

    Args:
        published: by name, the tables as they would leave: dimensions, ``measure``, ``suppressed``.
        structure: the combinations of dimensions that may hold anyone at all, one row each or repeated; other
            columns are ignored. Giving the true ones arms the attacker with more than he is likely to know.
        measure: the column of the counts.
        minimum: the smallest count that may be shown.

    A hidden cell is betrayed when its possible whole values span less than ``minimum - 1`` or end below
    ``minimum``; a shown one when it is a count from 1 to ``minimum - 1``. The attacker takes rows that are
    not there for zero and rows that are there for at least one.

    Method: minima and maxima of linear programs over each knot of cells that hang together. A corner in whole
    numbers is a table that might be true; running extremes over such corners clear most cells, a program of
    its own (in whole numbers where needed) settles each of the others.

    Raises:
        AttackError: the tables contradict each other, or a program could not be settled.
    """
    system = System({name: _bounded(name, table, measure) for name, table in published.items()}, structure, minimum)
    low, high = system.intervals()
    betrayed = (high - low < minimum - 1) | (high < minimum)
    exposed = system.shown & (system.low > 0) & (system.low < minimum)
    return [
        Recoverable(*system.name(int(row)), int(low[row]), int(high[row]))
        for row in np.flatnonzero((~system.shown & betrayed) | exposed)
    ]


def _bounded(name: str, table: pa.Table, measure: str) -> pa.Table:
    """The table as bounds: a shown value is both, a hidden one is at least one."""
    values, flags = table.column(measure), table.column(FLAG)
    shown = ~np.asarray(flags.to_numpy(), dtype=bool)
    present = ~np.asarray(values.is_null().to_numpy(), dtype=bool)
    if (shown != present).any():
        raise AttackError(f"{name}: hay celdas suprimidas con valor, o publicadas sin él")
    dimensions = [column for column in table.column_names if column not in (measure, FLAG)]
    high = values.cast(pa.int64())
    return table.select(dimensions).append_column(LOW, high.fill_null(1)).append_column(HIGH, high)
