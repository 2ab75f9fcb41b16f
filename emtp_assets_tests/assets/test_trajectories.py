"""Who is first seen under a provisional identifier and then under a RUN is one person in the cleaned layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets.assets.cleaned import cleaned_asset
from emtp_assets.contracts import contract_for
from emtp_assets.partitions import academic_years
from emtp_assets.settings import Settings
from emtp_assets.storage import restricted
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance
from emtp_assets_tests.conftest import isolated_settings

pytestmark = pytest.mark.pipeline
MASK, PROVISIONAL = "60000001", "900000007"
ORDINARY = {"AGNO": "2024", "RBD": "123", "COD_ENSE": "410", "COD_GRADO": "3", "GEN_ALU": "1", "COD_ESPE": "41005"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return isolated_settings(data_dir=tmp_path / "data")


def sent(settings: Settings, dataset: str, year: int, people: Sequence[tuple[str, str]]) -> None:
    """A year of raw: these (MRUN, MRUN_IPE) among ordinary students of several schools."""
    rows = [
        ORDINARY | {"AGNO": str(year), "MRUN": mrun, "MRUN_IPE": ipe, "RBD": str(100 + at % 3)}
        for at, (mrun, ipe) in enumerate([*people, *((f"7000{at:04}", " ") for at in range(30))])
    ]
    names = [column.official for column in contract_for(dataset).columns]
    path = Lake(settings.data_dir).part(Layer.RAW, dataset, year)
    path.parent.mkdir(parents=True)
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    columns |= {"_delivery": pa.array(["sha"] * len(rows)), "_row": pa.array(range(1, len(rows) + 1), pa.int64())}
    footer = Provenance(("sha",), Origin.SIMULATED, "test").footer
    pq.write_table(pa.table(columns).replace_schema_metadata(footer), path)


def cleaned(settings: Settings, dataset: str, year: int, dagster: dg.DagsterInstance) -> dict[str, Any]:
    """Make a year; its metadata."""
    asset = cleaned_asset(contract_for(dataset), settings, academic_years(settings))
    result = dg.materialize([asset], partition_key=str(year), instance=dagster)
    (made,) = result.asset_materializations_for_node(asset.op.name)
    return {name: value.value for name, value in made.metadata.items()}


def first_person(settings: Settings, dataset: str, year: int) -> str:
    table = pq.read_table(Lake(settings.data_dir).part(Layer.CLEANED, dataset, year))
    return {row["_row"]: row["id_estudiante"] for row in table.to_pylist()}[1]


def values(path: Path, settings: Settings) -> bytes:
    """What a Parquet file holds, whose bytes are compressed, and some encrypted."""
    return str(restricted.read(path, settings).to_pylist()).encode() if path.suffix == ".parquet" else b""


@pytest.mark.timeout(600)
def test_the_trajectory_is_kept_and_nobody_without_the_key_can_tell_whose(settings: Settings) -> None:
    sent(settings, "matricula", 2024, [("", PROVISIONAL)])
    sent(settings, "matricula", 2025, [(MASK, " ")])
    sent(settings, "egresados", 2025, [(MASK, PROVISIONAL)])
    with dg.DagsterInstance.ephemeral() as dagster:
        for year in (2024, 2025):
            assert "trayectorias_por_unir" not in cleaned(settings, "matricula", year, dagster)
        # Until something tells that they are one, they are two.
        provisional, definitive = (first_person(settings, "matricula", year) for year in (2024, 2025))
        assert provisional != definitive

        told = cleaned(settings, "egresados", 2025, dagster)
        assert first_person(settings, "egresados", 2025) == definitive
        assert told["trayectorias_por_unir"].startswith("matricula 2024: 1 personas. ")
        assert "emtp backfill 2024 2024" in told["trayectorias_por_unir"]
        assert first_person(settings, "matricula", 2024) == provisional, (
            "no other year is touched behind anybody's back"
        )

        assert "trayectorias_por_unir" not in cleaned(settings, "matricula", 2024, dagster)
    assert first_person(settings, "matricula", 2024) == first_person(settings, "matricula", 2025) == definitive

    outside_raw = [p for p in settings.data_dir.rglob("*") if p.is_file() and "raw" not in p.parts]
    written = {path: path.read_bytes() + values(path, settings) for path in outside_raw}
    assert settings.data_dir / "crosswalk" / "ipe_run.sealed" in written
    # Neither who it was, nor that the two pseudonyms are one person.
    for secret in (PROVISIONAL, MASK, provisional):
        assert not [path for path, content in written.items() if secret.encode() in content], secret
    assert not [p for p, c in written.items() if bytes.fromhex(provisional) in c or bytes.fromhex(definitive) in c]
