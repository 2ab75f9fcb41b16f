"""Running a translated query and writing its answer: metadata, rows, counts, and the faults that spoil rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import duckdb
import pyarrow as pa

from emtp_assets_tests.servers.tds import errors, rows, tokens
from emtp_assets_tests.servers.tds.faults import Faults
from emtp_assets_tests.servers.tds.sqltypes import SqlType
from emtp_assets_tests.servers.tds.translate import Query
from emtp_assets_tests.servers.tds.wire import ATTENTION, Disconnected, Wire

BATCH_ROWS = 8192
_PATIENCE = 0.02
Result = TypeVar("Result")


class Cancelled(Exception):
    """The client sent an attention: its query timed out or was cancelled."""


class Cut(Exception):
    """The connection has been reset on purpose."""


@dataclass(frozen=True)
class Remembered:
    """An answer already encoded, to be sent again without running anything."""

    pieces: tuple[bytes, ...]
    row_count: int


class Answerer:
    """Answers queries on one session's wire."""

    def __init__(
        self,
        wire: Wire,
        connection: duckdb.DuckDBPyConnection,
        faults: Faults,
        stopped: threading.Event,
        memory: dict[object, Remembered] | None,
    ) -> None:
        self._wire, self._connection, self._faults, self._stopped = wire, connection, faults, stopped
        self._memory = memory

    def answer(self, query: Query) -> int:
        """Write COLMETADATA and rows (or nothing, for a change); returns the count for DONE.

        Raises `SqlError`, `Cancelled` if the client has had enough, `Cut` when a fault has ended the connection.
        """
        if query.changes_view:
            return 0
        key = (query.sql, tuple(query.parameters.items()))
        if self._memory is not None and key in self._memory:
            return self._replay(self._memory[key])
        try:
            return self._run(query, key)
        except duckdb.InterruptException as interrupt:
            raise Disconnected from interrupt
        except duckdb.Error as error:
            raise errors.from_duckdb(error) from error
        except (ValueError, pa.ArrowException) as error:
            if "not in range" in str(error) or "out of bounds" in str(error):
                raise errors.overflow() from error
            # A value that its declared type cannot hold is a mistake in the views given to the server: say it.
            raise errors.SqlError(50000, 16, str(error)) from error

    def describe(self, query: Query) -> tuple[list[str], list[SqlType]]:
        """The columns of an answer, without one."""
        nothing = dict.fromkeys(query.parameters)
        try:
            result = self._connection.execute(f"SELECT * FROM ({query.sql}) LIMIT 0", nothing or None)
        except duckdb.Error as error:
            raise errors.from_duckdb(error) from error
        return describe(query, result.to_arrow_reader(1).schema)

    def wait(self, seconds: float) -> None:
        """Rest, as WAITFOR does; raises `Cancelled` on an attention and `Disconnected` when the server stops."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopped.is_set():
                raise Disconnected
            if self._wire.has_input(min(left, 0.05)):
                self._attention()

    def _run(self, query: Query, key: object) -> int:
        parameters = dict(query.parameters) or None
        result = self._interruptible(lambda: self._connection.execute(query.sql, parameters))
        if query.writes:
            count = result.fetchone()
            return int(count[0]) if count and isinstance(count[0], int) else 0
        reader = result.to_arrow_reader(BATCH_ROWS)
        names, types = describe(query, reader.schema)
        head = tokens.columns(names, types)
        self._wire.write(head)
        kept = [head] if self._memory is not None else None
        total = 0
        for batch in self._batches(reader):
            data, starts = rows.encode_rows(batch, types)
            self._write_rows(data, starts, total)
            total += batch.num_rows
            if kept is not None:
                kept.append(bytes(data))
            if self._wire.has_input():
                self._attention()
        if self._memory is not None and kept is not None:
            self._memory[key] = Remembered(tuple(kept), total)
        return total

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while (batch := self._interruptible(lambda: next(reader, None))) is not None:
            yield batch

    def _replay(self, remembered: Remembered) -> int:
        for piece in remembered.pieces:
            self._wire.write(piece)
            if self._wire.has_input():
                self._attention()
        return remembered.row_count

    def _write_rows(self, data: memoryview, starts: rows.Starts, before: int) -> None:
        cut, slow = self._faults.cut_after_rows, self._faults.slow_after_rows
        count = len(starts) - 1
        if cut is not None and cut < before + count:
            middle = (int(starts[cut - before]) + int(starts[cut - before + 1])) // 2
            self._wire.write(data[:middle])
            self._wire.flush_raw()
            self._faults.spend()
            self._wire.reset()
            raise Cut
        if slow is None:
            self._wire.write(data)
            return
        position = 0
        for stop in range(slow - before % slow, count + 1, slow):
            self._wire.write(data[position : int(starts[stop])])
            self._wire.flush()
            position = int(starts[stop])
            self.wait(self._faults.slow_seconds)
        self._wire.write(data[position:])

    def _interruptible(self, work: Callable[[], Result]) -> Result:
        """Do DuckDB's work in a thread of its own while listening for an attention, and stop it if one comes."""
        outcome: list[Result] = []
        failure: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(work())
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=run, name="tds-query", daemon=True)
        thread.start()
        cancelled = False
        while True:
            thread.join(_PATIENCE)
            if not thread.is_alive():
                break
            if self._stopped.is_set():
                self._connection.interrupt()
            elif not cancelled and self._wire.has_input():
                cancelled = self._wire.read_message()[0] == ATTENTION
                self._connection.interrupt()
        if cancelled:
            raise Cancelled
        if failure:
            raise failure[0]
        return outcome[0]

    def _attention(self) -> None:
        kind, _ = self._wire.read_message()
        if kind == ATTENTION:
            raise Cancelled
        raise Disconnected


def describe(query: Query, schema: pa.Schema) -> tuple[list[str], list[SqlType]]:
    """Names and types of the columns: as the views declare them where the values agree, else as the values are."""
    names: list[str] = []
    types: list[SqlType] = []
    for index, column in enumerate(schema):
        named = query.names[index] if index < len(query.names) else None
        names.append(column.name if named is None else named)
        known = query.types[index] if query.types else query.by_name.get(column.name.lower())
        types.append(known if known is not None and known.holds(column.type) else SqlType.from_arrow(column.type))
    return names, types
