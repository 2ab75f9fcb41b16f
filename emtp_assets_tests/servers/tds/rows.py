"""Arrow batches to TDS ROW tokens, a column at a time; types are described in `sqltypes`, packets are `wire`'s matter.

Every column becomes one or more Arrow arrays of bytes (length prefix, value, terminator), and Arrow joins them row by
row, so that Python never sees a value. Formats: [MS-TDS] 2.2.5.5 (data type details).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from emtp_assets_tests.servers.tds.sqltypes import MAX, SqlType

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Starts = npt.NDArray[np.int32]
_DAY_MICROSECONDS = 86_400_000_000
_DAYS_TO_1970 = 719_162
_DAYS_1900_TO_1970 = 25_567
_ROW_TOKEN = 0xD1
# Positions in the text of a GUID of the hexadecimal digits, in the order in which its bytes travel.
_GUID_DIGITS = np.array(
    [
        6,
        7,
        4,
        5,
        2,
        3,
        0,
        1,
        11,
        12,
        9,
        10,
        16,
        17,
        14,
        15,
        19,
        20,
        21,
        22,
        24,
        25,
        26,
        27,
        28,
        29,
        30,
        31,
        32,
        33,
        34,
        35,
    ]
)


def encode_rows(batch: pa.RecordBatch, types: Sequence[SqlType]) -> tuple[memoryview, Starts]:
    """The ROW tokens of a batch, one after another, and where each begins (one more entry than rows)."""
    count = batch.num_rows
    pieces: list[pa.Array] = [_uniform(np.full((count, 1), _ROW_TOKEN, np.uint8))]
    for column, sql_type in zip(batch.columns, types, strict=True):
        pieces.extend(_encode(column, sql_type))
    joined = pc.call_function("binary_join_element_wise", [*pieces, pa.scalar(b"", pa.binary())])
    _, offsets, data = joined.buffers()
    starts = np.frombuffer(offsets, np.int32, count + 1)
    return memoryview(data)[: int(starts[-1])], starts


def _binary(data: npt.NDArray[np.uint8], lengths: npt.NDArray[np.integer]) -> pa.Array:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return pa.Array.from_buffers(
        pa.binary(), len(lengths), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    )


def _uniform(values: Bytes) -> pa.Array:
    rows, width = values.shape
    return _binary(values, np.full(rows, width, np.int32))


def _some(values: Bytes, keep: Mask) -> pa.Array:
    """Of each row of `values` only the bytes that `keep` marks."""
    return _binary(values[keep], keep.sum(axis=1))


def _valid(column: pa.Array) -> Mask | None:
    if not column.null_count:
        return None
    return column.is_valid().to_numpy(zero_copy_only=False)


def _prefixed(values: Bytes, valid: Mask | None) -> pa.Array:
    """A byte of length before each value; a length of zero alone for NULL."""
    rows, width = values.shape
    out = np.empty((rows, 1 + width), np.uint8)
    out[:, 0] = width
    out[:, 1:] = values
    if valid is None:
        return _uniform(out)
    out[~valid, 0] = 0
    keep = np.ones(out.shape, bool)
    keep[~valid, 1:] = False
    return _some(out, keep)


def _as_bytes(values: npt.NDArray[np.generic]) -> Bytes:
    little = np.ascontiguousarray(values)
    return little.view(np.uint8).reshape(len(little), little.dtype.itemsize)


def _numbers(column: pa.Array, arrow: pa.DataType) -> npt.NDArray[np.generic]:
    if column.type != arrow:
        column = column.cast(arrow)
    if column.null_count:
        column = column.fill_null(0)
    return column.to_numpy(zero_copy_only=False)


def _encode(column: pa.Array, sql_type: SqlType) -> list[pa.Array]:
    if sql_type.is_text:
        return _texts(column, sql_type)
    if sql_type.name in {"varbinary", "binary"}:
        column = column.cast(pa.binary())
        return _sized(
            column, _valid(column), pc.call_function("binary_length", [column.fill_null(b"")]).to_numpy(), sql_type
        )
    return [_prefixed(_FIXED[sql_type.name](column, sql_type), _valid(column))]


# -- values of fixed width


def _integers(column: pa.Array, sql_type: SqlType) -> Bytes:
    return _as_bytes(_numbers(column, _INTEGERS[sql_type.name]))


def _bits(column: pa.Array, _: SqlType) -> Bytes:
    return _as_bytes(_numbers(column.cast(pa.uint8()), pa.uint8()))


def _floats(column: pa.Array, sql_type: SqlType) -> Bytes:
    return _as_bytes(_numbers(column, pa.float32() if sql_type.name == "real" else pa.float64()))


def _unscaled(column: pa.Array, precision: int, scale: int) -> npt.NDArray[np.uint64]:
    """Decimals as 128-bit two's complement: low and high halves."""
    wanted = pa.decimal128(precision, scale)
    if column.type != wanted:
        column = column.cast(wanted)
    if column.null_count:
        column = column.fill_null(pa.scalar(Decimal(0), wanted))
    data = column.buffers()[1]
    return np.frombuffer(data, np.uint64)[2 * column.offset : 2 * (column.offset + len(column))].reshape(-1, 2)


