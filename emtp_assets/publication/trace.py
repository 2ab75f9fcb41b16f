"""Answers which deliveries a published figure came from, by the current set's record. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from emtp_assets.publication.catalogue import PublishedColumn, PublishedTable, all_tables
from emtp_assets.publication.documents import SIMULATED_WARNING
from emtp_assets.publication.record import read_record
from emtp_assets.publication.sets import SetStore
from emtp_assets.settings import Settings
from emtp_assets.storage.provenance import Origin


class TraceError(LookupError):
    """The question names something that is not published; the message, in Spanish, says what is."""


@dataclass(frozen=True)
class ColumnTrace:
    """A published column, what it is derived from in words, and the official columns behind it if known."""

    column: PublishedColumn
    official: tuple[str, ...]


@dataclass(frozen=True)
class DeliveryTrace:
    """A delivery by its SHA-256 and what the ledger said of it when the set was published (Spanish keys)."""

    sha256: str
    known: bool
    details: Mapping[str, Any]


@dataclass(frozen=True)
class YearTrace:
    """One published academic year of the table."""

    year: int
    rows: int
    origin: Origin
    cut: str
    deliveries: tuple[DeliveryTrace, ...]
    anonymized_files: tuple[str, ...]


@dataclass(frozen=True)
class Trace:
    """The answer. ``generated`` is ISO 8601 with offset."""

    set_name: str
    generated: str
    run_id: str
    code_version: str
    suppression_minimum: int
    table: PublishedTable
    columns: tuple[ColumnTrace, ...]
    years: tuple[YearTrace, ...]

    def render(self) -> str:
        """For a terminal, in Spanish."""
        lines = [f"{self.table.name}: {self.table.title}", f"  Archivos: {', '.join(self.table.files)}"]
        lines += [
            f"  Una fila por: {self.table.grain}",
            f"  Conjunto {self.set_name}, generado {self.generated}",
            f"  Ejecución {self.run_id}, código {self.code_version}, mínimo de supresión {self.suppression_minimum}",
        ]
        if any(year.origin is not Origin.OFFICIAL for year in self.years):
            lines += ["", f"  ¡{SIMULATED_WARNING}!"]
        lines += ["", "Columnas"]
        for traced in self.columns:
            column = traced.column
            unit = f" [{column.unit}]" if column.unit else ""
            lines += [f"  {column.name}{unit}: {column.description}", f"      origen: {column.origin}"]
            if traced.official:
                lines.append(f"      columnas oficiales: {', '.join(traced.official)}")
        if not self.years:
            lines += ["", "Esta tabla se publicó vacía: nunca hubo datos suyos."]
        for year in self.years:
            lines += [
                "",
                f"Año {year.year}: {year.rows} filas, {year.origin}. Corte: {year.cut or 'no indicado'}.",
            ]
            lines.append(f"  Anonimizado: {', '.join(year.anonymized_files)}")
            for delivery in year.deliveries:
                lines += _delivery_lines(delivery)
        return "\n".join(lines)


def _delivery_lines(delivery: DeliveryTrace) -> list[str]:
    if not delivery.known:
        return [f"  - entrega {delivery.sha256}", "      el registro de entregas no la conocía al publicar"]
    details = dict(delivery.details)
    lines = [f"  - {details.pop('nombre_original', 'sin nombre')}", f"      sha256: {delivery.sha256}"]
    labels = {
        "conjunto_de_datos": "conjunto de datos",
        "fuente": "fuente",
        "recibida": "recibida",
        "archivo_historico": "archivo histórico",
    }
    lines += [f"      {label}: {details.pop(key)}" for key, label in labels.items() if key in details]
    if "simulada" in details:
        lines.append(f"      {'SIMULADA' if details.pop('simulada') else 'oficial'}")
    plain = {key: value for key, value in details.items() if not isinstance(value, (list, dict))}
    if plain:
        lines.append("      " + ", ".join(f"{key}: {value}" for key, value in plain.items()))
    return lines


def trace(
    settings: Settings,
    table: str,
    column: str | None = None,
    year: int | None = None,
    *,
    lineage: Mapping[str, Sequence[str]] | None = None,
) -> Trace:
    """Where the figures of a published table come from, narrowed to a column or a year.

    ``table`` may be a file's name; ``lineage`` maps the table's columns to official columns, as
    "dataset.COLUMN" or however the caller names them. A cache's columns are looked up under the names of the
    table that it repeats.

    Raises:
        TraceError: nothing is published yet, or no such table, column or year is.
    """
    store = SetStore(settings.data_dir)
    current = store.current()
    record = read_record(current) if current else None
    if record is None:
        raise TraceError("Todavía no hay ningún conjunto publicado.")
    wanted = table.removesuffix(".csv").removesuffix(".parquet")
    described = _table(wanted)
    entry = record["tablas"].get(wanted)
    if entry is None:
        raise TraceError(f"El conjunto publicado {record['conjunto']} es anterior a la tabla {wanted}.")
    if year is not None and str(year) not in entry["años"]:
        raise TraceError(f"{wanted} no tiene {year}; tiene: {', '.join(entry['años']) or 'ningún año'}.")
    official = lineage or {}
    return Trace(
        set_name=record["conjunto"],
        generated=record["generado"],
        run_id=record["ejecucion"],
        code_version=record["version_codigo"],
        suppression_minimum=record["minimo_supresion"],
        table=described,
        columns=tuple(
            ColumnTrace(c, tuple(official.get(c.name) or official.get(c.note_of or c.published or c.name, ())))
            for c in _columns(described, column)
        ),
        years=tuple(_year(record, int(key), part) for key, part in entry["años"].items() if year in (None, int(key))),
    )


def _table(name: str) -> PublishedTable:
    tables = {t.name: t for t in all_tables()}
    if name not in tables:
        near = get_close_matches(name, tables, n=3)
        hint = f"¿Quiso decir {' o '.join(near)}?" if near else f"Hay: {', '.join(tables)}."
        raise TraceError(f"No se publica ninguna tabla {name!r}. {hint}")
    return tables[name]


def _columns(table: PublishedTable, name: str | None) -> list[PublishedColumn]:
    if name is None:
        return [column for column in table.columns if not column.note_of]
    found = [column for column in table.columns if name in (column.name, column.note_of)]
    if not found:
        names = [column.name for column in table.columns]
        raise TraceError(f"{table.name} no tiene la columna {name!r}; tiene: {', '.join(names)}.")
    return found


def _year(record: Mapping[str, Any], year: int, part: Mapping[str, Any]) -> YearTrace:
    deliveries = []
    for sha in part["entregas"]:
        details = dict(record["entregas"].get(sha, {}))
        deliveries.append(DeliveryTrace(sha, bool(details.pop("conocida", False)), details))
    return YearTrace(
        year=year,
        rows=part["filas"],
        origin=Origin(part["origen"]),
        cut=part["corte"],
        deliveries=tuple(deliveries),
        anonymized_files=tuple(part["archivos_anonimizados"]),
    )
