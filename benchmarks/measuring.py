"""Runs a program as a process of its own and takes its CPU, wall time and peak memory. What it runs is `scenarios`'.

Nothing heavy may be imported in this process: on Linux a child starts with its parent's peak memory as its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


class ProgramFailedError(RuntimeError):
    """A measured program ended with an error; the message holds the end of what it wrote."""


@dataclass(frozen=True)
class Cost:
    """What one process cost: CPU seconds (user and system, children included), wall seconds, peak RSS in MB.

    ``report`` is what the program says of itself: CPU seconds by phase, rows, peaks.
    """

    cpu: float
    wall: float
    peak_mb: float
    report: dict[str, Any] = field(default_factory=dict)


def run(module: str, *arguments: str | Path, environment: dict[str, str], log: Path) -> Cost:
    """Run ``python -m <module> … --report <file>`` and wait for it.

    Raises:
        ProgramFailedError: it ended with a code other than 0.
    """
    report = log.with_suffix(".report.json")
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", module, *map(str, arguments), "--report", str(report)]
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=output, stderr=output, env={**os.environ, **environment}
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # interrupted: what was measured must not go on alone
            process.kill()
            raise
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
        raise ProgramFailedError(f"{module} ended with {process.returncode}:\n{tail}")
    said = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, said)


def median_of(costs: list[Cost]) -> Cost:
    """The median of each figure on its own; of nested ``report`` figures too, where they are numbers."""
    return Cost(
        median(c.cpu for c in costs),
        median(c.wall for c in costs),
        median(c.peak_mb for c in costs),
        _median_report([c.report for c in costs]),
    )


def _median_report(reports: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key in dict.fromkeys(key for report in reports for key in report):
        values = [report[key] for report in reports if key in report]
        if all(isinstance(v, dict) for v in values):
            merged[key] = _median_report(values)
        elif all(isinstance(v, int | float) for v in values):
            merged[key] = round(median(values), 4)
        else:
            merged[key] = values[-1]
    return merged
