"""Publication plans: what may leave of each dataset. YAML only; running a plan is `assets.anonymized`'s business."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Counts:
    """The counts of a plan that are protected together.

    ``sql``, where given, makes the base cells out of ``cells``' model; ``tables`` maps each protected table to
    the columns it is grouped by.
    """

    cells: str
    measure: str
    sql: str | None
    tables: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Plan:
    """One dataset's plan. ``outputs`` maps each anonymized table to the SELECT that lays it out.

    ``anonymized`` names tables of other plans that the SELECTs read, with the columns they must have when that
    dataset has no figures for the year.
    """

    dataset: str
    counts: Counts | None
    reads: tuple[str, ...]
    anonymized: dict[str, dict[str, str]]
    outputs: dict[str, str]


@cache
def plan_for(dataset: str) -> Plan:
    """The plan of a dataset.

    Raises:
        FileNotFoundError: the dataset has none, so nothing of it may leave.
    """
    stored: dict[str, Any] = yaml.safe_load((FOLDER / f"{dataset}.yaml").read_text(encoding="utf-8"))
    counts = stored.get("counts")
    return Plan(
        dataset=dataset,
        counts=Counts(
            cells=counts["cells"],
            measure=counts["measure"],
            sql=counts.get("sql"),
            tables={name: tuple(columns) for name, columns in counts["tables"].items()},
        )
        if counts
        else None,
        reads=tuple(dict.fromkeys([*([counts["cells"]] if counts else []), *stored.get("reads", [])])),
        anonymized=stored.get("anonymized", {}),
        outputs=stored["outputs"],
    )
