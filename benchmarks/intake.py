"""Intake against a plain typed DuckDB script: ``python -m benchmarks.intake [--scale S] [--repeat N] [--years N]``.

The national enrolment file (3.5 million rows at scale 1) to filtered, deduplicated, typed Parquet, all guards on; then
one process that takes in several years one after the other: memory must not grow, nor a year cost more than the first.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median

from benchmarks.measuring import Cost, median_of, run

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench_results"
YEAR = 2025
HOWS = ("ours", "plain")
AIM, LIMIT, PEAK_MB, FLAT, NEXT_YEAR = 0.7, 1.0, 700, 1.1, 1.5


def main() -> int:
    """Measure, print and keep; 1 if the two gave different rows."""
    parser = argparse.ArgumentParser(prog="benchmarks.intake", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--years", type=int, default=20, help="years taken in by one process")
    given = parser.parse_args()
    began = datetime.now().astimezone()
    work = RESULTS / "work" / f"intake-{os.getpid()}"
    work.mkdir(parents=True)
    try:
        file = _file(work, given.scale)
        costs = {how: _repeated(how, [file], work, given.repeat) for how in HOWS}
        agreed = _agreement(work)
        years = _measured("ours", [_moved(file, YEAR - back) for back in range(given.years)], work)
        size, rows = file.stat().st_size / 1e6, _rows(file)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with contextlib.suppress(OSError):
            work.parent.rmdir()  # unless another benchmark is at work there
    title = f"# Intake, {began:%Y-%m-%d %H:%M}: {rows} rows, {size:.0f} MB; medians of {given.repeat}\n"
    text = "\n".join([title, *_report({how: median_of(found) for how, found in costs.items()}, years, agreed)])
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"{began:%Y%m%dT%H%M%S}-intake"
    stem.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    kept = {how: [vars(cost) for cost in found] for how, found in costs.items()} | {"years": vars(years)}
    stem.with_suffix(".json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    _say(f"\n{text}\nWritten: {stem.with_suffix('.md')}")
    return 0 if agreed.startswith("equal") else 1


def _file(work: Path, scale: float) -> Path:
    folder = work / "files"
    arguments = ("--year", str(YEAR), "--dataset", "matricula", "--scale", str(scale), "--into", folder)
    run("benchmarks.prepare", *arguments, environment={}, log=work / "prepare.log")
    (file,) = folder.glob("*.csv")
    return file


def _moved(file: Path, year: int) -> Path:
    """The same file as another year's: its first field is the year."""
    if year == YEAR:
        return file
    moved = file.with_name(file.name.replace(str(YEAR), str(year)))
    with file.open("rb") as source, moved.open("wb") as target:
        target.write(source.readline())
        while block := source.readlines(1 << 22):
            target.write(b"".join(str(year).encode() + line[4:] for line in block))
    return moved


def _rows(file: Path) -> int:
    with file.open("rb") as handle:
        return sum(1 for _ in handle) - 1


def _measured(how: str, files: list[Path], work: Path) -> Cost:
    return run("benchmarks.intake_program", how, *files, "--into", work / how, environment={}, log=work / f"{how}.log")


def _repeated(how: str, files: list[Path], work: Path, repeat: int) -> list[Cost]:
    found = []
    for _ in range(repeat):
        cost = _measured(how, files, work)
        found.append(cost)
        _say(f"    {how:<6} {cost.report['cpu']:6.2f} CPU-s {cost.report['wall']:6.2f} s {cost.peak_mb:6.0f} MB")
    return found


def _agreement(work: Path) -> str:
    import duckdb

    ours, plain = (f"'{work / how}/{YEAR}.parquet'" for how in HOWS)
    with duckdb.connect() as connection:
        differences = [
            connection.execute(f"SELECT count(*) FROM (SELECT * FROM {a} EXCEPT ALL SELECT * FROM {b})").fetchall()
            for a, b in ((ours, plain), (plain, ours))
        ]
        ((rows,),) = connection.execute(f"SELECT count(*) FROM {ours}").fetchall()
    return f"equal: {rows} rows" if differences == [[(0,)], [(0,)]] else f"DIFFERENT: {differences}"


def _report(costs: dict[str, Cost], years: Cost, agreed: str) -> Iterator[str]:
    yield "| program | CPU-s | wall s | peak MB | CPU, x plain | imports CPU-s |"
    yield "| --- | --: | --: | --: | --: | --: |"
    plain = costs["plain"].report["cpu"]
    for how, cost in costs.items():
        said = cost.report
        yield (
            f"| {how} | {said['cpu']:.2f} | {said['wall']:.2f} | {cost.peak_mb:.0f} | {said['cpu'] / plain:.2f} |"
            f" {said['imports']:.2f} |"
        )
    times, peak = costs["ours"].report["cpu"] / plain, costs["ours"].peak_mb
    each, peaks = years.report["each"], years.report["peaks"]
    flat, next_year = peaks[-1] / peaks[0], median(each[1:] or each) / each[0]
    yield f"\nResults: {agreed}."
    limits = f"at most {LIMIT:g}: {_met(times <= LIMIT)}; aim {AIM:g}: {_met(times <= AIM)}"
    yield f"- CPU, times the plain script: {times:.2f} ({limits})"
    yield f"- peak memory {peak:.0f} MB (at most {PEAK_MB}: {_met(peak <= PEAK_MB)})"
    grown = f"peak {peaks[-1]:.0f} MB, {flat:.2f} times the first's ({_met(flat <= FLAT)})"
    yield f"- {len(each)} years in one process: {grown}"
    met = _met(next_year <= NEXT_YEAR)
    yield f"- a further year costs {next_year:.2f} times the first (at most {NEXT_YEAR:g}: {met})"


def _met(reached: bool) -> str:
    return "met" if reached else "NOT met"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
