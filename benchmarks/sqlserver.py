"""The SQL Server source against the fastest Arrow routes: ``python -m benchmarks.sqlserver [--rows N…] [--repeat N]``.

The server is the loopback one of the tests, in a process of its own, that sends remembered bytes: what is measured
is the client. Each route runs in a process of its own and asks the same query over verified TLS. mssql-python is a
rival only and no dependency: put it on PYTHONPATH to have it measured.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measuring import Cost, median_of, run

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench_results"
ROWS = (200_000, 1_000_000)
OURS, RAW_LAYER, FREETDS = "ours", "ours, raw layer", "ours, FreeTDS"
AIM_TIMES, AIM_FLAT = 2.0, 1.05


def main() -> int:
    """Measure, print and keep; 1 if two routes gave different rows."""
    parser = argparse.ArgumentParser(prog="benchmarks.sqlserver", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=list(ROWS))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--freetds", action="store_true", help="also ours through FreeTDS")
    given = parser.parse_args()
    began = datetime.now().astimezone()
    work = RESULTS / "work" / f"sqlserver-{os.getpid()}"
    work.mkdir(parents=True)
    routes = [OURS, RAW_LAYER, "arrow-odbc"] + ([FREETDS] if given.freetds else [])
    if find_spec("mssql_python") is None:
        _say("NOT MEASURED: mssql-python is not installed; `pip install --target D mssql-python`, PYTHONPATH=D.")
    else:
        routes.append("mssql-python")
    costs: dict[int, dict[str, list[Cost]]] = {}
    agreed: dict[str, str] = {}
    try:
        for rows in given.rows:
            _say(f"{rows} rows:")
            folder = work / str(rows)
            folder.mkdir()
            with _server(folder, rows) as environment:
                costs[rows], said = _measured(folder, routes, given.repeat, environment)
            agreed |= {f"{rows} rows, {route}": text for route, text in said.items()}
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with contextlib.suppress(OSError):
            work.parent.rmdir()  # unless another benchmark is at work there
    medians = {rows: {route: median_of(found) for route, found in by.items()} for rows, by in costs.items()}
    text = "\n".join(_report(medians, agreed, given.repeat))
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"{began:%Y%m%dT%H%M%S}-sqlserver"
    stem.with_suffix(".md").write_text(f"# Benchmark of {began:%Y-%m-%d %H:%M}\n\n{text}", encoding="utf-8")
    kept = {str(r): {k: [vars(c) for c in found] for k, found in by.items()} for r, by in costs.items()}
    stem.with_suffix(".json").write_text(json.dumps({"costs": kept, "agreement": agreed}, indent=1), encoding="utf-8")
    _say("\n" + text)
    _say(f"Written: {stem.with_suffix('.md')}")
    return 0 if all(text.startswith("equal") for text in agreed.values()) else 1


@contextlib.contextmanager
def _server(folder: Path, rows: int) -> Iterator[dict[str, str]]:
    """Serve; the environment in which the clients find it."""
    arguments = [sys.executable, "-m", "benchmarks.sqlserver_server", "--rows", str(rows), "--folder", str(folder)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(  # noqa: S603
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise SystemExit("the server did not start")
        yield {"PORT": port, "PYTHONPATH": path}
    finally:
        process.communicate("")  # the end of its input is the end of the server
        process.wait(30)


def _measured(
    folder: Path, routes: list[str], repeat: int, environment: dict[str, str]
) -> tuple[dict[str, list[Cost]], dict[str, str]]:
    authority = folder / "ca" / "ca.pem"
    known = {"PYTHONPATH": environment["PYTHONPATH"], "SSL_CERT_FILE": str(authority)}
    costs: dict[str, list[Cost]] = {route: [] for route in routes}
    # Once unmeasured: the server makes the answer then, and bytecode is compiled.
    for at in range(repeat + 1):
        for route in routes:
            into = folder / route.replace(" ", "").replace(",", "-")
            into.mkdir(exist_ok=True)
            driver = ("--driver", "FreeTDS") if route == FREETDS else ()
            cost = run(
                "benchmarks.sqlserver_client",
                *(OURS if route == FREETDS else route, "--port", environment["PORT"]),
                *("--ca-file", authority, "--into", into, *driver),
                environment=known,
                log=folder / f"{into.name}.log",
            )
            if at:
                costs[route].append(cost)
                _say(f"    {route:<14} {cost.cpu:6.2f} CPU-s {cost.wall:6.2f} s {cost.peak_mb:6.0f} MB")
    made = folder / "made"
    made.mkdir()
    for path in list(folder.glob("*/*.parquet")):
        if path.parent.name.startswith("oursraw"):
            continue
        own = path.parent.name == OURS or not path.name.startswith("matricula_")
        (made / (path.name if own else f"freetds_{path.name}")).hardlink_to(path)
    compared = run("benchmarks.sqlserver_client", "compare", "--into", made, environment=known, log=folder / "c.log")
    return costs, compared.report["agreement"]


def _report(medians: dict[int, dict[str, Cost]], agreed: dict[str, str], repeat: int) -> Iterator[str]:
    for rows, by_route in medians.items():
        rivals = {route: cost for route, cost in by_route.items() if not route.startswith(OURS)}
        fastest = {what: min(rivals, key=lambda route: rivals[route].report[what]) for what in ("cpu", "wall")}
        best = {what: rivals[route].report[what] for what, route in fastest.items()}
        yield f"## {rows} rows x 18 columns, SQL Server to Parquet; medians of {repeat}\n"
        yield "| route | CPU-s | wall s | peak MB | reading: CPU-s | wall s | CPU, x fastest | wall, x fastest |"
        yield "| --- | --: | --: | --: | --: | --: | --: | --: |"
        for route, cost in by_route.items():
            read = cost.report
            yield (
                f"| {route} | {cost.cpu:.2f} | {cost.wall:.2f} | {cost.peak_mb:.0f} | {read['cpu']:.2f} |"
                f" {read['wall']:.2f} | {read['cpu'] / best['cpu']:.2f} | {read['wall'] / best['wall']:.2f} |"
            )
        for route in (OURS, RAW_LAYER):
            for what, rival in fastest.items():
                times = by_route[route].report[what] / best[what]
                met = "met" if times <= AIM_TIMES else "NOT MET"
                yield f"\n**{met}**: {route}, {what} in times of {rival}, the fastest: {times:.2f} (aim: {AIM_TIMES})"
        yield ""
    if len(medians) > 1:
        few, many = min(medians), max(medians)
        grown = medians[many][OURS].peak_mb / medians[few][OURS].peak_mb
        met = "met" if grown <= AIM_FLAT else "NOT MET"
        yield f"**{met}**: peak memory flat from {few} to {many} rows: {grown:.3f} times (aim: {AIM_FLAT})\n"
    yield from (f"- {what}: {said}" for what, said in agreed.items())
    yield ""


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