def _decimals(column: pa.Array, sql_type: SqlType) -> Bytes:
    halves = _unscaled(column, sql_type.precision, sql_type.scale)
    low, high = halves[:, 0], halves[:, 1]
    negative = high >> np.uint64(63) == 1
    magnitude = np.empty_like(halves)
    magnitude[:, 0] = np.where(negative, ~low + np.uint64(1), low)
    magnitude[:, 1] = np.where(negative, ~high + (low == 0), high)
    out = np.empty((len(halves), sql_type.width), np.uint8)
    out[:, 0] = ~negative
    out[:, 1:] = _as_bytes(magnitude.view("V16").reshape(-1))[:, : sql_type.width - 1]
    return out


def _money(column: pa.Array, sql_type: SqlType) -> Bytes:
    value = _unscaled(column, 19, 4)[:, 0].view(np.int64)
    if sql_type.name == "smallmoney":
        return _as_bytes(value.astype(np.int32))
    # The high half of a money travels first.
    return _as_bytes(np.stack([value >> 32, value & 0xFFFFFFFF], axis=1).astype(np.uint32).view(np.uint64).reshape(-1))


def _days(column: pa.Array) -> npt.NDArray[np.int64]:
    return _numbers(_numbers_of_date(column), pa.int32()).astype(np.int64)


def _numbers_of_date(column: pa.Array) -> pa.Array:
    return (column if pa.types.is_date32(column.type) else column.cast(pa.date32())).view(pa.int32())


def _dates(column: pa.Array, _: SqlType) -> Bytes:
    return _as_bytes((_days(column) + _DAYS_TO_1970).astype(np.uint32))[:, :3]


def _microseconds(column: pa.Array) -> npt.NDArray[np.int64]:
    """Since 1970 in UTC, or since midnight."""
    if pa.types.is_time(column.type):
        column = column.cast(pa.time64("us"), safe=False)
    else:
        if not pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us"))
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return np.asarray(_numbers(column.view(pa.int64()), pa.int64()), np.int64)


def _clock(microseconds: npt.NDArray[np.int64], scale: int) -> Bytes:
    units = microseconds * 10 if scale == 7 else microseconds // 10 ** (6 - scale)
    return _as_bytes(units)[:, : 3 if scale <= 2 else 4 if scale <= 4 else 5]


def _times(column: pa.Array, sql_type: SqlType) -> Bytes:
    return _clock(_microseconds(column), sql_type.scale)


def _datetimes2(column: pa.Array, sql_type: SqlType) -> Bytes:
    days, rest = np.divmod(_microseconds(column), _DAY_MICROSECONDS)
    date = _as_bytes((days + _DAYS_TO_1970).astype(np.uint32))[:, :3]
    parts = [_clock(rest, sql_type.scale), date]
    if sql_type.name == "datetimeoffset":
        # DuckDB keeps the instant and not the offset: every value says +00:00.
        parts.append(np.zeros((len(days), 2), np.uint8))
    return np.hstack(parts)


def _datetimes(column: pa.Array, sql_type: SqlType) -> Bytes:
    days, rest = np.divmod(_microseconds(column), _DAY_MICROSECONDS)
    days += _DAYS_1900_TO_1970
    if sql_type.name == "smalldatetime":
        minutes = (rest + 30_000_000) // 60_000_000
        return _as_bytes(np.stack([days, minutes], axis=1).astype(np.uint16).view(np.uint32).reshape(-1))
    ticks = (rest * 3 + 5_000) // 10_000
    days, ticks = days + ticks // 25_920_000, ticks % 25_920_000
    return _as_bytes(np.stack([days, ticks], axis=1).astype(np.int32).view(np.int64).reshape(-1))


