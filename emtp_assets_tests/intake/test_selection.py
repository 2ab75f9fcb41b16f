"""Reading only the places where rows in scope stand gives what reading the whole text gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emtp_assets.contracts import contract_for
from emtp_assets.intake import Delivery
from emtp_assets.intake.extraction import extract_raw_years
from emtp_assets.intake.plain_lines import stretches
from emtp_assets.storage.restricted import read
from emtp_assets_tests.intake.conftest import Instance
from emtp_assets_tests.intake.tables import csv_bytes, header, students

MATRICULA = contract_for("matricula")
NAMES = header(MATRICULA, 2024)
CODE, YEAR = NAMES.index("COD_ENSE"), NAMES.index("AGNO")


def raw_of(instance: Instance, delivery: Delivery, into: Path) -> dict[int, pa.Table]:
    """Each year's raw rows."""
    into.mkdir()
    targets = {year: into / f"{year}.parquet" for year in delivery.years}
    extract_raw_years(instance.settings, MATRICULA, delivery, instance.archive.path(delivery.sha256), targets)
    return {year: read(target, instance.settings) for year, target in targets.items()}


@pytest.fixture
def always_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emtp_assets.intake.inspection.WORTH_IT", 0)


@pytest.mark.usefixtures("always_kept")
@pytest.mark.parametrize("codes", [["410"], ["410", "110"], ["110", "410", "410", "310", "863"], ["110", "110", "510"]])
def test_places_and_the_whole_text_give_the_same_rows(instance: Instance, tmp_path: Path, codes: list[str]) -> None:
    rows = students(3_000)
    for at, row in enumerate(rows):
        row[CODE], row[YEAR] = codes[at % len(codes)], ("2023", "2024")[at // 7 % 2]
    delivery = instance.accepted(csv_bytes(NAMES, rows))
    kept = instance.settings.data_dir / "selections"
    assert len(list(kept.rglob("*.parquet"))) == 1
    by_places = raw_of(instance, delivery, tmp_path / "places")
    shutil.rmtree(kept)
    assert by_places == raw_of(instance, delivery, tmp_path / "whole")


@pytest.mark.usefixtures("always_kept")
def test_places_of_another_text_are_not_believed(instance: Instance, tmp_path: Path) -> None:
    wanted = instance.accepted(csv_bytes(NAMES, students(50, COD_ENSE="410")))
    other = instance.accepted(csv_bytes(NAMES, students(40, first=900, COD_ENSE="410", NOM_RBD="UN NOMBRE LARGO")))
    kept = instance.settings.data_dir / "selections"
    path = {each.sha256: kept / each.sha256[:2] / f"{each.sha256}.parquet" for each in (wanted, other)}
    expected = raw_of(instance, wanted, tmp_path / "before")
    shutil.copyfile(path[other.sha256], path[wanted.sha256])
    assert raw_of(instance, wanted, tmp_path / "after") == expected


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=30))
def test_stretches_hold_the_same_bytes_in_as_few_pieces_as_can_be(lines: list[tuple[int, bool]]) -> None:
    text = b"".join(bytes([65 + at % 26]) * length for at, (length, _) in enumerate(lines))
    ends = np.cumsum([length for length, _ in lines], dtype=np.int64)
    begins = ends - np.array([length for length, _ in lines], np.int64)
    keep = np.array([chosen for _, chosen in lines], bool)
    firsts, lasts = stretches(begins[keep], ends[keep])
    found = b"".join(text[begin:end] for begin, end in zip(firsts, lasts, strict=True))
    assert found == b"".join(text[b:e] for b, e, k in zip(begins, ends, keep, strict=True) if k)
    pieces = sum(1 for at in range(len(lines)) if keep[at] and (at == 0 or not keep[at - 1]))
    assert len(firsts) == pieces
