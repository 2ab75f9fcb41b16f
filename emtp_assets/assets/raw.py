"""The raw layer: what was sent, as text, by its official names. Which delivery that is, `obtaining` decides."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg

from emtp_assets.assets.intake import ways_in
from emtp_assets.assets.obtaining import Obtained, Obtaining
from emtp_assets.assets.settling import StepResult, YearResult, demonstration_notice, settle, years_of
from emtp_assets.contracts import Column, Contract
from emtp_assets.intake import Archive, Delivery, IntakeError, Ledger, RawCounts, extract_raw_years
from emtp_assets.keys import HANDED_OVER_TAG, key_of, tags_of
from emtp_assets.quality.accounting import accounting_specs, row_change, structure
from emtp_assets.settings import Settings
from emtp_assets.sources.choosing import fresh_within_days
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Provenance
from emtp_assets.storage.tables import row_count, table_metadata


def raw_asset(
    contract: Contract,
    settings: Settings,
    years: dg.PartitionsDefinition,
) -> dg.AssetsDefinition:
    """``<dataset>/raw``: the newest delivery of each year, its EMTP rows, every column as text."""
    key = key_of(Layer.RAW, contract.dataset)
    fresh_for = timedelta(days=fresh_within_days(contract, settings))

    @dg.asset(
        key=key,
        deps=ways_in(contract, settings),
        partitions_def=years,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=accounting_specs(contract, Layer.RAW, key),
        group_name=contract.dataset,
        kinds={"csv", "parquet"},
        tags=tags_of(contract, Layer.RAW),
        code_version=contract.version,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=fresh_for),
        description=demonstration_notice(settings)
        + (
            f"**{contract.title}** tal como se entregó: texto, nombres oficiales, zona restringida. "
            f"{contract.description}\n\nCorte oficial: {contract.cut}."
        ),
        metadata={
            "dagster/column_schema": dg.TableSchema(
                columns=[dg.TableColumn(c.official, "VARCHAR", description=c.description) for c in contract.columns]
            )
        },
    )
    def raw(context: dg.AssetExecutionContext) -> Iterator[StepResult]:
        lake = Lake(settings.data_dir)
        handed_over = HANDED_OVER_TAG in context.run.tags
        obtaining = Obtaining(settings, Ledger(settings.data_dir), context.run_id, only_held=handed_over)
        by_delivery: dict[str, list[int]] = defaultdict(list)
        found: dict[int, Obtained] = {}
        for year in years_of(context):
            found[year] = obtaining.obtain(contract, year)
            by_delivery[found[year].delivery.sha256].append(year)
        with lake.staging() as staging:
            results = [
                result
                for wanted in by_delivery.values()
                for result in _extracted(contract, settings, lake, {y: found[y] for y in wanted}, staging)
            ]
            results.sort(key=lambda result: result.year)
            yield from settle(context, results)

    return raw


def _extracted(
    contract: Contract, settings: Settings, lake: Lake, obtained: dict[int, Obtained], staging: Path
) -> list[YearResult]:
    """The years of one delivery, in one pass over its bytes."""
    delivery = next(iter(obtained.values())).delivery
    targets = {year: staging / f"academic_year={year}" / PART for year in obtained}
    for target in targets.values():
        target.parent.mkdir(parents=True, exist_ok=True)
    archived = Archive(settings.data_dir).path(delivery.sha256)
    try:
        counts = extract_raw_years(settings, contract, delivery, archived, targets)
    except IntakeError as error:
        raise dg.Failure(f"{contract.dataset}: {error}", allow_retries=False) from error
    return [_year_result(contract, settings, lake, each, y, targets[y], counts[y]) for y, each in obtained.items()]


def _year_result(
    contract: Contract,
    settings: Settings,
    lake: Lake,
    obtained: Obtained,
    year: int,
    staged: Path,
    counts: RawCounts,
) -> YearResult:
    delivery = obtained.delivery

    def commit() -> None:
        lake.promote(staged, Layer.RAW, contract.dataset, year)

    return YearResult(
        year,
        commit,
        {
            **table_metadata(staged),
            "archivo": delivery.original_name,
            "fuente": delivery.source,
            "por_qué_esta_fuente": dg.MetadataValue.md(obtained.in_words),
            "recibido": delivery.received_at.isoformat(timespec="seconds"),
            "filas_del_año": counts.rows_in_year,
            "filas_fuera_de_ámbito": counts.out_of_scope,
            "codificación": delivery.form.encoding,
        },
        [
            structure(
                contract,
                year,
                delivery.columns,
                counts.rows_in_year,
                expected=_expected_columns(contract, year, delivery, settings),
            ),
            *row_change(contract, year, row_count(staged), _earlier(lake, contract, staged, year)),
        ],
    )


def _expected_columns(contract: Contract, year: int, delivery: Delivery, settings: Settings) -> list[Column]:
    """What a file of that year officially has; of a query's answer, what the query asked for."""
    full_access = settings.privacy_mode.full_access
    official = contract.official_columns(year)
    return [c for c in official if not delivery.answers_a_query or c.asked_for(full_access=full_access)]


def _earlier(lake: Lake, contract: Contract, staged: Path, year: int) -> dict[int, int]:
    """Rows of the earlier years of the same origin: simulated and real years are not compared."""
    origin = Provenance.of(staged).origin
    earlier = (
        (y, lake.part(Layer.RAW, contract.dataset, y)) for y in lake.years(Layer.RAW, contract.dataset) if y < year
    )
    return {y: row_count(path) for y, path in earlier if Provenance.of(path).origin is origin}
