"""The four scenarios: what is prepared, which programs run on it, what is aimed at. Measuring is `measuring`'s."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measuring import Cost, median_of, run

ROOT = Path(__file__).resolve().parent.parent
OURS, WORK, DUCKDB, PANDAS = "ours: Dagster, all checks", "the work itself", "plain DuckDB script", "pandas script"
YEAR = 2025
NATIONAL_YEARS = (2023, 2024, 2025)
BACKFILL_YEARS = (2011, 2025)
_DAGSTER = "orchestration: importing Dagster"


@dataclass(frozen=True)
class Aim:
    """One thing that the project aims at, and what was measured."""

    what: str
    measured: float | str
    limit: float | str
    met: bool


@dataclass
class Scenario:
    """What was measured: median costs by program, every repetition's, aims, and what the results agreed on."""

    name: str
    title: str
    input: dict[str, Any]
    costs: dict[str, Cost]
    repetitions: dict[str, list[Cost]]
    aims: list[Aim] = field(default_factory=list)
    agreement: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def tax(self) -> float:
        """CPU seconds of ours over the work itself, which is not charged for importing Dagster."""
        return self.costs[OURS].cpu - self.work_cpu

    @property
    def work_cpu(self) -> float:
        work = self.costs[WORK]
        return work.cpu - float(work.report["phases"][_DAGSTER])


