"""The cleaned layer: typed, coded, deduplicated, pseudonymised. The SQL is dbt's; the rules are the contract's."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa

from emtp_assets.assets.earlier import same_origin_before, sent_in_all
from emtp_assets.assets.settling import StepResult, YearResult, lineage_metadata, settle, years_of
from emtp_assets.contracts import Contract, all_contracts
from emtp_assets.intake import Ledger
from emtp_assets.keys import key_of, tags_of
from emtp_assets.privacy.access_log import full_access_recorded
from emtp_assets.privacy.crosswalk import Crosswalk, split_trajectories, told_by
from emtp_assets.privacy.keys import key_id, pseudonym_key, same_key
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
from emtp_assets.storage.restricted import naming_damage
from emtp_assets.storage.tables import row_count, table_metadata
from emtp_assets.transformation import Input, run_models

_log = logging.getLogger(__name__)


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
        wanted = years_of(context)
        recorded = full_access_recorded(settings, f"{key.to_user_string()} {wanted}", context.run_id)
        lake = Lake(settings.data_dir)
        raw = {year: lake.part(Layer.RAW, contract.dataset, year) for year in wanted}
        if absent := [str(year) for year, path in raw.items() if not path.is_file()]:
            raise dg.Failure(f"Falta la capa cruda de {contract.dataset}: {', '.join(absent)}. Materialícela primero.")
        secret = pseudonym_key(settings)
        _refuse_another_key(lake, contract, wanted, key_id(secret))
        footers = {year: Provenance.of(path, settings).with_key(key_id(secret)).footer for year, path in raw.items()}
        crosswalk = Crosswalk(settings.data_dir, secret)
        with session(settings) as connection:
            with naming_damage(list(raw.values()), settings):
                told = {year: told_by(connection, secret, contract, path) for year, path in raw.items()}
            behind = _left_behind(connection, lake, contract, wanted, crosswalk.unknown(told.values()))
        with lake.staging() as staging:
            run_models(
                settings,
                models,
                years=wanted,
                inputs={f"raw_{contract.dataset}": Input(list(raw.values()))},
                output=staging,
                footers=dict.fromkeys(models, footers),
                contracts=[contract],
                crosswalk=crosswalk.usable(told.values()),
            )
            staged = {year: _Staged(staging, models, year) for year in wanted}
            docs = DataDocs(settings)
            rules = validate_years(contract, {year: files.cleaned for year, files in staged.items()}, docs)
            results = [
                _year_result(settings, lake, contract, year, raw[year], staged, rules, _Told(crosswalk, told[year]))
                for year in wanted
            ]
            static = lineage_metadata(settings, key) | behind | recorded
            yield from settle(context, results, static=static, docs=docs.build())

    return cleaned


def _refuse_another_key(lake: Lake, contract: Contract, years: Sequence[int], current: str) -> None:
    """Years made with another key, or of another form of pseudonym, could never be joined to these; say so before
    anything is replaced.

    Raises:
        dagster.Failure: a year outside this run was pseudonymised with another key.
    """
    others = [year for year in lake.years(Layer.CLEANED, contract.dataset) if year not in years]
    made_with = {year: Provenance.of(lake.part(Layer.CLEANED, contract.dataset, year)).key or "" for year in others}
    strange = {year: key for year, key in made_with.items() if key != current}
    if not strange:
        return
    listed = f"{contract.dataset} {', '.join(map(str, strange))}"
    if all(same_key(key, current) for key in strange.values()):
        raise dg.Failure(
            f"Los seudónimos de {listed} son de una forma anterior de esta misma clave (huella {current}) y no se "
            "cruzan con los de ahora. Rehaga todos los años de una vez: «emtp rotate-key».",
            allow_retries=False,
        )
    raise dg.Failure(
        f"La clave de seudónimos vigente (huella {current}) no es la de {listed} "
        f"({', '.join(sorted(set(strange.values())))}). Si la clave se acaba de cambiar, ponga la nueva en "
        "EMTP_PSEUDONYM_KEY_FILE; si no, restituya la anterior. Para cambiarla, rehaga todos los años de una vez: "
        "«emtp rotate-key».",
        allow_retries=False,
    )


def _left_behind(
    connection: duckdb.DuckDBPyConnection, lake: Lake, contract: Contract, years: Sequence[int], new: pa.Table
) -> dict[str, str]:
    """As metadata, the cleaned years that new pairs concern and that this run does not make."""
    if not new.num_rows:
        return {}
    split = []
    for other in all_contracts():
        kept = [y for y in lake.years(Layer.CLEANED, other.dataset) if other != contract or y not in years]
        files = {year: lake.part(Layer.CLEANED, other.dataset, year) for year in kept}
        split += split_trajectories(connection, other, files, new)
    if not split:
        return {}
    said = (
        "; ".join(f"{each.dataset} {each.year}: {each.persons} personas" for each in split)
        + ". Tenían un identificador provisorio (IPE) y ahora se conoce el definitivo: actualice esos años para unir "
        f"sus trayectorias (emtp backfill {min(each.year for each in split)} {max(each.year for each in split)})."
    )
    _log.warning("Trayectorias por unir: %s", said)
    return {"trayectorias_por_unir": said}


class _Told:
    """What a year's raw file tells of provisional identifiers."""

    def __init__(self, crosswalk: Crosswalk, pairs: pa.Table) -> None:
        self.crosswalk, self.pairs = crosswalk, pairs


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
    told: _Told,
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
        # What joins persons first: killed in between, it is known, and a rerun finds nothing new in it.
        told.crosswalk.add(told.pairs)
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
