"""Which columns of which views the product asks for, as data. Writing that down for people or servers is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from emtp_assets.contracts import Column, Contract, LogicalType, Treatment, read_codes
from emtp_assets.settings import PrivacyMode

FIRST_YEAR = 2013
"""The first academic year that is asked for unless the instance says another (``EMTP_FIRST_YEAR``)."""


@dataclass(frozen=True)
class ViewColumn:
    """A column that a view must have: ``name`` is the official one, ``type`` the T-SQL type that is expected."""

    name: str
    type: str
    column: Column


@dataclass(frozen=True)
class View:
    """A view of the replica: its ``columns`` in contract order, and those of the dataset that it need not have.

    ``codes``: the values that one of ``scope`` (official names) must have for a row to be in it; both empty when
    the whole dataset is ours.
    """

    name: str
    contract: Contract
    columns: tuple[ViewColumn, ...]
    withheld: tuple[Column, ...]
    scope: tuple[str, ...]
    codes: tuple[int, ...]


def asked_columns(
    contract: Contract, privacy_mode: PrivacyMode = PrivacyMode.AGGREGATES, *, first_year: int = FIRST_YEAR
) -> tuple[Column, ...]:
    """The columns that a source is asked for, in contract order.

    Those of `Column.asked_for` that the official record schema still lists from ``first_year`` on.
    """
    full = privacy_mode.full_access
    return tuple(c for c in contract.columns if c.asked_for(full_access=full) and not _ended(c, first_year))


def withheld_columns(
    contract: Contract, privacy_mode: PrivacyMode = PrivacyMode.AGGREGATES, *, first_year: int = FIRST_YEAR
) -> tuple[Column, ...]:
    """The columns of the dataset that are not asked for, in contract order."""
    asked = {column.name for column in asked_columns(contract, privacy_mode, first_year=first_year)}
    return tuple(column for column in contract.columns if column.name not in asked)


def views(
    contracts: Iterable[Contract],
    *,
    privacy_mode: PrivacyMode = PrivacyMode.AGGREGATES,
    first_year: int = FIRST_YEAR,
    names: Mapping[str, str] | None = None,
) -> dict[str, View]:
    """The views by name, in the order of ``contracts``; a dataset without a view is left out.

    ``names``: by dataset, the view's name where IT chose another than the contract's (``SIGE_DB_VIEWS``), which may be
    ``esquema.vista``.
    """
    made = (_view(contract, privacy_mode, first_year, names or {}) for contract in contracts if contract.sige_view)
    return {view.name: view for view in made}


def tsql_type(column: Column) -> str:
    """The type that a view is asked to give a column; raw takes any, so that this is a request, not a condition."""
    match column.type:
        case LogicalType.INTEGER | LogicalType.YEAR_MONTH:
            return "int"
        case LogicalType.NUMBER:
            return "decimal(18, 6)"
        case LogicalType.DATE:
            return "date"
        case LogicalType.STRING if column.treatment is Treatment.PSEUDONYM:
            return "varchar(32)"
        case LogicalType.STRING:
            return "nvarchar(255)"


def _view(contract: Contract, privacy_mode: PrivacyMode, first_year: int, names: Mapping[str, str]) -> View:
    scope = contract.scope
    return View(
        name=names.get(contract.dataset) or contract.sige_view or "",
        contract=contract,
        columns=tuple(
            ViewColumn(column.official, tsql_type(column), column)
            for column in asked_columns(contract, privacy_mode, first_year=first_year)
        ),
        withheld=withheld_columns(contract, privacy_mode, first_year=first_year),
        scope=scope.columns if scope else (),
        codes=tuple(int(code) for code in read_codes(scope.code_list, scope.where)) if scope else (),
    )


def _ended(column: Column, first_year: int) -> bool:
    return bool(column.years) and all(last < first_year for _, last in column.years)
