"""Each kind of file that is dropped, and its one clear outcome."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime, timedelta

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.intake import AlreadyKnown, Delivery, IntakeError, Rejection, receive
from emtp_assets.intake import rows as rows_module
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import BOM, csv_bytes, enrolment, header, students
from emtp_assets_tests.opened import archived_bytes

MATRICULA = contract_for("matricula")


def packed(content: bytes, form: str) -> bytes:
    if form == "gz":
        return gzip.compress(content, mtime=0)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Matrícula 2024.csv", content)
    return buffer.getvalue()


def test_a_right_file_is_archived_recorded_and_taken_out_of_the_folder(instance: Instance) -> None:
    content = enrolment(5)
    delivery = instance.accepted(content, "mi archivo.CSV")
    assert (delivery.dataset, delivery.rows, delivery.years) == ("matricula", 5, {2024: 5})
    assert (delivery.form.encoding, delivery.form.separator, delivery.simulated) == ("utf-8-sig", ";", False)
    assert (delivery.missing_columns, delivery.unknown_columns) == ((), ())
    assert archived_bytes(delivery.sha256, instance.settings) == content
    assert instance.archive.verify(delivery.sha256)
    assert instance.ledger.find(delivery.sha256) == delivery
    assert list(instance.settings.drop.iterdir()) == []
    assert list((instance.settings.data_dir / "archive" / ".incoming").iterdir()) == []


def test_the_same_bytes_twice_are_one_delivery(instance: Instance) -> None:
    first = instance.accepted(enrolment(), "lunes.csv")
    again = instance.receive(enrolment(), "martes.csv", now=NOW + timedelta(days=1))
    assert isinstance(again, AlreadyKnown)
    assert again.delivery == first
    assert "lunes.csv" in again.message
    assert len(instance.ledger.deliveries()) == 1
    assert list(instance.settings.drop.iterdir()) == []


def test_dropping_the_file_again_heals_a_lost_archive(instance: Instance) -> None:
    delivery = instance.accepted(enrolment())
    instance.archive.path(delivery.sha256).unlink()
    assert isinstance(instance.receive(enrolment()), AlreadyKnown)
    assert instance.archive.verify(delivery.sha256)


def test_and_one_that_lost_a_bit_without_changing_its_size(instance: Instance) -> None:
    delivery = instance.accepted(enrolment())
    kept = instance.archive.path(delivery.sha256)
    content = kept.read_bytes()
    kept.chmod(0o600)
    kept.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    assert isinstance(instance.receive(enrolment()), AlreadyKnown)
    assert instance.archive.verify(delivery.sha256)


@pytest.mark.parametrize("cut", [3, 20, 90])
def test_a_truncated_file_is_refused_wherever_it_was_cut(instance: Instance, cut: int) -> None:
    rejection = instance.refused(enrolment(4)[:-cut])
    assert (rejection.code, rejection.where) == ("cortado", "línea 5 (la última)")


def test_a_copy_whose_end_was_never_written_is_refused(instance: Instance) -> None:
    whole = enrolment(40)
    assert instance.refused(whole[:-600].rpartition(b"\n")[0] + b"\n" + bytes(600)).code == "cortado"


@pytest.mark.parametrize("cut", [1, 2])
def test_a_last_line_without_its_end_stands_when_its_last_value_is_as_long_as_all_others(
    instance: Instance, cut: int
) -> None:
    assert instance.accepted(enrolment(4)[:-cut]).rows == 4


@pytest.mark.parametrize("kept", [1, 10, 24, 30])
def test_a_cut_row_that_begins_with_words_is_not_taken_for_a_remark(instance: Instance, kept: int) -> None:
    names = header(MATRICULA, 2024)
    order = sorted(range(len(names)), key=lambda at: names[at] != "NOM_RBD")
    content = csv_bytes([names[at] for at in order], [[row[at] for at in order] for row in students(4)])
    begin = content.rindex(b"LICEO")
    assert instance.refused(content[: begin + kept]).code == "cortado"
    if kept > 24:  # beyond the first name, and with the line end that some programs put behind whatever there is
        delivery = instance.accepted(content[: begin + kept] + b"\r\n")
        assert (delivery.rows, delivery.form.quarantined) == (3, 1)


def test_a_remark_without_line_end_is_still_a_remark_where_rows_begin_with_figures(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(3, encoding="utf-8") + b"Fuente: MINEDUC")
    assert (delivery.rows, delivery.form.lines["pie"]) == (3, 1)


def test_and_is_set_aside_when_nobody_can_know_whether_it_is_whole(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(4)
    for row, value in zip(rows, ("1", "12", "123", "1"), strict=True):
        row[-1] = value
    delivery = instance.accepted(csv_bytes(names, rows, newline="\n")[:-1])
    (aside,) = instance.quarantine.rows(delivery.sha256)
    assert (delivery.rows, aside.line, aside.code) == (3, 5, "sin_fin_de_linea")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "vacio"),
        (bytes(range(256)) * 40, "binario"),
        (b"\x7fELF\x02\x01\x01\x00" + b"\x00" * 90, "no_es_csv"),
        (b"%PDF-1.7\n", "no_es_csv"),
        (b'[{"AGNO": 2024}]\n', "no_es_csv"),
        (b"<!DOCTYPE html><html><body>503</body></html>\n", "no_es_csv"),
        (BOM + b"\r\n", "sin_encabezado"),
        (b"una sola linea sin fin", "sin_lineas"),
        (b"hola\nmundo\n", "separador"),
        (b"A;B;C\n1;2;3\n", "encabezado"),
    ],
)
def test_what_is_no_table_is_refused_by_its_name(instance: Instance, content: bytes, code: str) -> None:
    assert instance.refused(content).code == code


@pytest.mark.parametrize("form", ["gz", "zip"])
def test_a_packed_file_is_read_and_kept_as_it_came(instance: Instance, form: str) -> None:
    content = packed(enrolment(3), form)
    delivery = instance.accepted(content, "cualquier nombre.dat")
    assert (delivery.form.container, delivery.rows) == (form, 3)
    assert archived_bytes(delivery.sha256, instance.settings) == content
    assert [row["MRUN"] for row in instance.raw(delivery, 2024)] == ["1", "2", "3"]


def test_the_same_table_packed_otherwise_is_the_same_delivery(instance: Instance) -> None:
    first = instance.accepted(packed(enrolment(3), "zip"))
    for again in (enrolment(3), packed(enrolment(3), "gz")):
        outcome = instance.receive(again)
        assert isinstance(outcome, AlreadyKnown)
        assert outcome.delivery == first
    assert instance.ledger.deliveries() == [first]
    assert instance.raw(first, 2024)


def test_a_damaged_copy_of_a_packed_file_is_found(instance: Instance) -> None:
    delivery = instance.accepted(packed(enrolment(30), "gz"))
    kept = instance.archive.path(delivery.sha256)
    content = kept.read_bytes()
    kept.chmod(0o600)
    kept.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    with pytest.raises(IntakeError) as caught:
        instance.raw(delivery, 2024)
    assert caught.value.code == "archivo_dañado"


def test_a_header_without_rows_is_refused(instance: Instance) -> None:
    assert instance.refused(enrolment(0)).code == "sin_filas"


def test_a_wrong_separator_is_refused(instance: Instance) -> None:
    assert instance.refused(enrolment(separator=":")).code == "separador"


@pytest.mark.parametrize("separator", [",", "\t", "|"])
def test_another_separator_is_read_when_the_header_fits(instance: Instance, separator: str) -> None:
    delivery = instance.accepted(enrolment(separator=separator))
    assert delivery.form.separator == separator
    assert [row["NOM_COM_RBD"] for row in instance.raw(delivery, 2024)] == ["ÑUÑOA"] * 3


def test_a_comma_file_whose_decimals_have_commas_is_refused(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    content = csv_bytes(names, students(2, NOM_RBD="LICEO 1,5"), separator=",")
    rejection = instance.refused(content)
    assert (rejection.code, rejection.where[:7]) == ("columnas", "línea 2")


def test_windows_1252_is_read_with_its_accents(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(encoding="cp1252", newline="\n"))
    assert delivery.form.encoding == "windows-1252"
    assert {row["NOM_RBD"] for row in instance.raw(delivery, 2024)} == {"LICEO POLITÉCNICO NÚÑEZ"}


def test_utf8_with_one_damaged_character_costs_its_row(instance: Instance) -> None:
    content = enrolment(3, encoding="utf-8").replace("Ñ".encode(), b"\xc3", 1)
    delivery = instance.accepted(content)
    (aside,) = instance.quarantine.rows(delivery.sha256)
    assert (delivery.form.encoding, aside.line, aside.code) == ("utf-8", 2, "caracter_perdido")
    assert {row["NOM_RBD"] for row in instance.raw(delivery, 2024)} == {"LICEO POLITÉCNICO NÚÑEZ"}


def test_and_with_many_is_refused(instance: Instance) -> None:
    content = enrolment(300, encoding="utf-8").replace("Ñ".encode(), b"\xc3", 40)
    assert instance.refused(content).code == "codificacion"


def test_a_file_that_reads_otherwise_in_each_encoding_is_not_guessed(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(2, NOM_RBD="LICEO EL PIÑ°", NOM_COM_RBD="LOTA")
    assert instance.refused(csv_bytes(names, rows, encoding="cp1252")).code == "codificacion_dudosa"
    assert instance.accepted(csv_bytes(names, rows, encoding="utf-8")).form.encoding == "utf-8"


def test_a_header_that_comes_again_is_no_row(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(3) + csv_bytes(header(MATRICULA, 2024), students(2, first=3)))
    assert delivery.form.lines == {"datos": 5, "encabezado": 1, "encabezado_repetido": 1}
    assert [row["MRUN"] for row in instance.raw(delivery, 2024)] == ["1", "2", "3", "4", "5"]


def test_a_second_table_in_the_file_is_refused(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    turned = csv_bytes(names[::-1], [row[::-1] for row in students(2, first=3)], encoding="utf-8")
    assert instance.refused(enrolment(3) + turned).code == "varias_tablas"


def test_titles_above_the_header_and_totals_below_are_no_rows(instance: Instance) -> None:
    above = "Ministerio de Educación\r\nMatrícula 2024\r\n\r\n".encode()
    below = b"\r\nTotal;3\r\nFuente: MINEDUC\r\n"
    delivery = instance.accepted(above + enrolment(3, encoding="utf-8") + below)
    assert delivery.form.header_line == 4
    assert delivery.form.lines == {"datos": 3, "en_blanco": 1, "encabezado": 1, "pie": 2, "presentacion": 3}
    assert [row["_row"] for row in instance.raw(delivery, 2024)] == [1, 2, 3]
    assert [aside.line for aside in instance.quarantine.rows(delivery.sha256)] == [9, 10]


def test_rows_above_the_header_are_not_taken_for_a_title(instance: Instance) -> None:
    lines = enrolment(3, encoding="utf-8").split(b"\r\n")
    assert instance.refused(b"\r\n".join([lines[1], lines[0], *lines[2:]])).code == "filas_sobre_encabezado"


def test_a_row_above_the_header_is_one_however_little_it_says(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    row = [
        value if name in {"AGNO", "MRUN", "COD_ENSE"} else "" for name, value in zip(names, *students(1), strict=True)
    ]
    content = csv_bytes([], [row, names, *students(3)], encoding="utf-8").removeprefix(b"\r\n")
    assert instance.refused(content).code == "filas_sobre_encabezado"
    title = ["2024", *[""] * (len(names) - 1)]
    content = csv_bytes([], [title, names, *students(3)], encoding="utf-8").removeprefix(b"\r\n")
    assert instance.accepted(content).form.lines["presentacion"] == 1


def test_separators_after_the_last_column_are_no_columns(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(3)
    for sent in (
        csv_bytes([*names, "", ""], [[*row, "", " "] for row in rows]),
        csv_bytes(names, [[*row, ""] for row in students(4)]),
        csv_bytes([*names, ""], students(5)),
    ):
        delivery = instance.accepted(sent)
        assert delivery.columns == tuple(names)
        assert {row["MRUN"] for row in instance.raw(delivery, 2024)} >= {"1", "2", "3"}


def test_a_row_shifted_by_a_separator_is_not_hidden_by_separators_after_the_last_column(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = [[*row, ""] for row in students(5)]
    rows[2] = [*rows[2][:4], "de más", *rows[2][4:]]
    delivery = instance.accepted(csv_bytes(names, rows))
    assert [aside.line for aside in instance.quarantine.rows(delivery.sha256)] == [4]


def test_a_file_of_several_years_is_one_delivery_of_several_years(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    mixed = students(5)
    for row in mixed[2:]:
        row[names.index("AGNO")] = "2023"
    delivery = instance.accepted(csv_bytes(names, mixed))
    assert delivery.years == {2023: 3, 2024: 2}
    assert [row["MRUN"] for row in instance.raw(delivery, 2023)] == ["3", "4", "5"]
    assert [row["_row"] for row in instance.raw(delivery, 2024)] == [1, 2]


@pytest.mark.parametrize("year", ["1999", "2028", "20244", "2.024", "dos mil", "", "-2024"])
def test_a_row_whose_year_is_none_is_set_aside_with_its_line(instance: Instance, year: str) -> None:
    names = header(MATRICULA, 2024)
    rows = students(4)
    rows[2][names.index("AGNO")] = year
    delivery = instance.accepted(csv_bytes(names, rows))
    (aside,) = instance.quarantine.rows(delivery.sha256)
    assert (aside.line, aside.code) == (4, "anio" if year else "sin_anio")
    assert aside.raw.decode() == ";".join(rows[2]) + "\r"
    assert (year in aside.what) is (len(year.strip("-")) < 5), "of a row that slid, longer figures are a person's"
    assert [row["MRUN"] for row in instance.raw(delivery, 2024)] == ["1", "2", "4"]


def test_one_bad_row_costs_one_row_and_too_many_the_file(instance: Instance) -> None:
    names = header(MATRICULA, 2024)

    def with_bad(count: int, of: int) -> bytes:
        rows = students(of)
        for row in rows[:count]:
            row.pop()
        return csv_bytes(names, rows)

    delivery = instance.accepted(with_bad(2, 200))
    assert (delivery.rows, delivery.form.quarantined) == (198, 2)
    rejection = instance.refused(with_bad(3, 200))
    assert (rejection.code, rejection.where) == ("columnas", "línea 2")
    assert "3 de 200 líneas no calzan" in rejection.what
    strict = Instance(instance.settings.model_copy(update={"quarantine_share": 0.5}))
    assert strict.accepted(with_bad(3, 200)).rows == 197


def test_what_is_set_aside_is_bounded_in_bytes_too(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = students(400, NOM_RBD="A" * 1000)
    for row in rows[:3]:
        row.pop()
    content = csv_bytes(header(MATRICULA, 2024), rows)
    monkeypatch.setattr(rows_module, "MOST_BYTES_ASIDE", 2000)
    rejection = instance.refused(content)
    assert (rejection.code, "no se siguió leyendo" in rejection.what) == ("columnas", True)
    monkeypatch.setattr(rows_module, "MOST_BYTES_ASIDE", 5000)
    assert instance.accepted(content).form.quarantined == 3


def test_a_blank_year_column_is_refused_as_such(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(3)
    for row in rows:
        row[names.index("AGNO")] = " "
    assert instance.refused(csv_bytes(names, rows)).code == "sin_anio"


def test_an_explanation_shows_no_persons_value(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(5, NOM_RBD="SECRETO", first=20123450)
    for row in rows[1:3]:
        row.append("99887766")
    rejection = instance.refused(csv_bytes(names, rows))
    assert rejection.explanation is not None
    text = rejection.explanation.read_text("utf-8-sig")
    assert "línea 3" in text
    assert "sobran 1" in text
    for value in ("SECRETO", "2012345", "99887766"):
        assert value not in text


def test_an_empty_first_technical_column_and_unknown_ones_are_kept(instance: Instance) -> None:
    names = ["", *header(MATRICULA, 2024), "COLUMNA_NUEVA"]
    rows = [[str(i), *row, f"nuevo {i}"] for i, row in enumerate(students(2))]
    delivery = instance.accepted(csv_bytes(names, rows))
    assert delivery.unknown_columns == ("_columna_1", "COLUMNA_NUEVA")
    first, second = instance.raw(delivery, 2024)
    assert (first["_columna_1"], second["COLUMNA_NUEVA"], second["MRUN"]) == ("0", "nuevo 1", "2")


def test_columns_are_read_by_name_wherever_they_stand_and_whatever_their_case(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    order = list(reversed(range(len(names))))
    rows = [[row[i] for i in order] for row in students(2)]
    delivery = instance.accepted(csv_bytes([names[i].lower() for i in order], rows))
    assert [row["MRUN"] for row in instance.raw(delivery, 2024)] == ["1", "2"]


def test_an_optional_column_that_is_missing_is_noted_and_a_required_one_refused(instance: Instance) -> None:
    names = header(MATRICULA, 2024)

    def without(name: str) -> bytes:
        at = names.index(name)
        rows = [[v for i, v in enumerate(row) if i != at] for row in students(2)]
        return csv_bytes([n for n in names if n != name], rows)

    delivery = instance.accepted(without("COD_JOR"))
    assert delivery.missing_columns == ("COD_JOR",)
    assert {row["COD_JOR"] for row in instance.raw(delivery, 2024)} == {None}
    assert instance.refused(without("AGNO")).code == "sin_anio"
    rejection = instance.refused(without("MRUN"))
    assert "MRUN" in rejection.what


def test_blank_lines_are_no_rows_wherever_they_are(instance: Instance) -> None:
    lines = enrolment(3).split(b"\r\n")
    inside = instance.accepted(b"\r\n".join([*lines[:2], b"", b";" * 36, *lines[2:]]))
    assert (inside.rows, inside.form.lines["en_blanco"]) == (3, 2)
    assert [row["_row"] for row in instance.raw(inside, 2024)] == [1, 4, 5]
    delivery = instance.accepted(enrolment(3) + b"\r\n\r\n")
    assert delivery.rows == 3
    assert [row["_row"] for row in instance.raw(delivery, 2024)] == [1, 2, 3]


NAME = "LICEO POLITÉCNICO NÚÑEZ".encode()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b'LICEO "A" B', 'LICEO "A" B'),
        (b'"LICEO; ""EL 1"""', 'LICEO; "EL 1"'),
        (b'"LICEO; \\"EL 1\\""', 'LICEO; "EL 1"'),
        (b"LICEO\\;1", "LICEO;1"),
        (b"LICEO \\ 1", "LICEO \\ 1"),
        (b'"LICEO\r\nDOS"', "LICEO\r\nDOS"),
        (b'"LICEO\n\nDOS; 3"', "LICEO\n\nDOS; 3"),
    ],
)
def test_quotes_and_escapes_are_read_where_there_is_one_way_to(instance: Instance, sent: bytes, read: str) -> None:
    delivery = instance.accepted(enrolment(3).replace(NAME, sent, 1))
    assert [row["NOM_RBD"] for row in instance.raw(delivery, 2024)] == [read, *["LICEO POLITÉCNICO NÚÑEZ"] * 2]
    assert instance.quarantine.rows(delivery.sha256) == []


