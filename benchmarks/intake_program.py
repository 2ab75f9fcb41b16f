"""Enrolment files read to filtered, deduplicated, typed Parquet, as a process of its own. It compares nothing.

Usage: ``python -m benchmarks.intake_program ours|plain FILE… --into FOLDER [--report FILE]``

``ours``: reception (copy, hash, encoding, every line's structure, quarantine, archive, ledger) and extraction of each
file, then types and deduplication. ``plain``: one DuckDB script that is told the columns and their types, and guards
nothing.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import duckdb

from emtp_assets.contracts import Contract, LogicalType, contract_for, read_codes
from emtp_assets.intake import Archive, Delivery, Ledger, extract_raw_years, receive
from emtp_assets.settings import Settings
from emtp_assets.storage.restricted import add_key, relation

_TYPES = {LogicalType.INTEGER: "BIGINT", LogicalType.NUMBER: "DOUBLE", LogicalType.YEAR_MONTH: "INTEGER"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["ours", "plain"])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    shutil.rmtree(given.into, ignore_errors=True)
    given.into.mkdir(parents=True)
    contract = contract_for("matricula")
    take = _ours if given.how == "ours" else _plain
    take(_beginning(given.files[0], given.into), contract, given.into / "warm")
    began, wall = _cpu(), time.monotonic()
    peaks, each = [], []
    for file in given.files:
        before = _cpu()
        take(file, contract, given.into)
        each.append(round(_cpu() - before, 3))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    said = {"cpu": _cpu() - began, "wall": time.monotonic() - wall, "each": each, "peaks": peaks, "imports": began}
    given.report.write_text(json.dumps(said), encoding="utf-8")


def _beginning(file: Path, into: Path) -> Path:
    """The first lines of a file. Reading them loads what a library loads at its first use, as a service has done."""
    (into / "warm").mkdir()
    first = into / "warm" / file.name
    with file.open("rb") as source, first.open("wb") as target:
        target.writelines(islice(source, 10_000))
    return first


def _ours(file: Path, contract: Contract, into: Path) -> None:
    settings = Settings(data_dir=into / "data")
    settings.drop.mkdir(parents=True, exist_ok=True)
    dropped = settings.drop / file.name
    dropped.hardlink_to(file)
    delivery = receive(dropped, settings, Ledger(settings.data_dir), source="carpeta", now=datetime.now(UTC))
    assert isinstance(delivery, Delivery), delivery
    targets = {year: into / f"raw-{year}.parquet" for year in delivery.years}
    extract_raw_years(settings, contract, delivery, Archive(settings).path(delivery.sha256), targets)
    for year, raw in targets.items():
        columns = ", ".join(
            f'TRY_CAST(nullif("{name}", \' \') AS {_type(contract, name)}) AS "{name}"' for name in delivery.columns
        )
        # Raw numbers its rows: the first of each student's is found by three columns, not by comparing whole rows.
        rows = relation(raw, hive=False)
        firsts = f"SELECT min(_row) FROM {rows} GROUP BY AGNO, MRUN"
        _write(f"SELECT {columns} FROM {rows} WHERE _row IN ({firsts})", into / f"{year}.parquet", settings)


def _type(contract: Contract, name: str) -> str:
    column = contract.column_spelled(name)
    return _TYPES.get(column.type, "VARCHAR") if column is not None else "VARCHAR"


def _plain(file: Path, contract: Contract, into: Path) -> None:
    with file.open(encoding="utf-8-sig") as handle:
        names = handle.readline().strip().split(";")
    columns = ", ".join(f"'{name}': '{_type(contract, name)}'" for name in names)
    assert contract.scope is not None
    codes = ", ".join(code.lstrip("0") for code in read_codes(contract.scope.code_list, contract.scope.where))
    read = (
        f"read_csv('{file}', delim=';', header=true, nullstr=' ', decimal_separator=',', auto_detect=false,"
        f" columns={{{columns}}})"
    )
    year = file.name.partition("unica_")[2][:4]
    rows = f"SELECT DISTINCT ON (AGNO, MRUN) * FROM {read} WHERE COD_ENSE IN ({codes})"
    _write(rows, into / f"{year}.parquet")


def _write(rows: str, target: Path, settings: Settings | None = None) -> None:
    with duckdb.connect() as connection:
        if settings is not None:
            add_key(connection, settings)
        connection.execute("SET threads = 2; SET memory_limit = '600MB'")
        connection.execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


if __name__ == "__main__":
    main()
