"""All published figures as sums over combinations that may hold someone, cut into knots that hang together.

Here: the equations an attacker writes down. Solving a knot is `knot`'s; what a result means is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np
import pyarrow as pa
from scipy import sparse

from emtp_assets.audit.knot import TOLERANCE, AttackError, Knot, Unknowns

LOW, HIGH = "low", "high"


@dataclass(frozen=True)
class HiddenKnot:
    """A knot and the published rows that its hidden rows are."""

    knot: Knot
    rows: np.ndarray


class System:
    """Published rows as sums over atoms (combinations of the structure that no absent row rules out).

    Args:
        tables: by name, the dimensions and, as whole numbers, ``low`` and ``high``: what is known of the row's
            count before any arithmetic. Equal when it is shown; ``high`` null when nothing limits it.
        structure: the combinations of dimensions that may hold anyone at all; repeated ones count once.
        minimum: the smallest count that may be shown.

    Attributes:
        low, high: (rows,) what the tables say, before any arithmetic; the greatest integer for no limit.
        shown: (rows,) whether the two are equal.

    Raises:
        AttackError: rows that are twice there, or belong to no possible combination.
    """

    def __init__(self, tables: Mapping[str, pa.Table], structure: pa.Table, minimum: int) -> None:
        self.tables, self.minimum = tables, minimum
        self.dimensions = {
            name: [c for c in table.column_names if c not in (LOW, HIGH)] for name, table in tables.items()
        }
        known = sorted({d for names in self.dimensions.values() for d in names})
        if absent := sorted(set(known) - set(structure.column_names)):
            raise AttackError(f"La estructura no tiene las columnas {', '.join(absent)}")
        self.names = list(tables)
        sizes = [tables[name].num_rows for name in self.names]
        self.offset = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.table_of = np.repeat(np.arange(len(sizes)), sizes)
        self.low = self._column(LOW, 0)
        self.high = self._column(HIGH, np.iinfo(np.int64).max)
        self.shown = self.low == self.high
        self.hidden_rows = np.flatnonzero(~self.shown)
        self.row_of = self._match(structure, known)
        self.atoms = self.row_of.shape[1]
        if missing := int((np.bincount(self.row_of.ravel(), minlength=self.offset[-1]) == 0).sum()):
            raise AttackError(f"{missing} filas publicadas no corresponden a ninguna combinación posible")

    def _column(self, name: str, missing: int) -> np.ndarray:
        parts = [self.tables[table].column(name).fill_null(missing).to_numpy() for table in self.names]
        return np.concatenate([*parts, np.zeros(0, dtype=np.int64)]).astype(np.int64)

    def _match(self, structure: pa.Table, known: list[str]) -> np.ndarray:
        """(tables, atoms): the row each atom adds to in each table. Atoms under an absent row are gone."""
        with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
            connection.register("given", structure)
            columns = ", ".join(f'"{c}"' for c in known) or "1 AS one"
            connection.execute(
                f"CREATE TABLE atoms AS SELECT *, row_number() OVER () - 1 AS atom_number"
                f" FROM (SELECT DISTINCT {columns} FROM given)"
            )
            fetched = []
            for index, name in enumerate(self.names):
                rows = np.arange(self.offset[index], self.offset[index + 1])
                numbered = self.tables[name].append_column("row_number_", pa.array(rows))
                connection.register("numbered", numbered)
                on = " AND ".join(f'a."{d}" IS NOT DISTINCT FROM p."{d}"' for d in self.dimensions[name])
                found = connection.execute(
                    "SELECT coalesce(p.row_number_, -1) AS r, count(*) OVER (PARTITION BY a.atom_number) AS c"
                    f" FROM atoms a LEFT JOIN numbered p ON {on or 'true'} ORDER BY a.atom_number"
                ).fetchnumpy()
                if (found["c"] != 1).any():
                    raise AttackError(f"{name}: hay filas repetidas")
                fetched.append(np.asarray(found["r"], dtype=np.int64))
                connection.unregister("numbered")
        matched = np.vstack(fetched) if fetched else np.zeros((0, 0), dtype=np.int64)
        return matched[:, (matched >= 0).all(axis=0)]

    def name(self, row: int) -> tuple[str, dict[str, object]]:
        """Of a row: its table and its dimensions."""
        name = self.names[int(self.table_of[row])]
        line = self.tables[name].slice(int(row - self.offset[self.table_of[row]]), 1)
        return name, line.select(self.dimensions[name]).to_pylist()[0] if self.dimensions[name] else {}

    def intervals(self) -> tuple[np.ndarray, np.ndarray]:
        """For every row, the least and greatest value found possible; exact where too narrow to be safe."""
        low, high = self._settled.copy(), self._settled.copy()
        for part in self.knots:
            low[part.rows], high[part.rows] = part.knot.extremes(self.minimum - 1, self.minimum)
        return low, high

    @cached_property
    def knots(self) -> list[HiddenKnot]:
        """All knots of hidden rows; rows that the shown ones give outright are in none."""
        return list(self._cut())

    @cached_property
    def _settled(self) -> np.ndarray:
        """(rows,) the value of the rows that are in no knot."""
        values = self.low.copy()
        values[self.hidden_rows] = self._base
        return values

    @cached_property
    def _base(self) -> np.ndarray:
        """(hidden rows,) what the atoms that are given outright put into each."""
        _, constant, _, _ = self._substituted
        return np.rint(self._incidence[self.hidden_rows] @ constant).astype(np.int64)

    def _cut(self) -> Iterator[HiddenKnot]:
        free, constant, sums, right = self._substituted
        hidden = self._incidence[self.hidden_rows]
        contradicted = (self._base < self.low[self.hidden_rows]) | (self._base > self.high[self.hidden_rows])
        if (contradicted & (hidden @ free.astype(np.float64) == 0)).any():
            raise AttackError("Las tablas publicadas se contradicen: una celda suprimida no puede tener ningún valor")
        possible = hidden[:, np.flatnonzero(free | (constant > 0))]
        ceiling = 4.0 * max(int(self.low.max(initial=0)), self.minimum)
        for atoms, equations, rows in _knots(free, sums, hidden):
            published = self.hidden_rows[rows]
            unknowns = Unknowns(
                sums=sums[equations][:, atoms],
                right=right[equations],
                hidden=hidden[rows][:, atoms],
                members=possible[rows],
                base=self._base[rows],
                low=self.low[published],
                high=self.high[published],
                ceiling=ceiling,
            )
            yield HiddenKnot(Knot(unknowns), published)

    @cached_property
    def _incidence(self) -> sparse.csr_matrix:
        columns = np.tile(np.arange(self.atoms), len(self.names))
        ones = np.ones(len(columns))
        return sparse.csr_matrix((ones, (self.row_of.ravel(), columns)), shape=(self.offset[-1], self.atoms))

    def _subtracted(self) -> tuple[sparse.csr_matrix, np.ndarray]:
        """The shown rows as equations, each less the shown rows of one finer table inside it.

        Finer means more rows, so that every original equation can be put together again: nothing is lost.
        """
        right = np.where(self.shown, self.low, 0).astype(np.float64)
        value = right.copy()
        taken = np.zeros((len(self.names), self.atoms), dtype=bool)
        sizes = np.diff(self.offset)
        for t in range(len(self.names)):
            best = np.zeros(sizes[t], dtype=np.int64)
            for u in np.flatnonzero(sizes > sizes[t]):
                outer, inner = self.row_of[t], self.row_of[u]
                least = np.full(self.offset[-1], np.iinfo(np.int64).max)
                most = np.full(self.offset[-1], -1)
                np.minimum.at(least, inner, outer)
                np.maximum.at(most, inner, outer)
                nested = (least == most) & self.shown
                removed = np.bincount(outer[nested[inner]] - self.offset[t], minlength=len(best))
                better = removed > best
                if not better.any():
                    continue
                best[better] = removed[better]
                chosen = better[outer - self.offset[t]]
                taken[t, chosen] = nested[inner[chosen]]
                changed = self.offset[t] + np.flatnonzero(better)
                right[changed] = value[changed]
                inside = np.flatnonzero(nested)
                inside = inside[(self.table_of[inside] == u) & better[least[inside] - self.offset[t]]]
                np.subtract.at(right, least[inside], value[inside])
        keep = ~taken
        columns = np.tile(np.arange(self.atoms), len(self.names))[keep.ravel()]
        rows = self.row_of.ravel()[keep.ravel()]
        reduced = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(self.offset[-1], self.atoms))
        return reduced[self.shown], right[self.shown]

    @cached_property
    def _substituted(self) -> tuple[np.ndarray, np.ndarray, sparse.csr_matrix, np.ndarray]:
        """Atoms that an equation gives outright, put into the others, until none is left."""
        sums, right = self._subtracted()
        free = np.ones(self.atoms, dtype=bool)
        constant = np.zeros(self.atoms)
        while True:
            live = sums @ free.astype(np.float64)
            rest = right - sums @ constant
            if (rest < -TOLERANCE).any() or (np.abs(rest[live == 0]) > TOLERANCE).any():
                raise AttackError("Las tablas publicadas se contradicen: sus totales no cuadran")
            given = np.flatnonzero((live == 1) | ((live > 0) & (np.abs(rest) < TOLERANCE)))
            if not len(given):
                return free, constant, sums, rest
            for equation in given:
                members = sums.indices[sums.indptr[equation] : sums.indptr[equation + 1]]
                for atom in members[free[members]]:
                    free[atom], constant[atom] = False, max(rest[equation], 0.0)


def _knots(
    free: np.ndarray, sums: sparse.csr_matrix, hidden: sparse.csr_matrix
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Free atoms that hang together through equations or hidden rows, with those equations and rows."""
    atoms = np.flatnonzero(free)
    if not len(atoms):
        return
    links = sparse.vstack([sums, hidden]).tocsr()[:, atoms]
    by_atom = links.T.tocsr()
    number, label = sparse.csgraph.connected_components(by_atom @ links, directed=False)
    order = np.argsort(label, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(label, minlength=number))[:-1]):
        touched = np.unique(by_atom[members].indices)
        first_hidden = len(sums.indptr) - 1
        yield atoms[members], touched[touched < first_hidden], touched[touched >= first_hidden] - first_hidden
