"""The outcome of every file of the sample, as it stands: `expected.tsv`. A change of it is a change to be looked at.

``python -m emtp_assets_tests.pollution.pins`` writes it anew; the difference is for a person to approve.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from emtp_assets_tests.pollution.corpus import Pollution, everything
from emtp_assets_tests.pollution.judge import Verdict
from emtp_assets_tests.pollution.official import FORMS
from emtp_assets_tests.pollution.trying import Result, tried

EXPECTED = Path(__file__).with_name("expected.tsv")
FULL, SHARE, VALUES = "matricula_2024", 25, 8
"""Every pollution is tried on this form, and one in so many on each other; of those of values, one in so many on each.
All of them, in every place, are the benchmark's (`python -m benchmarks.pollution`)."""
ONCE_SILENT = {
    ("docentes_2025", "after_total_with_year"),
    ("docentes_2025", "row_name_with_separator_and_last_missing"),
}
"""What only the benchmark had found."""


def sample() -> Iterator[tuple[str, list[Pollution]]]:
    """(form, its pollutions) of what continuous integration tries, always the same."""
    pollutions = everything().values()
    for form in FORMS:
        yield form, [p for p in pollutions if form in p.forms and _chosen(p, form)]


def _chosen(pollution: Pollution, form: str) -> bool:
    if (form, pollution.name) in ONCE_SILENT:
        return True
    draw = crc32(f"{form} {pollution.name}".encode())
    if pollution.group.startswith("values: "):  # what is judged after cleaning costs four times the rest
        return draw % VALUES == 0
    return form == FULL or FULL not in pollution.forms or draw % SHARE == 0


def outcomes(folder: Path) -> Iterator[Result]:
    """What ours makes of the sample, one place of each pollution."""
    for form, pollutions in sample():
        into = folder / form
        into.mkdir()
        yield from tried(into, pollutions, forms={form}, most=1, readers=["ours"])


def read() -> dict[tuple[str, str, str], str]:
    """Expected outcome by (pollution, form, place)."""
    lines = EXPECTED.read_text(encoding="utf-8").splitlines()[1:]
    return {(name, form, label): outcome for name, form, label, outcome in (line.split("\t") for line in lines)}


def key(result: Result) -> tuple[str, str, str]:
    return result.pollution.name, result.form, result.label


def _write(results: Iterable[Result]) -> list[Result]:
    found = sorted(results, key=key)
    lines = ["\t".join((*key(r), r.judgement.shown)) for r in found]
    text = "\n".join(["contaminacion\tforma\tlugar\tresultado", *lines, ""])
    EXPECTED.write_text(text, encoding="utf-8")
    return [r for r in found if r.judgement.verdict is Verdict.SILENT]


def main() -> int:
    """Write the outcomes; 1, and which they are, if any is wrong in silence."""
    with tempfile.TemporaryDirectory() as folder:
        silent = _write(outcomes(Path(folder)))
    for result in silent:
        sys.stdout.write(f"{'  '.join(key(result))}: {result.judgement.why}\n")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main())
