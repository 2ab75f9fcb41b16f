"""What a view offers against what the contract wants: which columns will be asked for, and why not the others.

The query itself is `query`'s; here no row is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emtp_assets.contracts import Column, Contract
from emtp_assets.settings import PrivacyMode, SqlServerSettings
from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.sqlserver.connection import Asked, Session
from emtp_assets.sources.sqlserver.errors import SOURCE, Place, missing_view

INTEGERS = frozenset({"tinyint", "smallint", "int", "bigint"})
NUMBERS = INTEGERS | {"decimal", "numeric", "money", "smallmoney", "float", "real", "bit"}
PADDED = frozenset({"char", "nchar"})
LARGE = frozenset({"text", "ntext"})
TEXTS = PADDED | LARGE | {"varchar", "nvarchar"}
DATES = frozenset({"date", "datetime", "datetime2", "smalldatetime", "datetimeoffset"})
BINARIES = frozenset({"binary", "varbinary"})
GUID = "uniqueidentifier"
READABLE = NUMBERS | TEXTS | DATES | BINARIES | {GUID}

_COLUMNS = """SELECT COLUMN_NAME AS name, DATA_TYPE AS type, CHARACTER_MAXIMUM_LENGTH AS length
FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION"""
_ASK = "docs/solicitud_acceso.md"


def bracketed(name: str) -> str:
    """A name as a delimited identifier of T-SQL."""
    return "[" + name.replace("]", "]]") + "]"


@dataclass(frozen=True)
class ViewName:
    """Where the rows of a dataset are."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        return f"{bracketed(self.schema)}.{bracketed(self.name)}"


@dataclass(frozen=True)
class ViewColumn:
    """A column as the server declares it. ``length``: characters (bytes of a binary), -1 unlimited, None no text."""

    name: str
    type: str
    length: int | None = None


@dataclass(frozen=True)
class Match:
    """A column of the contract and the one of the view that is it."""

    column: Column
    found: ViewColumn


@dataclass(frozen=True)
class Reading:
    """What will be asked of a view, in the contract's order, and what will not.

    ``withheld``: known columns that the view has and nobody needs, or may see in this privacy mode; ``unknown``:
    columns that the contract does not describe; ``missing``: official columns of the year, not required, that the
    view lacks.
    """

    view: ViewName
    asked: tuple[Match, ...]
    year: Match
    scope: tuple[Match, ...]
    withheld: tuple[str, ...]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]


def view_of(contract: Contract, db: SqlServerSettings) -> ViewName | None:
    """The view that settings name for the dataset, else the contract's; ``esquema.vista`` names another schema."""
    name = db.views.get(contract.dataset) or contract.sige_view
    if not name:
        return None
    schema, dot, bare = name.rpartition(".")
    return ViewName(schema if dot else db.db_schema, bare)


def read_columns(session: Session, view: ViewName, place: Place) -> tuple[ViewColumn, ...]:
    """The columns of a view that the login may see, in order.

    Raises:
        SourceFailure: there is no such view for the login.
    """
    asked = Asked(
        _COLUMNS,
        (view.schema, view.name),
        "INFORMATION_SCHEMA.COLUMNS",
        ("COLUMN_NAME", "DATA_TYPE", "CHARACTER_MAXIMUM_LENGTH"),
        f"vista={view}",
    )
    rows = session.rows(asked)
    if not rows:
        raise missing_view(Place(place.server, place.database, place.login, str(view)))
    return tuple(ViewColumn(row["name"], row["type"].lower(), row["length"]) for row in rows)


def match(contract: Contract, year: int, view: ViewName, columns: Sequence[ViewColumn], mode: PrivacyMode) -> Reading:
    """Decide what to ask for.

    A column is asked for when the contract knows it, keeps it beyond raw, and the privacy mode allows it. Where two
    columns of the view are one of the contract's, the one spelled first in the contract counts.

    Raises:
        SourceFailure: the view lacks a required column, its year, every column that tells EMTP from the rest; or
            one has a type that cannot be read.
    """
    matches = _by_official(contract, columns)
    allowed = {name: m for name, m in matches.items() if m.column.asked_for(full_access=mode.full_access)}
    lacking = [c for c in contract.columns if c.required and c.official not in matches]
    if lacking:
        raise _structure(contract, view, f"le faltan columnas necesarias: {_spelled(lacking)}")
    if contract.year_column not in matches:
        year_column = [c for c in contract.columns if c.official == contract.year_column]
        raise _structure(contract, view, f"le falta la columna del año: {_spelled(year_column)}")
    scope = contract.scope
    in_scope = tuple(matches[name] for name in scope.columns if name in matches) if scope else ()
    if scope and not in_scope:
        telling = [c for c in contract.columns if c.official in scope.columns]
        raise _structure(contract, view, f"no dice qué filas son EMTP: le faltan {_spelled(telling)}")
    in_year = matches[contract.year_column]
    _refuse_unreadable(contract, view, [*allowed.values(), in_year, *in_scope])
    _refuse_uncomparable(contract, view, [in_year, *in_scope])
    taken = {m.found.name for m in allowed.values()}
    known = [c for c in columns if contract.column_spelled(c.name) is not None]
    return Reading(
        view=view,
        asked=tuple(allowed[c.official] for c in contract.columns if c.official in allowed),
        year=in_year,
        scope=in_scope,
        withheld=tuple(c.name for c in known if c.name not in taken),
        unknown=tuple(c.name for c in columns if contract.column_spelled(c.name) is None),
        missing=tuple(
            c.official
            for c in contract.cleaned_columns
            if c.in_year(year) and c.official not in matches and not c.full_access_only
        ),
    )


def _by_official(contract: Contract, columns: Sequence[ViewColumn]) -> dict[str, Match]:
    found: dict[str, Match] = {}
    for seen in columns:
        column = contract.column_spelled(seen.name)
        if column is None:
            continue
        before = found.get(column.official)
        if before is None or _rank(column, seen) < _rank(column, before.found):
            found[column.official] = Match(column, seen)
    return found


def _rank(column: Column, seen: ViewColumn) -> int:
    return column.spellings.index(seen.name.strip().upper())


def _refuse_unreadable(contract: Contract, view: ViewName, matches: Iterable[Match]) -> None:
    wrong = [f"{m.found.name} ({m.found.type})" for m in matches if m.found.type not in READABLE]
    if wrong:
        raise _structure(contract, view, f"estas columnas tienen un tipo que no se puede leer: {', '.join(wrong)}")


def _refuse_uncomparable(contract: Contract, view: ViewName, matches: Iterable[Match]) -> None:
    wrong = [f"{m.found.name} ({m.found.type})" for m in matches if m.found.type not in NUMBERS | TEXTS - LARGE]
    if wrong:
        raise _structure(contract, view, f"estas columnas deben ser números enteros: {', '.join(wrong)}")


def _spelled(columns: Iterable[Column]) -> str:
    """Columns by their official name, with the other names under which they would be accepted."""
    return ", ".join(
        c.official + (f" (o {' o '.join(c.spellings[1:])})" if len(c.spellings) > 1 else "") for c in columns
    )


def _structure(contract: Contract, view: ViewName, what: str) -> SourceFailure:
    return SourceFailure(
        SOURCE,
        Cause.STRUCTURE,
        Nature.PERMANENT,
        Explanation(
            f"La vista {view} cambió o no es la esperada: {what}.",
            f"Las columnas de «{contract.title}» según su contrato de datos, con esos nombres y en cualquier orden.",
            f"Pida a TI corregir la vista {view} ({_ASK} trae su definición). Lo publicado queda como estaba.",
        ),
    )
