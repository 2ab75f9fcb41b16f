"""Columns of text read through dbt, many in one run. What they should read as is the tests' business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets.contracts import Contract, contract_for
from emtp_assets.privacy.keys import pseudonym_key
from emtp_assets.privacy.pseudonyms import install_pseudonym
from emtp_assets.settings import Settings
from emtp_assets.storage.restricted import read as opened
from emtp_assets.transformation import Input, run_models

Sent = Sequence[str | None]
FIRST_YEAR = 2001


class _Unreadable:
    def __repr__(self) -> str:
        return "UNREADABLE"


UNREADABLE = _Unreadable()


@dataclass(frozen=True)
class Who:
    """The person that an identifier stands for, as a test writes it; its kind where it is not the column's."""

    identifier: str
    kind: str | None = None


@dataclass(frozen=True)
class Case:
    """One column of one year's file, in an otherwise ordinary table."""

    dataset: str
    official: str
    sent: tuple[str | None, ...]


# What a row cannot do without; each row has keys of its own.
_ORDINARY: dict[str, dict[str, str]] = {
    "matricula": {"AGNO": "2025", "RBD": "123", "COD_ENSE": "410", "MRUN": "6{row:07}"},
    "egresados": {"AGNO": "2025", "RBD": "123", "COD_ENSE": "410", "MRUN": "6{row:07}"},
    "titulacion": {"ID_PRACTICA": "2025{row:021}1", "AGNO_TITULACION": "2025", "RBD_EGRESO": "123"},
    "establecimientos": {"AGNO": "2025", "RBD": "{row}"},
    "docentes": {"AGNO": "2025", "RBD": "123", "MRUN": "6{row:07}"},
    "proyectos": {
        "AGNO": "2025", "ID_PROYECTO": "P{row}", "REGION": "Maule", "TIPO_PROYECTO": "Obras", "MONTO_ASIGNADO": "1",
    },
}  # fmt: skip


def read(settings: Settings, cases: Sequence[Case]) -> list[list[Any]]:
    """The values that cleaning reads, one list a case: a typed value, None for a blank, or UNREADABLE.

    A table holds as many of the cases as it can: each in a column and in rows of its own (so that no row is odd in
    two columns), blank elsewhere, which is evidence of nothing.
    """
    found: list[list[Any]] = [[] for _ in cases]
    for dataset in dict.fromkeys(case.dataset for case in cases):
        tables = list(_packed([(at, case) for at, case in enumerate(cases) if case.dataset == dataset]))
        for table, (stands, refused) in zip(tables, _cleaned(settings, dataset, tables), strict=True):
            for at, case, first in table:
                rows = range(first, first + len(case.sent))
                found[at] = [_value(settings, contract_for(dataset), case, stands.get(r), refused.get(r)) for r in rows]
    return found


def _packed(cases: Sequence[tuple[int, Case]]) -> Iterator[list[tuple[int, Case, int]]]:
    """(place in the answer, case, its first row) of each table."""
    left = list(cases)
    while left:
        table: list[tuple[int, Case, int]] = []
        row, taken, kept = 1, set[str](), []
        for at, case in left:
            # Where a column that every row needs is the case, no other row may share the table.
            alone = case.official in _ORDINARY[case.dataset]
            if case.official in taken or (alone and taken) or taken & _ORDINARY[case.dataset].keys():
                kept.append((at, case))
                continue
            taken.add(case.official)
            table.append((at, case, row))
            row += len(case.sent)
        left = kept
        yield table


def _cleaned(
    settings: Settings, dataset: str, tables: Sequence[Sequence[tuple[int, Case, int]]]
) -> Iterator[tuple[dict[int, Mapping[str, Any]], dict[int, Mapping[str, Any]]]]:
    contract = contract_for(dataset)
    years = range(FIRST_YEAR, FIRST_YEAR + len(tables))
    raw = [settings.data_dir / "cases" / dataset / f"academic_year={year}" / "part.parquet" for year in years]
    for path, table in zip(raw, tables, strict=True):
        _write(path, contract, table)
    # Only what no row can do without gets a row refused, and the other half of the work is spared.
    refusable = any(case.official in _ORDINARY[dataset] for table in tables for _, case, _ in table)
    models = [f"cleaned_{dataset}", *([f"rejected_{dataset}"] if refusable else [])]
    run_models(
        settings,
        models,
        years=list(years),
        inputs={f"raw_{dataset}": Input(raw)},
        output=settings.data_dir,
        footers={},
        contracts=[contract],
    )
    for year in years:
        made = [opened(settings.data_dir / m / f"academic_year={year}" / "part.parquet", settings) for m in models]
        stands, *refused = ({row["_row"]: row for row in table.to_pylist()} for table in made)
        yield stands, refused[0] if refused else {}


def _write(path: Path, contract: Contract, table: Sequence[tuple[int, Case, int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = sum(len(case.sent) for _, case, _ in table)
    ordinary = {
        name: [text.format(row=r) for r in range(1, rows + 1)] for name, text in _ORDINARY[contract.dataset].items()
    }
    sent: dict[str, list[str | None]] = {
        c.official: list(ordinary.get(c.official, [" "] * rows)) for c in contract.columns
    }
    for _, case, first in table:
        sent[case.official][first - 1 : first - 1 + len(case.sent)] = list(case.sent)
    columns = {name: pa.array(values, pa.string()) for name, values in sent.items()}
    columns |= {"_delivery": pa.array(["sha"] * rows, pa.string()), "_row": pa.array(range(1, rows + 1), pa.int64())}
    pq.write_table(pa.table(columns), path)


def _value(
    settings: Settings,
    contract: Contract,
    case: Case,
    stands: Mapping[str, Any] | None,
    refused: Mapping[str, Any] | None,
) -> Any:
    assert (stands is None) is not (refused is None), "every row stands or is refused"
    (column,) = [c for c in contract.columns if c.official == case.official]
    if refused is not None:
        assert refused["columna"] == case.official, refused["columna"]
        return {"ilegible": UNREADABLE, "requerido": None}[refused["regla"]]
    assert stands is not None
    return UNREADABLE if column.name in stands["_ilegibles"] else stands[column.name]


def pseudonyms(settings: Settings, official: str, people: Sequence[Who]) -> list[str]:
    """What cleaning makes of identifiers that it reads as the test wrote them."""
    with duckdb.connect() as connection:
        install_pseudonym(connection, pseudonym_key(settings))
        return [
            connection.execute("select pseudonym($1, $2)", [who.kind or official, who.identifier]).fetchall()[0][0]
            for who in people
        ]
