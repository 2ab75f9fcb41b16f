"""The attacker: what can be worked out from published tables alone. Shares no code with the suppressor.

Here: bounds on hidden cells from shown values and structure, as a blocking check uses them. Nothing is hidden
or mended here, and the true counts are never seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import highspy
import numpy as np
import pyarrow as pa
from scipy import sparse

FLAG = "suppressed"
ROUNDS = 24
TOLERANCE = 1e-6
INTEGER_NODES = 100_000


class AttackError(RuntimeError):
    """The tables contradict each other or the structure, so they cannot be attacked: do not publish them."""


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
    system = _System(published, structure, measure, minimum)
    low, high = system.bounds()
    betrayed = (high - low < minimum - 1) | (high < minimum)
    exposed = system.shown & (system.value > 0) & (system.value < minimum)
    return [
        Recoverable(*system.name(int(row)), int(low[row]), int(high[row]))
        for row in np.flatnonzero((~system.shown & betrayed) | exposed)
    ]


class _System:
    """All published rows as sums over atoms (combinations of the structure)."""

    def __init__(self, published: Mapping[str, pa.Table], structure: pa.Table, measure: str, minimum: int) -> None:
        self.published, self.minimum = published, minimum
        self.dimensions = {
            name: [c for c in table.column_names if c not in (measure, FLAG)] for name, table in published.items()
        }
        known = sorted({d for names in self.dimensions.values() for d in names})
        if absent := sorted(set(known) - set(structure.column_names)):
            raise AttackError(f"La estructura no tiene las columnas {', '.join(absent)}")
        self.names = list(published)
        sizes = [published[name].num_rows for name in self.names]
        self.offset = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.table_of = np.repeat(np.arange(len(sizes)), sizes)
        self.shown = np.zeros(self.offset[-1], dtype=bool)
        self.value = np.zeros(self.offset[-1], dtype=np.int64)
        for index, name in enumerate(self.names):
            self._read(name, slice(self.offset[index], self.offset[index + 1]), measure)
        self.hidden_rows = np.flatnonzero(~self.shown)
        self.row_of = self._match(structure, known)
        self.atoms = self.row_of.shape[1]
        if missing := int((np.bincount(self.row_of.ravel(), minlength=self.offset[-1]) == 0).sum()):
            raise AttackError(f"{missing} filas publicadas no corresponden a ninguna combinación posible")
        self.ceiling = 4.0 * max(int(self.value.max(initial=0)), minimum)

    def _read(self, name: str, rows: slice, measure: str) -> None:
        table = self.published[name]
        values, flags = table.column(measure), table.column(FLAG)
        shown = ~np.asarray(flags.to_numpy(), dtype=bool)
        present = ~np.asarray(values.is_null().to_numpy(), dtype=bool)
        if (shown != present).any():
            raise AttackError(f"{name}: hay celdas suprimidas con valor, o publicadas sin él")
        self.shown[rows] = shown
        self.value[rows] = values.fill_null(0).to_numpy()

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
                numbered = self.published[name].append_column("row_number_", pa.array(rows))
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
        name = self.names[int(self.table_of[row])]
        line = self.published[name].slice(int(row - self.offset[self.table_of[row]]), 1)
        return name, line.select(self.dimensions[name]).to_pylist()[0] if self.dimensions[name] else {}

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """For every row, the least and greatest value found possible; exact where too narrow to be safe."""
        low, high = self.value.copy(), self.value.copy()
        sums, right = self._subtracted()
        free, constant, sums, right = self._substituted(sums, right)
        hidden = self._incidence()[self.hidden_rows]
        base = np.rint(hidden @ constant).astype(np.int64)
        low[self.hidden_rows] = high[self.hidden_rows] = base
        for atoms, equations, rows in _knots(free, sums, hidden):
            knot = _Knot(
                self,
                sums=sums[equations][:, atoms],
                right=right[equations],
                hidden=hidden[rows][:, atoms],
                base=base[rows],
            )
            low[self.hidden_rows[rows]], high[self.hidden_rows[rows]] = knot.extremes()
        return low, high

    def _incidence(self) -> sparse.csr_matrix:
        columns = np.tile(np.arange(self.atoms), len(self.names))
        ones = np.ones(len(columns))
        return sparse.csr_matrix((ones, (self.row_of.ravel(), columns)), shape=(self.offset[-1], self.atoms))

    def _subtracted(self) -> tuple[sparse.csr_matrix, np.ndarray]:
        """The shown rows as equations, each less the shown rows of one finer table inside it.

        Finer means more rows, so that every original equation can be put together again: nothing is lost.
        """
        right = self.value.astype(np.float64)
        taken = np.zeros((len(self.names), self.atoms), dtype=bool)
        for t in range(len(self.names)):
            best = np.zeros(self.offset[t + 1] - self.offset[t], dtype=np.int64)
            for u in range(len(self.names)):
                if np.diff(self.offset)[u] <= np.diff(self.offset)[t]:
                    continue
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
                right[changed] = self.value[changed]
                inside = np.flatnonzero(nested)
                inside = inside[(self.table_of[inside] == u) & better[least[inside] - self.offset[t]]]
                np.subtract.at(right, least[inside], self.value[inside].astype(np.float64))
        keep = ~taken
        columns = np.tile(np.arange(self.atoms), len(self.names))[keep.ravel()]
        rows = self.row_of.ravel()[keep.ravel()]
        reduced = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(self.offset[-1], self.atoms))
        return reduced[self.shown], right[self.shown]

    def _substituted(
        self, sums: sparse.csr_matrix, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, sparse.csr_matrix, np.ndarray]:
        """Atoms that an equation gives outright, put into the others, until none is left."""
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


class _Knot:
    """One connected set of unknowns and the programs over it."""

    def __init__(
        self,
        system: _System,
        *,
        sums: sparse.csr_matrix,
        right: np.ndarray,
        hidden: sparse.csr_matrix,
        base: np.ndarray,
    ) -> None:
        self.sums, self.right = sparse.csr_matrix(sums), np.rint(right).astype(np.int64)
        self.hidden, self.base = sparse.csr_matrix(hidden), base
        self.minimum, self.ceiling = system.minimum, system.ceiling
        self.size = int(self.sums.get_shape()[1])
        self.low = np.full(len(base), np.iinfo(np.int64).max)
        self.high = np.full(len(base), -1)
        self.model = self._model()
        self.solver = _silent_solver()
        self.solver.passModel(self.model)

    def _model(self) -> highspy.HighsLp:
        matrix = sparse.csc_matrix(sparse.vstack([self.sums, self.hidden]))
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = self.size, len(self.right) + len(self.base)
        model.col_cost_ = np.zeros(self.size)
        model.col_lower_, model.col_upper_ = np.zeros(self.size), np.full(self.size, self.ceiling)
        at_least = np.maximum(1 - self.base, 0).astype(np.float64)
        model.row_lower_ = np.concatenate([self.right.astype(np.float64), at_least])
        model.row_upper_ = np.concatenate([self.right.astype(np.float64), np.full(len(self.base), highspy.kHighsInf)])
        _set_matrix(model, matrix)
        return model

    def extremes(self) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(self.size)
        for turn in range(ROUNDS):
            unsure = self._unsure()
            if not len(unsure):
                break
            signs = random.choice([-1.0, 1.0], size=len(unsure)) if turn > 1 else np.ones(len(unsure))
            weight = np.zeros(len(self.base))
            weight[unsure] = signs * (1 - 2 * (turn % 2))
            self._corner(self.hidden.T @ weight)
        for row in self._unsure():
            self._settle(int(row))
        return self.low, self.high

    def _unsure(self) -> np.ndarray:
        return np.flatnonzero((self.high - self.low < self.minimum - 1) | (self.high < self.minimum))

    def _corner(self, cost: np.ndarray) -> tuple[float, bool]:
        """Minimise; take note of the corner when it is in whole numbers. Its value, and whether it is."""
        columns = np.arange(self.size, dtype=np.int32)
        self.solver.changeColsCost(self.size, columns, np.asarray(cost, dtype=np.float64))
        return self._run(self.solver)

    def _run(self, solver: highspy.Highs) -> tuple[float, bool]:
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            raise AttackError("Las tablas publicadas se contradicen: ningún conteo las cumple a la vez")
        if status != highspy.HighsModelStatus.kOptimal:
            raise AttackError(f"El ataque no pudo resolverse ({status})")
        found = np.array(solver.getSolution().col_value)
        whole = np.rint(found).astype(np.int64)
        integral = bool(np.abs(found - whole).max() < TOLERANCE)
        if integral:
            if (whole < 0).any() or (np.rint(self.sums @ whole).astype(np.int64) != self.right).any():
                raise AttackError("El ataque encontró una tabla que no cumple lo publicado")
            reached = self.base + np.rint(self.hidden @ whole).astype(np.int64)
            self.low, self.high = np.minimum(self.low, reached), np.maximum(self.high, reached)
        return float(solver.getInfo().objective_function_value), integral

    def _settle(self, row: int) -> None:
        """Both ends of one hidden row, exactly."""
        cost = self.hidden[[row]].toarray().ravel()
        for sign in (1.0, -1.0):
            if row not in self._unsure():
                return
            _, integral = self._corner(sign * cost)
            if not integral:
                self._settle_whole(sign * cost)

    def _settle_whole(self, cost: np.ndarray) -> None:
        solver = _silent_solver()
        solver.setOptionValue("mip_max_nodes", INTEGER_NODES)
        solver.setOptionValue("mip_rel_gap", 0.0)
        solver.passModel(self.model)
        columns = np.arange(self.size, dtype=np.int32)
        solver.changeColsCost(self.size, columns, np.asarray(cost, dtype=np.float64))
        kinds = np.full(self.size, highspy.HighsVarType.kInteger)
        solver.changeColsIntegrality(self.size, columns, kinds)
        self._run(solver)


def _silent_solver() -> highspy.Highs:
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver


def _set_matrix(model: highspy.HighsLp, matrix: sparse.csc_matrix) -> None:
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    model.a_matrix_.index_ = matrix.indices.astype(np.int32)
    model.a_matrix_.value_ = matrix.data.astype(np.float64)
