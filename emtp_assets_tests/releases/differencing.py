"""Somebody who subtracts one public release from another. Reads Parquet and manifest alone, by code of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import duckdb
import pandas as pd


@dataclass(frozen=True)
class Difference:
    """Of one table and year between two releases, how many rows tell that a few persons changed.

    ``shown``: rows shown in both that differ by less than the minimum, ``single`` of them by one student;
    ``remainders``: totals less their parts shown in both, where what is left over differs so, and
    ``remainders_single`` by one. ``deep``: the same, where of a part that is hidden its own shown parts are taken away;
    ``crossed``: totals less the shown parts along two dimensions, with what is in both put back.
    """

    table: str
    year: int
    compared: int
    shown: int
    single: int
    remainders: int
    remainders_single: int
    deep: int
    crossed: int


def differences(former: Path, later: Path, minimum: int) -> list[Difference]:
    """Every table and year that both hold."""
    manifests = [json.loads((folder / "publicacion.json").read_text(encoding="utf-8")) for folder in (former, later)]
    before, after = ({t["tabla"]: t for t in m["tablas"] if t["medida"]} for m in manifests)
    with duckdb.connect() as connection:
        return [
            _of(connection, former, later, after[name], year, minimum)
            for name in sorted(set(before) & set(after))
            for year in sorted(set(before[name]["anios"]) & set(after[name]["anios"]))
        ]


def _of(
    connection: duckdb.DuckDBPyConnection, former: Path, later: Path, table: dict, year: int, minimum: int
) -> Difference:
    measure, paths = table["medida"], [d["columnas"] for d in table["dimensiones"]]
    columns = [column for path in paths for column in path]
    for name, folder in (("o", former), ("n", later)):
        file = folder / table["parquet"]["archivo"]
        connection.execute(
            f'create or replace temp view {name} as select {", ".join(columns)}, "{measure}" as v, '
            f"true as there from '{file}' where \"año\" = {year}"
        )
    same = " and ".join(f"o.{c} is not distinct from n.{c}" for c in columns)
    listed = ", ".join(f"coalesce(o.{c}, n.{c}) as {c}" for c in columns)
    # No row is a zero that everybody sees.
    connection.execute(
        f"create or replace temp table both_shown as select {listed}, "
        f"case when o.there is null then 0 else o.v end as ov, case when n.there is null then 0 else n.v end as nv "
        f"from o full join n on {same}"
    )
    near = f"nv <> ov and abs(nv - ov) < {minimum}"
    compared, shown, single = connection.execute(
        f"select count(*) filter (ov is not null and nv is not null), count(*) filter ({near}), "
        f"count(*) filter (abs(nv - ov) = 1) from both_shown"
    ).fetchone() or (0, 0, 0)
    left = left_single = 0
    for path in paths:
        for depth, child in enumerate(path):
            deeper = " and ".join(f"c.{c} is null" for c in path[depth + 1 :]) or "true"
            joined = "".join(f"p.{c} is not distinct from c.{c} and " for c in columns if c not in path[depth:])
            row = connection.execute(
                f"select count(*) filter (d <> 0 and abs(d) < {minimum}), count(*) filter (abs(d) = 1) from ("
                f"select any_value(p.nv - p.ov) - coalesce(sum(c.nv - c.ov), 0) as d "
                f"from (select *, row_number() over () as number from both_shown) as p "
                f"join both_shown as c on {joined}c.{child} is not null and {deeper} "
                f"where p.{child} is null and p.ov is not null and p.nv is not null group by p.number)"
            ).fetchone() or (0, 0)
            left, left_single = left + row[0], left_single + row[1]
    both = connection.execute("select * exclude (ov, nv), nv - ov as moved from both_shown").df()
    deep = sum(_deep(both, [c for c in columns if c not in path], path, minimum) for path in paths)
    crossed = _crossed(both, paths, minimum)
    return Difference(table["tabla"], year, compared, shown, single, left, left_single, deep, crossed)


def _deep(both: pd.DataFrame, others: list[str], path: list[str], minimum: int) -> int:
    """Totals less all that is shown below them on a path, however deep, that changed by a few."""
    rows = both.assign(explained=0.0)
    found = 0
    for depth in reversed(range(len(path))):
        keys = others + path[:depth]
        above = rows[path[:depth]].notna().all(axis=1) & rows[path[depth:]].isna().all(axis=1)
        parts = rows[rows[path[: depth + 1]].notna().all(axis=1) & rows[path[depth + 1 :]].isna().all(axis=1)]
        parts = parts.assign(known=parts.moved.fillna(parts.explained))
        sums = parts.groupby(keys, dropna=False).known.sum() if keys else None
        explained = (
            pd.Series(parts.known.sum(), index=rows.index[above])
            if sums is None
            else rows.loc[above, keys].join(sums, on=keys).known.fillna(0)
        )
        rows.loc[above, "explained"] = explained
        rest = (rows.moved - rows.explained)[above & rows.moved.notna()].abs()
        found += int(((rest > 0) & (rest < minimum)).sum())
    return found


Row = tuple[tuple[int, ...], ...]
"""A row by its place on each path: how far down, null is not written."""


def _crossed(both: pd.DataFrame, paths: list[list[str]], minimum: int) -> int:
    moved: dict[Row, float | None] = {}
    for values in both.to_dict("records"):
        row = tuple(tuple(int(values[c]) for c in path if not pd.isna(values[c])) for path in paths)
        moved[row] = None if pd.isna(values["moved"]) else values["moved"]
    below: dict[tuple[Row, int], list[Row]] = {}
    for row in moved:
        for at, place in enumerate(row):
            if place:
                below.setdefault((_with(row, {at: place[:-1]}), at), []).append(row)
    return sum(
        0 < abs(rest) < minimum
        for total in moved
        if moved[total] is not None
        for one, other in combinations(range(len(paths)), 2)
        for rest in _rests(
            moved, total, (one, _topmost(moved, below, total, one)), (other, _topmost(moved, below, total, other))
        )
    )


def _with(row: Row, places: dict[int, tuple[int, ...]]) -> Row:
    return tuple(places.get(at, place) for at, place in enumerate(row))


def _topmost(
    moved: dict[Row, float | None], below: dict[tuple[Row, int], list[Row]], total: Row, at: int
) -> list[tuple[int, ...]]:
    """The shown parts of a total on a path, and of a hidden part its own."""
    found, left = [], list(below.get((total, at), ()))
    while left:
        part = left.pop()
        if moved[part] is None:
            left += below.get((part, at), ())
        else:
            found.append(part[at])
    return found


def _rests(
    moved: dict[Row, float | None],
    total: Row,
    one: tuple[int, list[tuple[int, ...]]],
    other: tuple[int, list[tuple[int, ...]]],
) -> Iterator[float]:
    """What is left of a total for each choice of parts along both paths whose every crossing is known."""
    (i, parts), (j, others) = one, other
    known = {(a, b): moved.get(_with(total, {i: a, j: b}), 0) for a in parts for b in others}
    choices = [
        (parts, [b for b in others if all(known[a, b] is not None for a in parts)]),
        ([a for a in parts if all(known[a, b] is not None for b in others)], others),
        *(([a for a in parts if known[a, b] is not None], [b]) for b in others),
        *(([a], [b for b in others if known[a, b] is not None]) for a in parts),
    ]
    for chosen, across in choices:
        if chosen and across:
            taken = [moved[_with(total, {i: a})] for a in chosen] + [moved[_with(total, {j: b})] for b in across]
            again = [known[a, b] for a in chosen for b in across]
            yield (moved[total] or 0) - sum(v or 0 for v in taken) + sum(v or 0 for v in again)