@pytest.mark.parametrize("name", ["A" * 140_000, 'A"' * 200_000])
def test_a_quoted_text_may_be_as_long_as_any(instance: Instance, name: str) -> None:
    sent = '"' + name.replace('"', '""') + '"'
    delivery = instance.accepted(enrolment(3).replace(NAME, sent.encode(), 1))
    assert [row["NOM_RBD"] for row in instance.raw(delivery, 2024)] == [name, *["LICEO POLITÉCNICO NÚÑEZ"] * 2]


@pytest.mark.parametrize("sent", [b'"SIN CIERRE', b'SIN "CIERRE', b'"A" B', b' "A"', b"'A'", b'"A\\\\B"'])
def test_and_the_row_is_set_aside_where_there_are_two_or_none(instance: Instance, sent: bytes) -> None:
    delivery = instance.accepted(enrolment(3).replace(NAME, sent, 1))
    (aside,) = instance.quarantine.rows(delivery.sha256)
    assert (aside.line, aside.code, delivery.rows) == (2, "comillas", 2)


def test_two_stray_quotes_do_not_swallow_what_is_between_them(instance: Instance) -> None:
    content = enrolment(200)
    first = content.replace(NAME, b'"' + NAME, 1)
    at = first.index(NAME, first.index(NAME) + 50)
    delivery = instance.accepted(first[:at] + NAME + b'"' + first[at + len(NAME) :])
    assert [aside.line for aside in instance.quarantine.rows(delivery.sha256)] == [2, 3]
    assert delivery.rows == 198


