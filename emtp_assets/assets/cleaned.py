"""The cleaned layer: typed, coded, deduplicated, pseudonymised. The SQL is dbt's; the rules are the contract's."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg
import duckdb

from emtp_assets.assets.earlier import same_origin_before, sent_in_all
from emtp_assets.assets.settling import StepResult, YearResult, lineage_metadata, settle, years_of
from emtp_assets.contracts import Contract
from emtp_assets.intake import Ledger
from emtp_assets.keys import key_of, tags_of
from emtp_assets.privacy.keys import key_fingerprint, pseudonym_key
from emtp_assets.quality.accounting import accounting_specs, duplicates_share, row_accounting, unreadable
from emtp_assets.quality.comparison import changes
from emtp_assets.quality.docs import DataDocs
from emtp_assets.quality.drift import content
from emtp_assets.quality.outcome import Outcome
from emtp_assets.quality.rules import check_specs
from emtp_assets.quality.validation import validate_years
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import session
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Provenance
from emtp_assets.storage.tables import row_count, table_metadata
from emtp_assets.transformation import Input, run_models


def cleaned_asset(contract: Contract, settings: Settings, years: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """``<dataset>/cleaned`` with every check that its contract implies.

    A row that breaks a rule of the contract goes to the rejected table with the rule, the column and the
    delivery; ``raw = cleaned + rejected + duplicates`` is checked exactly before the year is put in place.
    """
    key = key_of(Layer.CLEANED, contract.dataset)
    models = (f"cleaned_{contract.dataset}", f"rejected_{contract.dataset}")

    @dg.asset(
        key=key,
        deps=[key_of(Layer.RAW, contract.dataset)],
        partitions_def=years,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[*check_specs(contract, key), *accounting_specs(contract, Layer.CLEANED, key)],
        group_name=contract.dataset,
        kinds={"dbt", "duckdb", "parquet"},
        tags=tags_of(contract, Layer.CLEANED),
        code_version=contract.version,
        description=(
            f"**{contract.title}**, capa limpia: valores con tipo y código, sin duplicados, personas con "
            f"seudónimo. {contract.grain}\n\n{contract.limitations}"
        ),
        metadata={"dagster/column_schema": _schema(contract)},
    )
    def cleaned(context: dg.AssetExecutionContext) -> Iterator[StepResult]:
        lake = Lake(settings.data_dir)
        wanted = years_of(context)
        raw = {year: lake.part(Layer.RAW, contract.dataset, year) for year in wanted}
        if absent := [str(year) for year, path in raw.items() if not path.is_file()]:
            raise dg.Failure(f"Falta la capa cruda de {contract.dataset}: {', '.join(absent)}. Materialícela primero.")
        fingerprint = key_fingerprint(pseudonym_key(settings))
        _refuse_another_key(lake, contract, wanted, fingerprint)
        footers = {year: Provenance.of(path, settings).with_key(fingerprint).footer for year, path in raw.items()}
        with lake.staging() as staging:
            run_models(
                settings,
                models,
                years=wanted,
                inputs={f"raw_{contract.dataset}": Input(list(raw.values()))},
                output=staging,
                footers=dict.fromkeys(models, footers),
                contracts=[contract],
            )
            staged = {year: _Staged(staging, models, year) for year in wanted}
            docs = DataDocs(settings)
            rules = validate_years(contract, {year: files.cleaned for year, files in staged.items()}, docs)
            results = [_year_result(settings, lake, contract, year, raw[year], staged, rules) for year in wanted]
            yield from settle(context, results, static=lineage_metadata(settings, key), docs=docs.build())

    return cleaned


def _refuse_another_key(lake: Lake, contract: Contract, years: Sequence[int], fingerprint: str) -> None:
    """Years made with another key could never be joined to these; say so before anything is replaced.

    Raises:
        dagster.Failure: a year outside this run was pseudonymised with another key.
    """
    others = [year for year in lake.years(Layer.CLEANED, contract.dataset) if year not in years]
    strange = [
        str(year)
        for year in others
        if Provenance.of(lake.part(Layer.CLEANED, contract.dataset, year)).key != fingerprint
    ]
    if strange:
        raise dg.Failure(
            f"La clave de seudónimos vigente (huella {fingerprint}) no es la de {contract.dataset} "
            f"{', '.join(strange)}. Restituya la clave anterior, o actualice todos los años en una sola corrida: "
            f"emtp backfill {min(map(int, strange), default=0)} {max([*years, *others])}.",
            allow_retries=False,
        )


class _Staged:
    """The two files of a year, before they are in place."""

    def __init__(self, staging: Path, models: tuple[str, str], year: int) -> None:
        self.cleaned, self.rejected = (staging / model / f"academic_year={year}" / PART for model in models)


def _year_result(
    settings: Settings,
    lake: Lake,
    contract: Contract,
    year: int,
    raw: Path,
    staged: Mapping[int, _Staged],
    rules: Sequence[Outcome],
) -> YearResult:
    here = staged[year]
    with session(settings) as connection:
        outcomes = [
            row_accounting(connection, year, raw=raw, cleaned=here.cleaned, rejected=here.rejected),
            duplicates_share(connection, year, raw=raw, rejected=here.rejected),
            unreadable(connection, year, here.cleaned),
            *_against_earlier(connection, settings, lake, contract, year, staged),
        ]

    def commit() -> None:
        # The rejected rows first: killed in between, the old cleaned year stands beside newer reasons, and a
        # rerun settles both. The other order could show a cleaned year whose rejected rows are unexplained.
        lake.promote(here.rejected, Layer.REJECTED, contract.dataset, year)
        lake.promote(here.cleaned, Layer.CLEANED, contract.dataset, year)

    return YearResult(
        year,
        commit,
        {**table_metadata(here.cleaned), "filas_rechazadas": row_count(here.rejected, settings)},
        [*outcomes, *(outcome for outcome in rules if outcome.year == year)],
    )


def _against_earlier(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    lake: Lake,
    contract: Contract,
    year: int,
    staged: Mapping[int, _Staged],
) -> list[Outcome]:
    """Blanks, codes and domains against the nearest earlier year of the same origin."""
    cleaned = {y: files.cleaned for y, files in staged.items()}
    now, rows = cleaned[year], row_count(cleaned[year])
    earlier = same_origin_before(lake, Layer.CLEANED, contract.dataset, cleaned, year)
    if not earlier:
        return content(contract, year, rows, [], None)
    before = max(earlier)
    sent = sent_in_all(Ledger(settings.data_dir), contract, now, earlier[before])
    found = changes(connection, contract, now=now, before=earlier[before], sent=sent)
    return content(contract, year, rows, found, before)


def _schema(contract: Contract) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.type.duckdb,
                description=f"{column.description} ({column.official})",
                constraints=dg.TableColumnConstraints(nullable=not column.required),
                tags={"clasificacion": column.classification.value},
            )
            for column in contract.cleaned_columns
        ]
    )
