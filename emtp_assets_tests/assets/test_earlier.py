"""A year is compared with the nearest earlier one of its origin, be it in place or made by the same run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets.assets.earlier import header_before, same_origin_before, sent_in_all
from emtp_assets.contracts import contract_for
from emtp_assets.intake import Delivery, Ledger
from emtp_assets.intake.form import PARQUET, Form
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.provenance import Origin, Provenance


def table(path: Path, *deliveries: str, origin: Origin = Origin.OFFICIAL) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    provenance = Provenance(deliveries, origin, "0")
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(provenance.footer), path)
    return path


def delivered(ledger: Ledger, sha256: str, *columns: str, encoding: str = "utf-8") -> None:
    ledger.record(
        Delivery(
            sha256=sha256,
            dataset="matricula",
            source="carpeta",
            original_name="archivo.csv",
            received_at=datetime(2025, 9, 1, tzinfo=UTC),
            size_bytes=1,
            rows=1,
            years={2024: 1},
            form=Form(encoding),
            columns=columns,
            missing_columns=(),
            unknown_columns=(),
            simulated=False,
            code_version="0",
        )
    )


def test_simulated_and_real_years_are_not_compared(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    real = table(lake.part(Layer.RAW, "matricula", 2022), "a")
    table(lake.part(Layer.RAW, "matricula", 2023), "b", origin=Origin.SIMULATED)
    table(lake.part(Layer.RAW, "matricula", 2026), "c")
    staged = {2025: table(tmp_path / "staged" / "2025.parquet", "d")}
    assert same_origin_before(lake, Layer.RAW, "matricula", staged, 2025) == {2022: real}


def test_what_the_run_makes_stands_for_what_it_replaces(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    table(lake.part(Layer.RAW, "matricula", 2024), "old")
    staged = {year: table(tmp_path / "staged" / f"{year}.parquet", str(year)) for year in (2024, 2025)}
    assert same_origin_before(lake, Layer.RAW, "matricula", staged, 2025) == {2024: staged[2024]}
    assert same_origin_before(lake, Layer.RAW, "matricula", staged, 2024) == {}


def test_the_order_of_columns_is_that_of_the_nearest_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    delivered(ledger, "a", "AGNO", "RBD")
    delivered(ledger, "b", "RBD", "AGNO")
    delivered(ledger, "q", "RBD", "AGNO", encoding=PARQUET)
    files = {year: table(tmp_path / f"{year}.parquet", sha) for year, sha in ((2023, "a"), (2024, "b"))}
    assert header_before(ledger, files) == {2024: ("RBD", "AGNO")}
    asked = {2025: table(tmp_path / "2025.parquet", "q")}
    assert header_before(ledger, files | asked) == {}, "a query's order is ours"
    assert header_before(ledger, {}) == {}


def test_only_what_both_years_brought_is_compared(tmp_path: Path) -> None:
    ledger, contract = Ledger(tmp_path), contract_for("matricula")
    delivered(ledger, "a", "AGNO", "rbd", "MRUN2", "OTRA")
    delivered(ledger, "b", "AGNO", "MRUN", "COD_SEC")
    one, other = table(tmp_path / "1.parquet", "a"), table(tmp_path / "2.parquet", "b")
    assert sent_in_all(ledger, contract, one) == {"agno", "rbd", "id_estudiante"}
    assert sent_in_all(ledger, contract, one, other) == {"agno", "id_estudiante"}


def test_a_file_whose_delivery_nobody_knows_excludes_nothing(tmp_path: Path) -> None:
    ledger, contract = Ledger(tmp_path), contract_for("matricula")
    unknown = table(tmp_path / "1.parquet", "forgotten")
    assert sent_in_all(ledger, contract, unknown) == {c.name for c in contract.columns}
