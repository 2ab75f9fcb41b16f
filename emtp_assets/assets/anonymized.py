"""The anonymized layer: what may leave. Runs each dataset's publication plan; the method is `privacy.disclosure`'s."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import numpy as np

from emtp_assets.assets.settling import StepResult, YearResult, lineage_metadata, settle, years_of
from emtp_assets.contracts import Contract, Severity, all_contracts
from emtp_assets.keys import key_of, tags_of
from emtp_assets.privacy.plans import Plan, plan_for
from emtp_assets.quality.outcome import Outcome
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, parquet, session
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Provenance
from emtp_assets.storage.tables import table_metadata

NO_IDENTIFIER = "sin_identificadores"
MINIMUM_KEPT = "minimo_respetado"
NOT_RECOVERABLE = "sin_celdas_recuperables"

# Rates and means are figures about the same people as the counts: a share is published only when those who
# have the attribute and those who lack it both reach the minimum, and rounded, so that it gives no count away.
_MACROS = """
create or replace temp macro this_year() as {year};
create or replace temp macro minimum() as {minimum};
create or replace temp macro note(suppressed) as case when suppressed then 's' else '' end;
create or replace temp macro shown(n, suppressed) as case when suppressed then null else coalesce(n, 0) end;
create or replace temp macro rate_safe(x, n) as n >= minimum() and x >= minimum() and n - x >= minimum();
create or replace temp macro rate(x, n) as case when rate_safe(x, n) then round(x / n, 2) end;
create or replace temp macro rate_note(x, n) as case when rate_safe(x, n) then '' else 's' end;
create or replace temp macro mean_of(total, n, suppressed) as
  case when not suppressed and n >= minimum() then round(total / n, 1) end;
create or replace temp macro mean_note(n, suppressed) as
  case when not suppressed and n >= minimum() then '' else 's' end;
"""


def anonymized_asset(contract: Contract, settings: Settings, years: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """``<dataset>/anonymized``: the tables of its plan, protected and audited before they are put in place."""
    key = key_of(Layer.ANONYMIZED, contract.dataset)
    plan = plan_for(contract.dataset)
    others = sorted({_owner(table) for table in plan.anonymized} - {contract.dataset})
    specs = [
        dg.AssetCheckSpec(NO_IDENTIFIER, asset=key, blocking=True, description=_DESCRIPTIONS[NO_IDENTIFIER]),
        dg.AssetCheckSpec(MINIMUM_KEPT, asset=key, blocking=True, description=_DESCRIPTIONS[MINIMUM_KEPT]),
    ]
    if plan.counts:
        specs.append(
            dg.AssetCheckSpec(NOT_RECOVERABLE, asset=key, blocking=True, description=_DESCRIPTIONS[NOT_RECOVERABLE])
        )

    @dg.asset(
        key=key,
        deps=[
            key_of(Layer.AGGREGATED, contract.dataset),
            *(key_of(Layer.ANONYMIZED, other) for other in others),
        ],
        partitions_def=years,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=specs,
        group_name=contract.dataset,
        kinds={"python", "duckdb", "parquet"},
        tags=tags_of(contract, Layer.ANONYMIZED),
        description=(
            f"**{contract.title}**, publicable: celdas con menos de {settings.suppression_minimum} personas, y las "
            "necesarias para que no se deduzcan por diferencia, van suprimidas.\n\nTablas: "
            + ", ".join(f"`{name}`" for name in plan.outputs)
        ),
    )
    def anonymized(context: dg.AssetExecutionContext) -> Iterator[StepResult]:
        lake = Lake(settings.data_dir)
        with lake.staging() as staging:
            results = [_year_result(settings, lake, plan, year, staging) for year in years_of(context)]
            yield from settle(context, results, static=lineage_metadata(settings, key))

    return anonymized


def _owner(table: str) -> str:
    """The dataset whose plan lays out an anonymized table."""
    return next(c.dataset for c in all_contracts() if table in plan_for(c.dataset).outputs)


def _year_result(settings: Settings, lake: Lake, plan: Plan, year: int, staging: Path) -> YearResult:
    missing = [model for model in plan.reads if not lake.part(Layer.AGGREGATED, model, year).is_file()]
    if missing:
        raise dg.Failure(f"Falta la capa agregada {', '.join(missing)} del año {year}.", allow_retries=False)
    with session(settings) as connection:
        sources = _register_inputs(connection, lake, plan, year)
        outcomes = _protect_counts(connection, plan, year, settings.suppression_minimum)
        connection.execute(_MACROS.format(year=year, minimum=settings.suppression_minimum))
        provenance = Provenance.merge(Provenance.of(path) for path in sources)
        staged: dict[str, Path] = {}
        for name, select in plan.outputs.items():
            target = staged[name] = staging / name / f"academic_year={year}" / PART
            target.parent.mkdir(parents=True, exist_ok=True)
            of_output = _provenance_of(select, lake, plan, year) or provenance
            connection.execute(
                f"copy (select *, '{of_output.origin}' as origen_datos from ({select})) to {literal(target)} "
                f"(format parquet, compression zstd, {of_output.copy_option})"
            )
        outcomes.append(_no_identifier(connection, staged, year))
        outcomes.append(_minimum_kept(connection, staged, year, settings.suppression_minimum))

    def commit() -> None:
        for name, path in staged.items():
            lake.promote(path, Layer.ANONYMIZED, name, year)

    first = next(iter(staged.values()))
    counts = {f"filas {name}": table_metadata(path)["dagster/row_count"] for name, path in staged.items()}
    origins = {f"origen {name}": table_metadata(path)["origen_datos"] for name, path in staged.items()}
    return YearResult(year, commit, {**table_metadata(first), **counts, **origins}, outcomes)


def _register_inputs(connection: duckdb.DuckDBPyConnection, lake: Lake, plan: Plan, year: int) -> list[Path]:
    """Make views of everything the plan reads; returns the files behind them."""
    files = []
    for model in plan.reads:
        path = lake.part(Layer.AGGREGATED, model, year)
        connection.execute(f"create view {model} as select * exclude (academic_year) from {parquet(path)}")
        files.append(path)
    for table, columns in plan.anonymized.items():
        path = lake.part(Layer.ANONYMIZED, table, year)
        if path.is_file():
            connection.execute(f"create view {table} as select * from {parquet(path)}")
            files.append(path)
        else:
            empty = ", ".join(f"null::{kind} as {column}" for column, kind in columns.items())
            connection.execute(f"create view {table} as select {empty} where false")
    return files


def _provenance_of(select: str, lake: Lake, plan: Plan, year: int) -> Provenance | None:
    """Of the inputs that one output itself reads: a table must not be called mixed for its neighbour's sake."""
    import sqlglot
    from sqlglot import exp

    read = {table.name for table in sqlglot.parse_one(select, read="duckdb").find_all(exp.Table)}
    if plan.counts and read & set(plan.counts.tables):
        read.add(plan.counts.cells)
    paths = [lake.part(Layer.AGGREGATED, model, year) for model in plan.reads if model in read]
    paths += [lake.part(Layer.ANONYMIZED, table, year) for table in plan.anonymized if table in read]
    found = [Provenance.of(path) for path in paths if path.is_file()]
    return Provenance.merge(found) if found else None


