"""Somebody who subtracts one public release from another. Reads Parquet and manifest alone, by code of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Difference:
    """Of one table and year between two releases, how many rows tell that a few persons changed.

    ``shown``: rows shown in both that differ by less than the minimum, ``single`` of them by one student;
    ``remainders``: totals less their parts shown in both, where what is left over differs so, and
    ``remainders_single`` by one.
    """

    table: str
    year: int
    compared: int
    shown: int
    single: int
    remainders: int
    remainders_single: int


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
    return Difference(table["tabla"], year, compared, shown, single, left, left_single)
