"""Makes the files that the scenarios process, as a process of its own. Simulated ones, cut or moved in time.

Usage: ``python -m benchmarks.prepare --year 2025 [--dataset matricula] [--rows 200000] [--scale S] --into FOLDER
[--receive DATA] --report FILE``
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.instance import settings_at
from emtp_assets.contracts import DATASETS, Contract, contract_for
from emtp_assets.intake import Ledger, Rejection, receive
from emtp_assets.lineage import official_origins
from emtp_assets.settings import Settings
from emtp_assets.sources.simulated import can_generate, generate
from emtp_assets.transformation.dbt import _manifest

SEED = 20260301


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--year", type=int, nargs="+", required=True)
    parser.add_argument("--dataset", choices=DATASETS)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--receive", type=Path)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    _warm_up(settings_at(given.into))
    rows = {}
    for year in given.year:
        for dataset in [given.dataset] if given.dataset else DATASETS:
            path = _file(contract_for(dataset), year, given.into, given.scale)
            if given.rows:
                _cut(path, given.rows)
            rows[f"{dataset} {year}"] = _lines(path) - 1
            if given.receive:
                _received(path, given.receive)
    given.report.write_text(json.dumps({"rows": rows}), encoding="utf-8")


def _warm_up(settings: Settings) -> None:
    """Work out what the first run after a change of code works out once: dbt's manifest and the lineage."""
    official_origins(settings)
    _manifest(settings)


def _file(contract: Contract, year: int, folder: Path, scale: float) -> Path:
    """The simulated file. A year before the first official file of a dataset (titulacion: 2013) gets the first
    one's with its year changed, so that a backfill has every dataset in every year."""
    existing = next(y for y in range(year, year + 30) if can_generate(contract, y))
    path = generate(contract, existing, folder, scale=scale, seed=SEED)
    if existing == year:
        return path
    moved = path.with_name(path.name.replace(str(existing), str(year)))
    at = [c.official for c in contract.official_columns(existing)].index(contract.year_column)
    with path.open("rb") as source, moved.open("wb") as target:
        target.write(source.readline())
        for line in source:
            fields = line.split(b";", at + 1)
            fields[at] = str(year).encode()
            target.write(b";".join(fields))
    path.unlink()
    return moved


def _cut(path: Path, rows: int) -> None:
    """Keep the header and the first ``rows`` rows.

    Raises:
        ValueError: there are not so many.
    """
    kept = path.with_suffix(".cut")
    with path.open("rb") as source, kept.open("wb") as target:
        for at, line in enumerate(source):
            if at > rows:
                break
            target.write(line)
        else:
            raise ValueError(f"{path.name} has fewer than {rows} rows")
    kept.replace(path)


def _lines(path: Path) -> int:
    with path.open("rb") as source:
        return sum(block.count(b"\n") for block in iter(lambda: source.read(1 << 20), b""))


def _received(path: Path, data: Path) -> None:
    settings = settings_at(data)
    outcome = receive(path, settings, Ledger(data), source="carpeta", now=datetime.now(UTC))
    if isinstance(outcome, Rejection):
        raise SystemExit(f"{path.name}: {outcome.message}")


if __name__ == "__main__":
    main()
