"""A small country of students whose enrolment alone is released, and a person who releases it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from emtp_assets.releases.candidate import Prepared, prepare, release, restatement
from emtp_assets.releases.manifest import Release
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.releases.register import count, students

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
YEAR = 2025


@dataclass
class Office:
    """Somebody who counts, prepares and releases."""

    settings: Settings

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.data_dir)

    def counts(self, register: pa.Table, year: int = YEAR) -> None:
        count(self.lake, register, year)

    def prepares(self, cut: str = "2025-12-31", rehacer: Sequence[str] = ()) -> Prepared:
        restate = restatement(rehacer)
        return prepare(self.settings, self.lake, cut=date.fromisoformat(cut), restate=restate, now=NOW)

    def releases(self, cut: str = "2025-12-31", rehacer: Sequence[str] = ()) -> Release:
        made = self.prepares(cut, rehacer)
        assert made.waiting, made.report.summary()
        return self.approves(made.release.fingerprint)

    def approves(self, fingerprint: str, who: str = "Ana Rojas", why: str = "Corte anual.") -> Release:
        placed, _ = release(self.settings, fingerprint=fingerprint, who=who, why=why, run_id="prueba", now=NOW)
        return placed


def rows(folder: Path, table: str) -> pd.DataFrame:
    """A released table as analysts have it."""
    return pd.read_parquet(folder / f"{table}.parquet")


def csv_lines(folder: Path, table: str, year: int) -> list[bytes]:
    """The lines of a year, byte by byte."""
    lines = (folder / f"{table}.csv").read_bytes().splitlines(keepends=True)
    return [line for line in lines if line.startswith(f"{year};".encode())]


def one_more(register: pa.Table, condition: str, times: int = 1) -> pa.Table:
    """The register with so many students more like the first one that meets a condition."""
    with duckdb.connect() as connection:
        connection.register("register", register)
        like = (
            connection.sql(f"select * from register where {condition} limit 1").to_arrow_table().cast(register.schema)
        )
    assert like.num_rows == 1
    return pa.concat_tables([register, *[like] * times]).combine_chunks()


@pytest.fixture(scope="session")
def country() -> pa.Table:
    return students(YEAR, scale=0.015, seed=20260301)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(isolated_settings(data_dir=tmp_path / "data"))
