"""Polluted official files and four readers: ``python -m benchmarks.pollution [--form F…] [--most N] [--only GROUP…]``.

The idea is Pollock's (Vitagliano et al., VLDB 2023): spoil a right file in one way after another, and see what each
reader makes of it. Its classes and ours are `emtp_assets_tests.pollution`; the verdict is on what was read, not on
whether something was. Each reader gets the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from emtp_assets_tests.pollution.corpus import Pollution, everything
from emtp_assets_tests.pollution.judge import Verdict
from emtp_assets_tests.pollution.official import FORMS
from emtp_assets_tests.pollution.readers import READERS
from emtp_assets_tests.pollution.trying import Result, tried

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench_results"
_HOW = (
    "right: every row of the truth with equal values, in order, and nothing more; for ours also with the struck rows "
    "set aside and told. refused: an error or a warning, a row rejected, a value emptied and counted, or a number left "
    "as text. silent: anything else. DuckDB: `read_csv(path, all_varchar=true)`; pandas: `read_csv(path, sep=None, "
    'engine="python", dtype=str, keep_default_na=False)`; polars: `read_csv(path, separator=";", infer_schema=False)`; '
    "files before 2018 with encoding latin-1; where values are judged, with their default types."
)


def main() -> int:
    """Read, print and keep; 1 if ours is wrong in silence anywhere."""
    parser = argparse.ArgumentParser(prog="benchmarks.pollution", description=__doc__)
    parser.add_argument("--form", nargs="*", choices=FORMS, default=list(FORMS))
    parser.add_argument("--most", type=int, help="places of one pollution in one form (default: all)")
    parser.add_argument("--only", nargs="*", help="groups of pollutions, by the beginning of their name")
    given = parser.parse_args()
    began = datetime.now().astimezone()
    work = RESULTS / "work" / f"pollution-{os.getpid()}"
    work.mkdir(parents=True)
    chosen = [p for p in everything().values() if not given.only or p.group.startswith(tuple(given.only))]
    try:
        results = _with_progress(tried(work, chosen, forms=given.form, most=given.most), chosen)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        with contextlib.suppress(OSError):
            work.parent.rmdir()  # unless another benchmark is at work there
    text = "\n".join(_report(results, given.form, given.most))
    stem = RESULTS / f"{began:%Y%m%dT%H%M%S}-pollution"
    stem.with_suffix(".md").write_text(f"# Benchmark of {began:%Y-%m-%d %H:%M}\n\n{text}", encoding="utf-8")
    stem.with_suffix(".json").write_text(json.dumps(_stored(results), ensure_ascii=False, indent=0), encoding="utf-8")
    _say("\n" + text)
    _say(f"Written: {stem.with_suffix('.md')}")
    return 1 if _silent(results) else 0


def _with_progress(results: Iterable[Result], chosen: list[Pollution]) -> list[Result]:
    found = []
    for result in results:
        found.append(result)
        if len(found) % 2000 == 0:
            at = chosen.index(result.pollution) + 1
            _say(f"    {len(found)} verdicts, {at} of {len(chosen)} pollutions")
    return found


def _silent(results: Iterable[Result]) -> list[Result]:
    return [r for r in results if r.reader == "ours" and r.judgement.verdict is Verdict.SILENT]


def _report(results: list[Result], forms: list[str], most: int | None) -> Iterator[str]:
    files = len(results) // len(READERS)
    libraries = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pandas", "polars"))
    yield f"{files} polluted files of {len(forms)} official forms ({', '.join(forms)}); {libraries}"
    yield f"Places of one pollution in one form: {most or 'all'}\n"
    yield f"{_HOW}\n"
    yield from _table("Pollock's classes", [r for r in results if r.pollution.pollock])
    yield from _table("Further classes", [r for r in results if not r.pollution.pollock])
    silent = _silent(results)
    yield f"**{'NOT MET' if silent else 'met'}**: ours is wrong in silence in {len(silent)} files (aim: 0)\n"
    yield from (f"- {r.pollution.name}, {r.form}, {r.label}: {r.judgement.why}" for r in silent[:100])


def _table(title: str, results: list[Result]) -> Iterator[str]:
    if not results:
        return
    counted: dict[str, dict[str, Counter[str]]] = {}
    for result in results:
        by_reader = counted.setdefault(result.pollution.group, {reader: Counter() for reader in READERS})
        by_reader[result.reader][_column(result.judgement.verdict)] += 1
    yield f"## {title}: read right / refused with reason / wrong in silence\n"
    yield "| class | files | " + " | ".join(READERS) + " |"
    yield "| --- | --: |" + " --: |" * len(READERS)
    total = {reader: Counter[str]() for reader in READERS}
    for group, by_reader in counted.items():
        yield _row(group, by_reader)
        for reader in READERS:
            total[reader].update(by_reader[reader])
    yield _row("**all**", total)
    yield ""


def _row(name: str, by_reader: dict[str, Counter[str]]) -> str:
    cells = " | ".join(f"{c['right']} / {c['refused']} / {c['silent']}" for c in by_reader.values())
    return f"| {name} | {by_reader[READERS[0]].total()} | {cells} |"


def _column(verdict: Verdict) -> str:
    return {Verdict.REFUSED: "refused", Verdict.SILENT: "silent"}.get(verdict, "right")


def _stored(results: list[Result]) -> list[list[str]]:
    return [[r.pollution.name, r.form, r.label, r.reader, r.judgement.shown, r.judgement.why] for r in results]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
