"""How Parquet that may name persons is written and opened, by pyarrow and by DuckDB: encrypted, and here alone.

Parquet modular encryption (AES-256-GCM), footer and columns under one key, which DuckDB reads. Every module of a file
has a random nonce of 96 bits: a purpose's key may serve some 2^32 of them, many more than there will be. A file that an
older instance left in the clear is still read; `emtp seal` encrypts it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets.settings import Settings
from emtp_assets.storage.sealing import SealError
from emtp_assets.storage.storage_key import Purpose, subkey

_CLEAR, _ENCRYPTED = b"PAR1", b"PARE"
_SESSION_KEY = "restringido"
_UNLIMITED = 1 << 30
_ROWS_A_GROUP = 61_440
_EVERY_ROW = 1 << 62
_UNSAFE = "join_filter_pushdown, late_materialization, top_n, top_n_window_elimination"
"""Optimisers that let a scan skip rows."""
_DAMAGE = ("AES tag", "no decryption found", "decryption", "encrypted")


def is_encrypted(path: Path) -> bool:
    """Whether a Parquet file is encrypted.

    Raises:
        SealError: only one of its two ends says so.
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        begins = file.read(4)
        if file.seek(0, 2) < 8:
            return False
        file.seek(-4, 2)
        ends = file.read(4)
    if _ENCRYPTED in (begins, ends) and begins != ends:
        raise _unreadable(path)
    return begins == _ENCRYPTED


def writer(
    target: Path | Any, schema: pa.Schema, settings: Settings, purpose: Purpose = Purpose.RAW
) -> pq.ParquetWriter:
    """A writer of an encrypted file. What it is given in one row group ought to fit into memory several times.

    Raises:
        StorageKeyError: there is no key.
        OSError: the disk refused.
    """
    from pyarrow.parquet.encryption import create_encryption_properties

    return pq.ParquetWriter(
        target,
        schema,
        compression="zstd",
        encryption_properties=create_encryption_properties(subkey(settings, purpose)),
        # One data page a column and row group: DuckDB 1.5 takes the tag of a second one to be wrong.
        data_page_size=_UNLIMITED,
        dictionary_pagesize_limit=_UNLIMITED,
        max_rows_per_page=_UNLIMITED,
    )


@contextmanager
def opened(path: Path, settings: Settings | None, purpose: Purpose = Purpose.RAW) -> Iterator[pq.ParquetFile]:
    """A Parquet file of ours to read from, encrypted or not. ``settings``: None where it cannot be encrypted.

    Raises:
        SealError: it was encrypted with another key, or is not as it was written.
        StorageKeyError: there is no key.
        OSError, pyarrow.ArrowInvalid: it cannot be read, or is no Parquet.
    """
    if not is_encrypted(path):
        with pq.ParquetFile(path) as file:
            yield file
        return
    if settings is None:
        raise SealError(f"{_shown(path)} está cifrado, y quien lo abre no tiene la clave.")
    from pyarrow.parquet.encryption import create_decryption_properties

    properties = create_decryption_properties(subkey(settings, purpose))
    try:
        with pq.ParquetFile(path, decryption_properties=properties) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        # Arrow says only "Failed decryption finalization", or what it made of a wrong byte.
        raise _unreadable(path) from None


def metadata(path: Path, settings: Settings | None = None, purpose: Purpose = Purpose.RAW) -> pq.FileMetaData:
    """The footer of a Parquet file of ours, encrypted or not; as `opened`."""
    if settings is None and not is_encrypted(path):
        return pq.read_metadata(path)
    with opened(path, settings, purpose) as file:
        return file.metadata


def read(
    path: Path, settings: Settings | None, purpose: Purpose = Purpose.RAW, columns: list[str] | None = None
) -> pa.Table:
    """All of a small Parquet file; as `opened`."""
    with opened(path, settings, purpose) as file:
        return file.read(columns=columns, use_threads=False)


