"""What was measured, as text, Markdown and JSON. Nothing is measured here."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measuring import Cost
from benchmarks.meter import REST
from benchmarks.scenarios import OURS, WORK, Scenario

_GROUPS = ("work", "checks", "orchestration")
_LIBRARIES = ("dagster", "great-expectations", "dbt-core", "duckdb", "pandas", "pyarrow")


def markdown(scenario: Scenario) -> str:
    """One scenario: costs and ratios, where ours spends its CPU, agreement, aims."""
    return "\n".join(_lines(scenario)) + "\n"


def write(scenarios: list[Scenario], folder: Path, *, began: datetime, load: float) -> Path:
    """Write ``<folder>/<timestamp>.json`` and ``.md``; returns the Markdown file."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = _machine(load)
    stem = folder / f"{began:%Y%m%dT%H%M%S}"
    text = [f"# Benchmark of {began:%Y-%m-%d %H:%M}", "", ", ".join(f"{k} {v}" for k, v in machine.items()), ""]
    stem.with_suffix(".md").write_text(
        "\n".join(text) + "\n".join(markdown(scenario) for scenario in scenarios), encoding="utf-8"
    )
    stored = {"began": began.isoformat(), "machine": machine, "scenarios": [_stored(s) for s in scenarios]}
    stem.with_suffix(".json").write_text(json.dumps(stored, indent=1, ensure_ascii=False), encoding="utf-8")
    return stem.with_suffix(".md")


def _lines(scenario: Scenario) -> Iterator[str]:
    yield f"## {scenario.title}"
    yield ""
    size = ", ".join(f"{key} {value}" for key, value in scenario.input.items())
    yield f"Input: {size}; medians of {len(scenario.repetitions[OURS])}"
    yield ""
    reference = scenario.costs.get("plain DuckDB script") or scenario.costs[WORK]
    yield from _table(
        ("program", "CPU-s", "wall s", "peak MB", "CPU ratio", "wall ratio", "memory ratio"),
        [(name, *_figures(cost, reference)) for name, cost in scenario.costs.items()],
    )
    yield f"Ratios are to the {'plain DuckDB script' if 'plain DuckDB script' in scenario.costs else 'work itself'}."
    yield (
        f"Tax of orchestration and checks: {scenario.tax:.1f} CPU-s over {scenario.work_cpu:.1f} of the work itself "
        f"(x{scenario.costs[OURS].cpu / scenario.work_cpu:.2f}); the work is not charged for importing Dagster."
    )
    yield ""
    yield from _breakdown(scenario)
    yield from (f"- {note}" for note in scenario.notes)
    yield from (f"- {what}: {said}" for what, said in scenario.agreement.items())
    yield ""
    yield from (
        f"**{'met' if aim.met else 'NOT MET'}**: {aim.what}: {aim.measured} (aim: {aim.limit})  "
        for aim in scenario.aims
    )
    yield ""


def _figures(cost: Cost, reference: Cost) -> tuple[str, ...]:
    ratios = (cost.cpu / reference.cpu, cost.wall / reference.wall, cost.peak_mb / reference.peak_mb)
    return (f"{cost.cpu:.1f}", f"{cost.wall:.1f}", f"{cost.peak_mb:.0f}", *(f"{ratio:.2f}" for ratio in ratios))


def _breakdown(scenario: Scenario) -> Iterator[str]:
    """CPU seconds of ours by phase, beside those of the work itself."""
    ours, work = (scenario.costs[name].report["phases"] for name in (OURS, WORK))
    calls = scenario.costs[OURS].report["calls"]
    rows: list[tuple[str, ...]] = []
    for group in _GROUPS:
        phases = [phase for phase in {**ours, **work} if phase.startswith(f"{group}:")]
        totals = [sum(spent.get(phase, 0.0) for phase in phases) for spent in (ours, work)]
        rows.append((f"**{group}**", *(f"**{total:.2f}**" for total in totals), ""))
        for phase in sorted(phases, key=lambda name: -ours.get(name, 0.0)):
            spent = (f"{of[phase]:.2f}" if phase in of else "" for of in (ours, work))
            rows.append((phase.partition(": ")[2], *spent, f"{calls.get(phase, 0):.0f}"))
    left = [
        scenario.costs[name].cpu - sum(spent for phase, spent in of.items() if phase != REST)
        for name, of in ((OURS, ours), (WORK, work))
    ]
    rows.append(("**the interpreter's start and end**", *(f"**{spent:.2f}**" for spent in left), ""))
    yield from _table(("CPU-s by phase", "ours", "the work itself", "calls"), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, tuple("-" * width for width in widths), *rows):
        cells = (
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _machine(load: float) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load at start": round(load, 2),
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


def _stored(scenario: Scenario) -> dict[str, Any]:
    return {**asdict(scenario), "tax_cpu": round(scenario.tax, 3), "work_cpu": round(scenario.work_cpu, 3)}
