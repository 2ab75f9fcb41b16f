"""Simulated files made once a session, and the way the tests read them: every column as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources.simulated import generate
from emtp_assets.sources.simulated.writer import encoding_of

SEED = 20260301

Read = Callable[..., duckdb.DuckDBPyRelation]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``simulated(dataset, year, scale)``: the file, generated at most once."""
    folder = tmp_path_factory.mktemp("simulated")
    made: dict[tuple[str, int, float], Path] = {}

    def make(dataset: str, year: int, scale: float = 0.05) -> Path:
        wanted = (dataset, year, scale)
        if wanted not in made:
            target = folder / f"{dataset}-{year}-{scale}.csv"
            made[wanted] = generate(contract_for(dataset), year, target, scale=scale, seed=SEED)
        return made[wanted]

    return make


@pytest.fixture
def read(simulated: Callable[..., Path]) -> Read:
    """``read(dataset, year, scale)``: the file's rows, every column text, names in upper case."""
    con = duckdb.connect()

    def relation(dataset: str, year: int, scale: float = 0.05) -> duckdb.DuckDBPyRelation:
        path = simulated(dataset, year, scale)
        text = path
        if encoding_of(year) != "utf-8":
            text = path.with_suffix(".utf8")
            text.write_bytes(path.read_bytes().decode("cp1252").encode())
        rows = con.sql(f"SELECT * FROM read_csv('{text}', delim=';', quote='\"', header=true, all_varchar=true)")
        return rows.select(", ".join(f'"{name}" AS "{name.upper()}"' for name in rows.columns))

    return relation
