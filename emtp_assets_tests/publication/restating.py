"""A published set and a lake that changes after it: what the tests of restatements begin with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from emtp_assets.publication.gate import pending
from emtp_assets.publication.record import Describe
from emtp_assets.publication.restatement import Restatement
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance
from emtp_assets_tests.publication.fake_lake import NOW, TABLES, delivery, describe, query

LATER = NOW + timedelta(days=7)


def put(
    settings: Settings,
    lake: Lake,
    table: str,
    change: str,
    *,
    year: int = 2024,
    by: str = "otra",
    origin: Origin = Origin.OFFICIAL,
) -> None:
    """Replace a year's anonymized file by one that another delivery gave; ``change`` is put into its SELECT."""
    deliveries = tuple(
        sorted({delivery(TABLES[table], year) if name == "" else digest(name) for name in by.split(",")})
    )
    footer = Provenance(deliveries, origin, "1+prueba")
    with session(settings) as connection, lake.staging() as folder:
        staged = folder / "part.parquet"
        rows = f"SELECT * REPLACE ({change}) FROM ({query(table, year, 200, origin)})"
        connection.execute(f"COPY ({rows}) TO {literal(staged)} (FORMAT parquet, {footer.copy_option})")
        lake.promote(staged, Layer.ANONYMIZED, table, year)


def look(settings: Settings, lake: Lake, *, describe: Describe = describe, now: datetime = LATER) -> Restatement:
    return pending(settings, lake, describe=describe, now=now)


def knowing(sha: str, dataset: str, years: Iterable[int], *, beside: Describe = describe) -> Describe:
    """A ledger that knows one delivery more, or otherwise."""
    return lambda asked: {"dataset": dataset, "years": dict.fromkeys(years, 1)} if asked == sha else beside(asked)


def digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def doubled(measure: str) -> str:
    return f"{measure} * 2 AS {measure}"
