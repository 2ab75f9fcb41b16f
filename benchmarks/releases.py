"""What somebody who subtracts one public release from another sees of twelve weeks of real events:
``python -m benchmarks.releases [--scale S] [--seed N] [--weeks W]``.

A simulated country is released; for twelve weeks 600 students a week leave, enter and move; then the year is released
again in three ways: repeated (what happens unless a person asks otherwise), made again by the rules, and made again
without them, which is the control. The attacker reads Parquet and manifests alone.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from emtp_assets_tests.releases.weeks import EVENTS_OF_THE_COUNTRY, WEEKS, Seen, weeks_in

RESULTS = Path(__file__).resolve().parent.parent / "bench_results"
_TOLD = {
    "repeated": "the year repeated as it was released",
    "restated": "the year made again, by the rules",
    "careless": "the year made again, without them (control)",
}


def main() -> int:
    """Live through the weeks, subtract, print and keep; 1 if a few persons show, or do not in the control."""
    parser = argparse.ArgumentParser(prog="benchmarks.releases", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the country's schools, and of its events")
    parser.add_argument("--seed", type=int, default=20260301)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    given = parser.parse_args()
    began, cpu = datetime.now().astimezone(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        weeks = weeks_in(Path(folder), scale=given.scale, seed=given.seed, weeks=given.weeks)
        seen = {way: weeks.seen(getattr(weeks, way)) for way in _TOLD}
    cpu = time.process_time() - cpu
    events = int(EVENTS_OF_THE_COUNTRY * given.scale)
    _say(f"{weeks.students:,} students, {given.weeks} weeks of {events} events, seed {given.seed}; {cpu:.0f} CPU-s")
    for way, told in _TOLD.items():
        _say(f"{told}: {_in_words(seen[way])}")
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"releases_{began:%Y%m%d_%H%M%S}.json"
    result = {
        "students": weeks.students,
        "weeks": given.weeks,
        "events": events,
        "seed": given.seed,
        "cpu_s": round(cpu),
    }
    file.write_text(json.dumps(result | {w: dataclasses.asdict(s) for w, s in seen.items()}, indent=2) + "\n", "utf-8")
    _say(f"Written: {file}")
    hidden = not (seen["repeated"].anything or seen["restated"].anything)
    return 0 if hidden and seen["careless"].single else 1


def _in_words(seen: Seen) -> str:
    return (
        f"{seen.compared:,} figures compared; differences of 1 to 9 students: {seen.shown:,} in a figure "
        f"({seen.single:,} of one student), {seen.rests:,} in what is left of a total ({seen.rests_single:,} of one), "
        f"{seen.deep:,} below hidden parts, {seen.crossed:,} across two dimensions"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
