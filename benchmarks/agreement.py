"""Whether the measured programs made the same result: exact counts, published cells, published bytes. A program.

Usage: ``python -m benchmarks.agreement --ours DATA [--work DATA] [--duckdb FOLDER] [--pandas FOLDER] --report FILE``
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import duckdb

_PUBLISHED = ("matricula_completa", "matricula_region")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--duckdb", type=Path)
    parser.add_argument("--pandas", type=Path)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    found: dict[str, str] = {}
    if given.work:
        found["published bytes, work itself"] = _same_files(given.ours / "processed", given.work / "processed")
    for name, folder, reader in (
        ("DuckDB script", given.duckdb, "read_parquet('{}')"),
        ("pandas script", given.pandas, "read_csv('{}')"),
    ):
        if folder:
            cells = sorted(folder.glob("cells_*"))
            found[f"exact counts, {name}"] = _said([_same_cells(given.ours, path, reader) for path in cells])
    if given.duckdb:
        tables = [path for table in _PUBLISHED for path in sorted(given.duckdb.glob(f"{table}_*.parquet"))]
        found["published cells, DuckDB script"] = _said([_same_table(given.ours, path) for path in tables])
    given.report.write_text(json.dumps({"agreement": found}), encoding="utf-8")


def _said(compared: list[tuple[int, int]]) -> str:
    """``compared``: rows and rows that differ, of each pair of tables."""
    rows, different = (sum(column) for column in zip(*compared, strict=True))
    if not rows:
        return "DIFFERENT: nothing to compare"
    return f"DIFFERENT: {different} of {rows} rows" if different else f"equal ({rows} rows)"


def _same_files(ours: Path, other: Path) -> str:
    names = sorted(p.name for p in ours.iterdir() if p.suffix in {".csv", ".parquet"})
    different = [n for n in names if not (other / n).is_file() or (ours / n).read_bytes() != (other / n).read_bytes()]
    return f"DIFFERENT: {', '.join(different)}" if different or not names else f"equal ({len(names)} files)"


def _same_cells(ours: Path, path: Path, reader: str) -> tuple[int, int]:
    year = path.stem.rpartition("_")[2]
    ours_cells = ours / f"aggregated/aggregated_matricula/academic_year={year}/part.parquet"
    columns = (
        "cod_region, region, cod_comuna, comuna, dependencia, zona, rbd, cod_especialidad, especialidad, ciclo,"
        " poblacion, sexo, n"
    )
    return _differences(
        f"select {columns} from read_parquet('{ours_cells}', hive_partitioning = false)",
        f"select {columns} from {reader.format(path)}",
    )


def _same_table(ours: Path, path: Path) -> tuple[int, int]:
    table, _, year = path.stem.rpartition("_")
    columns = ", ".join(f'"{name}"' for name, *_ in duckdb.sql(f"describe from '{path}'").fetchall())
    published = f"read_parquet('{ours / 'processed' / table}.parquet')"
    return _differences(
        f"""select {columns} from {published} where "año" = {year}""", f"select {columns} from '{path}'"
    )


def _differences(one: str, other: str) -> tuple[int, int]:
    row = duckdb.sql(
        f"with a as ({one}), b as ({other}) select (select count(*) from a),"
        " (select count(*) from (from a except all from b)) + (select count(*) from (from b except all from a))"
    ).fetchone()
    assert row is not None
    return row[0], row[1]


if __name__ == "__main__":
    main()
