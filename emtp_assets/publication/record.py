"""`procedencia.json`: the deliveries behind each published table and year. Showing it is for `trace`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from emtp_assets.contracts import contract_for
from emtp_assets.publication.catalogue import PublishedTable
from emtp_assets.publication.documents import PROVENANCE_FILE
from emtp_assets.settings import Settings
from emtp_assets.storage.provenance import Origin, Provenance

Describe = Callable[[str], Mapping[str, object] | None]
"""What the ledger knows of a delivery, by its SHA-256: dataset, source, original_name, received_at,
size_bytes, rows, years, simulated, archive_path, as far as known; None for a delivery that it never saw."""

_SPANISH = {
    "dataset": "conjunto_de_datos",
    "source": "fuente",
    "original_name": "nombre_original",
    "received_at": "recibida",
    "size_bytes": "bytes",
    "rows": "filas",
    "years": "años",
    "simulated": "simulada",
    "archive_path": "archivo_historico",
    "code_version": "version_codigo",
}
_DAY_AND_MONTH = re.compile(r"\d{1,2} de [a-zé]+")


@dataclass(frozen=True, eq=False)
class Part:
    """One Parquet file of the anonymized layer and its rows by year, which need not be its partition's."""

    table: str
    partition: int
    path: Path
    provenance: Provenance
    rows: Mapping[int, int]

    @property
    def label(self) -> str:
        return f"{self.table}/academic_year={self.partition}"


def merged(parts: Iterable[Part]) -> Provenance:
    """The provenance of figures made from several files.

    Raises:
        ValueError: no file.
    """
    return Provenance.merge(part.provenance for part in parts)


def table_entry(folder: Path, table: PublishedTable, years: Mapping[int, int], parts: Sequence[Part]) -> dict[str, Any]:
    """A table's entry: its files with their SHA-256, and by year its rows, origin, cut and deliveries."""
    by_year: dict[str, Any] = {}
    for year, rows in sorted(years.items()):
        used = [part for part in parts if year in part.rows]
        origin = merged(used)
        by_year[str(year)] = {
            "filas": rows,
            "origen": origin.origin.value,
            "corte": cut_of(table.dataset, year),
            "entregas": list(origin.deliveries),
            "archivos_anonimizados": [part.label for part in used],
        }
    origins = {entry["origen"] for entry in by_year.values()}
    return {
        "titulo": table.title,
        "conjunto_de_datos": table.dataset,
        "copia_de": table.cache_of,
        "archivos": list(table.files),
        "sha256": {name: _digest(folder / name) for name in table.files},
        "filas": sum(years.values()),
        "sin_datos": not years,
        "origen": (origins.pop() if len(origins) == 1 else Origin.MIXED.value) if origins else None,
        "años": by_year,
    }


def cut_of(dataset: str, year: int) -> str:
    """The day the official figures are of, by the contract: "30 de abril de 2025"."""
    cut = contract_for(dataset).cut
    return f"{cut} de {year}" if _DAY_AND_MONTH.fullmatch(cut) else f"{cut} ({year})"


def delivery_entries(settings: Settings, shas: Iterable[str], describe: Describe) -> dict[str, dict[str, Any]]:
    """By SHA-256 what the ledger says of each delivery; ``conocida: false`` where it says nothing."""
    entries: dict[str, dict[str, Any]] = {}
    for sha in sorted(set(shas)):
        known = describe(sha)
        entries[sha] = {"conocida": known is not None}
        for key, spanish in _SPANISH.items():
            if known and key in known:
                value = known[key]
                entries[sha][spanish] = _plain(settings, Path(str(value)) if key == "archive_path" else value)
    return entries


def _plain(settings: Settings, value: object) -> Any:
    """As JSON has it; a path is told from the data folder, so that no machine's path is published."""
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    if isinstance(value, Path):
        inside = value.is_relative_to(settings.data_dir)
        return str(value.relative_to(settings.data_dir)) if inside else value.name
    if isinstance(value, Mapping):
        return {str(key): _plain(settings, element) for key, element in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(settings, element) for element in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of a published set; None when there is none to read."""
    try:
        return json.loads((folder / PROVENANCE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
