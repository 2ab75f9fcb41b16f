"""What the public plan hides of a national enrolment, and what two attackers then find:
``python -m benchmarks.disclosure [--population NAME…] [--republish N] [--no-control]``.

Populations: four simulated countries as they are (260,000 students), the same grown to 400,000, and two sparse ones of
155,000, in which one student in 4,000, or in 400, moves to any other especialidad and is mostly alone there. Each is
protected as the public plan says, written as a release and audited; attacked by somebody who also knows which base
cells exist; and every hidden cell is proven closed by a second method, tables added up in SQL
(`emtp_assets_tests.audit.witnesses`). The controls are the same release with small counts blanked and nothing else,
and with one of N secondary cells shown again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.enrolment_cells import YEAR, national, resized, sparse
from emtp_assets.audit import audit
from emtp_assets.audit.attack import recoverable
from emtp_assets.privacy.crossings import Crossing, protect_crossings
from emtp_assets.privacy.plans.public import public_plan
from emtp_assets_tests.audit.releases import Paths, Published, naive
from emtp_assets_tests.audit.witnesses import Verdict, Witnesses, checked, noted

RESULTS = Path(__file__).resolve().parent.parent / "bench_results"
MINIMUM = 10
SCHOOL, ATTRIBUTE = "rbd", "cod_dependencia"
RENAMED = {"sexo": "cod_sexo", "ciclo": "cod_ciclo", "dependencia": "cod_dependencia"}

POPULATIONS: dict[str, Callable[[], pa.Table]] = {
    "national, seed 7": lambda: national(7),
    "national, seed 11": lambda: national(11),
    "national, seed 12": lambda: national(12),
    "national, seed 13": lambda: national(13),
    "400,000 students, seed 7": lambda: resized(national(7), 400_000, 7),
    "400,000 students, seed 11": lambda: resized(national(11), 400_000, 11),
    "400,000 students, seed 12": lambda: resized(national(12), 400_000, 12),
    "400,000 students, seed 13": lambda: resized(national(13), 400_000, 13),
    "sparse, 155,000": lambda: sparse(national(7), 155_000, 1),
    "sparser, 155,000": lambda: sparse(national(7), 155_000, 1, moved=1 / 400),
}


def main() -> int:
    """Protect, attack, print and keep; 1 if any attacker got anywhere, or the control was not opened."""
    parser = argparse.ArgumentParser(prog="benchmarks.disclosure", description=__doc__)
    parser.add_argument("--population", nargs="*", choices=POPULATIONS, default=list(POPULATIONS))
    parser.add_argument("--insider-width", nargs="*", type=int, default=[MINIMUM - 1], help="0: no insider")
    parser.add_argument("--no-control", action="store_true", help="leave out primary suppression alone")
    parser.add_argument("--republish", type=int, default=0, help="secondary cells to show again, one at a time")
    given = parser.parse_args()
    began, results = datetime.now().astimezone(), []
    for name in given.population:
        cells = POPULATIONS[name]()
        cells = cells.rename_columns([RENAMED.get(column, column) for column in cells.column_names])
        for width in given.insider_width:
            results.append({"population": name, **_measured(cells, width, given.republish)})
            _say(_told(results[-1]))
        if not given.no_control:
            results.append({"population": name, **_control(cells)})
            _say(_told(results[-1]))
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{began:%Y%m%dT%H%M%S}-disclosure.json"
    target.write_text(json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8")
    _say(f"Written: {target}")
    return 0 if all(r["as expected"] for r in results) else 1


def plan() -> dict[str, Crossing]:
    """The enrolment's tables of the public plan."""
    return {
        table.name: Crossing(table.name, tuple(tuple(path) for path in table.paths.values()))
        for table in public_plan().population("matricula").tables
    }


