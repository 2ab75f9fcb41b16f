"""How a delivery was read, as checks say it: line numbers and reasons, and never what a line holds."""

from __future__ import annotations

from emtp_assets.contracts import Severity
from emtp_assets.intake import Form
from emtp_assets.intake.quarantine import SetAside
from emtp_assets.quality.reading import form_in_words, lines_in_words, lines_set_aside, scope_known

SECRET = b"11111111;JUANA PEREZ"


def aside(line: int, code: str = "columnas", *, lines: int = 1) -> SetAside:
    return SetAside(line, lines, code, f"Trae 12 campos y no 38 | forma {code}.", SECRET)


def test_a_file_whose_every_line_fits_passes_and_its_lines_are_counted() -> None:
    found = lines_set_aside(2025, Form(lines={"encabezado": 1, "datos": 1000}), 1000, [])
    assert found.passed
    assert found.observed == "1.001 líneas: 1.000 de datos, 1 de encabezado"


def test_lines_that_do_not_fit_are_named_by_number_and_reason_and_do_not_block() -> None:
    lines = [aside(line) for line in range(10, 20)] + [aside(40, "comillas", lines=3)]
    found = lines_set_aside(2025, Form(), 1000, lines)
    assert (found.passed, found.severity, found.unexpected_count, found.total) == (False, Severity.WARNING, 13, 1013)
    assert found.observed == (
        "13 líneas apartadas de 1.013: 10 por columnas (líneas 10, 11, 12, 13, 14, 15, 16, 17 y 2 más);"
        " 3 por comillas (línea 40)"
    )
    assert found.detail.splitlines()[2] == "| 10 | columnas | Trae 12 campos y no 38 ¦ forma columnas. |"
    assert "JUANA" not in str(found)


def test_a_footer_is_no_line_that_fails() -> None:
    assert lines_set_aside(2025, Form(), 1000, [aside(1002, "pie")]).passed


def test_codes_that_no_list_has_are_counted() -> None:
    assert scope_known(2025, Form(), 1000).passed
    found = scope_known(2025, Form(unknown_codes={"": 2, "999": 1200}), 5000)
    assert (found.passed, found.severity, found.unexpected_count) == (False, Severity.WARNING, 1202)
    assert found.observed == "2 filas sin un código que se pueda leer; 1.200 filas con 999"


def test_rows_without_any_code_are_told_and_no_finding_where_they_are_usual() -> None:
    found = scope_known(2025, Form(unknown_codes={"": 2}), 5000, blank_is_usual=True)
    assert (found.passed, found.observed) == (True, "2 filas sin un código que se pueda leer")
    assert scope_known(2025, Form(unknown_codes={"": 2, "999": 1}), 5000, blank_is_usual=True).unexpected_count == 1


def test_the_form_is_told_in_words() -> None:
    assert form_in_words(Form("windows-1252", ",")) == "windows-1252, separado por «,»"
    packed = Form("utf-8", "\t", container="rar", member="Matricula.csv", mojibake=True)
    assert form_in_words(packed) == (
        "RAR (Matricula.csv), utf-8, con acentos reparados (se habían leído antes en otra codificación),"
        " separado por tabulador"
    )
    assert lines_in_words(Form()) == "sin cuenta de líneas"
