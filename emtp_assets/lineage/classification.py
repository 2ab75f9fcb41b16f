"""Which columns that come near a person show in what leaves, by which way, and who said that they may.

What a column is, the contracts say; what was reviewed, `privacy.plans.review` and the microdata plans. Nothing is
decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from emtp_assets.contracts import Classification, all_contracts
from emtp_assets.lineage.graph import MICRODATA, PROCESSED, RELEASED, ColumnGraph
from emtp_assets.lineage.relation import Ref
from emtp_assets.lineage.store import graph_of
from emtp_assets.microdata.plans import MICRODATA_SETS, microdata_plan
from emtp_assets.microdata.table import PERSON
from emtp_assets.privacy.plans.review import Reviewed, reviewed
from emtp_assets.publication.catalogue import cache_tables
from emtp_assets.publication.symbols import NOTE_SUFFIX
from emtp_assets.settings import Settings


class Door(StrEnum):
    """By which a table leaves; the value is its folder in the graph."""

    WEEKLY = PROCESSED
    PUBLIC = RELEASED
    MICRODATA = MICRODATA


CLASSES = {
    Classification.DIRECT_IDENTIFIER: "identificador directo",
    Classification.QUASI_IDENTIFIER: "cuasi identificador",
    Classification.SENSITIVE: "dato sensible",
}
_PLACES = {
    "raw": "columna oficial",
    "cleaned": "capa limpia",
    "aggregated": "capa agregada",
    "anonymized": "capa anonimizada",
    PROCESSED: "conjunto publicado",
    RELEASED: "liberación",
    MICRODATA: "microdatos",
}
_PSEUDONYM = "seudónimo con una clave propia de la entrega, el destinatario y el año; solo en los modos B y C"


@dataclass(frozen=True)
class Showing:
    """An official column whose values may show in a published one.

    ``way``: from the published column to the official one. ``reason``: why it may; None when nobody said so.
    """

    door: Door
    table: str
    column: str
    official: str
    classification: Classification
    way: tuple[Ref, ...]
    reason: str | None

    @property
    def in_words(self) -> str:
        """``conjunto publicado docentes.genero ← capa anonimizada docentes.genero ← … (cuasi identificador)``."""
        return f"{' ← '.join(_place(ref) for ref in self.way)} ({CLASSES[self.classification]})"


def showing(settings: Settings, *doors: Door) -> list[Showing]:
    """Every column that identifies, nearly identifies or is sensitive, and may show behind the doors (all: none given).

    Counting persons does not show who they are: what is only counted is left out.

    Raises:
        LineageError: some SQL cannot be followed, so no answer would be whole.
    """
    return showing_in(graph_of(settings), reviewed(), doors or tuple(Door))


def showing_in(graph: ColumnGraph, review: Sequence[Reviewed], doors: Sequence[Door]) -> list[Showing]:
    """The same over a graph and a review list."""
    guarded = {
        f"{contract.dataset}.{column.official}": column.classification
        for contract in all_contracts()
        for column in contract.columns
        if column.classification in CLASSES
    }
    reasons = _reasons(review)
    found = []
    for name, table in graph.tables.items():
        folder, _, title = name.partition("/")
        if folder not in {door.value for door in doors}:
            continue
        for column in table.columns:
            for ground, way in sorted(graph.ways(name, column).items()):
                official = f"{ground[0].partition('/')[2]}.{ground[1]}"
                if official in guarded:
                    door, kind = Door(folder), guarded[official]
                    reason = _reason(reasons, door, title, column, official, kind, way)
                    found.append(Showing(door, title, column, official, kind, way, reason))
    return found


def unreviewed(settings: Settings, *doors: Door) -> list[Showing]:
    """Those that nobody said may leave; a publication with one of them must not happen."""
    return [each for each in showing(settings, *doors) if each.reason is None]


def stale(graph: ColumnGraph, review: Sequence[Reviewed]) -> list[str]:
    """``official → table.column`` of the review list that no longer shows there: leave nothing admitted in advance."""
    there = {
        (each.door, each.table, _figure(each.column), each.official)
        for each in showing_in(graph, review, (Door.WEEKLY, Door.PUBLIC))
    }
    return [
        f"{official} → {table}.{column}"
        for door, table, column, official in sorted(_reasons(review))
        if (door, table, column, official) not in there
    ]


def _reasons(review: Sequence[Reviewed]) -> dict[tuple[Door, str, str, str], str]:
    return {
        (door, table, column, entry.official): entry.reason
        for entry in review
        for door, tables in ((Door.WEEKLY, entry.weekly), (Door.PUBLIC, entry.public))
        for table, columns in tables.items()
        for column in columns
    }


def _reason(
    reasons: Mapping[tuple[Door, str, str, str], str],
    door: Door,
    table: str,
    column: str,
    official: str,
    classification: Classification,
    way: tuple[Ref, ...],
) -> str | None:
    if door is Door.MICRODATA:
        return _microdata_reason(table, column, classification, way)
    if classification is Classification.DIRECT_IDENTIFIER:
        return None
    table, column = _original(table, column) if door is Door.WEEKLY else (table, column)
    return reasons.get((door, table, _figure(column), official))


def _microdata_reason(table: str, column: str, classification: Classification, way: tuple[Ref, ...]) -> str | None:
    """What a microdata plan says of one of its columns. An identifier may show as the delivery's own pseudonym alone;
    anything else only in the column whose ``from`` names the cleaned column that it comes by."""
    if table not in MICRODATA_SETS:
        return None
    plan = microdata_plan(table)
    by = way[1][1]
    if classification is Classification.DIRECT_IDENTIFIER:
        return _PSEUDONYM if column == PERSON and by == plan.person else None
    planned = {each.name: (each.made_from, each.description) for each in (*plan.quasi, *plan.sensitive)}
    made_from, description = planned.get(column, ((), ""))
    return f"plan de microdatos: {description}" if by in made_from else None


def _original(table: str, column: str) -> tuple[str, str]:
    """The published column of which a column of the Visualizador's copies is the same under another name."""
    for cache in cache_tables():
        if cache.name == table and cache.cache_of:
            copied = next((c.published for c in cache.columns if c.name == column), None)
            return cache.cache_of, copied or column
    return table, column


def _figure(column: str) -> str:
    """The figure of a note, or the column itself."""
    return column.removesuffix(NOTE_SUFFIX)


def _place(ref: Ref) -> str:
    folder, _, table = ref[0].partition("/")
    return f"{_PLACES[folder]} {table}.{ref[1]}"
