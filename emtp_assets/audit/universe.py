"""What published tables say of one population in one year: levels of counts, and who might exist at all.

Here: from rows with margins to the tables that `system` adds up. Files are read in `reading`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from emtp_assets.audit.knot import AttackError
from emtp_assets.audit.system import HIGH, LOW

MOST_ATOMS = 3_000_000
TOTAL = "total"


@dataclass(frozen=True)
class CountTable:
    """One year's counts of one published table.

    Attributes:
        name: of the table, for people.
        paths: each dimension's columns, coarse to fine.
        attributes: columns that are a dimension elsewhere and are filled in at the finest rows here.
        rows: the columns of both, null where added up over, and ``value``: null where hidden.
    """

    name: str
    paths: tuple[tuple[str, ...], ...]
    attributes: tuple[str, ...]
    rows: pa.Table

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for path in self.paths for column in path)

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The columns kept at every combination of levels, the finest last."""
        depths = itertools.product(*(range(len(path) + 1) for path in self.paths))
        return tuple(
            tuple(column for path, depth in zip(self.paths, chosen, strict=True) for column in path[:depth])
            for chosen in depths
        )

    def by_level(self, rows: pa.Table) -> dict[frozenset[str], pa.Table]:
        """Rows with the table's columns and others, apart by the level they are of; without the columns null there."""
        other = [column for column in rows.column_names if column not in self.columns]
        with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
            connection.register("given", rows)
            return {
                frozenset(level): connection.sql(
                    f"select {_quoted([*level, *other])} from given where {_condition(self, level)}"
                ).to_arrow_table()
                for level in self.levels
            }


@dataclass(frozen=True)
class Universe:
    """All that is published of one population and year.

    Attributes:
        levels: by name, one table for each set of columns counted by: these, ``low`` and ``high``.
        tables: by name of a level, the published tables that hold it.
        atoms: combinations of all dimensions that may hold someone, as far as the tables tell.
        uneven: cells that one table hides and another shows, or shows otherwise: level, columns and both values.
    """

    levels: Mapping[str, pa.Table]
    tables: Mapping[str, tuple[str, ...]]
    atoms: pa.Table
    uneven: tuple[str, ...]

    @classmethod
    def of(cls, tables: Sequence[CountTable]) -> Universe:
        """Put together what several tables tell.

        The atoms are the natural join of the finest rows of all tables: what an attacker has who knows nothing
        else. Every real combination is among them.

        Raises:
            AttackError: a row that is at no level of its table, a row that is there twice, or more combinations
                than can be worked with.
        """
        with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
            for number, table in enumerate(tables):
                connection.register(f"t{number}", table.rows)
                _check_levels(connection, table, f"t{number}")
            holders: dict[frozenset[str], list[int]] = {}
            for number, table in enumerate(tables):
                for level in table.levels:
                    holders.setdefault(frozenset(level), []).append(number)
            levels, names, uneven = {}, {}, []
            for columns, numbers in holders.items():
                ordered = tuple(c for c in tables[numbers[0]].columns if c in columns)
                name = "·".join(ordered) or TOTAL
                levels[name] = _level(connection, tables, numbers, ordered)
                names[name] = tuple(dict.fromkeys(tables[number].name for number in numbers))
                uneven += _uneven(connection, tables, numbers, ordered)
            return cls(levels, names, _atoms(connection, tables), tuple(uneven))


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _condition(table: CountTable, level: Sequence[str]) -> str:
    """SQL that is true for the rows of one level."""
    parts = [f'"{c}" is {"not null" if c in level else "null"}' for c in table.columns]
    return " and ".join(parts) or "true"


def _check_levels(connection: duckdb.DuckDBPyConnection, table: CountTable, view: str) -> None:
    broken = [
        f'("{coarse}" is null and "{fine}" is not null)'
        for path in table.paths
        for coarse, fine in itertools.pairwise(path)
    ]
    if not broken:
        return
    (number,) = connection.sql(f"select count(*) from {view} where {' or '.join(broken)}").fetchall()[0]
    if number:
        raise AttackError(f"{table.name}: {number} filas tienen un nivel fino sin el grueso que lo contiene")


