"""A header names its dataset; a doubtful one is refused with the name of what it is."""

from __future__ import annotations

import pytest

from emtp_assets.contracts import Contract, all_contracts, contract_for, known_files
from emtp_assets.intake import IntakeError
from emtp_assets.intake.recognition import Header, recognise, refuse_unless_complete
from emtp_assets_tests.intake.tables import header

FIRST_YEAR = 2011
OFFICIAL_YEARS = [
    pytest.param(contract, year, id=f"{contract.dataset}-{year}")
    for contract in all_contracts()
    for year in range(FIRST_YEAR, 2027)
    if contract.official_columns(year)
]


def read(line: str) -> Header:
    return recognise(line, all_contracts(), known_files())


@pytest.mark.parametrize(("contract", "year"), OFFICIAL_YEARS)
def test_the_official_header_of_every_year_is_recognised_in_any_case(contract: Contract, year: int) -> None:
    line = ";".join(header(contract, year))
    for spelled in (line, line.lower()):
        found = read(spelled)
        assert found.contract is contract
        assert found.unknown == ()
        assert refuse_unless_complete(found, [year]) == ()


def test_the_view_names_of_the_replica_are_recognised() -> None:
    for contract in all_contracts():
        names = [c.sige_view or c.official for c in contract.columns]
        assert read(";".join(names)).contract is contract


def test_other_official_files_are_told_by_name() -> None:
    for known in known_files():
        with pytest.raises(IntakeError) as caught:
            read(";".join(["AGNO", *known.signature]))
        assert caught.value.code == "otro_archivo"
        assert known.name in caught.value.what


def names_of(dataset: str) -> list[str]:
    return header(contract_for(dataset), 2024)


@pytest.mark.parametrize(
    "names",
    [
        [*names_of("matricula"), "RBD"],
        [*names_of("matricula"), "rbd"],
        [*names_of("matricula"), "_row"],
        [*names_of("matricula"), "Academic_Year"],
        [*names_of("matricula"), "NUEVA", "nueva"],
        [*names_of("matricula"), "RARA\x07"],
        [*names_of("matricula"), "X" * 200],
        [*names_of("matricula")[:4], "", *names_of("matricula")[4:]],
    ],
)
def test_names_that_leave_doubt_are_refused(names: list[str]) -> None:
    with pytest.raises(IntakeError) as caught:
        read(";".join(names))
    assert caught.value.code == "encabezado_dudoso"


def test_a_column_sent_under_two_of_its_names_is_refused() -> None:
    contract = contract_for("matricula")
    column = next(c for c in contract.columns if len(c.spellings) > 1)
    with pytest.raises(IntakeError, match="dos veces"):
        read(";".join(dict.fromkeys([*names_of("matricula"), *column.spellings])))


def test_a_header_that_lacks_its_mark_is_told_what_it_resembles() -> None:
    contract = contract_for("matricula")
    lacking = contract.signature[-1]
    with pytest.raises(IntakeError) as caught:
        read(";".join(n for n in names_of("matricula") if n != lacking))
    assert lacking in caught.value.what
    assert contract.title in caught.value.what


def test_teachers_without_teaching_codes_cannot_be_told_emtp() -> None:
    with pytest.raises(IntakeError) as caught:
        refuse_unless_complete(read(";".join(header(contract_for("docentes"), 2008))), [2008])
    assert caught.value.code == "sin_alcance"
