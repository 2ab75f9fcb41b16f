"""The command: ``python -m benchmarks [200k|national|weekly|backfill|all] [--repeat N] [--scale S]``."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from datetime import datetime

from benchmarks import report
from benchmarks.scenarios import REPEAT, ROOT, SCENARIOS, Bench, cleaned_up

RESULTS = ROOT / "bench_results"


def main() -> int:
    """Run the scenarios asked for, print and keep what they cost; 1 if two programs gave different results."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("scenario", nargs="?", default="all", choices=[*SCENARIOS, "all"])
    parser.add_argument("--repeat", type=int, help="repetitions of each program; medians are told (default: 3 or 2)")
    parser.add_argument(
        "--scale", type=float, help="share of the country's schools, instead of 1 (national), 0.1 and 0.02"
    )
    given = parser.parse_args()
    began, load = datetime.now().astimezone(), os.getloadavg()[0]
    if load > 0.75 * (os.cpu_count() or 1):
        _say(f"The machine is busy (load {load:.1f}): times will be too long.")
    names = list(SCENARIOS) if given.scenario == "all" else [given.scenario]
    done = []
    work = RESULTS / "work" / str(os.getpid())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was made is removed then too
    try:
        for name in names:
            _say(f"{name}:")
            bench = Bench(work / name, given.repeat or REPEAT[name], _say)
            done.append(SCENARIOS[name](bench, given.scale))
            cleaned_up(work / name)
            _say("\n" + report.markdown(done[-1]))
    finally:
        cleaned_up(work)
        with contextlib.suppress(OSError):
            work.parent.rmdir()  # unless another benchmark is at work there
        if done:
            _say(f"Written: {report.write(done, RESULTS, began=began, load=load)}")
    return 0 if all(text.startswith("equal") for s in done for text in s.agreement.values()) else 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
