"""How every layer ends a run: checks said, good years put in place, a bad one loud. No layer's own work is here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from emtp_assets.keys import PRIVACY_TAG
from emtp_assets.lineage import column_lineage
from emtp_assets.quality.outcome import Outcome, blocking_failures, to_check_results
from emtp_assets.settings import Settings

StepResult = dg.AssetCheckResult | dg.MaterializeResult[Any]
_log = logging.getLogger(__name__)


@dataclass
class YearResult:
    """What a layer made of one academic year, staged but not yet in place."""

    year: int
    commit: Callable[[], None]
    metadata: Mapping[str, Any]
    outcomes: Sequence[Outcome] = field(default_factory=list)

    @property
    def blocking(self) -> list[Outcome]:
        return blocking_failures(self.outcomes)


def lineage_metadata(settings: Settings, key: dg.AssetKey) -> dict[str, Any]:
    """The asset's column lineage as Dagster shows it; nothing where a column comes from nowhere upstream."""
    lineage = column_lineage(settings, key)
    return {"dagster/column_lineage": lineage} if lineage else {}


def demonstration_notice(settings: Settings) -> str:
    """What the pages of a demonstration say first; nothing on a production instance."""
    return "" if settings.production else "⚠ **Instancia de demostración: puede contener datos SIMULADOS.**\n\n"


def years_of(context: dg.AssetExecutionContext) -> list[int]:
    """The academic years of the run, one or a range, oldest first."""
    return sorted(int(key) for key in context.partition_keys)


def settle(
    context: dg.AssetExecutionContext,
    results: Sequence[YearResult],
    *,
    static: Mapping[str, Any] | None = None,
    docs: Path | None = None,
) -> Iterator[StepResult]:
    """Yield the checks, put in place the years that passed, and fail the step if one did not.

    A year with a failed blocking check is not put in place: what stood there yesterday still stands, and
    nothing downstream runs.

    Args:
        static: metadata that every year shares, such as the column lineage.
        docs: where the Data Docs of these checks are.

    Raises:
        dagster.Failure: a blocking check failed, or nothing was made; said in Spanish with the year and the rule.
    """
    key = context.asset_key
    mode = context.assets_def.tags_by_key[key].get(PRIVACY_TAG)
    if mode:
        # A run that somebody starts from the graph belongs to no job of ours, and has none of its tags.
        context.instance.add_run_tags(context.run_id, {PRIVACY_TAG: mode})
    yield from to_check_results([o for r in results for o in r.outcomes], key, docs)
    failed = [r for r in results if r.blocking]
    passed = [r for r in results if not r.blocking]
    for result in passed:
        result.commit()
        _log.info(
            "%s %s: %s filas",
            key.to_user_string(),
            result.year,
            result.metadata.get("dagster/row_count", "—"),
        )
    for result in passed:
        metadata = {**(static or {}), **result.metadata}
        if failed:
            context.log_event(dg.AssetMaterialization(key, partition=str(result.year), metadata=metadata))
        else:
            context.add_asset_metadata(metadata, asset_key=key, partition_key=str(result.year))
    if failed:
        reasons = "\n".join(f"- año {r.year}: {o.description} — {o.observed}" for r in failed for o in r.blocking)
        raise dg.Failure(
            description=(
                f"{key.to_user_string()}: no se reemplazó {', '.join(str(r.year) for r in failed)}; "
                f"lo publicado antes sigue en su lugar.\n{reasons}"
            ),
            allow_retries=False,
        )
    yield dg.MaterializeResult(asset_key=key)
