"""What each column of every table derives from, one layer back, and the way down to official columns.

Plain data that goes to JSON and back. How it is found out is `build`'s business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from emtp_assets.lineage.relation import ROW, Lineage, LineageError, Ref, Relation, together

RAW = "raw"
PROCESSED = "processed"
PROCESSED_SET = f"{PROCESSED}/conjunto_publicado"
RELEASED = "released"
MICRODATA = "microdata"


class OfficialColumn(str):
    """``matricula.COD_ESPE``: a column by its official name; ``matricula.*`` is "one row of matricula"."""

    __slots__ = ()

    @property
    def dataset(self) -> str:
        return self.partition(".")[0]

    @property
    def official(self) -> str:
        return self.partition(".")[2]


@dataclass(frozen=True)
class Table:
    """One table of the lake or of the published set, and the asset that holds it, as ``layer/name``."""

    asset: str
    columns: Mapping[str, Lineage]
    rows: frozenset[Ref]

    @classmethod
    def of(cls, asset: str, relation: Relation) -> Table:
        lineage = relation.columns
        return cls(asset, {name: lineage[name.lower()] for name in relation.names}, relation.rows)


class ColumnGraph:
    """Tables by id (``layer/table``). Raw tables are the ground: they are named but not held."""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self.tables = dict(tables)
        self._found: dict[Ref, Lineage] = {}

    def official(self, table: str, column: str) -> Lineage:
        """The origins of a column followed down to raw columns, with what is only counted kept apart.

        Raises:
            LineageError: the table or column is not in the graph.
        """
        return self._down((table, column))

    def _down(self, ref: Ref) -> Lineage:
        if ref[0].startswith(f"{RAW}/"):
            return Lineage(value=frozenset({ref}))
        if ref not in self._found:
            here = self._here(ref)
            values = [self._down(origin) for origin in here.value]
            counted = [self._down(origin).as_counted() for origin in here.counted]
            self._found[ref] = together([*values, *counted])
        return self._found[ref]

    def _here(self, ref: Ref) -> Lineage:
        name, column = ref
        table = self.tables.get(name)
        if table is not None and column == ROW:
            return Lineage(counted=table.rows)
        found = self._columns.get(name, {}).get(column.lower())
        if found is None:
            raise LineageError(f"{name} no tiene la columna {column}")
        return found

    @cached_property
    def _columns(self) -> dict[str, dict[str, Lineage]]:
        return {name: {c.lower(): found for c, found in t.columns.items()} for name, t in self.tables.items()}

    def published(self) -> dict[str, dict[str, tuple[OfficialColumn, ...]]]:
        """The official columns behind each published column, sorted; none for a constant."""
        return {
            name.partition("/")[2]: {
                column: tuple(_named(ref) for ref in sorted(found.value | found.counted))
                for column in table.columns
                for found in [self.official(name, column)]
            }
            for name, table in self.tables.items()
            if table.asset.startswith(f"{PROCESSED}/")
        }

    def reached_by(self, officials: set[OfficialColumn]) -> list[str]:
        """``table.column ← dataset.OFFICIAL`` for each published column in which one of them may show."""
        return [
            f"{name.partition('/')[2]}.{column} ← {official}"
            for name, table in self.tables.items()
            if table.asset.startswith(f"{PROCESSED}/")
            for column in table.columns
            for official in sorted(officials & {_named(ref) for ref in self.official(name, column).value})
        ]

    def ways(self, table: str, column: str) -> dict[Ref, tuple[Ref, ...]]:
        """By raw column whose values may show in a column: the shortest way to it, both ends included."""
        found: dict[Ref, tuple[Ref, ...]] = {}
        pending: deque[tuple[Ref, ...]] = deque([((table, column),)])
        seen = {(table, column)}
        while pending:
            way = pending.popleft()
            if way[-1][0].startswith(f"{RAW}/"):
                found[way[-1]] = way
                continue
            for origin in sorted(self._here(way[-1]).value - seen):
                seen.add(origin)
                pending.append((*way, origin))
        return found

    def of_asset(self, asset: str) -> dict[str, set[Ref]]:
        """The columns of an asset's tables, one name together, and the (upstream asset, column) behind."""
        merged: dict[str, set[Ref]] = {}
        for table in self.tables.values():
            if table.asset == asset:
                for column, lineage in table.columns.items():
                    origins = {(self._asset_of(name), c) for name, c in lineage.value | lineage.counted}
                    merged.setdefault(column, set()).update(origins)
        return merged

    def _asset_of(self, table: str) -> str:
        return table if table.startswith(f"{RAW}/") else self.tables[table].asset

    def to_json(self) -> dict[str, Any]:
        return {
            name: {
                "asset": table.asset,
                "rows": sorted(table.rows),
                "columns": {c: [sorted(found.value), sorted(found.counted)] for c, found in table.columns.items()},
            }
            for name, table in self.tables.items()
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> ColumnGraph:
        return cls(
            {
                name: Table(
                    asset=entry["asset"],
                    columns={
                        c: Lineage(_refs(value), _refs(counted)) for c, (value, counted) in entry["columns"].items()
                    },
                    rows=_refs(entry["rows"]),
                )
                for name, entry in stored.items()
            }
        )


def _refs(stored: list[list[str]]) -> frozenset[Ref]:
    return frozenset((table, column) for table, column in stored)


def _named(ref: Ref) -> OfficialColumn:
    table, column = ref
    return OfficialColumn(f"{table.partition('/')[2]}.{column}")
