"""Which earlier year a year is compared with, and what its delivery brought. Nothing is compared here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from emtp_assets.contracts import Contract
from emtp_assets.intake import Delivery, Ledger
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Provenance


def same_origin_before(
    lake: Lake,
    layer: Layer,
    dataset: str,
    staged: Mapping[int, Path],
    year: int,
    settings: Settings | None = None,
) -> dict[int, Path]:
    """The files of the years before ``year``: simulated and real ones are not compared.

    ``staged``: what the same run makes, which stands for what it is about to replace; ``year`` is one of them.
    ``settings``: whose key opens the files, where they may be encrypted.
    """
    files = {y: lake.part(layer, dataset, y) for y in lake.years(layer, dataset)} | dict(staged)
    origin = Provenance.of(staged[year], settings).origin
    return {y: files[y] for y in sorted(files) if y < year and Provenance.of(files[y], settings).origin is origin}


def header_before(
    ledger: Ledger, earlier: Mapping[int, Path], settings: Settings | None = None
) -> dict[int, tuple[str, ...]]:
    """The header of the nearest of those years, by its year; empty if no file brought it: a query's order is ours."""
    if not earlier:
        return {}
    nearest = max(earlier)
    headers = [d.columns for d in _deliveries(ledger, earlier[nearest], settings) if not d.answers_a_query]
    return {nearest: headers[-1]} if headers else {}


def sent_in_all(ledger: Ledger, contract: Contract, *files: Path) -> set[str]:
    """Names of the columns that the delivery of each of those files brought, whichever its spelling."""
    every = {column.name for column in contract.columns}
    for path in files:
        deliveries = _deliveries(ledger, path)
        brought = {c.name for d in deliveries for header in d.columns if (c := contract.column_spelled(header))}
        every &= brought if deliveries else every
    return every


def _deliveries(ledger: Ledger, path: Path, settings: Settings | None = None) -> list[Delivery]:
    return [found for sha256 in Provenance.of(path, settings).deliveries if (found := ledger.find(sha256))]
