"""The public plan: what it may say, and what its reader refuses."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
import yaml

from emtp_assets.contracts import DATASETS
from emtp_assets.privacy.plans.public import SOURCE, Protection, PublicPlanError, public_plan, read_public_plan
from emtp_assets.transformation import aggregated_models


def test_every_dataset_is_in_it_and_every_model_it_reads_exists() -> None:
    plan = public_plan()
    assert {population.dataset for population in plan.populations} == set(DATASETS)
    models = {model.name for model in aggregated_models()}
    assert {model for population in plan.populations for model in population.reads} <= models


def test_it_is_lean_about_schools() -> None:
    """School by specialty and school by sex are two tables: crossed they would single out most students."""
    for _, table in public_plan().tables:
        if "rbd" in table.columns:
            assert not {"cod_especialidad", "cod_sexo"} <= set(table.columns)
            assert "cod_ciclo" not in table.columns


def test_means_and_money_are_at_one_level() -> None:
    for population in public_plan().populations:
        names = [mean.name for mean in population.means]
        assert len(names) == len(set(names))
        if population.protection is Protection.CONTRIBUTORS:
            assert len(population.tables) == 1


def test_a_year_is_complete_from_its_cut_on() -> None:
    plan = public_plan()
    assert plan.population("matricula").closed_on(2025) == date(2025, 4, 30)
    assert plan.population("titulados").closed_on(2025) == date(2026, 3, 1)


def _drop_column(document: dict[str, Any]) -> None:
    del document["columns"]["rbd"]


def _unknown_level(document: dict[str, Any]) -> None:
    document["populations"]["matricula"]["tables"]["dependencia_region"]["levels"] = {"territorio": "cod_provincia"}


def _unknown_dimension(document: dict[str, Any]) -> None:
    document["populations"]["matricula"]["tables"]["dependencia_region"]["levels"] = {"edad": "edad"}


def _twice(document: dict[str, Any]) -> None:
    tables = document["populations"]["egresados"]["tables"]
    tables["dependencia_region"] = tables["egresados_dependencia_region"]


def _known_later(document: dict[str, Any]) -> None:
    document["populations"]["matricula"]["known"] = {"population": "docentes", "years": -1}


def _rate_of_nothing(document: dict[str, Any]) -> None:
    document["populations"]["egresados"]["tables"]["egresados_dependencia_region"]["rate"] = True


def _no_cells(document: dict[str, Any]) -> None:
    del document["populations"]["egresados"]["cells"]


def _no_rows(document: dict[str, Any]) -> None:
    del document["populations"]["proyectos"]["tables"]["proyectos_region"]["rows"]


def _mean_nowhere(document: dict[str, Any]) -> None:
    document["populations"]["docentes"]["means"]["edad_media"]["at"] = ["cod_comuna"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_drop_column, "faltan en columns: rbd"),
        (_unknown_level, "territorio no tiene el nivel cod_provincia"),
        (_unknown_dimension, "no existe la dimensión edad"),
        (_twice, "mismo nombre: dependencia_region"),
        (_known_later, "debe ir antes"),
        (_rate_of_nothing, "no la define"),
        (_no_cells, "necesita cells y measure"),
        (_no_rows, "necesita rows y figures"),
        (_mean_nowhere, "un nivel que no existe"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(spoil: Callable[[dict[str, Any]], None], said: str) -> None:
    document = deepcopy(yaml.safe_load(SOURCE.read_text(encoding="utf-8")))
    spoil(document)
    with pytest.raises(PublicPlanError, match=said):
        read_public_plan(document)
