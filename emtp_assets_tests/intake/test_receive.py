"""Each kind of file that is dropped, and its one clear outcome."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime, timedelta

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.intake import AlreadyKnown, Delivery, Rejection, receive
from emtp_assets_tests.intake.conftest import NOW, Instance
from emtp_assets_tests.intake.tables import BOM, csv_bytes, enrolment, header, students

MATRICULA = contract_for("matricula")


def test_a_right_file_is_archived_recorded_and_taken_out_of_the_folder(instance: Instance) -> None:
    content = enrolment(5)
    delivery = instance.accepted(content, "mi archivo.CSV")
    assert (delivery.dataset, delivery.rows, delivery.years) == ("matricula", 5, {2024: 5})
    assert (delivery.form.encoding, delivery.form.separator, delivery.simulated) == ("utf-8-sig", ";", False)
    assert (delivery.missing_columns, delivery.unknown_columns) == ((), ())
    assert instance.archive.path(delivery.sha256).read_bytes() == content
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


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 90])
def test_a_truncated_file_is_refused_wherever_it_was_cut(instance: Instance, cut: int) -> None:
    rejection = instance.refused(enrolment(4)[:-cut])
    assert rejection.code in {"cortado", "fines_de_linea"}
    assert "línea 5" in rejection.where or rejection.code == "fines_de_linea"


def test_a_short_last_line_with_its_line_end_is_a_cut_file(instance: Instance) -> None:
    rejection = instance.refused(enrolment(4)[:-40] + b"\r\n")
    assert rejection.code == "cortado"
    assert rejection.where.startswith("línea 5")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "vacio"),
        (bytes(range(256)) * 40, "binario"),
        (b"\x7fELF\x02\x01\x01\x00" + b"\x00" * 90, "binario"),
        (enrolment(encoding="utf-16"), "no_es_csv"),
        (gzip.compress(enrolment(), mtime=0), "no_es_csv"),
        (b"Rar!\x1a\x07\x01\x00 datos", "no_es_csv"),
        (b"<!DOCTYPE html><html><body>503</body></html>\n", "no_es_csv"),
        (BOM + b"\r\n", "sin_encabezado"),
        (b"una sola linea sin fin", "sin_lineas"),
        (b"hola\nmundo\n", "separador"),
        (b"A;B;C\n1;2;3\n", "encabezado"),
    ],
)
def test_what_is_no_table_is_refused_by_its_name(instance: Instance, content: bytes, code: str) -> None:
    assert instance.refused(content).code == code


def test_a_zip_and_a_workbook_are_told_apart(instance: Instance) -> None:
    def zipped(member: str) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(member, "x")
        return buffer.getvalue()

    assert "ZIP" in instance.refused(zipped("matricula.csv"), "m.zip").what
    assert "Excel" in instance.refused(zipped("[Content_Types].xml"), "m.xlsx").what


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


def test_utf8_with_one_damaged_character_is_not_taken_for_windows_1252(instance: Instance) -> None:
    content = enrolment(3, encoding="utf-8").replace("Ñ".encode(), b"\xc3", 1)
    rejection = instance.refused(content)
    assert (rejection.code, rejection.where[:7]) == ("codificacion", "línea 2")


def test_a_file_that_reads_otherwise_in_each_encoding_is_not_guessed(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(2, NOM_RBD="LICEO EL PIÑ°", NOM_COM_RBD="LOTA")
    assert instance.refused(csv_bytes(names, rows, encoding="cp1252")).code == "codificacion_dudosa"
    assert instance.accepted(csv_bytes(names, rows, encoding="utf-8")).form.encoding == "utf-8"


def test_a_doubled_file_is_refused_at_its_second_header(instance: Instance) -> None:
    rejection = instance.refused(enrolment(3) * 2)
    assert (rejection.code, rejection.where) == ("encabezado_repetido", "línea 5")


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
def test_a_year_that_is_none_is_refused_with_its_line(instance: Instance, year: str) -> None:
    names = header(MATRICULA, 2024)
    rows = students(4)
    rows[2][names.index("AGNO")] = year
    rejection = instance.refused(csv_bytes(names, rows))
    assert (rejection.code, rejection.where.split(",")[0]) == ("anio", "línea 4")


def test_a_blank_year_column_is_refused_as_such(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(3)
    for row in rows:
        row[names.index("AGNO")] = " "
    assert instance.refused(csv_bytes(names, rows)).code == "sin_anio"


def test_an_explanation_shows_no_persons_value(instance: Instance) -> None:
    names = header(MATRICULA, 2024)
    rows = students(3, NOM_RBD="SECRETO", first=20123450)
    rows[1].append("99887766")
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


def test_a_blank_line_inside_is_refused_and_at_the_end_is_not(instance: Instance) -> None:
    lines = enrolment(3).split(b"\r\n")
    inside = instance.refused(b"\r\n".join([*lines[:2], b"", *lines[2:]]))
    assert (inside.code, inside.where) == ("linea_en_blanco", "línea 3")
    delivery = instance.accepted(enrolment(3) + b"\r\n\r\n")
    assert delivery.rows == 3
    assert [row["_row"] for row in instance.raw(delivery, 2024)] == [1, 2, 3]


def test_quotes_hold_the_separator_but_no_line_end(instance: Instance) -> None:
    delivery = instance.accepted(enrolment(2).replace("NÚÑEZ".encode(), b'"A" B', 1))
    assert instance.raw(delivery, 2024)[0]["NOM_RBD"] == 'LICEO POLITÉCNICO "A" B'
    quoted = enrolment(2).replace("LICEO POLITÉCNICO NÚÑEZ".encode(), b'"LICEO; ""EL 1"""', 1)
    assert instance.raw(instance.accepted(quoted), 2024)[0]["NOM_RBD"] == 'LICEO; "EL 1"'
    for field in (b'"LICEO\r\nDOS"', b'"SIN CIERRE', b'"A" B', b' "A"'):
        broken = enrolment(2).replace("LICEO POLITÉCNICO NÚÑEZ".encode(), field, 1)
        rejection = instance.refused(broken)
        assert (rejection.code, rejection.where[:7]) == ("comillas", "línea 2")


def test_mixed_line_ends_are_refused_with_the_first_odd_line(instance: Instance) -> None:
    content = enrolment(4)
    at = content.index(b"\r\n", content.index(b"\r\n") + 2)
    rejection = instance.refused(content[:at] + content[at + 1 :])
    assert (rejection.code, rejection.where) == ("fines_de_linea", "línea 2")
    loose = content.replace(b"LICEO POL", b"LICEO\rPOL", 1)
    assert instance.refused(loose).code == "fines_de_linea"
    balanced = (content[:at] + content[at + 1 :]).replace(b"LICEO POL", b"LICEO\rPOL", 1)
    assert instance.refused(balanced).code == "fines_de_linea"


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