def test_line_ends_may_be_mixed_but_none_may_stand_loose_in_a_row(instance: Instance) -> None:
    content = enrolment(4)
    at = content.index(b"\r\n", content.index(b"\r\n") + 2)
    assert instance.accepted(content[:at] + content[at + 1 :]).rows == 4
    assert instance.accepted(enrolment(5, newline="\r")).form.cr_only
    loose = instance.accepted(content.replace(b"LICEO POL", b"LICEO\rPOL", 1))
    (aside,) = instance.quarantine.rows(loose.sha256)
    assert (aside.line, aside.code) == (2, "fines_de_linea")


@pytest.mark.parametrize(
    "code", ["410.0", "410,0", "4.1E+02", "'410", "+410", "Comercial", "12345", "\uff14\uff11\uff10"]
)
def test_a_row_is_not_left_out_of_scope_for_a_code_that_is_none(instance: Instance, code: str) -> None:
    names = header(MATRICULA, 2024)
    rows = students(200)
    rows[7][names.index("COD_ENSE")] = code
    delivery = instance.accepted(csv_bytes(names, rows))
    (aside,) = instance.quarantine.rows(delivery.sha256)
    assert (aside.line, aside.code) == (9, "alcance")
    assert len(instance.raw(delivery, 2024)) == 199


