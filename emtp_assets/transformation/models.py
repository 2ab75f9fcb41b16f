"""What the aggregated models declare of themselves in dbt's own YAML. Reads that file; runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from emtp_assets.settings import HOME

FOLDER = HOME / "dbt_project" / "models" / "aggregated"


@dataclass(frozen=True)
class AggregatedModel:
    """One dbt model of the aggregated layer.

    ``reads`` maps each cleaned dataset to the years it looks at, relative to its own (0 the same, -1 the one
    before). ``total`` is the SQL condition on its dataset's cleaned rows of which ``of`` (their number, unless said
    otherwise) equals the sum of ``measure``; None where the model is not a partition of those rows.
    """

    name: str
    dataset: str
    description: str
    reads: Mapping[str, tuple[int, ...]]
    measure: str | None
    total: str | None
    of: str


@cache
def aggregated_models(folder: Path = FOLDER) -> tuple[AggregatedModel, ...]:
    """The models of ``models/aggregated``, in the order of their YAML."""
    declared = yaml.safe_load((folder / "_aggregated.yml").read_text(encoding="utf-8"))["models"]
    models = []
    for entry in declared:
        meta = entry["config"]["meta"]
        models.append(
            AggregatedModel(
                name=entry["name"],
                dataset=meta["dataset"],
                description=" ".join(entry["description"].split()),
                reads={dataset: tuple(offsets) for dataset, offsets in meta["reads"].items()},
                measure=meta.get("measure"),
                total=meta.get("total"),
                of=meta.get("of", "count(*)"),
            )
        )
    return tuple(models)
