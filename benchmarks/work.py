"""Measured program: the work itself. The product's own functions in the product's order, but no Dagster and no check.

Left out: runs, events, metadata and lineage; Great Expectations, Data Docs, accounts, and the disclosure audit. Kept:
what makes the tables, and what intake and publication cannot be separated from (reading every line of a file before
it is taken, reconciling the new set before it is swapped in). The published files must come out byte for byte equal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.instance import read_order, settings_at
from benchmarks.meter import Meter, peak_mb
from benchmarks.ours import WORK, import_what_the_work_needs

if TYPE_CHECKING:
    from emtp_assets.settings import Settings


def main() -> None:
    order = read_order()
    meter = Meter()
    # The product's modules import Dagster, so this process pays for it too; it is told apart, and taken off.
    import_what_the_work_needs(meter)
    settings = settings_at(order.data)
    with meter.phase(f"{WORK}: the product's modules"):
        from benchmarks.chain import Chain

        chain = Chain(settings, meter)
    if order.first is not None and order.last is not None:
        from emtp_assets.contracts import DATASETS

        chain.run(DATASETS, range(order.first, order.last + 1))
    peaks: list[float] = []
    for folder in order.dropped:
        for dataset, years in _received(folder, settings, meter).items():
            chain.run([dataset], years)
        peaks.append(peak_mb())
    meter.write(order.report, peaks=peaks)


def _received(folder: Path, settings: Settings, meter: Meter) -> dict[str, Iterable[int]]:
    from emtp_assets.intake import Delivery, Ledger, receive

    settings.drop.mkdir(parents=True, exist_ok=True)
    asked: dict[str, set[int]] = defaultdict(set)
    for file in sorted(folder.iterdir()):
        path = settings.drop / file.name
        path.hardlink_to(file)
        with meter.phase(f"{WORK}: receiving"):
            outcome = receive(path, settings, Ledger(settings.data_dir), source="carpeta", now=datetime.now(UTC))
        if not isinstance(outcome, Delivery):
            raise SystemExit(f"{file.name}: {outcome}")
        asked[outcome.dataset] |= set(outcome.years)
    return {dataset: sorted(years) for dataset, years in asked.items()}


if __name__ == "__main__":
    main()
