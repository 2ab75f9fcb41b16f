"""In what a header differs from its contract, in words; what is only another order or other letters is told apart."""

from __future__ import annotations

from itertools import permutations

import pytest

from emtp_assets.contracts import DATASETS, contract_for
from emtp_assets.contracts.structure import Difference, alike, compare
from emtp_assets_tests.contracts.test_contracts import sample_header

MATRICULA = contract_for("matricula")
OFFICIAL = [c.official for c in MATRICULA.official_columns(2025)]


def without(name: str, names: list[str] = OFFICIAL) -> list[str]:
    return [n for n in names if n != name]


def moved(name: str, to: int) -> list[str]:
    """The official header with a column at another 1-based position."""
    names = without(name)
    return [*names[: to - 1], name, *names[to - 1 :]]


def renamed(**names: str) -> list[str]:
    return [names.get(n, n) for n in OFFICIAL]


def of(names: list[str], **more: object) -> Difference:
    return compare(MATRICULA, 2025, names, **more)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("year", [2013, 2019, 2025])
def test_the_official_header_of_a_year_differs_in_nothing(dataset: str, year: int) -> None:
    contract = contract_for(dataset)
    found = compare(contract, year, [c.official for c in contract.official_columns(year)])
    assert not found.changed
    assert (found.sentences, found.table) == ([], "")


@pytest.mark.parametrize("year", [2024, 2025])
def test_the_real_directories_have_the_official_structure(year: int) -> None:
    header = sample_header(f"directorio_oficial_ee_{year}.csv")
    found = compare(contract_for("establecimientos"), year, header)
    assert (found.changed, found.sentences) == (False, [])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(
            [*OFFICIAL[:25], "NUEVA", *OFFICIAL[25:]],
            "La columna NUEVA es nueva (posición 26, entre COD_DES_CUR y TIPO_AULA)",
            id="new in the middle",
        ),
        pytest.param(["NUEVA", *OFFICIAL], "La columna NUEVA es nueva (posición 1, antes de AGNO)", id="new first"),
        pytest.param([*OFFICIAL, "NUEVA"], "La columna NUEVA es nueva (posición 39, después de ENS)", id="new last"),
        pytest.param(
            without("TIPO_AULA"), "Falta la columna TIPO_AULA (se esperaba después de COD_DES_CUR)", id="missing"
        ),
        pytest.param(without("AGNO"), "Falta la columna AGNO", id="the first is missing"),
        pytest.param(
            renamed(COD_ESPE="NOM_ESPEC"), "NOM_ESPEC parece ser COD_ESPE renombrada (posición 35)", id="in its place"
        ),
        pytest.param(
            moved("EDAD_ALU", 12), "EDAD_ALU pasó de la posición 30 a la 12 respecto del orden oficial", id="moved"
        ),
    ],
)
def test_each_difference_is_one_sentence(names: list[str], said: str) -> None:
    found = of(names)
    assert found.changed
    assert found.sentences == [said]


def test_a_column_that_was_renamed_and_moved_is_known_by_its_name() -> None:
    assert of([*without("NOM_COM_RBD"), "NOMBRE_COM_RBD"]).sentences == [
        "NOMBRE_COM_RBD parece ser NOM_COM_RBD renombrada (posición 38)",
        "NOMBRE_COM_RBD pasó de la posición 9 a la 38 respecto del orden oficial",
    ]


def test_only_what_moved_is_said_to_have_moved() -> None:
    names = list(OFFICIAL)
    names[4], names[20] = names[20], names[4]
    assert {m.name for m in of(names).moved} == {OFFICIAL[4], OFFICIAL[20]}
    for order in permutations(range(3)):
        found = of([*(OFFICIAL[i] for i in order), *OFFICIAL[3:]])
        assert len(found.moved) == (0 if order == (0, 1, 2) else 2 if order == (2, 1, 0) else 1)


def test_the_order_of_the_year_before_is_as_good_as_the_official_one() -> None:
    names = moved("EDAD_ALU", 12)
    assert not of(names, before={2024: names}).changed
    assert not of(OFFICIAL, before={2024: names}).changed, "back in its official place"
    found = of(names, before={2024: without("TIPO_AULA")})
    assert found.sentences == ["EDAD_ALU pasó de la posición 29 a la 12 respecto de la entrega de 2024"]


def test_other_capital_letters_are_told_and_change_nothing() -> None:
    one = of(renamed(MRUN="Mrun"))
    assert (one.changed, one.sentences) == (False, ["MRUN viene escrita Mrun"])
    every = of([n.lower() for n in OFFICIAL])
    assert not every.changed
    assert every.sentences == ["38 columnas vienen escritas con otras mayúsculas que las oficiales"]
    assert of(renamed(MRUN="MRUN2")).sentences == [], "a known alias"


def test_a_column_of_other_years_is_told_and_changes_nothing() -> None:
    found = of([*OFFICIAL, "LET_RBD"])
    assert (found.changed, found.sentences) == (False, ["LET_RBD no es de este año según el contrato; se lee igual"])


def test_of_a_query_only_what_was_asked_for_is_expected_and_its_order_is_ours() -> None:
    asked = [c for c in MATRICULA.official_columns(2025) if c.official != "FEC_NAC_ALU"]
    backwards = [c.official.lower() for c in reversed(asked)]
    assert of(backwards, asked=asked).sentences == []
    assert [m.column.official for m in of(backwards[1:], asked=asked).missing] == ["ENS"]


def test_every_unknown_column_is_paired_with_one_missing_at_most() -> None:
    spaced = of([n.replace("_", " ") for n in OFFICIAL])
    assert {r.name.replace(" ", "_"): r.column.official for r in spaced.renamed} == {n: n for n in OFFICIAL if "_" in n}
    assert not spaced.new
    assert not spaced.missing
    assert spaced.sentences[-1] == "y otras 24 renombradas"


@pytest.mark.parametrize(
    ("one", "other", "paired"),
    [("MAT_ENS_1", "MAT_ENS_2", False), ("Cód. Espe", "COD_ESPE", True), ("RUT_APODERADO", "NOM_RBD", False)],
)
def test_names_are_alike_by_their_letters_and_never_by_other_digits(one: str, other: str, paired: bool) -> None:
    assert (alike(one, other) >= 0.8) is paired


def test_columns_without_name_are_no_news() -> None:
    assert of([" ", *OFFICIAL]).sentences == []
    assert of([*OFFICIAL, ""]).sentences == []


@pytest.mark.parametrize("hostile", ["A|B", "A\nB", "<b>"])
def test_a_strange_name_does_not_break_the_table(hostile: str) -> None:
    lines = of([*OFFICIAL, hostile]).table.splitlines()
    assert len(lines) == 3
    assert lines[2].replace("\\|", "").count("|") == 5
