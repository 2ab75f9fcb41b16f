"""The raw layer: what was sent, as text, by its official names. Which delivery that is, `obtaining` decides."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import dagster as dg

from emtp_assets.assets.earlier import header_before, same_origin_before
from emtp_assets.assets.intake import ways_in
from emtp_assets.assets.obtaining import Obtained, Obtaining
from emtp_assets.assets.settling import StepResult, YearResult, demonstration_notice, settle, years_of
from emtp_assets.contracts import Column, Contract
from emtp_assets.intake import Archive, Delivery, IntakeError, Ledger, RawCounts, extract_raw_years
from emtp_assets.intake.quarantine import Quarantine
from emtp_assets.intake.retention import refuse_deleted
from emtp_assets.keys import HANDED_OVER_TAG, key_of, tags_of
from emtp_assets.privacy.access_log import full_access_recorded
from emtp_assets.quality.accounting import accounting_specs
from emtp_assets.quality.drift import row_change, structure
from emtp_assets.quality.reading import form_in_words, lines_in_words, lines_set_aside, reading_specs, scope_known
from emtp_assets.settings import Settings
from emtp_assets.sources.choosing import fresh_within_days
from emtp_assets.storage.lake import PART, Lake, Layer
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
        check_specs=[*reading_specs(key), *accounting_specs(contract, Layer.RAW, key)],
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
        recorded = full_access_recorded(settings, f"{key.to_user_string()} {years_of(context)}", context.run_id)
        lake = Lake(settings.data_dir)
        handed_over = HANDED_OVER_TAG in context.run.tags
        ledger = Ledger(settings.data_dir)
        obtaining = Obtaining(settings, ledger, context.run_id, only_held=handed_over)
        by_delivery: dict[str, list[int]] = defaultdict(list)
        found: dict[int, Obtained] = {}
        for year in years_of(context):
            found[year] = obtaining.obtain(contract, year)
            by_delivery[found[year].delivery.sha256].append(year)
        with lake.staging() as staging:
            counts: dict[int, RawCounts] = {}
            for wanted in by_delivery.values():
                counts |= _extracted(contract, settings, found[wanted[0]].delivery, wanted, staging)
            staged = {year: _staged(staging, year) for year in found}
            results = [
                _year_result(contract, settings, lake, ledger, each, year, staged, counts[year])
                for year, each in sorted(found.items())
            ]
            yield from settle(context, results, static=recorded)

    return raw


def _staged(staging: Path, year: int) -> Path:
    return staging / f"academic_year={year}" / PART


def _extracted(
    contract: Contract, settings: Settings, delivery: Delivery, years: list[int], staging: Path
) -> dict[int, RawCounts]:
    """The years of one delivery, in one pass over its bytes."""
    targets = {year: _staged(staging, year) for year in years}
    for target in targets.values():
        target.parent.mkdir(parents=True, exist_ok=True)
    archived = Archive(settings).path(delivery.sha256)
    try:
        refuse_deleted(settings, dict.fromkeys(years, delivery))
        return dict(extract_raw_years(settings, contract, delivery, archived, targets))
    except IntakeError as error:
        raise dg.Failure(f"{contract.dataset}: {error}", allow_retries=False) from error


def _year_result(
    contract: Contract,
    settings: Settings,
    lake: Lake,
    ledger: Ledger,
    obtained: Obtained,
    year: int,
    staged: Mapping[int, Path],
    counts: RawCounts,
) -> YearResult:
    delivery = obtained.delivery
    earlier = same_origin_before(lake, Layer.RAW, contract.dataset, staged, year, settings)

    def commit() -> None:
        lake.promote(staged[year], Layer.RAW, contract.dataset, year)

    return YearResult(
        year,
        commit,
        {
            **table_metadata(staged[year], settings),
            "archivo": delivery.original_name,
            "fuente": delivery.source,
            "por_qué_esta_fuente": dg.MetadataValue.md(obtained.in_words),
            "recibido": delivery.received_at.isoformat(timespec="seconds"),
            "filas_del_año": counts.rows_in_year,
            "filas_fuera_de_ámbito": counts.out_of_scope,
            "forma": form_in_words(delivery.form),
            "líneas": lines_in_words(delivery.form),
        },
        [
            lines_set_aside(year, delivery.form, delivery.rows, Quarantine(settings).rows(delivery.sha256)),
            scope_known(year, delivery.form, delivery.rows, blank_is_usual=_may_have_no_code(contract)),
            structure(
                contract,
                year,
                delivery.columns,
                counts.rows_in_year,
                asked=_asked_for(contract, year, delivery, settings),
                before=header_before(ledger, earlier, settings),
            ),
            *row_change(
                contract,
                year,
                row_count(staged[year], settings),
                {y: row_count(path, settings) for y, path in earlier.items()},
            ),
        ],
    )


def _may_have_no_code(contract: Contract) -> bool:
    """Whether rows without any scope code are usual: where several columns may hold one, as of teachers, none must."""
    return contract.scope is not None and len(contract.scope.columns) > 1


def _asked_for(contract: Contract, year: int, delivery: Delivery, settings: Settings) -> list[Column] | None:
    """Of a query's answer, the columns that were asked for; None of a file, which has an official order."""
    if not delivery.answers_a_query:
        return None
    full_access = settings.privacy_mode.full_access
    return [c for c in contract.official_columns(year) if c.asked_for(full_access=full_access)]
