"""One question, one answer: which deliveries does this figure come from?"""

from __future__ import annotations

import pytest

from emtp_assets.publication.publish import publish
from emtp_assets.publication.trace import TraceError, trace
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin
from emtp_assets_tests.publication.fake_lake import NOW, YEARS, delivery, describe, fill


@pytest.fixture
def published(settings: Settings, lake: Lake) -> Settings:
    publish(settings, lake, now=NOW, run_id="corrida-7", describe=describe)
    return settings


def test_a_table_is_traced_to_the_deliveries_of_each_year(published: Settings) -> None:
    answer = trace(published, "titulacion")
    assert [year.year for year in answer.years] == list(YEARS)
    # The rate of titles is shown only where the graduates are: their deliveries are behind it too.
    assert [{d.sha256 for d in year.deliveries} for year in answer.years] == [
        {delivery("titulacion", year), delivery("egresados", year)} for year in YEARS
    ]
    text = answer.render()
    for expected in (
        "titulacion_2024.csv",
        delivery("titulacion", 2024),
        "carpeta",
        "31 de diciembre de 2024",
    ):
        assert expected in text
    assert "corrida-7" in text


def test_a_column_and_year_narrow_the_answer(published: Settings) -> None:
    answer = trace(
        published,
        "matricula_completa.csv",
        "tasa_retencion",
        2024,
        lineage={"tasa_retencion": ["matricula.MRUN"]},
    )
    assert [column.column.name for column in answer.columns] == ["tasa_retencion", "tasa_retencion_nota"]
    assert answer.columns[0].official == ("matricula.MRUN",)
    # retention compares two years, so two deliveries stand behind it
    assert {d.sha256 for d in answer.years[0].deliveries} == {
        delivery("matricula", 2024),
        delivery("matricula", 2025),
    }
    assert "columnas oficiales: matricula.MRUN" in answer.render()


def test_a_cache_is_traced_through_the_table_that_it_repeats(published: Settings) -> None:
    answer = trace(published, "cache_matricula", "Hombres", 2025, lineage={"matricula_hombres": ["matricula.GEN_ALU"]})
    assert answer.columns[0].official == ("matricula.GEN_ALU",)
    assert answer.columns[0].column.origin == "matricula_completa.matricula_hombres"


def test_a_delivery_that_the_ledger_does_not_know_is_said(published: Settings) -> None:
    answer = trace(published, "proyectos", year=2025)
    assert not answer.years[0].deliveries[0].known
    assert "no la conocía" in answer.render()


def test_simulated_figures_are_shouted(settings: Settings) -> None:
    publish(settings, fill(settings, origins=dict.fromkeys(YEARS, Origin.SIMULATED)), now=NOW, run_id="a")
    assert "CONTIENE DATOS SIMULADOS" in trace(settings, "docentes").render()


def test_wrong_questions_are_answered_with_what_there_is(published: Settings) -> None:
    with pytest.raises(TraceError, match="matricula_completa"):
        trace(published, "matricula_complet")
    with pytest.raises(TraceError, match="titulados"):
        trace(published, "titulacion", "titulado")
    with pytest.raises(TraceError, match="tiene: 2023, 2024, 2025"):
        trace(published, "titulacion", year=1999)


def test_before_the_first_publication(settings: Settings) -> None:
    with pytest.raises(TraceError, match="Todavía no hay"):
        trace(settings, "titulacion")
