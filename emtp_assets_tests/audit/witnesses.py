"""A second proof that a release is closed, of every cell at once: other tables that agree with it, added up in SQL.

Here: witnesses and their check; no test is here. A witness is a change of the true base cells, as the suppressor found
it. Nothing it says of one is believed: how often it can be made and what each published figure is then follows from
the files, the truth and DuckDB's sums, and shares no code with the suppressor or the audit. As only base cells move
that exist, it also holds against somebody who knows which do.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import numpy as np
import pyarrow as pa

from emtp_assets.privacy import disclosure, suppression

MOST = 1_000  # times a change is made, when nothing limits it


class FalseTableError(AssertionError):
    """What is published is not the truth with holes in it."""


@dataclass
class Witnesses:
    """What the suppressor wrote down while it worked.

    Attributes:
        base: the base cells, in the order that changes count them.
        changes: of each witness, the base cells it moves and by how much.
    """

    base: pa.Table | None = None
    changes: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def table(self) -> pa.Table:
        """One row for each witness and base cell: ``w``, ``atom``, ``change``."""
        sizes = [len(atoms) for atoms, _ in self.changes]
        none = [np.zeros(0, dtype=np.int64)]
        return pa.table(
            {
                "w": np.repeat(np.arange(len(sizes)), sizes),
                "atom": np.concatenate([*none, *(atoms for atoms, _ in self.changes)]),
                "change": np.concatenate([*none, *(change for _, change in self.changes)]),
            }
        )


@contextmanager
def noted() -> Iterator[Witnesses]:
    """While something is protected, its witnesses."""
    witnesses, adopt, base_of = Witnesses(), suppression._adopt, disclosure._base

    def adopted(proofs: Any, program: Any, change: np.ndarray) -> bool:
        moved = np.flatnonzero(change)
        witnesses.changes.append((program.atoms[moved], change[moved]))
        return adopt(proofs, program, change)

    def base(*given: Any) -> pa.Table:
        witnesses.base = base_of(*given)
        return witnesses.base

    with patch.object(suppression, "_adopt", adopted), patch.object(disclosure, "_base", base):
        yield witnesses


@dataclass(frozen=True)
class Verdict:
    """What the witnesses prove of one year.

    Attributes:
        hidden, primary: cells, each once though several tables hold it; those under the minimum.
        unproven: hidden cells that no two tables are shown to be far enough apart for.
        witnesses, false: changes looked at; those that would move a shown figure, which prove nothing.
        lone: people alone in some cell.
        opened: pairs of such a person and a hidden cell that no table is shown to move before him.
    """

    hidden: int
    primary: int
    unproven: int
    witnesses: int
    false: int
    lone: int
    opened: int


def checked(folder: Path, year: int, witnesses: Witnesses, measure: str, *, width: int) -> Verdict:
    """Add up every witness of a release.

    Args:
        folder: of the release; nothing but its files is read.
        width: how far apart tables must be before somebody who is alone in a cell.

    Raises:
        FalseTableError: a figure is shown that is not true, or rows that do not exist.
    """
    assert witnesses.base is not None
    base = witnesses.base.append_column("atom", pa.array(np.arange(witnesses.base.num_rows)))
    with duckdb.connect() as db:
        db.register("given", base.rename_columns([{measure: "n"}.get(c, c) for c in base.column_names]))
        db.register("noted", witnesses.table())
        db.execute("create table atoms as from given; create table steps as from noted")
        minimum = _cells(db, folder, year)
        db.execute(_TABLES.format(most=MOST))
        hidden, primary, unproven = _one(
            db,
            "select count(*), count(*) filter (value < $minimum),"
            " count(*) filter (highest - lowest < $minimum - 1 or highest < $minimum) from ranges",
            minimum=minimum,
        )
        lone = db.execute(
            "select distinct h.atom from cells join holds h using (cell) where value = 1 and hidden"
        ).fetchall()
        # Who is alone knows the cells that hold nobody but him.
        opened = sum(_one(db, _BEFORE, person=person, width=width)[0] for (person,) in lone)
        counted = _one(db, "select count(distinct w), (select count(*) from false_ones) from steps")
        return Verdict(hidden, primary, unproven, *counted, lone=len(lone), opened=opened)


def _cells(db: duckdb.DuckDBPyConnection, folder: Path, year: int) -> int:
    """All published figures of the year beside their true values, and which base cells each holds. The minimum."""
    manifest = json.loads((folder / "publicacion.json").read_text(encoding="utf-8"))
    db.execute("create table cells (cell bigint, value bigint, hidden boolean)")
    db.execute("create table holds (cell bigint, atom bigint)")
    shown_at: dict[frozenset[str], list[str]] = {}
    for entry in manifest["tablas"]:
        paths = [dimension["columnas"] for dimension in entry["dimensiones"]]
        columns = [column for path in paths for column in path]
        for depths in itertools.product(*(range(len(path) + 1) for path in paths)):
            level = [c for path, depth in zip(paths, depths, strict=True) for c in path[:depth]]
            where = " and ".join(f'"{c}" is {"not " if c in level else ""}null' for c in columns) or "true"
            rows = (
                f'select {_list(level)} "{entry["medida"]}" as shown'
                f" from '{folder / entry['parquet']['archivo']}' where \"{entry['anio']}\" = {year} and {where}"
            )
            shown_at.setdefault(frozenset(level), []).append(rows)
    for level, tables in shown_at.items():
        names = _list(sorted(level))
        on = " and ".join(f't."{c}" = p."{c}"' for c in sorted(level)) or "true"
        same = " and ".join(f'a."{c}" = l."{c}"' for c in sorted(level)) or "true"
        told = " union all ".join(f"select {names} shown from ({rows})" for rows in tables)
        db.execute(
            f"""create or replace temp table level as
            select {", ".join(f't."{c}"' for c in sorted(level))}{"," if level else ""} t.value, p.shown, p.rows,
              (select coalesce(max(cell) + 1, 0) from cells) + row_number() over () - 1 as cell
            from (select {names} sum(n)::bigint as value from atoms group by {names} ()) t
            full join (select {names} max(shown) as shown, count(*) as rows from ({told}) group by {names} ()) p on {on}
            """
        )
        wrong = _one(
            db,
            "select count(*) from level where value is null or rows is distinct from $tables or shown <> value",
            tables=len(tables),
        )[0]
        if wrong:
            raise FalseTableError(f"{sorted(level)}: {wrong} figures are not the truth with holes in it")
        db.execute("insert into cells select cell, value, shown is null from level")
        db.execute(f"insert into holds select l.cell, a.atom from atoms a join level l on {same}")
    return manifest["minimo"]


_TABLES = """
create table effects as
  select w, cell, sum(change) as moved from steps join holds using (atom) group by w, cell having sum(change) <> 0;
