"""Whether a new set restates what is published, and whether a person has to say yes first. The words are `told`'s.

A restatement is another figure where one was published. New tables and years are additions. Nothing here reads the
figures themselves: that is `comparison`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from emtp_assets.contracts import contract_for
from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication.catalogue import Figure, PublishedTable, published_tables
from emtp_assets.publication.comparison import Change, changes, digests
from emtp_assets.publication.files import empty_query, typed
from emtp_assets.publication.inputs import Inputs
from emtp_assets.publication.record import Describe, merged
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal
from emtp_assets.storage.provenance import Origin


class Cause(StrEnum):
    """Why the figures of a published table's year are others. The first two never wait for anybody."""

    REAL_FOR_SIMULATED = "datos oficiales en lugar de simulados"
    COMPLETED = "se agregó una entrega que faltaba"
    OTHER_DELIVERY = "otra entrega en lugar de la publicada"
    OTHER_CALCULATION = "las mismas entregas, calculadas de otro modo"
    GONE = "el año ya no está entre los datos"


@dataclass(frozen=True)
class Thresholds:
    """From when a change waits. Shares (0.01 is 1 %) of the figure before; ``floor`` in units, persons mostly.

    ``living``: how far a year that is not closed yet may fall, in the country or a region.
    """

    national: Decimal
    region: Decimal
    living: Decimal
    floor: Decimal

    @classmethod
    def of(cls, settings: Settings) -> Thresholds:
        return cls(
            national=Decimal(str(settings.restatement_national)),
            region=Decimal(str(settings.restatement_region)),
            living=Decimal(str(settings.restatement_living)),
            floor=Decimal(settings.restatement_floor),
        )

    def reached(self, change: Change, *, living: bool) -> bool:
        """Whether a change is big enough to wait.

        Of a count, what moved between cells of a region counts like what it gained or lost. The floor is of units: of a
        mean, its share of the persons behind it. A living year fills up week after week: only a fall of it waits. Where
        most of what was shown is out of sight, nothing shows that it did not change: that waits too, but of a living
        year in the whole country alone, because what a small region hides changes from week to week.
        """
        if change.obscured and change.lost >= self.floor and (change.national or not living):
            return True
        limit = self.national if change.national else self.region
        difference, moved = change.difference, change.moved
        if living:
            limit = max(limit, self.living)
            falls = difference < 0 or change.figure is Figure.MEAN
            difference, moved = (difference if falls else Decimal()), Decimal()
        size = max(abs(difference), moved)
        if not size:
            return False
        if not change.before:
            return change.before is not None and (size if change.figure is Figure.SUM else change.weight) >= self.floor
        share = size / abs(change.before)
        return share >= limit and share * change.weight >= self.floor


@dataclass(frozen=True)
class TableYear:
    """A year of a published table that two sets say differently. Deliveries by their SHA-256, sorted.

    ``content``: a digest of all the rows that the year would be published with.
    """

    table: str
    year: int
    cause: Cause
    living: bool
    deliveries_before: tuple[str, ...]
    deliveries_after: tuple[str, ...]
    changes: tuple[Change, ...]
    waiting: tuple[Change, ...]
    content: str = ""

    @property
    def gone(self) -> tuple[str, ...]:
        return tuple(sha for sha in self.deliveries_before if sha not in self.deliveries_after)

    @property
    def come(self) -> tuple[str, ...]:
        return tuple(sha for sha in self.deliveries_after if sha not in self.deliveries_before)


