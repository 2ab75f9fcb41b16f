"""Facts about one Parquet file of the lake, for metadata: rows, size, provenance. No file is written here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emtp_assets.settings import Settings
from emtp_assets.storage.provenance import Provenance
from emtp_assets.storage.restricted import metadata


def row_count(path: Path, settings: Settings | None = None) -> int:
    """Rows of a Parquet file, from its footer; ``settings``: whose key opens it, where it may be encrypted."""
    return metadata(path, settings).num_rows


def table_metadata(path: Path, settings: Settings | None = None) -> dict[str, Any]:
    """What Dagster shows of a year's file: rows, bytes, origin, deliveries and code version."""
    provenance = Provenance.of(path, settings)
    rows = row_count(path, settings)
    return {
        "dagster/row_count": rows,
        "dagster/partition_row_count": rows,
        "tamaño_bytes": path.stat().st_size,
        "origen_datos": provenance.origin.value,
        "entregas": ", ".join(sha[:12] for sha in provenance.deliveries),
        "version_codigo": provenance.code_version,
    }