def _measured(cells: pa.Table, width: int, republish: int) -> dict[str, Any]:
    """The cost of protecting a population, in what is hidden and in CPU, and what attackers find."""
    crossings = plan()
    exact = protect_crossings(cells, "n", list(crossings.values()), minimum=1, insiders=False)
    started = time.process_time()
    with noted() as witnesses:
        published = protect_crossings(
            cells,
            "n",
            list(crossings.values()),
            minimum=MINIMUM,
            insiders=width > 0,
            insider_width=width or None,
        )
    protecting = time.process_time() - started
    alone = {name: table.filter(pc.field("n") == 1).drop_columns(["n", "suppressed"]) for name, table in exact.items()}
    released = {name: table.drop_columns("suppressed") for name, table in published.items()}
    started = time.process_time()
    verdict, summary = _audited(cells, released, crossings, alone if width else None)
    auditing = time.process_time() - started
    started = time.process_time()
    opened = recoverable(_by_level(published, crossings), cells, "n", minimum=MINIMUM)
    armed = time.process_time() - started
    started = time.process_time()
    proven = _proven(cells, released, crossings, witnesses, width)
    proving = time.process_time() - started
    again = _republished(cells, released, exact, crossings, republish)
    return {
        "method": f"protected, insider width {width}" if width else "protected, no insider",
        "students": pc.sum(cells["n"]).as_py(),
        "base cells": cells.num_rows,
        "tables": [_cost(crossings[name], exact[name], published[name]) for name in crossings],
        "protect CPU s": round(protecting, 1),
        "audit CPU s": round(auditing, 1),
        "armed attack CPU s": round(armed, 1),
        "hidden by level": _hidden_by_level(published, crossings),
        "second method CPU s": round(proving, 1),
        "second method": asdict(proven),
        "shown again": again,
        "audit": summary,
        "opened by the armed attacker": len(opened),
        "as expected": verdict and not opened and not (proven.unproven or proven.false or (width and proven.opened)),
    }


def _control(cells: pa.Table) -> dict[str, Any]:
    """Primary suppression alone: what the same audit makes of it."""
    crossings = plan()
    blanked = naive(cells, {name: crossing.paths for name, crossing in crossings.items()}, minimum=MINIMUM)
    started = time.process_time()
    verdict, summary = _audited(cells, blanked, crossings, None)
    return {
        "method": "small counts blanked",
        "tables": [],
        "audit CPU s": round(time.process_time() - started, 1),
        "audit": summary,
        "as expected": not verdict,
    }


def _with_attribute(rows: pa.Table, cells: pa.Table) -> pa.Table:
    of_school = cells.select([SCHOOL, ATTRIBUTE]).group_by([SCHOOL]).aggregate([(ATTRIBUTE, "min")])
    place = pc.index_in(rows[SCHOOL], value_set=of_school[SCHOOL].combine_chunks())
    return rows.append_column(ATTRIBUTE, of_school[f"{ATTRIBUTE}_min"].take(place))


def _audited(
    cells: pa.Table,
    tables: Mapping[str, pa.Table],
    crossings: Mapping[str, Crossing],
    alone: Mapping[str, pa.Table] | None,
) -> tuple[bool, str]:
    """Through files, as a release is; ``alone`` by table, the rows that count one."""
    told = alone and {
        name: rows.append_column("año", pa.array([YEAR] * rows.num_rows, pa.int64())) for name, rows in alone.items()
    }
    with tempfile.TemporaryDirectory() as scratch:
        report = audit(_written(cells, tables, crossings, Path(scratch) / "release"), alone=told)
    return report.passed, report.summary()


def _written(cells: pa.Table, tables: Mapping[str, pa.Table], crossings: Mapping[str, Crossing], folder: Path) -> Path:
    paths: dict[str, Paths] = {name: crossing.paths for name, crossing in crossings.items()}
    # As a release does: what the school directory says of every school is in its rows.
    by_school = {name for name, crossing in crossings.items() if SCHOOL in crossing.columns}
    written = {name: _with_attribute(rows, cells) if name in by_school else rows for name, rows in tables.items()}
    extra = {name: {"atributos": [ATTRIBUTE]} for name in by_school}
    return Published({YEAR: written}, minimum=MINIMUM, plan=paths, extra=extra).write(folder)


def _proven(
    cells: pa.Table,
    tables: Mapping[str, pa.Table],
    crossings: Mapping[str, Crossing],
    witnesses: Witnesses,
    width: int,
) -> Verdict:
    """The second method's verdict on every cell, from the files of the release."""
    with tempfile.TemporaryDirectory() as scratch:
        return checked(_written(cells, tables, crossings, Path(scratch) / "release"), YEAR, witnesses, "n", width=width)


