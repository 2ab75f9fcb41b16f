"""What anybody may read of a value holds no name and no number of a person."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emtp_assets.contracts.discretion import discreet, discreet_name, shape, without_values


@pytest.mark.parametrize("code", ["410", "41001", "-1", "2,5", "7.0", "M", "CFT", "0", "13101", "-33,4489"])
def test_a_code_is_shown(code: str) -> None:
    assert discreet(code) == code


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("12345678", "99999999"),
        ("12.345.678-5", "99.999.999-9"),
        ("JUAN SOTO", "AAAA AAAA"),
        ("Ñuñoa", "AAAAA"),
        ("2008-01-31", "9999-99-99"),
        ("200801", "999999"),
    ],
)
def test_what_may_be_a_person_is_shown_as_its_shape(value: str, shown: str) -> None:
    assert discreet(value) == shape(value) == shown


@given(st.from_regex(r"[1-9]\d{5,8}|[A-ZÑ]{4,12}( [A-ZÑ]{2,12}){0,3}", fullmatch=True))
def test_no_number_of_six_digits_and_no_word_of_four_letters_is_shown(value: str) -> None:
    assert set(discreet(value)) <= set("A9 ")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Could not convert string 'JUAN SOTO' to INT32", "Could not convert string '…' to INT32"),
        ("Could not convert string '' to INT32", "Could not convert string '…' to INT32"),
        ("dice «Juan Soto» y 12.345.678-5 en la línea 14", "dice '…' y … en la línea 14"),
        ("value 12345678 out of range; it''s", "value … out of range; it'…'s"),
        ("Catalog Error: no table cleaned_proyectos (LINE 3)", "Catalog Error: no table cleaned_proyectos (LINE 3)"),
    ],
)
def test_a_message_loses_what_it_quotes_and_keeps_the_rest(message: str, said: str) -> None:
    assert without_values(message) == said


@pytest.mark.parametrize("name", ["COD_ENSE", "GRADO.1_1", "MAT_ENS_1", "NOM_REG_RBD_A", "AGNO 2025"])
def test_a_columns_name_is_shown(name: str) -> None:
    assert discreet_name(name) == name


@pytest.mark.parametrize("name", ["12345678", "RUN 12.345.678-5", "12345678-K"])
def test_a_columns_name_that_is_a_number_of_somebody_is_not(name: str) -> None:
    assert not any(digit in discreet_name(name) for digit in "12345678")
