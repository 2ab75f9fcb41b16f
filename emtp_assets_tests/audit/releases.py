"""Releases as files, for tests of the audit: written as the manifest says, protected or left open. No test is here."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emtp_assets.privacy.disclosure import ProtectedTable, protect

Paths = tuple[tuple[str, ...], ...]
Tables = dict[str, pa.Table]

PLACE, TRADE, SEX = ("region", "comuna", "rbd"), ("sector", "especialidad"), ("sexo",)
PLAN: dict[str, Paths] = {
    "especialidad_sexo_region": (("region",), TRADE, SEX),
    "especialidad_establecimiento": (PLACE, TRADE),
    "sexo_establecimiento": (PLACE, SEX),
}


def levels(paths: Paths) -> list[tuple[str, ...]]:
    depths = itertools.product(*(range(len(path) + 1) for path in paths))
    return [tuple(c for path, depth in zip(paths, d, strict=True) for c in path[:depth]) for d in depths]


def country(schools: int = 40, seed: int = 1) -> pa.Table:
    """A small country: 3 regions, schools with one to four especialidades of 8, in 3 sectors, and both sexes."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, int]] = []
    for school in range(schools):
        region = int(rng.integers(1, 4))
        place = {"region": region, "comuna": region * 100 + int(rng.integers(0, 4)), "rbd": 90000 + school}
        for trade in rng.choice(8, size=int(rng.integers(1, 5)), replace=False):
            women = rng.beta(1.1, 1.1)
            students = int(rng.lognormal(3.6, 0.8))
            first = int(rng.binomial(students, women))
            for sex, n in ((1, students - first), (2, first)):
                if n:
                    rows.append({**place, "sector": int(trade) // 3, "especialidad": int(trade), "sexo": sex, "n": n})
    return pa.Table.from_pylist(rows)


def exact(cells: pa.Table, plan: Mapping[str, Paths] = PLAN) -> Tables:
    """Every count of the plan, none hidden."""
    return naive(cells, plan, minimum=1)


def naive(cells: pa.Table, plan: Mapping[str, Paths] = PLAN, *, minimum: int = 10) -> Tables:
    """Small counts blanked and nothing else: what is often taken for protection."""
    made = {}
    with duckdb.connect() as connection:
        connection.register("cells", cells)
        for name, paths in plan.items():
            columns = [c for path in paths for c in path]
            sets = ", ".join(f"({', '.join(level)})" for level in levels(paths))
            made[name] = connection.sql(
                f"select {', '.join(columns)}, if(sum(n) < {minimum}, null, sum(n))::bigint as n from cells"
                f" group by grouping sets ({sets}) order by {', '.join(f'{c} nulls first' for c in columns)}"
            ).to_arrow_table()
    return made


def protected(cells: pa.Table, plan: Mapping[str, Paths] = PLAN, *, minimum: int = 10, **options: Any) -> Tables:
    """What the product's own disclosure control makes of it."""
    chosen = {frozenset(level): level for paths in plan.values() for level in levels(paths)}
    named = {key: ProtectedTable("-".join(level) or "total", level) for key, level in chosen.items()}
    answers = protect(cells, "n", list(named.values()), minimum=minimum, **options)
    made = {}
    for name, paths in plan.items():
        columns = [c for path in paths for c in path]
        parts = []
        for level in levels(paths):
            answer = answers[named[frozenset(level)].name]
            arrays = [
                answer.column(c) if c in level else pa.nulls(answer.num_rows, cells.schema.field(c).type)
                for c in columns
            ]
            parts.append(pa.table([*arrays, answer.column("n")], names=[*columns, "n"]))
        together = pa.concat_tables(parts)
        keys = [(c, "ascending") for c in columns]
        order = pc.sort_indices(together, sort_keys=[(*key, "at_start") for key in keys])  # pyright: ignore
        made[name] = together.take(order)
    return made


@dataclass
class Published:
    """What one release says: per year its tables, and what is beside the counts."""

    years: Mapping[int, Tables]
    release_id: str = "2026-04-30.1"
    minimum: int = 10
    plan: Mapping[str, Paths] = field(default_factory=lambda: PLAN)
    restated: Mapping[str, Sequence[int]] = field(default_factory=dict)
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """As files, with the manifest beside them."""
        folder.mkdir(parents=True)
        entries = []
        for name, paths in self.plan.items():
            parts = {year: tables[name] for year, tables in self.years.items() if name in tables}
            rows = pa.concat_tables(
                [_noted(part).add_column(0, "año", pa.array([year] * part.num_rows)) for year, part in parts.items()]
            )
            pq.write_table(rows, folder / f"{name}.parquet")
            (folder / f"{name}.csv").write_bytes(as_csv(rows))
            entries.append(
                {
                    "tabla": name,
                    "conjunto": "matricula",
                    "csv": _file(folder, f"{name}.csv"),
                    "parquet": _file(folder, f"{name}.parquet"),
                    "anio": "año",
                    "anios": list(parts),
                    "filas": {str(year): part.num_rows for year, part in parts.items()},
                    "medida": "n",
                    "nota": "n_nota",
                    "dimensiones": [{"nombre": path[0], "columnas": list(path)} for path in paths],
                    **self.extra.get(name, {}),
                }
            )
        manifest = {
            "formato": 1,
            "release_id": self.release_id,
            "corte": self.release_id.split(".")[0],
            "minimo": self.minimum,
            "plan": "prueba",
            "rehechos": {dataset: list(years) for dataset, years in self.restated.items()},
            "tablas": entries,
        }
        (folder / "publicacion.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
        return folder


def _noted(table: pa.Table) -> pa.Table:
    hidden = np.asarray(table.column("n").is_null().to_numpy(), dtype=bool)
    return table.append_column("n_nota", pa.array(np.where(hidden, "s", "").tolist(), pa.string()))


def as_csv(rows: pa.Table) -> bytes:
    lines = [";".join(rows.column_names)]
    for row in rows.to_pylist():
        texts = ("" if v is None else str(v).replace(".", ",") for v in row.values())
        lines.append(";".join(texts))
    return b"\xef\xbb\xbf" + "\n".join(lines).encode() + b"\n"


def _file(folder: Path, name: str) -> dict[str, str]:
    return {"archivo": name, "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}


def singles(cells: pa.Table, year: int, plan: Mapping[str, Paths] = PLAN) -> Tables:
    """What insiders know: by table, the rows whose true count is one."""
    return {
        name: table.filter(pa.array(table.column("n").to_numpy() == 1))
        .drop_columns("n")
        .append_column("año", pa.array([year] * sum(n == 1 for n in table.column("n").to_pylist()), pa.int64()))
        for name, table in exact(cells, plan).items()
    }


def changed(tables: Tables, name: str, where: Callable[[dict[str, Any]], bool], value: int | None) -> Tables:
    """The same tables with one table's counts replaced where a row fits."""
    rows = tables[name].to_pylist()
    assert any(where(row) for row in rows)
    counts = [value if where(row) else row["n"] for row in rows]
    table = tables[name]
    return {**tables, name: table.set_column(table.column_names.index("n"), "n", pa.array(counts, pa.int64()))}