def _protect_counts(connection: duckdb.DuckDBPyConnection, plan: Plan, year: int, minimum: int) -> list[Outcome]:
    """Register each protected table of the plan as a view, and audit them with an attacker that shares no code."""
    if plan.counts is None:
        return []
    # The linear programs' libraries cost half a second that loading the definitions need not pay.
    from emtp_assets.audit.attack import recoverable
    from emtp_assets.privacy.disclosure import ProtectedTable, protect

    counts = plan.counts
    cells = connection.sql(counts.sql or f"select * from {counts.cells}").to_arrow_table()
    tables = [ProtectedTable(name, dimensions) for name, dimensions in counts.tables.items()]
    protected = protect(cells, counts.measure, tables, minimum=minimum)
    for name, table in protected.items():
        connection.register(name, table)
    opened = recoverable(protected, cells, counts.measure, minimum=minimum)
    suppressed = sum(np.count_nonzero(table["suppressed"].to_numpy()) for table in protected.values())
    total = sum(table.num_rows for table in protected.values())
    return [
        Outcome(
            rule=NOT_RECOVERABLE,
            year=year,
            passed=not opened,
            severity=Severity.ERROR,
            observed=f"{suppressed} de {total} celdas suprimidas; {len(opened)} recuperables",
            unexpected_count=len(opened),
            total=total,
            examples=None,
            description=_DESCRIPTIONS[NOT_RECOVERABLE],
        )
    ]


def _no_identifier(connection: duckdb.DuckDBPyConnection, staged: dict[str, Path], year: int) -> Outcome:
    forbidden = {
        name.lower()
        for contract in all_contracts()
        for column in contract.direct_identifiers
        for name in (column.name, *column.spellings)
    } | {"_delivery", "_row"}
    found = [
        f"{table}.{column}"
        for table, path in staged.items()
        for (column, *_) in connection.sql(f"describe select * from {parquet(path)}").fetchall()
        if column.lower() in forbidden
    ]
    return Outcome(
        rule=NO_IDENTIFIER,
        year=year,
        passed=not found,
        severity=Severity.ERROR,
        observed=", ".join(found) or "ninguna",
        unexpected_count=len(found),
        total=len(staged),
        examples=tuple(found),
        description=_DESCRIPTIONS[NO_IDENTIFIER],
    )


def _minimum_kept(connection: duckdb.DuckDBPyConnection, staged: dict[str, Path], year: int, minimum: int) -> Outcome:
    """Look at the files themselves: every count with a note column is null, zero, or at least the minimum."""
    small, total = 0, 0
    for path in staged.values():
        types = {c: kind for (c, kind, *_) in connection.sql(f"describe select * from {parquet(path)}").fetchall()}
        counted = [c for c, kind in types.items() if f"{c}_nota" in types and kind in {"BIGINT", "INTEGER", "HUGEINT"}]
        for column in counted:
            row = connection.sql(
                f'select count(*) filter ("{column}" > 0 and "{column}" < {minimum}), count(*) from {parquet(path)}'
            ).fetchone()
            assert row is not None
            small, total = small + row[0], total + row[1]
    return Outcome(
        rule=MINIMUM_KEPT,
        year=year,
        passed=small == 0,
        severity=Severity.ERROR,
        observed=small,
        unexpected_count=small,
        total=total,
        examples=None,
        description=_DESCRIPTIONS[MINIMUM_KEPT],
    )


_DESCRIPTIONS = {
    NO_IDENTIFIER: "Ninguna columna publicable es un identificador directo ni un seudónimo.",
    MINIMUM_KEPT: "Ningún conteo publicado es mayor que cero y menor que el mínimo configurado.",
    NOT_RECOVERABLE: (
        "Ninguna celda suprimida se puede deducir restando a los totales publicados: un auditor que no comparte "
        "código con el método busca, con solo lo publicado, los valores posibles de cada celda."
    ),
}
