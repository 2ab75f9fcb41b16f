"""The aggregated layer: exact counts, for internal use. What each model reads is declared in dbt's own YAML."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets.assets.settling import StepResult, YearResult, lineage_metadata, settle, years_of
from emtp_assets.contracts import Contract, contract_for
from emtp_assets.keys import key_of, tags_of
from emtp_assets.quality.accounting import accounting_specs, total_reconciled
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import session
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Provenance
from emtp_assets.storage.tables import table_metadata
from emtp_assets.transformation import AggregatedModel, Input, aggregated_models, run_models

_ARROW = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
}


def aggregated_asset(contract: Contract, settings: Settings, years: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """``<dataset>/aggregated``: every dbt model that declares the dataset, one file a model and year."""
    key = key_of(Layer.AGGREGATED, contract.dataset)
    models = [model for model in aggregated_models() if model.dataset == contract.dataset]
    reads = _reads(models)

    @dg.asset(
        key=key,
        deps=[
            dg.AssetDep(
                key_of(Layer.CLEANED, dataset),
                partition_mapping=dg.TimeWindowPartitionMapping(
                    start_offset=min(offsets),
                    end_offset=max(offsets),
                    allow_nonexistent_upstream_partitions=True,
                ),
            )
            for dataset, offsets in reads.items()
        ],
        partitions_def=years,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=accounting_specs(
            contract,
            Layer.AGGREGATED,
            key,
            totals=[model.measure for model in models if model.measure and model.total],
        ),
        group_name=contract.dataset,
        kinds={"dbt", "duckdb", "parquet"},
        tags=tags_of(contract, Layer.AGGREGATED),
        description=f"**{contract.title}**, cuentas exactas de uso interno.\n\n"
        + "\n".join(f"- `{model.name}`: {model.description}" for model in models),
    )
    def aggregated(context: dg.AssetExecutionContext) -> Iterator[StepResult]:
        lake = Lake(settings.data_dir)
        wanted = years_of(context)
        with lake.staging() as staging:
            inputs = {
                f"cleaned_{dataset}": _input(lake, dataset, wanted, offsets, staging)
                for dataset, offsets in reads.items()
            }
            run_models(
                settings,
                [model.name for model in models],
                years=wanted,
                inputs=inputs,
                output=staging,
                footers={
                    model.name: {year: _provenance(lake, model, year).footer for year in wanted} for model in models
                },
            )
            results = [_year_result(settings, lake, contract, models, year, staging) for year in wanted]
            yield from settle(context, results, static=lineage_metadata(settings, key))

    return aggregated


def _reads(models: Sequence[AggregatedModel]) -> dict[str, tuple[int, ...]]:
    """Per cleaned dataset, every year offset that any of the models looks at."""
    offsets: dict[str, set[int]] = {}
    for model in models:
        for dataset, wanted in model.reads.items():
            offsets.setdefault(dataset, set()).update(wanted)
    return {dataset: tuple(sorted(found)) for dataset, found in offsets.items()}


def _input(lake: Lake, dataset: str, years: Sequence[int], offsets: Sequence[int], staging: Path) -> Input:
    """The cleaned files that those years look at; a dataset that has none is read as a table without rows."""
    found = lake.parts(Layer.CLEANED, dataset, {year + offset for year in years for offset in offsets})
    return Input(found or [_without_rows(contract_for(dataset), staging)], min(offsets), max(offsets))


def _without_rows(contract: Contract, staging: Path) -> Path:
    path = staging / "without_rows" / contract.dataset / "academic_year=0" / PART
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = [pa.field(c.name, _ARROW[c.type.duckdb]) for c in contract.cleaned_columns]
    pq.write_table(
        pa.schema([pa.field("_delivery", pa.string()), pa.field("_row", pa.int64()), *fields]).empty_table(),
        path,
    )
    return path


def _provenance(lake: Lake, model: AggregatedModel, year: int) -> Provenance:
    """Of everything that the model looks at for the year.

    Raises:
        dagster.Failure: the dataset itself has nothing to be counted from.
    """
    if not lake.part(Layer.CLEANED, model.dataset, year).is_file():
        raise dg.Failure(f"Falta la capa limpia de {model.dataset} {year}.", allow_retries=False)
    files = [
        path
        for dataset, offsets in model.reads.items()
        for path in lake.parts(Layer.CLEANED, dataset, [year + offset for offset in offsets])
    ]
    return Provenance.merge(Provenance.of(path) for path in files)


def _year_result(
    settings: Settings,
    lake: Lake,
    contract: Contract,
    models: Sequence[AggregatedModel],
    year: int,
    staging: Path,
) -> YearResult:
    staged = {model.name: staging / model.name / f"academic_year={year}" / PART for model in models}
    cleaned = lake.part(Layer.CLEANED, contract.dataset, year)
    with session(settings) as connection:
        outcomes = [
            total_reconciled(
                connection,
                year,
                cleaned=cleaned,
                aggregated=staged[model.name],
                measure=model.measure,
                where=model.total,
                of=model.of,
            )
            for model in models
            if model.measure and model.total
        ]

    def commit() -> None:
        for name, path in staged.items():
            lake.promote(path, Layer.AGGREGATED, name, year)

    first = staged[models[0].name]
    counts = {
        f"filas {name}": row for name, row in ((n, table_metadata(p)["dagster/row_count"]) for n, p in staged.items())
    }
    return YearResult(year, commit, {**table_metadata(first), **counts}, outcomes)
