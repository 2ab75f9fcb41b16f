"""A run of two years: what changed in the second one's file stands in Dagster's checks, and does not stop it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from emtp_assets.assets.cleaned import cleaned_asset
from emtp_assets.assets.raw import raw_asset
from emtp_assets.contracts import contract_for
from emtp_assets.intake import Delivery, Ledger, receive
from emtp_assets.keys import HANDED_OVER_TAG
from emtp_assets.partitions import academic_years
from emtp_assets.quality import drift
from emtp_assets.sources.simulated import generate
from emtp_assets_tests.conftest import isolated_settings

CONTRACT = contract_for("establecimientos")
NOW = datetime(2026, 1, 10, tzinfo=UTC)
Evaluations = dict[str, dg.AssetCheckEvaluation]


class Instance:
    """Two layers of one dataset, and their checks by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = isolated_settings(data_dir=folder / "data")
        self.made = {year: generate(CONTRACT, year, folder, scale=0.05, seed=7) for year in (2024, 2025)}

    def hand_over(self, year: int, table: list[list[str]]) -> None:
        path = self.folder / f"entregado_{year}.csv"
        path.write_text("".join(";".join(row) + "\r\n" for row in table), encoding="utf-8-sig", newline="")
        received = receive(path, self.settings, Ledger(self.settings.data_dir), source="carpeta", now=NOW)
        assert isinstance(received, Delivery)

    def table(self, year: int) -> list[list[str]]:
        return [line.split(";") for line in self.made[year].read_text(encoding="utf-8-sig").splitlines()]

    def run(self, first: int, last: int) -> Evaluations:
        """The checks of a run, which nothing may stop."""
        years = academic_years(self.settings)
        tags = {"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)}
        with dg.DagsterInstance.local_temp(str(self.folder)) as instance:
            run = dg.materialize(
                [raw_asset(CONTRACT, self.settings, years), cleaned_asset(CONTRACT, self.settings, years)],
                instance=instance,
                tags={**tags, HANDED_OVER_TAG: "si"},
            )
        assert run.success
        return {e.check_name: e for e in run.get_asset_check_evaluations()}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return Instance(tmp_path_factory.mktemp("instancia"))


@pytest.fixture(scope="module")
def as_ever(instance: Instance) -> Evaluations:
    for year in instance.made:
        instance.hand_over(year, instance.table(year))
    return instance.run(2024, 2025)


def said(evaluation: dg.AssetCheckEvaluation) -> str:
    return str(evaluation.metadata["valor_observado"].value)


def test_one_run_compares_the_years_that_it_makes(as_ever: Evaluations) -> None:
    names = (drift.STRUCTURE, drift.FALL, drift.RISE, drift.BLANKS, drift.CODES, drift.DOMAINS)
    assert [name for name in names if not as_ever[name].passed] == []
    assert "2024: " in said(as_ever[drift.FALL]).partition("2025: ")[2]
    assert "respecto de 2024" in said(as_ever[drift.BLANKS])


@pytest.mark.usefixtures("as_ever")
def test_a_new_column_and_two_whose_values_changed_places(instance: Instance) -> None:
    head, *rows = instance.table(2025)
    a, b = head.index("COD_DEPE"), head.index("COD_PRO_RBD")
    for row in rows:
        row[a], row[b] = row[b], row[a]
    instance.hand_over(2025, [[*head[:2], "NUEVA", *head[2:]], *([*row[:2], "x", *row[2:]] for row in rows)])
    found = instance.run(2025, 2025)
    assert said(found[drift.STRUCTURE]) == "La columna NUEVA es nueva (posición 3, entre RBD y DGV_RBD)"
    assert "| NUEVA | nueva | 3 | — |" in str(found[drift.STRUCTURE].metadata["detalle"].value)
    told = said(found[drift.CODES]) + said(found[drift.DOMAINS])
    assert "cod_provincia" in told
    assert "cod_dependencia" in told
    for name in (drift.STRUCTURE, drift.CODES, drift.DOMAINS):
        assert not found[name].passed
        assert found[name].severity is dg.AssetCheckSeverity.WARN
