"""Measured program: a year's rows from a SQL Server to a Parquet file by one route. ``compare`` checks what they made.

Usage: ``python -m benchmarks.sqlserver_client ROUTE --port N --ca-file FILE --into FOLDER [--driver D] --report FILE``

``reading`` is from connecting to the whole file, without imports: in a run of the platform they are long done.
The rivals ask the very query that ours asks, and stream Arrow batches as they come into a typed Parquet file: no
proof of anything, no text columns, no journal. That is the least that any route does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.sqlserver_query import DATABASE, LOGIN, PASSWORD, ROUTES, YEAR

if TYPE_CHECKING:
    import pyarrow as pa

    from emtp_assets.contracts import Contract
    from emtp_assets.settings import Settings
    from emtp_assets.sources import Fetched


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("route", choices=[*ROUTES, "compare"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ca-file", type=Path)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--driver")
    parser.add_argument("--report", type=Path, required=True)
    given = parser.parse_args()
    if given.route == "compare":
        given.report.write_text(json.dumps({"agreement": compared(given.into)}), encoding="utf-8")
        return
    reading = Reading()
    by_route = {"arrow-odbc": arrow_odbc, "mssql-python": mssql_python}
    rows = by_route.get(given.route, ours)(given, reading)
    given.report.write_text(json.dumps({"rows": rows, **vars(reading)}), encoding="utf-8")


class Reading:
    """What the reading cost of the process: CPU and wall seconds, and the peak memory (MB) at its end."""

    def __init__(self) -> None:
        self.cpu = self.wall = self.peak_mb = 0.0

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        began, spent = time.monotonic(), time.process_time()
        yield
        self.wall, self.cpu = time.monotonic() - began, time.process_time() - spent
        self.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(given: argparse.Namespace, reading: Reading) -> int:
    """The product's source, as a run asks it."""
    import emtp_assets.intake  # noqa: F401  # pyright: ignore[reportUnusedImport]
    from emtp_assets.contracts import contract_for
    from emtp_assets.settings import Settings
    from emtp_assets.sources import Fetched
    from emtp_assets.sources.journal import Journal
    from emtp_assets.sources.sqlserver import SqlServerSource

    reach = {"host": "localhost", "port": given.port, "name": DATABASE, "user": LOGIN, "password": PASSWORD}
    settings = Settings.model_validate(
        {
            "data_dir": given.into / "data",
            "ca_file": given.ca_file,
            "sqlserver": {**reach, "driver": given.driver},
        }
    )
    journal = Journal(settings.data_dir)
    contract = contract_for("matricula")
    with reading.measured():
        answer = SqlServerSource(settings, journal).fetch(contract, YEAR, given.into)
        if given.route != "ours" and isinstance(answer, Fetched):
            _into_the_raw_layer(answer, settings, contract)
    if answer is None or journal.queries()[-1].outcome != "ok":
        raise SystemExit(f"nothing was fetched: {answer}")
    return journal.queries()[-1].rows


def _into_the_raw_layer(answer: Fetched, settings: Settings, contract: Contract) -> None:
    """All that intake does besides: hash, archive flushed to disk, ledger, the EMTP rows with 34 more columns."""
    from datetime import UTC, datetime

    from emtp_assets.intake import Archive, Asked, Delivery, Ledger, extract_raw_years, receive

    now, ledger = datetime.now(UTC), Ledger(settings.data_dir)
    asked = Asked(contract, YEAR)
    outcome = receive(answer.path, settings, ledger, source="sqlserver", now=now, asked=asked)
    # Asked again, the same rows are the same delivery.
    delivery = outcome if isinstance(outcome, Delivery) else ledger.deliveries()[-1]
    archived = Archive(settings).path(delivery.sha256)
    extract_raw_years(settings, contract, delivery, archived, {YEAR: settings.data_dir / "raw.parquet"})


def arrow_odbc(given: argparse.Namespace, reading: Reading) -> int:
    import pyarrow.parquet  # noqa: F401
    from arrow_odbc import connect

    asked = _asked(given)
    with reading.measured():
        connection = connect(_connection_string(given, asked["driver"]), user=LOGIN, password=PASSWORD)
        reader = connection.read_arrow_batches(asked["sql"], parameters=asked["parameters"], max_text_size=4000)
        return _stream(reader.schema, reader, given.into / "arrow_odbc.parquet")


def mssql_python(given: argparse.Namespace, reading: Reading) -> int:
    import mssql_python as driver  # pyright: ignore[reportMissingImports] - a rival, not a dependency
    import pyarrow.parquet  # noqa: F401

    asked = _asked(given)
    text = _connection_string(given, asked["driver"]).partition(";")[2]
    with reading.measured(), driver.connect(f"{text}UID={LOGIN};PWD={PASSWORD};") as connection:
        cursor = connection.cursor()
        cursor.execute(asked["sql"], *asked["parameters"])
        with cursor.arrow_reader(batch_size=65_536) as reader:
            return _stream(reader.schema, reader, given.into / "mssql_python.parquet")


def _asked(given: argparse.Namespace) -> dict[str, Any]:
    return json.loads((given.into.parent / "query.json").read_text(encoding="utf-8"))


def _connection_string(given: argparse.Namespace, driver: str) -> str:
    return (
        f"Driver={{{driver}}};Server=tcp:localhost,{given.port};Database={DATABASE};Encrypt=yes;"
        "TrustServerCertificate=no;ApplicationIntent=ReadOnly;"
    )


def _stream(schema: pa.Schema, batches: Iterable[pa.RecordBatch], path: Path) -> int:
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def compared(folder: Path) -> dict[str, str]:
    """Every value of each rival's file against ours, as text, row by row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from emtp_assets.sources.writing import as_text

    mine = pq.read_table(next(folder.glob("matricula_*.parquet")))
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*_*.parquet")):
        if path.name.startswith("matricula_"):
            continue
        table: Any = pq.read_table(path)
        columns = [pa.chunked_array([as_text(chunk) for chunk in column.chunks]) for column in table.columns]
        same = table.column_names == mine.column_names and all(
            one.equals(other) for one, other in zip(columns, mine.columns, strict=True)
        )
        found[path.stem] = f"equal ({mine.num_rows} rows)" if same else "DIFFERENT"
    return found


if __name__ == "__main__":
    main()
