"""The ledger remembers each delivery once and says which one is in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import pytest

from emtp_assets.intake import Delivery, Form, Ledger

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
BASE = Delivery(
    sha256="a" * 64,
    dataset="matricula",
    source="carpeta",
    original_name="m.csv",
    received_at=MONDAY,
    size_bytes=10,
    rows=3,
    years={2024: 1, 2025: 2},
    form=Form("utf-8-sig", lines={"encabezado": 1, "datos": 3}),
    columns=("AGNO", "RBD", "Ñ"),
    missing_columns=("COD_MEN",),
    unknown_columns=("Ñ",),
    simulated=False,
    code_version="emtp-assets 0.1.0",
)


def delivery(letter: str, days: int, **changes: object) -> Delivery:
    return replace(BASE, sha256=letter * 64, received_at=MONDAY + timedelta(days=days), **changes)


def test_a_delivery_comes_back_as_it_was_recorded(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.record(BASE) is True
    assert Ledger(tmp_path).find(BASE.sha256) == BASE
    assert ledger.find("b" * 64) is None


def test_the_first_record_of_the_same_bytes_stands(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(BASE)
    assert ledger.record(replace(BASE, original_name="otro.csv")) is False
    assert ledger.deliveries() == [BASE]


def test_the_newest_real_delivery_is_in_force_and_simulated_ones_only_without_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    old, real = delivery("b", 1), delivery("c", 2)
    simulated = delivery("d", 3, simulated=True, years={2024: 1, 2026: 2})
    for each in (old, real, simulated):
        ledger.record(each)
    assert ledger.latest("matricula", 2024) == real
    assert ledger.latest("matricula", 2026) == simulated
    assert ledger.latest("matricula", 2026, simulated_too=False) is None
    assert ledger.latest("docentes", 2024) is None


def test_deliveries_are_listed_as_they_entered_by_dataset_and_year(tmp_path: Path) -> None:
    """As they entered, and not by the clock, which went back in between."""
    ledger = Ledger(tmp_path)
    first, second = delivery("b", 2), delivery("c", 1, dataset="docentes", years={2025: 3})
    ledger.record(first)
    ledger.record(second)
    assert ledger.deliveries() == [first, second]
    assert ledger.deliveries("matricula") == [first]
    assert ledger.deliveries(year=2025) == [first, second]
    assert ledger.deliveries("docentes", 2024) == []


def test_a_moment_without_time_zone_is_not_recorded(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        Ledger(tmp_path).record(replace(BASE, received_at=datetime(2026, 1, 1)))


def _record_many(folder: Path, letter: str) -> None:
    ledger = Ledger(folder)
    for i in range(20):
        ledger.record(replace(BASE, sha256=f"{letter}{i:063d}"))
        ledger.record(replace(BASE, sha256=f"{i:064d}"))


def test_processes_share_the_ledger(tmp_path: Path) -> None:
    processes = [get_context("spawn").Process(target=_record_many, args=(tmp_path, x)) for x in "xy"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0, 0]
    assert len(Ledger(tmp_path).deliveries()) == 60