def _guids(column: pa.Array, _: SqlType) -> Bytes:
    text = column.fill_null("00000000-0000-0000-0000-000000000000")
    _, offsets, data = text.buffers()
    start = np.frombuffer(offsets, np.int32)[text.offset]
    characters = np.frombuffer(data, np.uint8)[start : start + 36 * len(text)].reshape(-1, 36)[:, _GUID_DIGITS] | 0x20
    digits = np.where(characters >= ord("a"), characters - ord("a") + 10, characters - 0x30).astype(np.uint8)
    return np.bitwise_or(digits[:, 0::2] << 4, digits[:, 1::2], dtype=np.uint8)


_INTEGERS = {"tinyint": pa.uint8(), "smallint": pa.int16(), "int": pa.int32(), "bigint": pa.int64()}
_FIXED: dict[str, Callable[[pa.Array, SqlType], Bytes]] = {
    **dict.fromkeys(_INTEGERS, _integers),
    "bit": _bits,
    "real": _floats,
    "float": _floats,
    "decimal": _decimals,
    "money": _money,
    "smallmoney": _money,
    "date": _dates,
    "time": _times,
    "datetime2": _datetimes2,
    "datetimeoffset": _datetimes2,
    "datetime": _datetimes,
    "smalldatetime": _datetimes,
    "uniqueidentifier": _guids,
}

# -- texts and binaries


def _texts(column: pa.Array, sql_type: SqlType) -> list[pa.Array]:
    column = column.cast(pa.string())
    if sql_type.name in {"char", "nchar"}:
        column = pc.call_function("utf8_rpad", [column], pc.PadOptions(sql_type.length))
    valid = _valid(column)
    filled = column.fill_null("") if valid is not None else column
    characters = pc.call_function("utf8_length", [filled]).to_numpy().astype(np.int32)
    _, offsets, data = filled.buffers()
    bounds = np.frombuffer(offsets, np.int32)[filled.offset : filled.offset + len(filled) + 1]
    text = (memoryview(data)[int(bounds[0]) : int(bounds[-1])] if data else memoryview(b"")).tobytes().decode()
    if sql_type.is_national:
        encoded, lengths = text.encode("utf-16-le"), characters * 2
        if len(encoded) != int(lengths.sum()):
            # Characters beyond the first plane take four bytes: rare enough to be done one by one.
            values = [value.encode("utf-16-le") for value in filled.to_pylist()]
            encoded, lengths = b"".join(values), np.array([len(value) for value in values], np.int32)
    else:
        encoded, lengths = text.encode("cp1252", "replace"), characters
    return _sized(_binary(np.frombuffer(encoded, np.uint8), lengths), valid, lengths, sql_type)


def _sized(values: pa.Array, valid: Mask | None, lengths: npt.NDArray[np.integer], sql_type: SqlType) -> list[pa.Array]:
    if values.null_count:
        values = values.fill_null(b"")
    if sql_type.length == MAX:
        return _unlimited(values, valid, lengths)
    if len(lengths) and int(lengths.max()) > sql_type.width:
        raise ValueError(f"a value of {int(lengths.max())} bytes in a column declared {sql_type.declaration}")
    prefix = lengths.astype(np.uint16)
    if valid is not None:
        prefix[~valid] = 0xFFFF
    return [_uniform(_as_bytes(prefix)), values]


def _unlimited(values: pa.Array, valid: Mask | None, lengths: npt.NDArray[np.integer]) -> list[pa.Array]:
    """Partially length-prefixed: the whole length, one chunk with its own, and an empty chunk to end."""
    rows = len(values)
    head = np.zeros((rows, 12), np.uint8)
    head[:, :8] = _as_bytes(lengths.astype(np.uint64))
    head[:, 8:] = _as_bytes(lengths.astype(np.uint32))
    keep_head = np.ones(head.shape, bool)
    keep_head[lengths == 0, 8:] = False
    keep_tail = np.ones((rows, 4), bool)
    if valid is not None:
        head[~valid, :8] = 0xFF
        keep_tail[~valid] = False
    return [_some(head, keep_head), values, _some(np.zeros((rows, 4), np.uint8), keep_tail)]
