"""What a new delivery makes stale. A pure question about the graph and the lake; starting runs is the sensor's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from emtp_assets.contracts import all_contracts
from emtp_assets.keys import PUBLICATION, key_of
from emtp_assets.privacy.plans import plan_for
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.transformation import aggregated_models


def chain_of(dataset: str) -> list[dg.AssetKey]:
    """The four layers of a dataset."""
    layers = (Layer.RAW, Layer.CLEANED, Layer.AGGREGATED, Layer.ANONYMIZED)
    return [key_of(layer, dataset) for layer in layers]


def publication_of(settings: Settings) -> tuple[dg.AssetKey, ...]:
    """What every run ends with; nothing in privacy mode C, where a publication would only refuse, week after week."""
    return PUBLICATION if settings.privacy_mode.publishes else ()


def affected(
    dataset: str, years: Iterable[int], lake: Lake, publication: Sequence[dg.AssetKey] = PUBLICATION
) -> dict[int, list[dg.AssetKey]]:
    """Per academic year, the assets to run again when ``dataset`` has new deliveries for ``years``.

    The dataset's own chain, and what counts it together with others (graduates take their specialty from the
    enrolment; retention looks a year back) where those others have figures. What publishes always (`publication_of`).
    """
    delivered = set(years)
    runs: dict[int, set[dg.AssetKey]] = {year: set(chain_of(dataset)) for year in delivered}
    for model in aggregated_models():
        for offset in model.reads.get(dataset, ()):
            for year in {delivered_year - offset for delivered_year in delivered}:
                counted = lake.part(Layer.CLEANED, model.dataset, year).is_file()
                if counted or (model.dataset == dataset and year in delivered):
                    runs.setdefault(year, set()).update(_from_aggregated(model.dataset))
    for year, keys in runs.items():
        keys.update(
            key_of(Layer.ANONYMIZED, reader)
            for reader in _readers_of(keys)
            if all(lake.part(Layer.AGGREGATED, model, year).is_file() for model in plan_for(reader).reads)
        )
    order = [key for c in all_contracts() for key in chain_of(c.dataset)]
    return {year: [*(k for k in order if k in runs[year]), *publication] for year in sorted(runs)}


def _from_aggregated(dataset: str) -> list[dg.AssetKey]:
    return [key_of(Layer.AGGREGATED, dataset), key_of(Layer.ANONYMIZED, dataset)]


def _readers_of(keys: set[dg.AssetKey]) -> list[str]:
    """The datasets whose plan reads an anonymized table of one of these."""
    tables = {
        table
        for c in all_contracts()
        if key_of(Layer.ANONYMIZED, c.dataset) in keys
        for table in plan_for(c.dataset).outputs
    }
    return [c.dataset for c in all_contracts() if tables & set(plan_for(c.dataset).anonymized)]