create table false_ones as select distinct w from effects join cells using (cell) where not hidden;
create table room as
  select w,
    least({most}, min(n // -change) filter (change < 0), min((value - 1) // -moved) filter (moved < 0)) as up,
    least({most}, min(n // change) filter (change > 0), min((value - 1) // moved) filter (moved > 0)) as down
  from (
    select w, n, change, null as value, null as moved from steps join atoms using (atom)
    union all
    select w, null, null, value, moved from effects join cells using (cell)
  )
  where w not in (from false_ones) group by w;
create table ends as
  select w, cell, least(value + up * moved, value - down * moved) as lowest,
    greatest(value + up * moved, value - down * moved) as highest
  from effects join room using (w) join cells using (cell);
create table ranges as
  select cell, any_value(value) as value, coalesce(min(lowest), any_value(value)) as lowest,
    coalesce(max(highest), any_value(value)) as highest
  from cells left join ends using (cell) where hidden group by cell;
"""

_BEFORE = """
with own as (select cell from cells join holds using (cell) where atom = $person and value = 1),
  moving as (select distinct w from effects where cell in (from own)),
  closed as (
    select cell from ends where w not in (from moving)
    group by cell having max(highest) - min(lowest) >= $width
  )
select count(*) from cells where hidden and cell not in (from own) and cell not in (from closed)
"""


def _one(db: duckdb.DuckDBPyConnection, query: str, **given: int) -> tuple[int, ...]:
    row = db.execute(query, given).fetchone() if given else db.execute(query).fetchone()
    assert row is not None
    return tuple(row)


def _list(columns: list[str]) -> str:
    return "".join(f'"{column}", ' for column in columns)
