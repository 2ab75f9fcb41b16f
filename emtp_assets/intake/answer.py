"""A query's answer as a delivery: Parquet of text that a source wrote down. Asking for it was the source's business.

Its columns already wear their official names, so nothing has to be recognised; all the rest is judged as in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets.contracts import Contract
from emtp_assets.intake.inspection import SIMULATED_PROJECT, SIMULATED_RBD, Inspection
from emtp_assets.intake.layout import FIRST_YEAR
from emtp_assets.intake.ledger import Delivery
from emtp_assets.intake.problem import IntakeError, some
from emtp_assets.intake.recognition import Header, read_header, require_year
from emtp_assets.intake.tables import raw_columns
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal, session
from emtp_assets.storage.provenance import Provenance
from emtp_assets.storage.restricted import writer

_ROWS_A_GROUP = 61_440
_ASK = "Avise a quien mantiene la fuente: la consulta o el contrato de datos cambiaron."


def read_answer_header(path: Path, contract: Contract) -> Header:
    """The answer's columns by the contract.

    Raises:
        IntakeError: it is no whole Parquet file of text columns, or a column stands twice.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError):
        raise IntakeError(
            "respuesta_ilegible",
            "La respuesta de la fuente no es un archivo Parquet completo.",
            expected="La respuesta entera, escrita por la fuente.",
            action="Ejecute de nuevo el año: la consulta se repite.",
        ) from None
    header = read_header(contract, "", schema.names)
    known = [c.official for c in header.columns if c is not None]
    twice = sorted({name for name in known if known.count(name) > 1})
    typed = [f.name for f in schema if not pa.types.is_string(f.type)]
    if doubtful := [*twice, *header.unknown, *typed]:
        raise IntakeError(
            "respuesta_ilegible",
            f"La respuesta trae columnas repetidas, desconocidas o que no son texto: {some(doubtful)}.",
            expected="Cada columna del contrato una sola vez, como texto.",
            action=_ASK,
        )
    return header


def inspect_answer(settings: Settings, path: Path, header: Header, *, last_year: int) -> Inspection:
    """Count the rows of each year and see whether any is simulated.

    Raises:
        IntakeError: no rows, or a year that is none.
    """
    require_year(header)
    year = f"trim({identifier(header.contract.year_column)})"
    simulated = ["false"]
    if header.position_named("rbd") is not None:
        rbd = next(c.official for c in header.contract.columns if c.name == "rbd")
        simulated.append(f"TRY_CAST({identifier(rbd)} AS BIGINT) >= {SIMULATED_RBD}")
    if header.position_named("id_proyecto") is not None:
        project = next(c.official for c in header.contract.columns if c.name == "id_proyecto")
        simulated.append(f"starts_with(upper({identifier(project)}), '{SIMULATED_PROJECT}')")
    try:
        with session(settings) as connection:
            found = connection.execute(
                f"SELECT {year} AS year, count(*), coalesce(bool_or({' OR '.join(simulated)}), false)"
                f" FROM read_parquet({literal(path)}) GROUP BY 1 ORDER BY 1"
            ).fetchall()
    except duckdb.IOException as error:
        raise OSError(f"No se pudo leer {path.name}") from error
    wrong = [value for value, _, _ in found if not _is_year(value, last_year)]
    if not found or wrong:
        said = "en blanco" if wrong and wrong[0] is None else some([str(value)[:20] for value in wrong])
        raise IntakeError(
            "anio" if found else "sin_filas",
            f"La columna {header.contract.year_column} de la respuesta trae años que no lo son: {said}."
            if found
            else "La respuesta no trae ninguna fila.",
            where=f"columna {header.contract.year_column}",
            expected=f"Un año de cuatro cifras entre {FIRST_YEAR} y {last_year}.",
            action=_ASK,
        )
    years = {int(value): count for value, count, _ in found}
    return Inspection(sum(years.values()), years, any(simulated for _, _, simulated in found))


def extract_answer(
    settings: Settings,
    contract: Contract,
    delivery: Delivery,
    path: Path,
    targets: Mapping[int, Path],
    provenance: Provenance,
    codes: Collection[str],
) -> dict[int, int]:
    """Each year's rows in scope straight from the answer, whose reader loses no row; rows written of each year.

    ``codes``: those of which a row in scope has one.

    Raises:
        IntakeError: the bytes are no longer the ones that were received.
        OSError: the disk refused.
    """
    # Unlike a text's, its rows cannot be counted on to show damage: 40 of 60 single wrong bits went unnoticed.
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != delivery.sha256:
            raise damaged(delivery)
    header = read_header(contract, "", delivery.columns)
    sent = {c.official: name for name, c in zip(header.names, header.columns, strict=True) if c is not None}
    columns = ", ".join(
        identifier(name) if name in sent else f"NULL::VARCHAR AS {identifier(name)}" for name in raw_columns(header)
    )
    named = ", ".join(f"{identifier(name)} AS {identifier(official)}" for official, name in sent.items())
    written = {}
    try:
        with session(settings) as connection:
            # Writing in order with several threads holds their row groups in memory: under the limit of a session
            # that costs more than it saves (1 M rows: 3.5 to 7.5 CPU-s with two, 1.5 with one).
            connection.execute("SET threads = 1")
            for year, target in targets.items():
                query = (
                    f"SELECT {columns}, {literal(delivery.sha256)} AS _delivery, file_row_number + 1 AS _row"
                    f" FROM (SELECT {named}, file_row_number"
                    f" FROM read_parquet({literal(path)}, file_row_number=true))"
                    f" WHERE {_in_scope(header, codes)} AND trim({identifier(contract.year_column)}) = '{int(year)}'"
                )
                # DuckDB by itself writes nothing encrypted.
                rows = connection.execute(query).to_arrow_reader(_ROWS_A_GROUP)
                written[year] = 0
                with writer(target, rows.schema.with_metadata(provenance.footer), settings) as encrypted:
                    for batch in rows:
                        encrypted.write_batch(batch, row_group_size=_ROWS_A_GROUP)
                        written[year] += len(batch)
    except duckdb.IOException as error:
        raise OSError(f"No se pudo leer o escribir al extraer {delivery.sha256[:12]}") from error
    return written


def _in_scope(header: Header, codes: Collection[str]) -> str:
    """Whether a row is EMTP: a scope column holds one of the codes, leading zeros and blanks aside."""
    scope = header.contract.scope
    if scope is None:
        return "true"
    listed = ", ".join(literal(code) for code in sorted(codes))
    present = [name for name in scope.columns if header.position(name) is not None]
    tests = [f"ltrim(trim({identifier(name)}), '0') IN ({listed})" for name in present]
    return "(" + " OR ".join(tests) + ")" if tests and codes else "false"


def identifier(name: str) -> str:
    """A column name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def damaged(delivery: Delivery) -> IntakeError:
    """What is said of archived bytes that are no longer the ones that were received."""
    return IntakeError(
        "archivo_dañado",
        f"La copia histórica de {delivery.sha256[:12]} no es la que se recibió, de {delivery.rows} filas.",
        expected="Los mismos bytes que se recibieron.",
        action="Vuelva a dejar el archivo original en la carpeta: se repondrá en el histórico. Si era la respuesta de "
        "una consulta, ejecute de nuevo el año: se repite.",
    )


def _is_year(value: str | None, last_year: int) -> bool:
    return (
        value is not None
        and value.isascii()
        and value.isdigit()
        and len(value) == 4
        and FIRST_YEAR <= int(value) <= last_year
    )
