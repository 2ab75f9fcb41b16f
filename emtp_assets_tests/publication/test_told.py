"""How a restatement reads: on the screen everything, beside the public set nothing that points at few people."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import yaml

from emtp_assets.automation.jobs import approval
from emtp_assets.publication.approvals import Approval
from emtp_assets.publication.catalogue import Figure
from emtp_assets.publication.comparison import Change
from emtp_assets.publication.restatement import Cause, Restatement, TableYear, Thresholds
from emtp_assets.publication.told import document, headline, launchpad, markdown, must_approve, section
from emtp_assets_tests.publication.fake_lake import NOW

LIMITS = Thresholds(Decimal("0.01"), Decimal("0.05"), Decimal("0.1"), Decimal(30))


def change(region: str, before: str, after: str, **more: object) -> Change:
    values = {"figure": Figure.SUM, "apart": "", "moved": Decimal(), **more}
    code = 0 if region == "País" else 13
    return Change(
        table="egresados",
        year=2024,
        region=code,
        region_name=region,
        indicator="egresados_total",
        before=Decimal(before),
        after=Decimal(after),
        weight=Decimal(before),
        **values,  # pyright: ignore[reportArgumentType]
    )


BIG = change("País", "12345", "11111")
REGIONAL = change("Ñuble", "1000", "991")
HIDDEN = change("Aysén", "100", "100", hidden=3)
OBSCURED = change("Aysén", "100", "100", hidden=9, lost=Decimal(1500))


def restated(*changes: Change, waiting: tuple[Change, ...] = (), cause: Cause = Cause.OTHER_DELIVERY) -> Restatement:
    year = TableYear("egresados", 2024, cause, False, ("a" * 64,), ("b" * 64,), changes, waiting)
    return Restatement("20260406T093000Z-00000000", LIMITS, (year,) if changes else ())


def named(sha: str) -> str:
    return {"a": "egresados_2024.csv", "b": "egresados_2024_corregido.csv"}[sha[0]]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Restatement(None, LIMITS), "Es la primera publicación: no hay con qué comparar."),
        (restated(), "Ninguna cifra ya publicada cambia."),
        (restated(HIDDEN), "Ninguna cifra ya publicada cambia."),
        (restated(BIG, REGIONAL), "Cambian 2 cifras ya publicadas (egresados 2024). Ninguna supera el umbral."),
        (
            restated(BIG, REGIONAL, waiting=(BIG,)),
            "Cambian 2 cifras ya publicadas (egresados 2024). 1 supera el umbral: espera aprobación.",
        ),
        (
            restated(BIG, REGIONAL, waiting=(BIG, REGIONAL)),
            "Cambian 2 cifras ya publicadas (egresados 2024). 2 superan el umbral: esperan aprobación.",
        ),
        (
            restated(OBSCURED, waiting=(OBSCURED,)),
            "Cambia 1 cifra ya publicada (egresados 2024). 1 supera el umbral: espera aprobación.",
        ),
        (
            replace(restated(), unread=("x",)),
            "Nada de lo comparado cambia. No todo se pudo comparar: espera aprobación.",
        ),
        (Restatement(None, LIMITS, unread=("x",)), "No todo se pudo comparar: espera aprobación."),
    ],
)
def test_in_a_sentence(found: Restatement, said: str) -> None:
    assert headline(found) == said


def test_the_screen_shows_every_change_those_that_wait_first() -> None:
    text = markdown(restated(REGIONAL, BIG, HIDDEN, waiting=(BIG,)))
    rows = [line for line in text.splitlines() if line.startswith("| egresados")]
    assert rows == [
        "| egresados | 2024 | País | egresados_total | 12.345 | 11.111 | −1.234 | −10 % | otra entrega en lugar de la "
        "publicada | **espera** |",
        "| egresados | 2024 | Ñuble | egresados_total | 1.000 | 991 | −9 | −0,9 % | otra entrega en lugar de la "
        "publicada |  |",
    ]
    assert "Celdas que no se comparan: 3 pasan a ocultas." in text


def test_whoever_must_approve_reads_what_how_much_and_what_to_do() -> None:
    found = restated(BIG, REGIONAL, waiting=(BIG,))
    said = must_approve(found, named)
    assert "(1 % en el país o 5 % en una región, desde 30 unidades)" in said
    assert "- egresados 2024, País, egresados_total: 12.345 → 11.111 (−1.234; −10 %)" in said
    assert "Entra «egresados_2024_corregido.csv» (bbbbbbbbbbbb); sale «egresados_2024.csv» (aaaaaaaaaaaa)." in said
    assert f"emtp approve {found.fingerprint} --quien" in said
    assert "Para rechazarlo: copie de nuevo en la carpeta de entrega «egresados_2024.csv»" in said


def test_beside_the_set_a_change_of_few_is_counted_and_not_told() -> None:
    said = section(restated(BIG, REGIONAL), None, minimum=10)
    (year,) = said["años"]
    assert [c["region"] for c in year["cambios"]] == ["País"]
    assert year["ademas"] == ["Cambios de menos de 10 unidades, o mínimos: 1."]
    text = document(said, NOW)
    assert "| País | egresados_total | 12.345 | 11.111 | −1.234 | −10 % |" in text
    assert "991" not in text


def test_of_simulated_figures_that_were_replaced_none_is_repeated() -> None:
    text = document(section(restated(BIG, cause=Cause.REAL_FOR_SIMULATED), None, minimum=10), NOW)
    assert "12.345" not in text
    assert "Datos oficiales en lugar de simulados." in text
    assert "Cambios en total: 1." in text


def test_the_document_says_that_it_was_approved_and_not_by_whom() -> None:
    found = restated(BIG, waiting=(BIG,))
    given = Approval(found.fingerprint, NOW, "Ana Rojas", "Llamó Pedro Soto", "run", "todo")
    said = section(found, given, minimum=10)
    assert said["huella"] == found.fingerprint
    assert said["aprobada"] == "2026-04-06T05:30:00-04:00"
    text = document(said, NOW)
    assert "una persona lo aprobó" in text
    assert not any(name in text + str(said) for name in ("Ana", "Pedro"))


def test_what_goes_out_of_sight_is_shown_where_it_waits() -> None:
    found = restated(OBSCURED, waiting=(OBSCURED,))
    assert "Aysén, egresados_total: 100 → 100 (0; 0 %; 1.500 más dejan de verse)" in must_approve(found, named)
    assert "(1.500 más dejan de verse) | **espera** |" in markdown(found)


def test_what_could_not_be_compared_is_said_and_how_to_go_on() -> None:
    said = must_approve(replace(restated(), unread=("docentes: falta su archivo.",)), named)
    assert said.startswith("No se publicó: no todo se pudo comparar con lo que ya se publicó")
    assert "- docentes: falta su archivo." in said
    assert "Las entregas son las mismas" not in said
    assert "recupere de un respaldo el conjunto publicado" in said


def test_the_text_for_the_launchpad_is_the_jobs_configuration() -> None:
    found = restated(BIG, waiting=(BIG,))
    given = launchpad(found).partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(given) == approval(found.fingerprint)
    assert launchpad(restated(BIG)) == ""