@dataclass(frozen=True)
class Restatement:
    """What a new set would say differently from the one that stands.

    ``replaced``: that set's name, None where there is none. ``unread``: in Spanish, what could not be compared.
    """

    replaced: str | None
    thresholds: Thresholds
    years: tuple[TableYear, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def changes(self) -> list[Change]:
        return [change for year in self.years for change in year.changes]

    @property
    def waiting(self) -> list[TableYear]:
        """The years that have a change above the thresholds."""
        return [year for year in self.years if year.waiting]

    @property
    def waits(self) -> bool:
        """Whether a person has to say yes first. What cannot be compared may hold any change."""
        return bool(self.waiting or self.unread)

    @cached_property
    def fingerprint(self) -> str:
        """Sixteen hex digits that stand for exactly what waits, to its last cell, and the set that it would replace.

        Another figure, another delivery or another set before it give another one: who approves one, approves no other.
        What does not wait does not enter, so that the living year may go on while a correction is being looked at.
        """
        said = [
            [
                year.table,
                year.year,
                year.deliveries_before,
                year.deliveries_after,
                year.content,
                [
                    [c.region, c.indicator, c.apart, str(c.before), str(c.after), str(c.moved), str(c.lost)]
                    for c in year.changes
                ],
            ]
            for year in self.waiting
        ]
        return hashlib.sha256(json.dumps([self.replaced, said, self.unread]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Version:
    """One side of a comparison: of a table its rows as a table expression, of its years origin and deliveries."""

    relations: Mapping[str, str]
    origin: Callable[[str, int], Origin | None]
    deliveries: Callable[[str, int], tuple[str, ...]]


def of_set(folder: Path, record: Mapping[str, Any] | None) -> Version:
    """The version that a published set holds. Without its record, whose figures it holds is not known."""

    def entry(table: str, year: int) -> Mapping[str, Any]:
        tables = (record or {}).get("tablas") or {}
        return ((tables.get(table) or {}).get("años") or {}).get(str(year)) or {}

    def origin(table: str, year: int) -> Origin | None:
        said = entry(table, year).get("origen")
        return Origin(said) if said in set(Origin) else None

    return Version(_files(folder), origin, lambda table, year: tuple(sorted(entry(table, year).get("entregas", ()))))


def of_inputs(inputs: Inputs, folder: Path | None = None) -> Version:
    """The version that the anonymized files would be published as; of ``folder``, where it was written already."""
    tables = {table.name: table for table in published_tables()}

    def provenance(table: str, year: int) -> tuple[Origin | None, tuple[str, ...]]:
        used = [part for part in inputs.parts_of(tables[table]) if year in part.rows]
        found = merged(used) if used else None
        return (found.origin, found.deliveries) if found else (None, ())

    lake = {t.name: f"({typed(t, inputs.query(t) if inputs.years_of(t) else empty_query(t))})" for t in tables.values()}
    relations = _files(folder) if folder else lake
    return Version(relations, lambda t, y: provenance(t, y)[0], lambda t, y: provenance(t, y)[1])


def restatement(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    former: Path,
    record: Mapping[str, Any] | None,
    new: Version,
    describe: Describe,
    now: datetime,
) -> Restatement:
    """Compare the set in ``former``, whose record it is, with a new version.

    Every published table and year of that set; tables of the newest year alone repeat another table's figures.
    """
    thresholds = Thresholds.of(settings)
    old = of_set(former, record)
    years: list[TableYear] = []
    unread: list[str] = []
    for table in (t for t in published_tables() if not t.latest):
        if table.name not in old.relations:
            if record is None or table.name in (record.get("tablas") or {}):
                unread.append(f"{table.name}: falta su archivo en el conjunto publicado; no se pudo comparar.")
            continue
        try:
            years += _compared(connection, table, old, new, thresholds, describe, now)
        except duckdb.Error as error:
            # What an engine says of a file may quote it.
            unread.append(f"{table.name}: no se pudo comparar con lo publicado ({type(error).__name__}).")
    return Restatement(former.name, thresholds, tuple(years), tuple(unread))


def _compared(
    connection: duckdb.DuckDBPyConnection,
    table: PublishedTable,
    old: Version,
    new: Version,
    thresholds: Thresholds,
    describe: Describe,
    now: datetime,
) -> list[TableYear]:
    before, after = old.relations[table.name], new.relations[table.name]
    by_year: dict[int, list[Change]] = {}
    for change in changes(connection, table, before, after):
        by_year.setdefault(change.year, []).append(change)
    content = digests(connection, after, [column.name for column in table.columns]) if by_year else {}
    made = []
    for year, found in sorted(by_year.items()):
        deliveries = old.deliveries(table.name, year), new.deliveries(table.name, year)
        origins = old.origin(table.name, year), new.origin(table.name, year)
        cause = _cause(*origins, *deliveries, describe) if year in content else Cause.GONE
        living = now.astimezone(ZoneInfo(TIMEZONE)).date() < contract_for(table.dataset).available_from(year)
        free = cause in _NEVER_WAIT or (cause is Cause.GONE and origins[0] in _SIMULATED)
        waiting = [] if free else [c for c in found if thresholds.reached(c, living=living)]
        made.append(
            TableYear(
                table.name, year, cause, living, *deliveries, tuple(found), tuple(waiting), str(content.get(year))
            )
        )
    return made


_SIMULATED = (Origin.SIMULATED, Origin.MIXED)
_NEVER_WAIT = (Cause.REAL_FOR_SIMULATED, Cause.COMPLETED)


def _cause(
    origin_before: Origin | None,
    origin_after: Origin | None,
    before: tuple[str, ...],
    after: tuple[str, ...],
    describe: Describe,
) -> Cause:
    if origin_before in _SIMULATED and origin_after is not origin_before:
        return Cause.REAL_FOR_SIMULATED
    if before == after:
        return Cause.OTHER_CALCULATION if before else Cause.OTHER_DELIVERY
    return Cause.COMPLETED if _only_adds(before, after, describe) else Cause.OTHER_DELIVERY


def _only_adds(before: tuple[str, ...], after: tuple[str, ...], describe: Describe) -> bool:
    """Whether the deliveries that came replace none of those before: graduates get their specialty once the enrolment
    is there.

    A file of several years stays behind one of them when another file replaces the other: that it is still there proves
    nothing. So what came must hold no year of a dataset that was there, by the ledger; of an unknown one nobody knows.
    """
    if not before or not set(before) < set(after):
        return False
    there, came = (_held(shas, describe) for shas in (before, sorted(set(after) - set(before))))
    return there is not None and came is not None and not there & came


def _held(shas: Iterable[str], describe: Describe) -> set[tuple[object, int]] | None:
    """The years of datasets that deliveries hold; None when one of them is unknown."""
    known = [describe(sha) for sha in shas]
    years: set[tuple[object, int]] = set()
    for delivery in known:
        if delivery is None:
            return None
        held = delivery["years"]
        years |= {(delivery["dataset"], int(year)) for year in held} if isinstance(held, Mapping) else set()
    return years


def _files(folder: Path) -> dict[str, str]:
    paths = {table.name: folder / f"{table.name}.parquet" for table in published_tables()}
    return {name: f"read_parquet({literal(path)})" for name, path in paths.items() if path.is_file()}
