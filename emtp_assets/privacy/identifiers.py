"""Proof over the graph that no direct identifier is published. How lineage is found is not known here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from emtp_assets.contracts.model import Classification, Column, Contract

Origin = tuple[str, str]  # dataset, official column


def identifier_violations(
    table: str,
    columns: Sequence[str],
    lineage: Mapping[str, Collection[Origin]],
    contracts: Iterable[Contract],
    *,
    counts: Collection[str] = (),
) -> list[str]:
    """What stands in the way of publishing a table, in Spanish; empty when nothing does.

    Args:
        table: its name, for the messages.
        columns: the columns that the published file really has.
        lineage: for each of them, every official column it is computed from; an empty set is a constant.
        contracts: of all datasets.
        counts: columns that are numbers of people under disclosure control. Counting people reads their
            identifiers, so only the name of such a column is judged, not its origins.

    A column is refused when it is named as a direct identifier or a pseudonym is (a pseudonym is one:
    personal data under Ley 21.719), when it is computed from one, when its lineage is unknown, and when its
    lineage names a column that no contract has: what cannot be followed cannot be called safe.
    """
    by_dataset = {contract.dataset: contract for contract in contracts}
    identifier_names = {
        name.upper()
        for contract in by_dataset.values()
        for column in contract.direct_identifiers
        for name in (column.name, *column.spellings)
    }
    violations: list[str] = []
    for column in columns:
        if column.upper() in identifier_names:
            violations.append(f"{table}.{column}: lleva el nombre de un identificador directo")
        if column not in lineage:
            violations.append(f"{table}.{column}: no se conoce de qué columnas oficiales proviene")
            continue
        if column in counts:
            continue
        for dataset, official in sorted(lineage[column]):
            origin = _column(by_dataset.get(dataset), official)
            if origin is None:
                violations.append(f"{table}.{column}: proviene de {dataset}.{official}, que ningún contrato describe")
            elif origin.classification is Classification.DIRECT_IDENTIFIER:
                violations.append(f"{table}.{column}: proviene de {dataset}.{official}, un identificador directo")
    return violations


def _column(contract: Contract | None, official: str) -> Column | None:
    return None if contract is None else contract.column_spelled(official)
