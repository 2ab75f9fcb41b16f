"""A second proof, by CP-SAT in whole numbers: `python -m benchmarks.second_proof FOLDER TRUTH.parquet N`.

It shares no code with the suppressor or the audit, nor their way: no linear program, no corner. The truth is one
table that agrees with what is published. For N primary cells, drawn by chance, a solver of constraints looks for
another one in which the cell is `minimum - 1` greater, all outside the cell's region held at the truth, as if the
attacker knew it; then for any two tables so far apart; at last over the whole country. A program of its own, because
OR-Tools and highspy each bring a HiGHS and do not load into one process.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets_tests.audit.second_method import Claims, Key

SECONDS, COUNTRY_SECONDS = 20.0, 100.0  # of the solver's own time, which no busy machine changes, for one question
REGION = "cod_region"


class Proof:
    """The claims of a release, the truth behind them, and tables near it."""

    def __init__(self, folder: Path, year: int, truth: pa.Table) -> None:
        self.claims = Claims(folder, year)
        self.most = self.claims.most
        columns = sorted(self.claims.atoms[0])
        number = {tuple(atom[c] for c in columns): i for i, atom in enumerate(self.claims.atoms)}
        self.true = [0] * len(number)
        for row in truth.select([*columns, "n"]).to_pylist():
            self.true[number[tuple(row[c] for c in columns)]] += row["n"]
        for cell, value in self.claims.counts.items():
            if value is not None and value != self.value(cell):
                raise SystemExit(f"what is published is not true: {dict(cell)}")

    def value(self, cell: Key) -> int:
        return sum(self.true[i] for i in self.claims.holds[cell])

    def proven(self, cell: Key) -> str:
        """Where two tables far enough apart were found: "region", "country" or nowhere ("")."""
        region = dict(cell).get(REGION)
        atoms = [i for i, atom in enumerate(self.claims.atoms) if region is None or atom[REGION] == region]
        for twice in (False, True):
            if self._found(cell, atoms, twice=twice):
                return "country" if region is None else "region"
        if region is not None and self._found(cell, list(range(len(self.true))), twice=False):
            return "country"
        return ""

    def _found(self, cell: Key, free: list[int], *, twice: bool) -> bool:
        from ortools.sat.python import cp_model

        claims, model, inside = self.claims, cp_model.CpModel(), set(free)
        ends = []
        for _ in range(2 if twice else 1):
            atoms = {i: model.new_int_var(0, self.most, "") for i in free}
            for other, value in claims.counts.items():
                held = claims.holds[other]
                moving = [i for i in held if i in inside]
                if not moving:
                    continue
                rest = sum(self.true[i] for i in held if i not in inside)
                total = cp_model.LinearExpr.sum([atoms[i] for i in moving])
                model.add(total >= 1 - rest if value is None else total == value - rest)
            for i, atom in atoms.items():
                model.add_hint(atom, self.true[i])
            rest = sum(self.true[i] for i in claims.holds[cell] if i not in inside)
            ends.append(cp_model.LinearExpr.sum([atoms[i] for i in claims.holds[cell] if i in inside]) + rest)
        low = ends[1] if twice else self.value(cell)
        model.add(ends[0] - low >= claims.minimum - 1)
        model.add(ends[0] >= claims.minimum)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.max_deterministic_time = COUNTRY_SECONDS if len(free) == len(self.true) else SECONDS
        return solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)


def main() -> int:
    folder, truth, number = Path(sys.argv[1]), pq.read_table(sys.argv[2]), int(sys.argv[3])
    manifest = json.loads((folder / "publicacion.json").read_text(encoding="utf-8"))
    proof = Proof(folder, manifest["tablas"][0]["anios"][0], truth)
    hidden = sorted(proof.claims.hidden, key=lambda cell: sorted(map(str, cell)))
    small = [cell for cell in hidden if proof.value(cell) < proof.claims.minimum]
    drawn = random.Random(1).sample(small, min(number, len(small)))  # noqa: S311 -- a sample to be drawn again
    found: dict[str, int] = {}
    for cell in drawn:
        began = time.process_time()
        where = proof.proven(cell)
        sys.stderr.write(f"{dict(cell)} {where} {time.process_time() - began:.1f} s\n")
        found[where] = found.get(where, 0) + 1
    answer: dict[str, Any] = {
        "hidden cells": len(hidden),
        "primary cells": len(small),
        "tried": len(drawn),
        "proven within their region": found.get("region", 0),
        "proven over the country": found.get("country", 0),
        "not settled in the time given": found.get("", 0),
        "CPU s": round(time.process_time(), 1),
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
