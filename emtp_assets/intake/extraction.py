"""From archived bytes to raw Parquet: every column as text by its official name, the EMTP rows of a year.

What the values mean is cleaning's business; whether the file is whole was intake's, and is counted again.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from emtp_assets.contracts import Column, Contract, read_codes
from emtp_assets.intake.dialect import as_plain
from emtp_assets.intake.ledger import Delivery
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.recognition import Header, raw_name, read_header
from emtp_assets.intake.tabular import identifier, table
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin, Provenance, code_version

_ROWS_A_GROUP = 61_440


@dataclass(frozen=True)
class RawCounts:
    """Rows of one year in a delivery: all, those kept (EMTP), and those counted only."""

    rows_in_year: int
    in_scope: int
    out_of_scope: int


def extract_raw(
    settings: Settings, contract: Contract, delivery: Delivery, archive_path: Path, year: int, target: Path
) -> RawCounts:
    """Write one year of a delivery to ``target``; see `extract_raw_years`."""
    return extract_raw_years(settings, contract, delivery, archive_path, {year: target})[year]


def extract_raw_years(
    settings: Settings,
    contract: Contract,
    delivery: Delivery,
    archive_path: Path,
    targets: Mapping[int, Path],
) -> dict[int, RawCounts]:
    """Write years of a delivery to Parquet in one pass over its bytes, streaming.

    Columns, all VARCHAR: the contract's official names (NULL when not sent; blanks as sent), then unknown
    columns under their own names; then ``_delivery`` (SHA-256) and ``_row`` (BIGINT, 1-based data row).
    File order; the same bytes and contract give the same Parquet bytes. ``targets`` need an existing folder.

    Raises:
        IntakeError: the bytes do not hold the rows that the ledger says (a damaged archive).
        KeyError: a year that the delivery does not hold.
        OSError: the disk refused.
    """
    header = read_header(contract, delivery.form.separator, delivery.columns)
    rows_in_year = {year: delivery.years[year] for year in targets}
    with Lake(settings.data_dir).staging() as folder:
        try:
            in_scope = _write(settings, header, delivery, archive_path, targets, folder=folder)
        except duckdb.IOException as error:
            raise OSError(f"No se pudo leer o escribir al extraer {delivery.sha256[:12]}") from error
        except (duckdb.InvalidInputException, duckdb.NotSupportedError, csv.Error, UnicodeDecodeError):
            # These quote the offending line in their message: it must reach no log.
            raise _damaged(delivery) from None
    counts = {year: RawCounts(rows, in_scope[year], rows - in_scope[year]) for year, rows in rows_in_year.items()}
    if any(c.out_of_scope < 0 or (c.out_of_scope and contract.scope is None) for c in counts.values()):
        raise _damaged(delivery)
    return counts


def _write(
    settings: Settings,
    header: Header,
    delivery: Delivery,
    path: Path,
    targets: Mapping[int, Path],
    *,
    folder: Path,
) -> dict[int, int]:
    """Read the text once into ``folder``, then each year from there; rows written of each year."""
    stage = folder / "rows.parquet"
    with session(settings) as connection:
        if delivery.answers_a_query:
            return _write_answer(connection, header, delivery, path, targets)
        plain = as_plain(path, delivery.form.encoding, delivery.form.separator, folder, quoted=delivery.form.quoted)
        with plain as (text, separator):
            _stage(connection, header, delivery, list(targets), text=text, separator=separator, stage=stage)
        columns = ", ".join(identifier(name) for name in raw_columns(header))
        staged = f"SELECT {columns}, _delivery, _row FROM read_parquet({literal(stage)}) WHERE _in_scope"
        return {
            year: _copied(connection, f"{staged} AND _year = {year}", target, delivery)
            for year, target in targets.items()
        }


def _stage(
    connection: duckdb.DuckDBPyConnection,
    header: Header,
    delivery: Delivery,
    years: Sequence[int],
    *,
    text: Path,
    separator: str,
    stage: Path,
) -> None:
    """Write the wanted rows to ``stage``, once every row of the file is shown to have been read."""
    sent = [c.official if c else raw_name(n, at) for at, (n, c) in enumerate(_pairs(header))]
    for parallel in (True, False):
        fields = table(text, separator, sent, parallel=parallel)
        try:
            connection.execute(_stage_query(header, delivery, years, fields, sent=sent, stage=stage))
        except (duckdb.InvalidInputException, duckdb.NotSupportedError):
            if not parallel:
                raise
            continue
        last = connection.execute(f"SELECT max(_row) FROM read_parquet({literal(stage)})").fetchone()
        if last is not None and last[0] == delivery.rows:
            return
    raise _damaged(delivery)


def _write_answer(
    connection: duckdb.DuckDBPyConnection,
    header: Header,
    delivery: Delivery,
    path: Path,
    targets: Mapping[int, Path],
) -> dict[int, int]:
    """Each year straight from a query's answer: it is Parquet, whose reader loses no row; rows written of each year."""
    # Unlike a text's, its rows cannot be counted on to show damage: 40 of 60 single wrong bits went unnoticed.
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != delivery.sha256:
            raise _damaged(delivery)
    sent = {c.official: name for name, c in _pairs(header) if c is not None}
    columns = ", ".join(
        identifier(name) if name in sent else f"NULL::VARCHAR AS {identifier(name)}" for name in raw_columns(header)
    )
    named = ", ".join(f"{identifier(name)} AS {identifier(official)}" for official, name in sent.items())
    written = {}
    for year, target in targets.items():
        written[year] = _copied(
            connection,
            f"SELECT {columns}, {literal(delivery.sha256)} AS _delivery, file_row_number + 1 AS _row"
            f" FROM (SELECT {named}, file_row_number FROM read_parquet({literal(path)}, file_row_number=true))"
            f" WHERE {_in_scope(header)} AND trim({identifier(header.contract.year_column)}) = '{int(year)}'",
            target,
            delivery,
        )
    return written


