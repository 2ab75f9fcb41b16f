"""A cell becomes the text that was meant, or the file is refused naming the cell."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emtp_assets.intake.containers.cells import Kind, as_text, quoted, reference
from emtp_assets.intake.problem import IntakeError

_KINDS: tuple[Kind | None, ...] = ("text", "number", "date", None)


def text(cell: Any, kind: Kind | None) -> str:
    return as_text([cell], kind, lambda at: f"celda {at}")[0]


@pytest.mark.parametrize(
    ("cell", "kind", "expected"),
    [
        ("  00410 ", "number", "  00410 "),
        (410.0, "number", "410"),
        (410.0, "text", "410"),
        (410, "text", "410"),
        (-0.0, "number", "0"),
        (5.4, "number", "5,4"),
        (-33.4572914, "number", "-33,4572914"),
        (1e-7, "number", "0,0000001"),
        (999_999_999_999_999.0, "text", "999999999999999"),
        (20240301.0, "date", "20240301"),
        (1e22, None, "10000000000000000000000"),
        (True, "number", "VERDADERO"),
        (False, None, "FALSO"),
        ("", "number", ""),
        (("fecha", "20240301"), "date", "20240301"),
        (("fecha", "24530811"), None, "24530811"),
        (("momento", "2024-03-01 10:00:00"), None, "2024-03-01 10:00:00"),
    ],
)
def test_cells_are_written_in_their_shortest_exact_form(cell: Any, kind: Kind | None, expected: str) -> None:
    assert text(cell, kind) == expected


@pytest.mark.parametrize(
    ("cell", "kind", "code"),
    [
        (("fecha", "20240901"), "number", "excel_cambio_valor"),
        (("fecha", "20240901"), "text", "excel_cambio_valor"),
        (("hora", "10:00:00"), "number", "excel_cambio_valor"),
        (("hora", "10:00:00"), "date", "excel_cambio_valor"),
        (("momento", "2024-03-01 10:00:00"), "date", "excel_cambio_valor"),
        (("fecha", "24530811"), "date", "excel_cambio_valor"),
        (("fecha", "18991231"), "date", "excel_cambio_valor"),
        (1.5, "text", "excel_cambio_valor"),
        (1e15, "text", "excel_perdio_cifras"),
        (1234567890123456.0, "number", "excel_perdio_cifras"),
        (-1e15, "number", "excel_perdio_cifras"),
        (0.30000000000000004, "number", "excel_perdio_cifras"),
        (float("inf"), None, "excel_error"),
        (float("nan"), "number", "excel_error"),
    ],
)
def test_what_a_workbook_cannot_have_kept_is_refused(cell: Any, kind: Kind, code: str) -> None:
    with pytest.raises(IntakeError) as caught:
        as_text(["1", cell], kind, lambda at: f"celda {at}")
    assert (caught.value.code, caught.value.where) == (code, "celda 1")
    assert str(cell) not in caught.value.what + caught.value.action


@given(
    st.lists(st.floats(-1e14, 1e14) | st.integers(-(10**14), 10**14).map(float), min_size=1),
    st.sampled_from(_KINDS),
)
def test_a_number_that_is_written_reads_back_as_itself(values: list[float], kind: Kind | None) -> None:
    try:
        written = as_text(values, kind, str)
    except IntakeError as error:
        assert error.code in {"excel_perdio_cifras", "excel_cambio_valor"}
        return
    assert [float(cell.replace(",", ".")) for cell in written] == values
    assert all("e" not in cell and not cell.endswith(",0") for cell in written)


def test_a_batch_is_written_as_its_cells_one_by_one() -> None:
    mixed = ["a", 1.0, 2.5, True, "", 3.0]
    assert as_text(mixed, "number", str) == [text(cell, "number") for cell in mixed]
    whole = [1.0, -0.0, 99.0]
    assert as_text(whole, "text", str) == ["1", "0", "99"]


def test_only_what_needs_quotes_wears_them() -> None:
    cells = ["a", "a;b", 'di"go', "a\nb", "a\rb", " a ", ""]
    assert quoted(cells) == ["a", '"a;b"', '"di""go"', '"a\nb"', '"a\rb"', " a ", ""]


def test_cells_are_named_as_excel_does() -> None:
    assert [reference(*at) for at in ((16, 1), (0, 0), (9, 25), (9, 26), (1_048_575, 16_383))] == [
        "B17",
        "A1",
        "Z10",
        "AA10",
        "XFD1048576",
    ]
