"""Proves a written set before readers see it, from the files alone. It shares no code with their writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from emtp_assets.publication.catalogue import PublishedTable, identifier
from emtp_assets.publication.symbols import Symbol
from emtp_assets.storage.duck import literal
from emtp_assets.storage.provenance import Origin


@dataclass(frozen=True)
class Expected:
    """What a table must hold by its inputs: its rows, and by year whose figures they are."""

    rows: int
    origins: Mapping[int, Origin]


def problems(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    tables: tuple[PublishedTable, ...],
    expected: Mapping[str, Expected],
) -> list[str]:
    """Everything wrong with the set in ``folder``, in Spanish; empty when it may be published.

    Per table: every file there; columns and types those of the catalogue, no more; as many rows as its inputs
    have; the key unique; a measure null exactly where its note is not empty, and no unknown note; the rows'
    origin that of the files they came from; CSV and Parquet the same, value by value.
    """
    found = []
    for table in tables:
        missing = [name for name in table.files if not (folder / name).is_file()]
        if missing:
            found.append(f"{table.name}: faltan archivos: {', '.join(missing)}")
            continue
        found += [f"{table.name}: {said}" for said in _problems(connection, folder, table, expected[table.name])]
    return found


def _problems(
    connection: duckdb.DuckDBPyConnection, folder: Path, table: PublishedTable, expected: Expected
) -> list[str]:
    relation = f"read_parquet({literal(folder / f'{table.name}.parquet')})"
    written = [(name, kind) for name, kind, *_ in connection.execute(f"DESCRIBE FROM {relation}").fetchall()]
    declared = [(column.name, column.type) for column in table.columns]
    if written != declared:
        differing = sorted({f"{name} {kind}" for name, kind in set(written) ^ set(declared)})
        return [f"las columnas no son las del diccionario: {', '.join(differing) or 'otro orden'}"]
    said = []
    rows = _count(connection, f"SELECT count(*) FROM {relation}")
    if rows != expected.rows:
        said.append(f"tiene {rows} filas y sus datos anonimizados {expected.rows}")
    if table.key:
        key = ", ".join(identifier(name) for name in table.key)
        repeated = _count(
            connection,
            f"SELECT count(*) FROM (FROM {relation} SELECT {key} GROUP BY {key} HAVING count(*) > 1)",
        )
        if repeated:
            said.append(f"{repeated} combinaciones de la clave ({', '.join(table.key)}) están repetidas")
    said += _note_problems(connection, relation, table)
    said += _origin_problems(connection, relation, table, expected.origins)
    for name in table.files:
        if name.endswith(".csv"):
            said += _csv_problems(connection, folder / name, relation, table, rows)
    return said


def _note_problems(connection: duckdb.DuckDBPyConnection, relation: str, table: PublishedTable) -> list[str]:
    said = []
    symbols = ", ".join(literal(symbol.value) for symbol in Symbol)
    for measure, note in table.notes:
        column, symbol = identifier(measure), identifier(note)
        counted = connection.execute(
            f"SELECT count(*) FILTER ({symbol} IS NULL OR {symbol} NOT IN ({symbols})),"
            f" count(*) FILTER ({symbol} <> '' AND {column} IS NOT NULL),"
            f" count(*) FILTER ({symbol} = '' AND {column} IS NULL) FROM {relation}"
        ).fetchone()
        unknown, shown, silent = counted or (0, 0, 0)
        if unknown:
            said.append(f"{unknown} filas con un símbolo desconocido en {note}")
        if shown:
            said.append(f"{shown} cifras de {measure} visibles pese a su nota (suprimida o sin dato)")
        if silent:
            said.append(f"{silent} cifras de {measure} vacías sin nota que lo explique")
    return said


def _origin_problems(
    connection: duckdb.DuckDBPyConnection, relation: str, table: PublishedTable, origins: Mapping[int, Origin]
) -> list[str]:
    year, origin = identifier(table.year_column), identifier(table.origin_column)
    said = []
    listed = connection.execute(f"FROM {relation} SELECT DISTINCT {year}, {origin} ORDER BY ALL").fetchall()
    for found_year, found in listed:
        allowed = origins.get(found_year)
        if allowed is None:
            said.append(f"el año {found_year} no viene de ningún archivo anonimizado")
        elif found not in set(Origin) or (allowed is not Origin.MIXED and found != allowed):
            said.append(f"el año {found_year} tiene filas {found} y sus archivos son {allowed}")
    return said


def _csv_problems(
    connection: duckdb.DuckDBPyConnection, path: Path, relation: str, table: PublishedTable, rows: int
) -> list[str]:
    with path.open(encoding="utf-8", newline="") as handle:
        header = handle.readline().rstrip("\n")
    if header != "\ufeff" + ",".join(column.name for column in table.columns):
        return ["el encabezado del CSV no es el del diccionario, o le falta el BOM"]
    types = ", ".join(f"{literal(c.name)}: {literal(c.type)}" for c in table.columns)
    read = (
        f"read_csv({literal(path)}, header=true, auto_detect=false, delim=',', quote='\"', escape='\"',"
        f" nullstr='', columns={{{types}}})"
    )
    csv_rows = _count(connection, f"SELECT count(*) FROM {read}")
    if csv_rows != rows:
        return [f"el CSV tiene {csv_rows} filas y el Parquet {rows}"]
    values = ", ".join(
        f"nullif({identifier(c.name)}, '')" if c.type == "VARCHAR" else identifier(c.name) for c in table.columns
    )
    digest = f"SELECT sum(hash({values})::HUGEINT % 1000000007) FROM "
    if _count(connection, digest + read) != _count(connection, digest + relation):
        return ["el CSV y el Parquet no tienen los mismos valores"]
    return []


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0] or 0) if row else 0
