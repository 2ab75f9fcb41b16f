"""Makes the graph out of the SQL of each layer, in the order in which it runs. It opens no table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from emtp_assets.contracts import Contract
from emtp_assets.lineage.graph import PROCESSED, PROCESSED_SET, RAW, ColumnGraph, Table
from emtp_assets.lineage.leaving import microdata_tables, public_tables
from emtp_assets.lineage.reading import Reader
from emtp_assets.lineage.relation import Branch, Lineage, LineageError, Relation, grouped, leaf
from emtp_assets.microdata.plans import MicrodataPlan
from emtp_assets.privacy.disclosure import SUPPRESSED
from emtp_assets.privacy.plans import Counts, Plan
from emtp_assets.privacy.plans.public import PublicPlan
from emtp_assets.publication.catalogue import ROW_ORIGIN, PublishedTable
from emtp_assets.storage.lake import Layer

YEAR = "academic_year"


def build_graph(
    models: Mapping[str, str],
    datasets: Mapping[str, str],
    contracts: Iterable[Contract],
    plans: Sequence[Plan],
    published: Iterable[PublishedTable],
    public: PublicPlan | None = None,
    microdata: Iterable[MicrodataPlan] = (),
) -> ColumnGraph:
    """The graph of every cleaned, aggregated, anonymized and published table; of public tables and microdata too.

    Args:
        models: the SQL of each dbt model as it runs, by name.
        datasets: the dataset of each aggregated model, by the model's name.

    Raises:
        LineageError: some SQL names what does not exist or cannot be read; the message says where.
    """
    relations = {f"raw_{c.dataset}": _raw(c) for c in contracts}
    tables: dict[str, Table] = {}
    cleaned = [name for name in models if name.startswith(f"{Layer.CLEANED}_")]
    for name in [*cleaned, *datasets]:
        if name not in models:
            raise LineageError(f"dbt no compiló el modelo {name}")
        dataset = datasets.get(name) or name.partition("_")[2]
        layer = Layer.AGGREGATED if name in datasets else Layer.CLEANED
        table = f"{layer}/{name if name in datasets else dataset}"
        relation = _read(name, Reader(relations), models[name])
        tables[table] = Table.of(f"{layer}/{dataset}", relation)
        relations[name] = leaf(table, relation.names)

    tables |= microdata_tables(microdata, tables)
    if public is not None:
        tables |= public_tables(public, tables, YEAR)

    outputs: dict[str, Relation] = {}
    for plan in plans:
        for name, relation in _planned(plan, tables).items():
            outputs[name] = leaf(f"{Layer.ANONYMIZED}/{name}", relation.names)
            tables[f"{Layer.ANONYMIZED}/{name}"] = Table.of(f"{Layer.ANONYMIZED}/{plan.dataset}", relation)

    final: dict[str, Relation] = {}
    for table in published:
        known = final if table.cache_of else outputs
        sql = table.query({source: f'"{source}"' for source in table.sources})
        relation = _read(table.name, Reader(known), sql)
        made = {name.lower() for name in relation.names}
        if absent := [column.name for column in table.columns if column.name.lower() not in made]:
            raise LineageError(f"{table.name}: la consulta no da {', '.join(absent)}")
        # Only what the catalogue names is written.
        final[table.name] = replace(relation, names=tuple(column.name for column in table.columns))
        tables[f"{PROCESSED}/{table.name}"] = Table.of(PROCESSED_SET, final[table.name])
    return ColumnGraph(tables)


def _read(name: str, reader: Reader, sql: str) -> Relation:
    try:
        return reader.read(sql)
    except LineageError as error:
        raise LineageError(f"{name}: {error}") from error


def _raw(contract: Contract) -> Relation:
    """The raw table: official columns, the year of its partition, and where each row was in its delivery."""
    table = f"{RAW}/{contract.dataset}"
    official = leaf(table, [column.official for column in contract.columns])
    (branch,) = official.branches
    internal = {
        YEAR: Lineage(value=frozenset({(table, contract.year_column)})),
        "_delivery": Lineage(),
        "_row": Lineage(),
    }
    return Relation((*official.names, *internal), (Branch({**branch.columns, **internal}),), official.rows)


def _planned(plan: Plan, tables: Mapping[str, Table]) -> dict[str, Relation]:
    """The anonymized tables of a plan, each with the column by which the asset says whose rows they are."""
    relations: dict[str, Relation] = {}
    for model in plan.reads:
        table = f"{Layer.AGGREGATED}/{model}"
        if table not in tables:
            raise LineageError(f"plan de {plan.dataset}: no existe el modelo {model}")
        relations[model] = leaf(table, [name for name in tables[table].columns if name != YEAR])
    for name, columns in plan.anonymized.items():
        relations[name] = leaf(f"{Layer.ANONYMIZED}/{name}", columns)
    this_year = Lineage(value=frozenset({(f"{Layer.AGGREGATED}/{plan.reads[0]}", YEAR)}))
    if plan.counts:
        relations |= _protected(plan, plan.counts, Reader(relations))
    made = {}
    for name, select in plan.outputs.items():
        relation = _read(f"plan de {plan.dataset}, {name}", Reader(relations, {"this_year": this_year}), select)
        said = [replace(b, columns={**b.columns, ROW_ORIGIN: Lineage()}) for b in relation.branches]
        made[name] = Relation((*relation.names, ROW_ORIGIN), tuple(said), relation.rows)
    return made


def _protected(plan: Plan, counts: Counts, reader: Reader) -> dict[str, Relation]:
    """What `privacy.disclosure.protect` answers: the dimensions, the measure, and whether it is hidden, which
    the measures decide."""
    where = f"plan de {plan.dataset}, celdas"
    cells = _read(where, reader, counts.sql or f"select * from {counts.cells}")
    protected = {}
    for name, dimensions in counts.tables.items():
        names = (*dimensions, counts.measure)
        if absent := [column for column in names if column.lower() not in cells.columns]:
            raise LineageError(f"{where}: {name} usa columnas que no existen: {', '.join(absent)}")
        branches = [
            Branch({**b.columns, SUPPRESSED: b.columns[counts.measure.lower()].varying()}) for b in cells.branches
        ]
        kept = (*names, SUPPRESSED)
        protected[name] = Relation(kept, grouped(kept, branches, dimensions), cells.rows)
    return protected