class Bench:
    """Runs programs in a folder of its own, one after the other, never two at once."""

    def __init__(self, folder: Path, repeat: int, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.repeat = repeat
        self.say = say
        home = folder / "dagster_home"
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "dagster_home" / "dagster.yaml", home)
        self.environment = {
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "GX_ANALYTICS_ENABLED": "false",
            "PYTHONPATH": str(ROOT),
        }

    def program(self, name: str, *arguments: str | Path) -> Cost:
        """Run ``benchmarks.<name>`` and say what it cost."""
        cost = run(f"benchmarks.{name}", *arguments, environment=self.environment, log=self.folder / f"{name}.log")
        self.say(f"    {name:<18} {cost.cpu:7.1f} CPU-s {cost.wall:7.1f} s {cost.peak_mb:7.0f} MB")
        return cost

    def fresh(self, name: str, template: Path | None = None) -> Path:
        """An instance's data folder, new; a copy of ``template`` with its archive linked, if there is one."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        if template is None:
            folder.mkdir(parents=True)
        else:
            shutil.copytree(template, folder, ignore=shutil.ignore_patterns("archive"))
            shutil.copytree(template / "archive", folder / "archive", copy_function=lambda a, b: Path(b).hardlink_to(a))
        return folder

    def repeated(self, programs: dict[str, Callable[[], Cost]]) -> dict[str, list[Cost]]:
        """Each program in turn, as often as asked, so that a slow spell of the machine falls on all of them."""
        costs: dict[str, list[Cost]] = {name: [] for name in programs}
        for _ in range(self.repeat):
            for name, program in programs.items():
                costs[name].append(program())
        return costs


def enrolment_200k(bench: Bench, _: float | None) -> Scenario:
    """A dropped enrolment file of 200,000 rows, to published."""
    files = bench.folder / "drop-200k"
    cut = ("--dataset", "matricula", "--rows", "200000", "--scale", "0.07")
    made = bench.program("prepare", "--year", str(YEAR), *cut, "--into", files)
    return _file_to_published(bench, "200k", "200,000-row enrolment, dropped to published", files, made)


def national(bench: Bench, scale: float | None) -> Scenario:
    """The national file, and three national years one after the other in one process."""
    folders = {year: bench.folder / f"drop-{year}" for year in NATIONAL_YEARS}
    share = ("--dataset", "matricula", "--scale", str(scale or 1.0))
    made = {y: bench.program("prepare", "--year", str(y), *share, "--into", f) for y, f in folders.items()}
    found = _file_to_published(bench, "national", "National enrolment, dropped to published", folders[YEAR], made[YEAR])
    years = bench.program("ours", "--data", bench.fresh("years"), "--dropped", *folders.values())
    peaks = years.report["peaks"]
    found.repetitions["ours, three national years"] = [years]
    found.costs["ours, three national years"] = years
    peak = found.costs[OURS].peak_mb / 1024
    found.aims += [
        Aim("peak memory of the national file, GiB", round(peak, 3), 0.7, peak <= 0.7),
        Aim("peak after three years / after one", round(peaks[-1] / peaks[0], 3), 1.05, peaks[-1] <= 1.05 * peaks[0]),
    ]
    found.notes.append("peak memory after each national year in one process, MB: " + ", ".join(map(str, peaks)))
    return found


def weekly(bench: Bench, scale: float | None) -> Scenario:
    """The weekly run: every dataset of the running year, already received."""
    title = "Weekly run of the six datasets"
    return _years(bench, "weekly", title, (YEAR, YEAR), scale or 0.1, aim=5.0)


def backfill(bench: Bench, scale: float | None) -> Scenario:
    """Fifteen years of every asset in one range run."""
    title = "Backfill of 15 years x all assets in one run"
    return _years(bench, "backfill", title, BACKFILL_YEARS, scale or 0.02, aim=10.0)


# Repetitions of each program unless told otherwise: all four within a quarter of an hour on two cores.
REPEAT = {"200k": 3, "national": 2, "weekly": 3, "backfill": 2}
SCENARIOS: dict[str, Callable[[Bench, float | None], Scenario]] = {
    "200k": enrolment_200k,
    "national": national,
    "weekly": weekly,
    "backfill": backfill,
}


def _file_to_published(bench: Bench, name: str, title: str, files: Path, made: Cost) -> Scenario:
    seeds = ("--seeds", ROOT / "dbt_project" / "seeds")
    file = next(files.iterdir())

    def plain(program: str) -> Cost:
        return bench.program(program, file, *seeds, "--into", bench.fresh(program))

    costs = bench.repeated(
        {
            OURS: lambda: bench.program("ours", "--data", bench.fresh("ours"), "--dropped", files),
            WORK: lambda: bench.program("work", "--data", bench.fresh("work"), "--dropped", files),
            DUCKDB: lambda: plain("reference_duckdb"),
            PANDAS: lambda: plain("reference_pandas"),
        }
    )
    compared = bench.program(
        "agreement",
        *("--ours", bench.folder / "ours", "--work", bench.folder / "work"),
        *("--duckdb", bench.folder / "reference_duckdb", "--pandas", bench.folder / "reference_pandas"),
    )
    size = {"rows": sum(made.report["rows"].values()), "megabytes": round(file.stat().st_size / 1e6, 1)}
    return _scenario(name, title, size, costs, compared)


def _years(bench: Bench, name: str, title: str, years: Sequence[int], scale: float, *, aim: float) -> Scenario:
    received = bench.folder / f"{name}-received"
    every = [str(year) for year in range(years[0], years[-1] + 1)]
    made = bench.program(
        *("prepare", "--year", *every, "--scale", str(scale)),
        *("--into", bench.folder / f"{name}-files", "--receive", received),
    )
    span = ("--years", str(years[0]), str(years[-1]))
    costs = bench.repeated(
        {
            OURS: lambda: bench.program("ours", "--data", bench.fresh("ours", received), *span),
            WORK: lambda: bench.program("work", "--data", bench.fresh("work", received), *span),
        }
    )
    compared = bench.program("agreement", "--ours", bench.folder / "ours", "--work", bench.folder / "work")
    rows = made.report["rows"]
    size = {"years": f"{years[0]}-{years[-1]}", "scale": scale, "files": len(rows), "rows": sum(rows.values())}
    found = _scenario(name, title, size, costs, compared)
    tax = found.tax
    found.aims.insert(0, Aim("CPU-s of orchestration and checks over the work itself", round(tax, 1), aim, tax <= aim))
    return found


def _scenario(name: str, title: str, size: dict[str, Any], costs: dict[str, list[Cost]], compared: Cost) -> Scenario:
    said = compared.report["agreement"]
    same = all(text.startswith("equal") for text in said.values())
    return Scenario(
        name=name,
        title=title,
        input=size,
        costs={program: median_of(measured) for program, measured in costs.items()},
        repetitions=costs,
        aims=[Aim("all programs give the same result", "equal" if same else "different", "equal", same)],
        agreement=said,
    )


def cleaned_up(folder: Path) -> None:
    """Remove everything that a benchmark made but its results."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        sys.stderr.write(f"could not remove {folder}\n")