def add_key(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Let a session of DuckDB read what `relation` names. The statement is neither logged nor part of any model.

    DuckDB 1.5 loses its place in an encrypted column when a filter lets it skip rows, and takes the next tag to be
    wrong: no filter found at run time may reach such a scan, nor, by `relation`, one that a query states.

    Raises:
        StorageKeyError: there is no key.
    """
    key = base64.b64encode(subkey(settings, Purpose.RAW)).decode()
    try:
        connection.execute(f"PRAGMA add_parquet_key('{_SESSION_KEY}', '{key}')")
        connection.execute(f"SET disabled_optimizers = '{_UNSAFE}'")
    except duckdb.Error:
        # DuckDB quotes the statement.
        raise SealError("DuckDB no aceptó la clave de almacenamiento.") from None


_in_use: list[Settings] = []


@contextmanager
def using(settings: Settings) -> Iterator[None]:
    """Tell whatever opens sessions inside the block, dbt's plugin, whose key they are to have.

    A plain list and not a context variable: dbt opens its sessions in threads of its own.
    """
    _in_use.append(settings)
    try:
        yield
    finally:
        _in_use.pop()


def settings_in_use() -> Settings | None:
    """Those of the innermost `using`, if any."""
    return _in_use[-1] if _in_use else None


def relation(paths: Path | Sequence[Path], *, hive: bool = True) -> str:
    """A table expression of DuckDB over Parquet files of ours, encrypted or not, for a session that has `add_key`.

    Columns by name; ``hive``: the ``academic_year`` folder is read as a column.

    Raises:
        ValueError: no file is named; DuckDB has no empty list of files.
        SealError: a file is damaged at its ends.
    """
    files = [paths] if isinstance(paths, Path) else list(paths)
    if not files:
        raise ValueError("no Parquet file to read")
    years = "hive_partitioning=true, hive_types={'academic_year': INTEGER}" if hive else "hive_partitioning=false"
    closed = [path for path in files if path.is_file() and is_encrypted(path)]
    if not closed:
        listed = ", ".join(_literal(path) for path in files)
        return f"read_parquet([{listed}], {years}, union_by_name=true)"
    key = f"encryption_config={{footer_key: '{_SESSION_KEY}'}}"
    # `union_by_name` with a key ends DuckDB 1.5 in an internal error: one by one, and united by name outside. A limit
    # that holds every row keeps filters above the scan (see `add_key`) and lets it read no more columns than are asked.
    each = [
        f"SELECT * FROM read_parquet({_literal(p)}, {years}, {key}) LIMIT {_EVERY_ROW}"
        if p in closed
        else f"SELECT * FROM read_parquet({_literal(p)}, {years})"
        for p in files
    ]
    return "(" + (" UNION ALL BY NAME ".join(f"({one})" for one in each) if len(each) > 1 else each[0]) + ")"


def encrypted_copy(
    source: Path,
    target: Path,
    settings: Settings,
    purpose: Purpose = Purpose.RAW,
    footer: Mapping[str, str] | None = None,
) -> None:
    """A Parquet file, in the clear or not, as an encrypted one, in constant memory. ``footer``: instead of its own.

    Raises:
        SealError: it is encrypted, and this is not the key, or it is damaged.
        OSError, pyarrow.ArrowException: it cannot be read, or the disk refused.
    """
    with opened(source, settings, purpose) as file:
        schema = file.schema_arrow if footer is None else file.schema_arrow.with_metadata(dict(footer))
        _copied(file, writer(target, schema, settings, purpose))


def _copied(file: pq.ParquetFile, target: pq.ParquetWriter) -> None:
    with target as encrypted:
        for batch in file.iter_batches(_ROWS_A_GROUP, use_threads=False):
            encrypted.write_batch(batch)


def told(error: BaseException, paths: Sequence[Path], settings: Settings) -> SealError | None:
    """What DuckDB's error on encrypted files means, naming the file that is not as it was written; None: another error.

    Reads the files to their end.
    """
    if not any(word in str(error) for word in _DAMAGE) and not isinstance(error, duckdb.InternalException):
        return None
    for path in paths:
        try:
            with opened(path, settings) as file:
                for _ in file.iter_batches(use_threads=False):
                    pass
        except SealError as found:
            return found
        except (OSError, pa.ArrowException):
            continue
    return None


@contextmanager
def naming_damage(paths: Sequence[Path], settings: Settings) -> Iterator[None]:
    """Inside the block, DuckDB's errors on damaged encrypted files become `told`'s.

    Raises:
        SealError: one of the files was encrypted with another key, or is damaged; it is named.
    """
    try:
        yield
    except duckdb.Error as error:
        raise told(error, paths, settings) or error from None


def _unreadable(path: Path) -> SealError:
    return SealError(
        f"No se puede abrir {_shown(path)}: se cifró con otra clave, o le cambió algún byte. Revise que "
        "EMTP_STORAGE_KEY_FILE sea la clave con que se guardó; si lo es, vuelva a ejecutar ese año, que lo rehace "
        "desde el archivo histórico, o restáurelo desde el último respaldo."
    )


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
