"""Facts about one Parquet file of the lake, for metadata: rows, size, provenance. No file is written here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from emtp_assets.storage.provenance import Provenance


def row_count(path: Path) -> int:
    """Rows of a Parquet file, from its footer."""
    return pq.read_metadata(path).num_rows


def table_metadata(path: Path) -> dict[str, Any]:
    """What Dagster shows of a year's file: rows, bytes, origin, deliveries and code version."""
    provenance = Provenance.of(path)
    rows = row_count(path)
    return {
        "dagster/row_count": rows,
        "dagster/partition_row_count": rows,
        "tamaño_bytes": path.stat().st_size,
        "origen_datos": provenance.origin.value,
        "entregas": ", ".join(sha[:12] for sha in provenance.deliveries),
        "version_codigo": provenance.code_version,
    }
