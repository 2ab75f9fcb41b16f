"""A second proof that a release is closed, cell by cell, by other solvers. No test is here.

It shares nothing with `emtp_assets.audit` but the form of the files: its own model (dictionaries of rows, a variable
for each possible combination), no corners that speak for other cells, no substitution. For every hidden cell two
programs of its own: GLOP where its answer is in whole numbers, CP-SAT (exact in whole numbers) where it is not or when
GLOP is not asked at all.

It runs as a program, because OR-Tools and highspy each bring a HiGHS and do not load into one process:
`python -m emtp_assets_tests.audit.second_method FOLDER YEAR [--glop] [--insiders]` prints JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

Key = frozenset[tuple[str, Any]]
WHOLE = 1e-6


class Claims:
    """What a release says of one universe and year: by cell (its columns' values), the count or None."""

    def __init__(self, folder: Path, year: int) -> None:
        manifest = json.loads((folder / "publicacion.json").read_text(encoding="utf-8"))
        self.minimum: int = manifest["minimo"]
        self.counts: dict[Key, int | None] = {}
        leaves: list[list[dict[str, Any]]] = []
        for table in manifest["tablas"]:
            columns = [c for dimension in table["dimensiones"] for c in dimension["columnas"]]
            rows = pq.read_table(folder / table["parquet"]["archivo"])
            rows = rows.filter(pc.equal(rows[table["anio"]], year)).select(  # pyright: ignore
                [*columns, *table.get("atributos", []), table["medida"]]
            )
            finest = []
            for row in rows.to_pylist():
                value = row.pop(table["medida"])
                cell = frozenset((c, row[c]) for c in columns if row[c] is not None)
                # Shown anywhere is shown.
                self.counts[cell] = self.counts.get(cell) if value is None else value
                if len(cell) == len(columns):
                    finest.append(row)
            leaves.append(finest)
        self.grains = {frozenset(c for c, _ in cell) for cell in self.counts}
        self.atoms = list(self._joined(leaves))
        self.holds: dict[Key, list[int]] = {cell: [] for cell in self.counts}
        for number, atom in enumerate(self.atoms):
            for cell in self._cells_of(atom):
                self.holds[cell].append(number)

    @property
    def hidden(self) -> list[Key]:
        return [cell for cell, value in self.counts.items() if value is None]

    @property
    def most(self) -> int:
        """More than any combination needs to be for a cell to be as open as it can matter."""
        return 4 * max((n for n in self.counts.values() if n), default=self.minimum) + self.minimum

    def _cells_of(self, atom: dict[str, Any]) -> Iterator[Key]:
        for grain in self.grains:
            yield frozenset((c, atom[c]) for c in grain)

    def _joined(self, leaves: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
        """Combinations that agree with a finest row of every table, and with a row of every level."""
        together: list[dict[str, Any]] = [{}]
        for rows in sorted(leaves, key=len, reverse=True):
            shared = sorted(set(together[0]) & set(rows[0])) if together and rows else []
            index: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
            for row in rows:
                index.setdefault(tuple(row[c] for c in shared), []).append(row)
            together = [{**a, **row} for a in together for row in index.get(tuple(a[c] for c in shared), [])]
        for atom in together:
            if all(cell in self.counts for cell in self._cells_of(atom)):
                yield atom


class Whole:
    """The claims in whole numbers, asked about one cell at a time."""

    def __init__(self, claims: Claims) -> None:
        from ortools.sat.python import cp_model

        self.solver, self.claims = cp_model, claims

    def end(self, cell: Key, sense: int, known: dict[Key, int] | None = None) -> int | None:
        """The greatest (1) or least (-1) value that a cell may have; None when nothing agrees with the claims."""
        claims, model = self.claims, self.solver.CpModel()
        atoms = [model.new_int_var(0, claims.most, f"a{i}") for i in range(len(claims.atoms))]
        for other, value in (claims.counts | (known or {})).items():
            total = sum(atoms[i] for i in claims.holds[other])
            model.add(total >= 1 if value is None else total == value)
        total = sum(atoms[i] for i in claims.holds[cell])
        if sense > 0:
            model.maximize(total)
        else:
            model.minimize(total)
        solver = self.solver.CpSolver()
        solver.parameters.num_workers = 1
        status = solver.solve(model)
        if status == self.solver.INFEASIBLE:
            return None
        if status != self.solver.OPTIMAL:
            raise RuntimeError(solver.status_name(status))
        return round(solver.objective_value)


class Linear:
    """The claims as one linear program for GLOP, which goes on from its last answer."""

    def __init__(self, claims: Claims) -> None:
        from ortools.linear_solver import pywraplp

        self.claims, self.pywraplp = claims, pywraplp
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        self.atoms = [self.solver.NumVar(0, claims.most, "") for _ in claims.atoms]
        for cell, value in claims.counts.items():
            low, high = (1.0, self.solver.infinity()) if value is None else (float(value), float(value))
            row = self.solver.Constraint(low, high)
            for i in claims.holds[cell]:
                row.SetCoefficient(self.atoms[i], 1)

    def end(self, cell: Key, sense: int) -> int | None:
        """As `Whole.end`; None when the best answer is not in whole numbers."""
        objective = self.solver.Objective()
        objective.Clear()
        for i in self.claims.holds[cell]:
            objective.SetCoefficient(self.atoms[i], 1)
        objective.SetOptimizationDirection(sense > 0)
        status = self.solver.Solve()
        if status != self.pywraplp.Solver.OPTIMAL:
            raise RuntimeError(f"GLOP: {status}")
        if any(abs(v - round(v)) > WHOLE for v in (atom.solution_value() for atom in self.atoms)):
            return None
        return round(objective.Value())


def _solved(folder: Path, year: int, *, glop: bool, insiders: bool) -> dict[str, Any]:
    claims = Claims(folder, year)
    whole, linear = Whole(claims), Linear(claims) if glop else None
    asked = 0
    between: dict[Key, tuple[int, int]] = {}
    for cell in claims.hidden:
        ends = []
        for sense in (-1, 1):
            end = linear.end(cell, sense) if linear else None
            if end is None:
                asked += 1
                end = whole.end(cell, sense)
            if end is None:
                raise SystemExit("nothing agrees with the claims")
            ends.append(end)
        between[cell] = (ends[0], ends[1])
    opened = []
    closed = [cell for cell, (low, high) in between.items() if low < high] if insiders else []
    for mine in closed:
        for other in closed:
            if set(claims.holds[other]) <= set(claims.holds[mine]):
                continue
            low = whole.end(other, -1, {mine: 1})
            if low is not None and low == whole.end(other, 1, {mine: 1}):
                opened.append([dict(mine), dict(other)])
    ranges = [[dict(cell), low, high] for cell, (low, high) in between.items()]
    return {"ranges": ranges, "opened": opened, "in_whole_numbers": asked}


def _answer(folder: Path, year: int, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "emtp_assets_tests.audit.second_method", str(folder), str(year), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)


def ranges(folder: Path, year: int, *, glop: bool = False) -> dict[Key, tuple[int, int]]:
    """For each hidden cell the values between which it may lie, both ends by a program of their own."""
    answer = _answer(folder, year, *(["--glop"] if glop else []))
    return {frozenset(cell.items()): (low, high) for cell, low, high in answer["ranges"]}


def opened_by_insiders(folder: Path, year: int) -> set[tuple[Key, Key]]:
    """Pairs of hidden cells: whoever is alone in the first knows the second, which is not within his own."""
    answer = _answer(folder, year, "--insiders")
    return {(frozenset(mine.items()), frozenset(other.items())) for mine, other in answer["opened"]}


if __name__ == "__main__":
    flags = sys.argv[3:]
    found = _solved(Path(sys.argv[1]), int(sys.argv[2]), glop="--glop" in flags, insiders="--insiders" in flags)
    print(json.dumps(found))