def _republished(
    cells: pa.Table,
    tables: Mapping[str, pa.Table],
    exact: Mapping[str, pa.Table],
    crossings: Mapping[str, Crossing],
    number: int,
) -> dict[str, Any]:
    """How many of some secondary cells turn the audit red when one of them is shown again."""
    if not number:
        return {}
    places = []
    for name, rows in tables.items():
        shield = np.asarray(rows["n"].is_null().to_numpy()) & (exact[name]["n"].to_numpy() >= MINIMUM)
        places += [(name, int(place)) for place in np.flatnonzero(shield)]
    chosen = np.random.default_rng(1).permutation(len(places))[:number]
    red = 0
    for name, place in (places[i] for i in chosen):
        cell = exact[name].slice(place, 1).to_pylist()[0]
        key = {c: v for c, v in cell.items() if v is not None and c in crossings[name].columns}
        told = {other: _shown(rows, crossings[other], key, cell["n"]) for other, rows in tables.items()}
        red += not _audited(cells, told, crossings, {})[0]
    return {"secondary cells": len(places), "tried": len(chosen), "red": red}


def _shown(rows: pa.Table, crossing: Crossing, key: Mapping[str, Any], value: int) -> pa.Table:
    """The table with one cell's value in it, if it has that cell."""
    if not set(key) <= set(crossing.columns):
        return rows
    at = np.ones(rows.num_rows, dtype=bool)
    for column in crossing.columns:
        same = (
            pc.equal(rows[column], key[column]).fill_null(fill_value=False) if column in key else rows[column].is_null()
        )
        at &= np.asarray(same.to_numpy(), dtype=bool)
    counts = pc.if_else(pa.array(at), pa.scalar(value, pa.int64()), rows["n"])
    return rows.set_column(rows.column_names.index("n"), "n", counts)


def _hidden_by_level(published: Mapping[str, pa.Table], crossings: Mapping[str, Crossing]) -> dict[str, list[int]]:
    """By level: cells hidden, of how many."""
    levels = _by_level(published, crossings)
    return {name: [int(pc.sum(rows["suppressed"]).as_py() or 0), rows.num_rows] for name, rows in levels.items()}


def _by_level(published: Mapping[str, pa.Table], crossings: Mapping[str, Crossing]) -> dict[str, pa.Table]:
    """Every level as a table of its own, once."""
    tables: dict[frozenset[str], pa.Table] = {}
    for name, crossing in crossings.items():
        for level in crossing.levels:
            inside = np.ones(published[name].num_rows, dtype=bool)
            for column in crossing.columns:
                inside &= published[name][column].is_valid().to_numpy() == (column in level)
            rows = published[name].filter(pa.array(inside)).select([*level, "n", "suppressed"])
            tables.setdefault(frozenset(level), rows)
    return {"·".join(sorted(level)) or "total": rows for level, rows in tables.items()}


def _cost(crossing: Crossing, exact: pa.Table, published: pa.Table) -> dict[str, Any]:
    """Rows hidden of a table, and students in its finest rows that are."""
    counts, hidden = exact["n"].to_numpy(), published["suppressed"].to_numpy()
    finest = np.ones(len(counts), dtype=bool)
    for column in crossing.columns:
        finest &= exact[column].is_valid().to_numpy()
    return {
        "table": crossing.name,
        "cells": len(counts),
        "primary": int((counts < MINIMUM).sum()),
        "secondary": int((hidden & (counts >= MINIMUM)).sum()),
        "alone": int((counts == 1).sum()),
        "students hidden": int(counts[hidden & finest].sum()),
        "students": int(counts[finest].sum()),
    }


def _told(result: Mapping[str, Any]) -> str:
    times = ", ".join(f"{name} {result[name]}" for name in result if name.endswith("CPU s"))
    lines = [f"\n{result['population']} · {result['method']}: {times}", f"  {result['audit']}"]
    if "opened by the armed attacker" in result:
        lines.append(f"  opened by the armed attacker: {result['opened by the armed attacker']}")
        touched = {name: f"{h} of {n}" for name, (h, n) in result["hidden by level"].items() if h}
        whole = [name for name, (h, _) in result["hidden by level"].items() if not h]
        lines += [f"  second method: {result['second method']}", f"  shown again: {result['shown again']}"]
        lines += [f"  hidden by level: {touched}", f"  nothing hidden at: {', '.join(whole)}"]
    for t in result["tables"]:
        secondary, students = t["secondary"] / t["cells"], t["students hidden"] / t["students"]
        lines.append(
            f"  {t['table']:30} {t['cells']:6} cells, {t['primary']:4} primary, {t['secondary']:5} secondary "
            f"({secondary:.1%}), {t['alone']:3} alone, {t['students hidden']:6} students hidden ({students:.1%})"
        )
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
