"""A person's number that a mistake put into a code, a year or a count is none of it: it is not read, and is counted."""

from __future__ import annotations

import pytest

from emtp_assets.settings import Settings
from emtp_assets_tests.transformation.test_cleaning import STUDENT, clean


@pytest.mark.parametrize(
    ("official", "name"), [("COD_ESPE", "cod_especialidad"), ("COD_DEPE2", "cod_dependencia_agrupada")]
)
@pytest.mark.parametrize("number", ["82177080", "8217708", "182177080", "0082177080"])
def test_a_code_is_never_somebodys_number(settings: Settings, official: str, name: str, number: str) -> None:
    (student,), refused = clean(settings, "matricula", [STUDENT | {official: number}])
    assert student[name] is None and name in student["_ilegibles"]
    assert refused == []


@pytest.mark.parametrize(("sent", "read"), [("41099", 41099), ("999999", 999999), ("000041001", 41001), ("0", 0)])
def test_a_code_that_no_list_has_is_still_read(settings: Settings, sent: str, read: int) -> None:
    (student,), _ = clean(settings, "matricula", [STUDENT | {"COD_ESPE": sent}])
    assert student["cod_especialidad"] == read
