"""What a delivery makes stale: its own chain, those who count it too, the year after where that one looks back."""

from __future__ import annotations

from pathlib import Path

from emtp_assets.automation.impact import affected, chain_of
from emtp_assets.keys import CORRECTIONS, PUBLICATION, PUBLISHED, key_of
from emtp_assets.privacy.plans import plan_for
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.transformation import aggregated_models


def holding(lake: Lake, dataset: str, *years: int) -> None:
    """Make the lake look as if the dataset had been materialized."""
    tables = [(Layer.CLEANED, dataset)]
    tables += [(Layer.AGGREGATED, m.name) for m in aggregated_models() if m.dataset == dataset]
    tables += [(Layer.ANONYMIZED, table) for table in plan_for(dataset).outputs]
    for year in years:
        for layer, table in tables:
            path = lake.part(layer, table, year)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def test_in_an_empty_lake_only_its_own_chain_and_the_publication(tmp_path: Path) -> None:
    assert affected("docentes", [2025], Lake(tmp_path)) == {2025: [*chain_of("docentes"), *PUBLICATION]}


def test_enrolment_reaches_those_that_take_something_from_it_in_its_year(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    holding(lake, "egresados", 2025)
    holding(lake, "establecimientos", 2025)
    keys = affected("matricula", [2025], lake)[2025]
    assert set(chain_of("matricula")) <= set(keys)
    assert {key_of(Layer.AGGREGATED, "egresados"), key_of(Layer.ANONYMIZED, "egresados")} <= set(keys)
    assert key_of(Layer.ANONYMIZED, "establecimientos") in keys, "its table shows the enrolment of each school"
    assert key_of(Layer.CLEANED, "egresados") not in keys
    assert keys[-2:] == [CORRECTIONS, PUBLISHED], "no run publishes without looking at what it restates"


def test_the_year_after_is_counted_again_when_it_is_there(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    holding(lake, "matricula", 2025, 2026)
    holding(lake, "titulacion", 2026)
    runs = affected("matricula", [2025], lake)
    assert list(runs) == [2025, 2026]
    again = set(runs[2026])
    assert key_of(Layer.AGGREGATED, "matricula") in again, "retention looks at the year before"
    assert key_of(Layer.AGGREGATED, "titulacion") in again, "so does the rate of titles"
    assert key_of(Layer.RAW, "matricula") not in again


def test_several_years_in_one_delivery_are_several_runs_oldest_first(tmp_path: Path) -> None:
    assert list(affected("proyectos", [2025, 2023, 2024], Lake(tmp_path))) == [2023, 2024, 2025]
