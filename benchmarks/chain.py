"""The chain from a received delivery to the published set as plain function calls: what `benchmarks.work` runs.

It calls private functions of the assets where the work has no public name of its own: measured is the code that
runs in production, and not a copy of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.meter import Meter
from emtp_assets.assets import aggregated as aggregated_layer
from emtp_assets.assets import anonymized as anonymized_layer
from emtp_assets.assets.published import describer
from emtp_assets.contracts import Contract, contract_for
from emtp_assets.intake import Archive, Delivery, Ledger, extract_raw_years
from emtp_assets.privacy.disclosure import ProtectedTable, protect
from emtp_assets.privacy.keys import key_id, pseudonym_key
from emtp_assets.privacy.plans import Plan, plan_for
from emtp_assets.publication.publish import publish
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Provenance
from emtp_assets.transformation import Input, aggregated_models, run_models


class Chain:
    """Raw, cleaned, aggregated, anonymized and published, without asset, check or event."""

    def __init__(self, settings: Settings, meter: Meter) -> None:
        self.settings = settings
        self.lake = Lake(settings.data_dir)
        self.meter = meter

    def run(self, datasets: Sequence[str], years: Iterable[int]) -> None:
        """All layers of the datasets for the years, in the order of the graph, then the published set."""
        wanted = sorted(years)
        for dataset in datasets:
            with self.meter.phase("work: extracting"):
                self._extract(contract_for(dataset), wanted)
        for dataset in datasets:
            with self.meter.phase("work: dbt models"):
                self._clean(contract_for(dataset), wanted)
        for dataset in datasets:
            with self.meter.phase("work: dbt models"):
                self._aggregate(dataset, wanted)
        # A plan that reads another's tables comes after it.
        for dataset in sorted(datasets, key=lambda name: len(plan_for(name).anonymized)):
            with self.meter.phase("work: protecting"):
                for year in wanted:
                    self._protect(plan_for(dataset), year)
        with self.meter.phase("work: publishing"):
            publish(
                self.settings, self.lake, now=datetime.now(UTC), run_id="medicion", describe=describer(self.settings)
            )

    def _extract(self, contract: Contract, years: list[int]) -> None:
        ledger = Ledger(self.settings.data_dir)
        found: dict[str, Delivery] = {}
        by_delivery: dict[str, list[int]] = defaultdict(list)
        for year in years:
            delivery = ledger.latest(contract.dataset, year)
            if delivery is None:
                raise SystemExit(f"no delivery of {contract.dataset} {year}")
            found[delivery.sha256] = delivery
            by_delivery[delivery.sha256].append(year)
        with self.lake.staging() as staging:
            for sha, wanted in by_delivery.items():
                targets = {year: _part(staging, "raw", year) for year in wanted}
                archived = Archive(self.settings).path(sha)
                extract_raw_years(self.settings, contract, found[sha], archived, targets)
                for year, path in targets.items():
                    self.lake.promote(path, Layer.RAW, contract.dataset, year)

    def _clean(self, contract: Contract, years: list[int]) -> None:
        raw = {year: self.lake.part(Layer.RAW, contract.dataset, year) for year in years}
        fingerprint = key_id(pseudonym_key(self.settings))
        footers = {year: Provenance.of(path, self.settings).with_key(fingerprint).footer for year, path in raw.items()}
        cleaned, rejected = models = (f"cleaned_{contract.dataset}", f"rejected_{contract.dataset}")
        with self.lake.staging() as staging:
            run_models(
                self.settings,
                models,
                years=years,
                inputs={f"raw_{contract.dataset}": Input(list(raw.values()))},
                output=staging,
                footers=dict.fromkeys(models, footers),
                contracts=[contract],
            )
            for year in years:
                self.lake.promote(_part(staging, rejected, year), Layer.REJECTED, contract.dataset, year)
                self.lake.promote(_part(staging, cleaned, year), Layer.CLEANED, contract.dataset, year)

    def _aggregate(self, dataset: str, years: list[int]) -> None:
        models = [model for model in aggregated_models() if model.dataset == dataset]
        reads = aggregated_layer._reads(models)
        with self.lake.staging() as staging:
            inputs = {
                f"cleaned_{read}": aggregated_layer._input(self.lake, read, years, offsets, staging)
                for read, offsets in reads.items()
            }
            footers = {
                model.name: {year: aggregated_layer._provenance(self.lake, model, year).footer for year in years}
                for model in models
            }
            names = [model.name for model in models]
            run_models(self.settings, names, years=years, inputs=inputs, output=staging, footers=footers)
            for name in names:
                for year in years:
                    self.lake.promote(_part(staging, name, year), Layer.AGGREGATED, name, year)

    def _protect(self, plan: Plan, year: int) -> None:
        minimum = self.settings.suppression_minimum
        with self.lake.staging() as staging, session(self.settings) as connection:
            sources = anonymized_layer._register_inputs(connection, self.lake, plan, year)
            if plan.counts is not None:
                counts = plan.counts
                cells = connection.sql(counts.sql or f"select * from {counts.cells}").to_arrow_table()
                tables = [ProtectedTable(name, dimensions) for name, dimensions in counts.tables.items()]
                for name, table in protect(cells, counts.measure, tables, minimum=minimum).items():
                    connection.register(name, table)
            connection.execute(anonymized_layer._MACROS.format(year=year, minimum=minimum))
            merged = Provenance.merge(Provenance.of(path) for path in sources)
            for name, select in plan.outputs.items():
                target = _part(staging, name, year)
                own = anonymized_layer._provenance_of(select, self.lake, plan, year) or merged
                connection.execute(
                    f"copy (select *, '{own.origin}' as origen_datos from ({select})) to {literal(target)} "
                    f"(format parquet, compression zstd, {own.copy_option})"
                )
                self.lake.promote(target, Layer.ANONYMIZED, name, year)


def _part(staging: Path, table: str, year: int) -> Path:
    path = staging / table / f"academic_year={year}" / PART
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
