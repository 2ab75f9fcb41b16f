"""What each reader makes of a file: ours through reception and extraction, and three others by their usual call.

The others are given what an analyst knows: that every column is text, that the separator is ";" unless the reader finds
it itself, and that files before 2018 are not UTF-8. A warning of theirs counts as a word.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emtp_assets.contracts import contract_for
from emtp_assets.intake import (
    AlreadyKnown,
    Archive,
    Delivery,
    IntakeError,
    Ledger,
    Rejection,
    extract_raw_years,
    receive,
)
from emtp_assets.intake.quarantine import Quarantine
from emtp_assets.settings import Mode, Settings
from emtp_assets.storage.restricted import read
from emtp_assets_tests.opened import refused_bytes
from emtp_assets_tests.pollution.corpus import Polluted
from emtp_assets_tests.pollution.official import Official

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
READERS = ("ours", "DuckDB", "pandas", "polars")


@dataclass(frozen=True)
class Reading:
    """Names and rows as read.

    ``aside``: bytes of what was set aside and told; ``lines``: lines accounted for; ``out_of_scope``: rows left out as
    of no EMTP course; ``unknown``: rows left out for a code that no list has, and told; ``raw``: where our rows lie, a
    file for each year.
    """

    names: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    aside: tuple[bytes, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    out_of_scope: int = 0
    unknown: int = 0
    dataset: str = ""
    raw: Mapping[int, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """No table: the code of our refusal, or the class of another reader's error."""

    code: str


class Ours:
    """An instance of the product in a folder of its own, that receives one file after the other."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder / "data", mode=Mode.DEMONSTRATION)
        self.settings.drop.mkdir(parents=True, exist_ok=True)
        self._ledger = Ledger(self.settings.data_dir)
        self._archive = Archive(self.settings)
        self._raw = folder / "raw"
        self._raw.mkdir(exist_ok=True)

    def read(self, polluted: Polluted) -> Reading | Refused:
        """What the raw layer holds of a file, and what was set aside of it."""
        path = self.settings.drop / polluted.file
        path.write_bytes(polluted.content)
        outcome = receive(path, self.settings, self._ledger, source="carpeta", now=NOW)
        if isinstance(outcome, Rejection):
            if outcome.moved_to is None or refused_bytes(outcome.moved_to, self.settings) != polluted.content:
                raise AssertionError(f"refused ({outcome.code}), and its bytes are not kept")
            return Refused(outcome.code)
        delivery = outcome.delivery if isinstance(outcome, AlreadyKnown) else outcome
        try:
            return self._extracted(delivery)
        except IntakeError as error:
            return Refused(error.code)

    def _extracted(self, delivery: Delivery) -> Reading:
        import pyarrow as pa

        contract = contract_for(delivery.dataset)
        targets = {year: self._raw / f"{delivery.sha256}-{year}.parquet" for year in delivery.years}
        archived = self._archive.path(delivery.sha256)
        counts = extract_raw_years(self.settings, contract, delivery, archived, targets)
        table = pa.concat_tables([read(path, self.settings) for path in targets.values()]).sort_by("_row")
        missing = set(delivery.missing_columns)
        names = [n for n in table.column_names if n not in ("_delivery", "_row") and n not in missing]
        names = [n for n in names if any(v is not None for v in table[n].to_pylist()) or n in delivery.unknown_columns]
        rows = list(zip(*(table[n].to_pylist() for n in names), strict=True)) if names else []
        unknown = sum(delivery.form.unknown_codes.values())
        return Reading(
            tuple(names),
            rows,
            aside=self._aside(delivery.sha256),
            lines=delivery.form.lines,
            out_of_scope=sum(c.out_of_scope for c in counts.values()) - unknown,
            unknown=unknown,
            dataset=delivery.dataset,
            raw=targets,
        )

    def _aside(self, sha256: str) -> tuple[bytes, ...]:
        kept = Quarantine(self.settings).rows(sha256)
        return tuple(row.raw for row in kept if row.code != "pie")  # remarks at the foot are kept beside, and no rows


def by_pandas(path: Path, form: Official, *, typed: bool = False) -> Reading | Refused:
    """``read_csv(sep=None, engine="python")``: the separator found by itself, nothing taken for missing."""
    import pandas as pd

    how: dict[str, Any] = {} if typed else {"dtype": str, "keep_default_na": False}
    encoding = "latin-1" if form.encoding == "windows-1252" else "utf-8"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frame = pd.read_csv(path, sep=None, engine="python", encoding=encoding, **how)
    except Exception as error:  # whatever it raises is its word
        return Refused(type(error).__name__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what follows is ours
        if not isinstance(frame.index, pd.RangeIndex):
            frame = frame.reset_index()
        records = frame.astype(object).where(frame.notna(), None)
    return Reading(tuple(map(str, frame.columns)), [tuple(r) for r in records.itertuples(index=False, name=None)])


def by_polars(path: Path, form: Official, *, typed: bool = False) -> Reading | Refused:
    """``read_csv(separator=";")``: it does not look for a separator."""
    import polars as pl

    how: dict[str, Any] = {} if typed else {"infer_schema": False}
    encoding = "latin-1" if form.encoding == "windows-1252" else "utf8"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frame = pl.read_csv(path, separator=";", encoding=encoding, **how)  # type: ignore[arg-type]
    except BaseException as error:  # its panics are no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        return Refused(type(error).__name__)
    return Reading(tuple(frame.columns), frame.rows())


def by_duckdb(path: Path, form: Official, *, typed: bool = False) -> Reading | Refused:
    """``read_csv(path)``, everything found by its sniffer."""
    import duckdb

    how = "" if typed else ", all_varchar=true"
    encoding = ", encoding='latin-1'" if form.encoding == "windows-1252" else ""
    with duckdb.connect(config={"threads": 1}) as connection:
        try:
            quoted = str(path).replace("'", "''")
            found = connection.execute(f"SELECT * FROM read_csv('{quoted}'{how}{encoding})")
            names = tuple(column[0] for column in found.description or ())
            return Reading(names, found.fetchall())
        except duckdb.Error as error:
            return Refused(type(error).__name__)


RIVALS = {"DuckDB": by_duckdb, "pandas": by_pandas, "polars": by_polars}
