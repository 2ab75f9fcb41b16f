"""Lineage: which official columns each column derives from, read from the SQL that runs and never declared.

Rows are not followed here: which deliveries a figure came from, the provenance of each file says.
"""

from __future__ import annotations

import dagster as dg

from emtp_assets.contracts import all_contracts
from emtp_assets.keys import CANDIDATE, PUBLISHED, key_of
from emtp_assets.lineage.graph import PROCESSED, PROCESSED_SET, RELEASED, OfficialColumn, Ref
from emtp_assets.lineage.relation import LineageError
from emtp_assets.lineage.store import graph_of
from emtp_assets.privacy.plans.public import public_plan
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Layer

__all__ = ["LineageError", "OfficialColumn", "column_lineage", "identifiers_reaching", "official_origins"]

_FOLLOWED = {Layer.CLEANED.value, Layer.AGGREGATED.value, Layer.ANONYMIZED.value, PROCESSED}


def official_origins(settings: Settings) -> dict[str, dict[str, tuple[OfficialColumn, ...]]]:
    """Published table, cache or not → column → the official columns that its values are worked out of.

    ``matricula.*`` is "one row of matricula", the origin of a count. Conditions of rows (WHERE, GROUP BY)
    are not origins; those inside the expression (CASE, FILTER) are. A column of constants has none.

    Raises:
        LineageError: some SQL cannot be followed, so no answer would be whole.
    """
    return graph_of(settings).published()


def column_lineage(settings: Settings, asset_key: dg.AssetKey) -> dg.TableColumnLineage | None:
    """The asset's columns and the upstream assets' columns behind them, as Dagster shows them; None for
    an asset that is not made by SQL.

    The tables of one asset are taken together: columns of one name share their origins.
    """
    if asset_key == CANDIDATE:
        names = [f"{RELEASED}/{population.name}" for population in public_plan().populations]
    else:
        names = [PROCESSED_SET if asset_key == PUBLISHED else "/".join(reversed(asset_key.path))]
    if names[0].partition("/")[0] not in {*_FOLLOWED, RELEASED}:
        return None
    columns: dict[str, set[Ref]] = {}
    for name in names:
        for column, origins in graph_of(settings).of_asset(name).items():
            columns.setdefault(column, set()).update(origins)
    if not columns:
        return None
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=_key_of(asset), column_name=name) for asset, name in sorted(origins)]
            for column, origins in columns.items()
        }
    )


def _key_of(asset: str) -> dg.AssetKey:
    """The asset of a table's id in the graph, such as ``cleaned/matricula``."""
    layer, _, dataset = asset.partition("/")
    return key_of(Layer(layer), dataset)


def identifiers_reaching(settings: Settings) -> list[str]:
    """``table.column ← dataset.OFFICIAL`` for each published column in which a direct identifier, or its
    pseudonym, may show. Counting persons does not show them; anything else done with an identifier may."""
    identifiers = {
        OfficialColumn(f"{contract.dataset}.{column.official}")
        for contract in all_contracts()
        for column in contract.direct_identifiers
    }
    return graph_of(settings).reached_by(identifiers)