def _copied(connection: duckdb.DuckDBPyConnection, query: str, target: Path, delivery: Delivery) -> int:
    # Writing in order with several threads holds their row groups in memory: under the limit of a session that costs
    # more than it saves (1 M rows: 3.5 to 7.5 CPU-s with two, 1.5 with one).
    connection.execute("SET threads = 1")
    (rows,) = connection.execute(
        f"COPY ({query}) TO {literal(target)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROWS_A_GROUP},"
        f" {_provenance(delivery).copy_option})"
    ).fetchall()[0]
    return rows


def _provenance(delivery: Delivery) -> Provenance:
    origin = Origin.SIMULATED if delivery.simulated else Origin.OFFICIAL
    return Provenance((delivery.sha256,), origin, code_version())


def raw_columns(header: Header) -> list[str]:
    """The text columns of raw: every official name of the contract, then what it does not describe."""
    return [*(c.official for c in header.contract.columns), *header.unknown]


def _stage_query(
    header: Header, delivery: Delivery, years: Sequence[int], fields: str, *, sent: Sequence[str], stage: Path
) -> str:
    """All wanted rows, and the file's last one whatever it is: its number proves that every row was read."""
    columns = ", ".join(
        identifier(name) if name in sent else f"NULL::VARCHAR AS {identifier(name)}" for name in raw_columns(header)
    )
    listed = ", ".join(str(int(year)) for year in years)
    return f"""
        COPY (
            SELECT {columns}, {literal(delivery.sha256)} AS _delivery, _row, _year,
                   _in_scope AND _year IN ({listed}) AS _in_scope
            FROM (SELECT *, row_number() OVER () AS _row, {_in_scope(header)} AS _in_scope,
                         TRY_CAST(trim({identifier(header.contract.year_column)}) AS INTEGER) AS _year
                  FROM {fields})
            WHERE (_in_scope AND _year IN ({listed})) OR _row >= {delivery.rows}
        ) TO {literal(stage)} (FORMAT parquet, COMPRESSION lz4, ROW_GROUP_SIZE {_ROWS_A_GROUP})"""


def _pairs(header: Header) -> Iterator[tuple[str, Column | None]]:
    return zip(header.names, header.columns, strict=True)


def _in_scope(header: Header) -> str:
    """Whether a row is EMTP: a scope column holds one of the codes, leading zeros and blanks aside."""
    scope = header.contract.scope
    if scope is None:
        return "true"
    codes = ", ".join(literal(code.strip().lstrip("0")) for code in read_codes(scope.code_list, scope.where))
    present = [name for name in scope.columns if header.position(name) is not None]
    tests = [f"ltrim(trim({identifier(name)}), '0') IN ({codes})" for name in present]
    return "(" + " OR ".join(tests) + ")" if tests and codes else "false"


def _damaged(delivery: Delivery) -> IntakeError:
    return IntakeError(
        "archivo_dañado",
        f"La copia histórica de {delivery.sha256[:12]} no es la que se recibió, de {delivery.rows} filas.",
        expected="Los mismos bytes que se recibieron.",
        action="Vuelva a dejar el archivo original en la carpeta: se repondrá en el histórico. Si era la respuesta de "
        "una consulta, ejecute de nuevo el año: se repite.",
    )