@pytest.mark.parametrize("code", ["000000000410", " 410 ", "410\u00a0", "\u200b410", '"410"'])
def test_a_code_is_read_through_blanks_zeros_and_quotes(instance: Instance, code: str) -> None:
    delivery = instance.accepted(enrolment(3).replace(b";410;", f";{code};".encode(), 1))
    assert len(instance.raw(delivery, 2024)) == 3


def test_rows_with_a_code_of_no_list_are_counted_and_told(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(9)
    for row, code in zip(rows, ["499", "499", " ", "310"], strict=False):
        row[names.index("COD_ENSE")] = code
    delivery = instance.accepted(csv_bytes(names, rows))
    assert delivery.form.unknown_codes == {"": 1, "499": 2}
    assert len(instance.raw(delivery, 2024)) == 5


@pytest.mark.parametrize(
    "name",
    [
        "POLIT?CNICO",
        "LICEO ?UBLE",
        "?UBLE",
        "POLIT%C3%89CNICO",
        "POLIT=C3=89CNICO",
        "POLIT&#xC9;CNICO",
        "POLIT\\u00c9CNICO",
        "POLIT+AMk-CNICO",
    ],
)
def test_a_row_with_a_character_in_another_guise_is_set_aside(instance: Instance, name: str) -> None:
    delivery = instance.accepted(enrolment(3).replace(NAME, name.encode(), 1))
    (aside,) = instance.quarantine.rows(delivery.sha256)
    assert (aside.line, aside.code) == (2, "caracter_perdido")


@pytest.mark.parametrize(("byte", "code"), [(b"\x00", "caracter_de_control"), ("\ufffd".encode(), "caracter_perdido")])
def test_a_row_with_a_lost_character_is_set_aside(instance: Instance, byte: bytes, code: str) -> None:
    delivery = instance.accepted(enrolment(3).replace(NAME, b"LICEO" + byte, 1))
    (aside,) = instance.quarantine.rows(delivery.sha256)
    assert (aside.line, aside.code) == (2, code)


def test_simulated_deliveries_are_told_by_their_schools_or_source(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    assert instance.accepted(csv_bytes(names, students(2, RBD="90001"))).simulated
    assert instance.accepted(enrolment(7), source="simulado").simulated
    assert not instance.accepted(csv_bytes(names, students(2, RBD="42235"))).simulated


def test_a_production_instance_refuses_simulated_data_even_when_known(instance: Instance, production: Instance) -> None:
    content = csv_bytes(header(MATRICULA, 2024), students(2, RBD="90001"))
    instance.accepted(content)
    outcome = production.receive(content)
    assert isinstance(outcome, Rejection)
    assert outcome.code == "simulado_en_produccion"


def test_a_file_that_changes_while_it_is_read_stays_where_it_is(instance: Instance) -> None:
    class Growing(type(instance.ledger)):
        def find(self, sha256: str) -> Delivery | None:
            with path.open("ab") as handle:
                handle.write(b"2024;mas")
            return super().find(sha256)

    path = instance.drop(enrolment(3))
    outcome = receive(path, instance.settings, Growing(instance.settings.data_dir), source="carpeta", now=NOW)
    assert isinstance(outcome, Delivery)
    assert path.exists()
    path.write_bytes(enrolment(3)[:-5])
    outcome = receive(path, instance.settings, Growing(instance.settings.data_dir), source="carpeta", now=NOW)
    assert isinstance(outcome, Rejection)
    assert (outcome.code, outcome.moved_to) == ("cambiando", None)
    assert path.exists()


def test_a_moment_without_time_zone_is_a_programming_error(instance: Instance) -> None:
    path = instance.drop(enrolment())
    with pytest.raises(ValueError, match="time zone"):
        receive(path, instance.settings, instance.ledger, source="carpeta", now=datetime(2026, 1, 1))
