"""The raw layer: what was sent, as text, by its official names. Where a delivery comes from is decided here."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from emtp_assets.assets.settling import StepResult, YearResult, demonstration_notice, settle, years_of
from emtp_assets.contracts import Contract
from emtp_assets.intake import (
    AlreadyKnown,
    Archive,
    Delivery,
    IntakeError,
    Ledger,
    RawCounts,
    Rejection,
    extract_raw_years,
    receive,
)
from emtp_assets.keys import DROP_FOLDER, key_of, tags_of
from emtp_assets.quality.accounting import accounting_specs, row_change, structure
from emtp_assets.settings import Settings
from emtp_assets.sources import Source
from emtp_assets.sources.simulated import SimulatedSource
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

    @dg.asset(
        key=key,
        deps=[DROP_FOLDER],
        partitions_def=years,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=accounting_specs(contract, Layer.RAW, key),
        group_name=contract.dataset,
        kinds={"csv", "parquet"},
        tags=tags_of(contract, Layer.RAW),
        code_version=contract.version,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=contract.fresh_within_days)),
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
        ledger = Ledger(settings.data_dir)
        by_delivery: dict[str, list[int]] = defaultdict(list)
        found: dict[str, Delivery] = {}
        for year in years_of(context):
            delivery = delivery_for(contract, year, settings, ledger)
            found[delivery.sha256] = delivery
            by_delivery[delivery.sha256].append(year)
        with lake.staging() as staging:
            results = [
                result
                for sha, wanted in by_delivery.items()
                for result in _extracted(contract, settings, lake, found[sha], wanted, staging)
            ]
            results.sort(key=lambda result: result.year)
            yield from settle(context, results)

    return raw


def delivery_for(contract: Contract, year: int, settings: Settings, ledger: Ledger) -> Delivery:
    """The delivery that a year is made of: the newest that somebody handed over, else what a source now gives.

    Raises:
        dagster.Failure: no source has anything for the year; what is published stays as it was.
    """
    held = ledger.latest(contract.dataset, year, simulated_too=not settings.production)
    if held is not None and held.source != SimulatedSource.name:
        return held
    for source in sources_of(contract, settings):
        with tempfile.TemporaryDirectory(dir=_scratch(settings)) as folder:
            fetched = source.fetch(contract, year, Path(folder))
            if fetched is None:
                continue
            outcome = receive(fetched, settings, ledger, source=source.name, now=datetime.now(UTC))
        if isinstance(outcome, Rejection):
            raise dg.Failure(f"La fuente {source.name} entregó un archivo que no se puede usar: {outcome.message}")
        return outcome.delivery if isinstance(outcome, AlreadyKnown) else outcome
    if held is not None:
        return held
    raise dg.Failure(
        f"Ninguna fuente entregó {contract.dataset} del año {year}. Copie el archivo oficial en "
        f"{settings.drop} y se procesará solo; lo publicado no cambió.",
        allow_retries=False,
    )


def sources_of(contract: Contract, settings: Settings) -> Sequence[Source]:
    """The systems asked for a delivery, in the contract's order; the drop folder brings its own by itself."""
    known: dict[str, Source] = {} if settings.production else {SimulatedSource.name: SimulatedSource(settings)}
    return [known[name] for name in contract.sources if name in known]


def _scratch(settings: Settings) -> Path:
    folder = settings.data_dir / ".staging"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _extracted(
    contract: Contract, settings: Settings, lake: Lake, delivery: Delivery, years: list[int], staging: Path
) -> list[YearResult]:
    targets = {year: staging / f"academic_year={year}" / PART for year in years}
    for target in targets.values():
        target.parent.mkdir(parents=True, exist_ok=True)
    archived = Archive(settings.data_dir).path(delivery.sha256)
    try:
        counts = extract_raw_years(settings, contract, delivery, archived, targets)
    except IntakeError as error:
        raise dg.Failure(f"{contract.dataset}: {error}", allow_retries=False) from error
    return [_year_result(contract, lake, delivery, year, targets[year], counts[year]) for year in years]


def _year_result(
    contract: Contract, lake: Lake, delivery: Delivery, year: int, staged: Path, counts: RawCounts
) -> YearResult:
    def commit() -> None:
        lake.promote(staged, Layer.RAW, contract.dataset, year)

    return YearResult(
        year,
        commit,
        {
            **table_metadata(staged),
            "archivo": delivery.original_name,
            "fuente": delivery.source,
            "recibido": delivery.received_at.isoformat(timespec="seconds"),
            "filas_del_año": counts.rows_in_year,
            "filas_fuera_de_ámbito": counts.out_of_scope,
            "codificación": delivery.encoding,
        },
        [
            structure(contract, year, delivery.columns, counts.rows_in_year),
            *row_change(contract, year, row_count(staged), _earlier(lake, contract, staged, year)),
        ],
    )


def _earlier(lake: Lake, contract: Contract, staged: Path, year: int) -> dict[int, int]:
    """Rows of the earlier years of the same origin: simulated and real years are not compared."""
    origin = Provenance.of(staged).origin
    earlier = (
        (y, lake.part(Layer.RAW, contract.dataset, y)) for y in lake.years(Layer.RAW, contract.dataset) if y < year
    )
    return {y: row_count(path) for y, path in earlier if Provenance.of(path).origin is origin}