def _union(tables: Sequence[CountTable], numbers: Sequence[int], columns: Sequence[str]) -> str:
    return " union all ".join(
        f"select {_quoted(columns) + ', ' if columns else ''}value, {n} as holder from t{n}"
        f" where {_condition(tables[n], columns)}"
        for n in numbers
    )


def _level(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[CountTable], numbers: Sequence[int], columns: Sequence[str]
) -> pa.Table:
    keys = f"{_quoted(columns)}, " if columns else ""
    union = _union(tables, numbers, columns)
    twice = f"select holder from ({union}) group by {keys}holder having count(*) > 1"
    if found := connection.sql(twice).fetchall():
        raise AttackError(f"{tables[int(found[0][0])].name}: {len(found)} filas están repetidas")
    # Whoever finds a figure in one table has it, wherever else it is hidden.
    grouped = f"group by {_quoted(columns)}" if columns else "having count(*) > 0"
    return connection.sql(
        f"select {keys}coalesce(max(value), 1)::bigint as {LOW}, max(value)::bigint as {HIGH} from ({union}) {grouped}"
    ).to_arrow_table()


def _uneven(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[CountTable], numbers: Sequence[int], columns: Sequence[str]
) -> list[str]:
    if len(numbers) < 2:
        return []
    keys = f"{_quoted(columns)}, " if columns else ""
    grouped = f"group by {_quoted(columns)}" if columns else "group by true"
    found = connection.sql(
        f"select {keys}list(coalesce(value::varchar, 's') order by holder) as told from"
        f" ({_union(tables, numbers, columns)}) {grouped}"
        f" having count(distinct coalesce(value, -1)) > 1 or count(*) <> {len(numbers)} order by all"
    ).to_arrow_table()
    held = ", ".join(tables[n].name for n in numbers)
    return [
        f"{', '.join(f'{c} {row[c]}' for c in columns) or 'total'}: {', '.join(row['told'])} en {held}"
        for row in found.to_pylist()
    ]


def _atoms(connection: duckdb.DuckDBPyConnection, tables: Sequence[CountTable]) -> pa.Table:
    """The natural join of the finest rows, beginning with the finest table, then whichever shares most columns."""
    waiting = {
        n: (*t.columns, *t.attributes)
        for n, t in enumerate(tables)
        if not any(set(t.columns) < set(other.columns) for other in tables)
    }
    sizes = {n: tables[n].rows.num_rows for n in waiting}
    connection.execute("create or replace temp table atoms as select 1 as one")
    known: set[str] = set()
    while waiting:
        best = max(waiting, key=lambda n: (len(known & set(waiting[n])), sizes[n]))
        columns = waiting.pop(best)
        leaves = (
            f"select distinct {_quoted(columns) or '1 as one'} from t{best}"
            f" where {_condition(tables[best], tables[best].columns)}"
        )
        shared = [c for c in columns if c in known]
        joined = f"using ({_quoted(shared)})" if shared else "on true"
        new = ", ".join(f'l."{c}"' for c in columns if c not in known)
        query = f"from atoms a join ({leaves}) l {joined}"
        (size,) = connection.sql(f"select count(*) {query}").fetchall()[0]
        if size > MOST_ATOMS:
            raise AttackError(
                f"Las tablas se cruzan en {size} combinaciones posibles, más de las {MOST_ATOMS} que se auditan: "
                "declare los atributos que las enlazan"
            )
        connection.execute(f"create or replace temp table joined as select a.*{', ' + new if new else ''} {query}")
        connection.execute("create or replace temp table atoms as from joined")
        known |= set(columns)
    return connection.sql("from atoms").to_arrow_table()
