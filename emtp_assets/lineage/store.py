"""Keeps the graph on disk under the digest of all it was read from, so that it is never missing nor stale."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from emtp_assets.contracts import all_contracts, registry
from emtp_assets.contracts.codes import SEEDS
from emtp_assets.lineage.graph import ColumnGraph
from emtp_assets.microdata import plans as microdata
from emtp_assets.privacy import plans
from emtp_assets.privacy.plans import public
from emtp_assets.publication import catalogue
from emtp_assets.releases import layout
from emtp_assets.settings import Settings
from emtp_assets.transformation import dbt
from emtp_assets.transformation import models as dbt_models

_SQL_AND_ITS_YAML = {".sql", ".yml"}
_graphs: dict[tuple[Path, str], ColumnGraph] = {}


def graph_of(settings: Settings) -> ColumnGraph:
    """The graph of the instance's SQL; worked out once for each state of its sources, some seconds.

    Raises:
        LineageError: some SQL cannot be followed.
        TransformationError: dbt cannot compile its models.
    """
    digest = _digest(settings)
    stored = settings.dbt_dir / "target" / f"lineage-{digest}.json"
    key = (settings.dbt_dir, digest)
    if key not in _graphs:
        if not stored.is_file():
            _write(stored, compute(settings))
        _graphs[key] = ColumnGraph.from_json(json.loads(stored.read_text(encoding="utf-8")))
    return _graphs[key]


def compute(settings: Settings) -> ColumnGraph:
    """Read the SQL of all layers anew."""
    from emtp_assets.lineage.build import build_graph

    contracts = all_contracts()
    models = dbt.compiled_sql(settings, contracts)
    return build_graph(
        models=models,
        datasets={m.name: m.dataset for m in _aggregated(settings)},
        contracts=contracts,
        plans=[plans.plan_for(contract.dataset) for contract in contracts],
        published=catalogue.all_tables(),
        public=public.public_plan(),
        microdata=[microdata.microdata_plan(dataset) for dataset in microdata.MICRODATA_SETS],
    )


def _aggregated(settings: Settings) -> tuple[dbt_models.AggregatedModel, ...]:
    return dbt_models.aggregated_models(settings.dbt_dir / "models" / "aggregated")


def _write(stored: Path, graph: ColumnGraph) -> None:
    stored.parent.mkdir(parents=True, exist_ok=True)
    written = stored.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps(graph.to_json(), ensure_ascii=False), encoding="utf-8")
    written.replace(stored)


def _digest(settings: Settings) -> str:
    digest = hashlib.sha256()
    for path in _sources(settings):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _sources(settings: Settings) -> Iterator[Path]:
    """Every file that decides the lineage: SQL, contracts, code lists, plans, catalogue, their readers."""
    for folder in ("models", "macros"):
        yield from (p for p in sorted((settings.dbt_dir / folder).rglob("*")) if p.suffix in _SQL_AND_ITS_YAML)
    yield settings.dbt_dir / "dbt_project.yml"
    yield from sorted(SEEDS.glob("*.csv"))
    yield from sorted(registry.FOLDER.glob("*.yaml"))
    yield from sorted(plans.FOLDER.glob("*.yaml"))
    yield from sorted(microdata.FOLDER.glob("*.yaml"))
    yield from (catalogue.SOURCE, Path(catalogue.__file__), Path(dbt.__file__), Path(layout.__file__))
    yield from (Path(public.__file__), microdata.FOLDER / "__init__.py")
    yield from sorted(Path(__file__).parent.glob("*.py"))
