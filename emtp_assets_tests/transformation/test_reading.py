"""What a value means, as a table: a column as it was sent, and what is read of it. Nothing is ever read wrong."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.transformation.columns import UNREADABLE, Case, Sent, Who, pseudonyms, read

U = UNREADABLE
MONTH = ("matricula", "FEC_NAC_ALU")
DAY = ("titulacion", "FECHA_REGISTRO_TITULO")
COUNT, CODE = ("establecimientos", "MAT_TOTAL"), ("establecimientos", "ESPE_01")
HOURS, LATITUDE, PESOS = (
    ("titulacion", "HORAS_TOTALES"),
    ("establecimientos", "LATITUD"),
    ("proyectos", "MONTO_EJECUTADO"),
)
PERSON, PRACTICE, PLAN = ("titulacion", "MRUN"), ("titulacion", "ID_PRACTICA"), ("titulacion", "COD_PLAN_EST")
NAME, AREA = ("establecimientos", "NOM_RBD"), ("establecimientos", "RURAL_RBD")
COHORT = ("titulacion", "AGNO_ESCOLAR")
MARCH_1 = date(2024, 3, 1)

# (what the column shows, the column, the values as sent, the values as read)
SPECIFICATION: list[tuple[str, tuple[str, str], Sent, list[Any]]] = [
    # Dates.
    ("the official form", DAY, ["20240301", " 20240315 ", " ", ""], [MARCH_1, date(2024, 3, 15), None, None]),
    ("ISO, with or without a time", DAY,
     ["2024-03-01", "2024/3/1", "2024-03-01 00:00:00.000", "2024-03-01T10:30:00"],
     [MARCH_1] * 4),
    ("a zone could move the day, but not that of midnight", DAY,
     ["2024-03-01T00:00:00Z", "2024-03-01T22:00:00Z"],
     [MARCH_1, U]),
    ("no such day", DAY, ["20240231", "2024-02-30", "20240301", "00000000", "20240000"], [U, U, MARCH_1, U, U]),
    ("a day over 12 shows that days come first", DAY, ["01-03-2024", "1/3/2024", "15.03.2024", "01/03/2024 00:00:00"],
     [MARCH_1, MARCH_1, date(2024, 3, 15), MARCH_1]),
    ("no day over 12 shows nothing", DAY, ["01-03-2024", "02/03/2024", "20240301"], [U, U, MARCH_1]),
    ("months first", DAY, ["03/01/2024", "03/15/2024"], [U, U]),
    ("both orders in one column", DAY, ["15/03/2024", "03/15/2024", "01/03/2024", "20240301"], [U, U, U, MARCH_1]),
    ("days that stand for months elsewhere", DAY, ["20240103", "20243103"], [U, U]),
    ("one slip among many is a slip", DAY,
     ["20243101", "20240301", *["20240325"] * 11],
     [U, MARCH_1, *[date(2024, 3, 25)] * 11]),
    ("neither a century nor a month by name nor a serial", DAY,
     ["15-03-24", "15-mar-2024", "45366", "240315", "202403"],
     [U] * 5),
    ("day, month and year without marks", DAY, ["15032024", "01032024", "03152024"], [U] * 3),
    ("a program's decimals, all over", DAY, ["20240301.0", "20240315.0", " "], [MARCH_1, date(2024, 3, 15), None]),
    ("with a comma", DAY, ["20240301,00", "0,0"], [MARCH_1, U]),
    ("in some values only", DAY, ["20240301.0", "20240315"], [U, date(2024, 3, 15)]),
    ("or beside what is no whole day", DAY, ["20240301.0", "20240315.5", "20240317,0"], [U, U, U]),
    ("single precision makes every day even", DAY, ["20240302.0", "20240316.0"], [U, U]),
    ("as decimals too, days that stand for months", DAY, ["20240103.0", "20243103.0"], [U, U]),
    # Months.
    ("the official form", MONTH, ["200801", "200812", " "], [200801, 200812, None]),
    ("with the day of old files", MONTH, ["20080131", "20080231", "200801"], [200801, U, 200801]),
    ("other forms of a month", MONTH,
     ["2008-01", "2008/1", "01/2008", "1-2008", "2008-01-31", "2008-01-31 00:00:00"],
     [200801] * 6),
    ("with a day first, proved", MONTH, ["31-01-2008", "01-02-2008"], [200801, 200802]),
    ("with a day first, or not", MONTH, ["02-01-2008", "01-02-2008"], [U, U]),
    ("no such month", MONTH, ["200813", "200800", "012008", "2008", "0801"], [U] * 5),
    ("days, months and two digits of the year", MONTH, ["150708", "200812", "010108"], [U, U, U]),
    ("a program's decimals, all over", MONTH,
     ["200801.0", "20081231.0", "190001.0", "\u00a0"],
     [200801, 200812, None, None]),
    ("with a comma", MONTH, ["200801,0", "200812,0"], [200801, 200812]),
    ("in some values only", MONTH, ["200801.0", "200812"], [U, 200812]),
    ("as decimals too, two digits of the year", MONTH, ["150708.0", "200812.0"], [U, U]),
    ("decimals of no month", MONTH, ["200813.0", "2008.0", "200801.0"], [U, U, 200801]),
    ("no information, by the dictionary", MONTH,
     ["190001", "19000101", "1900-01-01", "200801"],
     [None, None, None, 200801]),
    # Whole numbers.
    ("as official files write them", COUNT, ["12", "0012", "+12", " 12 ", "1234"], [12, 12, 12, 12, 1234]),
    ("neither below zero nor so long", COUNT, ["-12", "12345678901234567890"], [U, U]),
    ("a code of no information", AREA, ["-1", "-10", "1"], [-1, U, 1]),
    ("what is no number", COUNT,
     ["12a", "doce", "1e3", "1.2E+03", "１２", "12%", "(12)", "#N/A", "12 34", "--"],
     [U] * 10),
    ("nothing, as programs write it", COUNT,
     [".", "-", "NA", "n/a", "NULL", "\\N", "S/I", "NaN", "<NA>", "", " ", "\u00a0", "\u200b"],
     [None] * 13),
    ("a point that groups, since short numbers have none", COUNT, ["1.234", "560", "12.001"], [1234, 560, 12001]),
    ("a comma that groups", COUNT, ["1,234", "560", "12,000"], [1234, 560, 12000]),
    ("a space that groups", COUNT, ["1 234", "560", "1\u00a0234", "1\u202f234"], [1234, 560, 1234, 1234]),
    ("every value with three digits after the mark", COUNT, ["1.234", "5.678"], [U, U]),
    ("only zeros after the mark: 410.000 may be 410", COUNT, ["410.000", "560"], [U, 560]),
    ("longer numbers have no mark", COUNT, ["1.234", "560", "5678"], [U, 560, 5678]),
    ("two marks in one column", COUNT, ["1.234", "1,234", "560"], [U, U, 560]),
    ("decimals beside thousands", COUNT, ["1.234", "560", "2.5"], [U, 560, U]),
    ("more than the contract thinks possible", COUNT, ["123.456", "1.234", "7"], [U, 1234, 7]),
    ("a program's decimals, all over", COUNT, ["410.0", "1234.0", " "], [410, 1234, None]),
    ("with a comma", CODE, ["41005,0", "0,00"], [41005, 0]),
    ("a year", COHORT, ["2024,0", "2025,0"], [2024, 2025]),
    ("and the code of no information", AREA, ["-1.0", "1.0", "-10.0"], [-1, 1, U]),
    ("in some values only", CODE, ["41005.0", "52009"], [U, 52009]),
    ("not whole", COUNT, ["410.5", "1234.0"], [U, U]),
    ("zeros that a spreadsheet was told to keep", CODE, ['="041005"', "'41005", '"41005"', '="41005'], [41005] * 4),
    ("what a web form left", COUNT, ["& 65279;12", "&#8203;12", "&nbsp;12", "\ufeff12", "12\u200b"], [12] * 5),
    # Numbers.
    ("decimal comma", HOURS, ["6,1", "6", "0,5", "1234,567"], [6.1, 6.0, 0.5, 1234.567]),
    ("decimal point", HOURS, ["6.1", "6", "0.125"], [6.1, 6.0, 0.125]),
    ("three decimals among others", LATITUDE, ["-33,456", "-33,4567", "-34"], [-33.456, -33.4567, -34.0]),
    ("three decimals everywhere: or thousands", HOURS, ["1,234", "2,500"], [U, U]),
    ("thousands, since one value has both marks", PESOS, ["1.234,5", "1.234", "12"], [1234.5, 1234.0, 12.0]),
    ("the other way about", PESOS, ["1,234.5", "1,234", "12"], [1234.5, 1234.0, 12.0]),
    ("millions show what the mark is", PESOS, ["12.345.678", "350.000", "900"], [12345678.0, 350000.0, 900.0]),
    ("but not where the contract knows better", LATITUDE, ["-33.456.789", "-18.487.200"], [U, U]),
    ("nor where longer numbers have none", PESOS, ["12.345.678", "350000"], [U, 350000.0]),
    ("a mark that does both", PESOS, ["1.234.567", "2.5"], [U, U]),
    ("in doubt beside decimals of both marks", HOURS, ["6,1", "6.1", "1.234", "1,234"], [6.1, 6.1, U, U]),
    ("one decimal among thousands proves nothing", HOURS, ["1.234", "2.345", "1.5"], [U, U, 1.5]),
    ("spaces", PESOS, ["1 234 567", "1 234,5", "12"], [1234567.0, 1234.5, 12.0]),
    ("what is no number", HOURS, ["2.1E+02", "6,1,5", "12,", ",5", "6'1", "6 1/10", "5-jun", "inf", "−6"], [U] * 9),
    ("quotes and nothing", HOURS, ['"6,1"', "NaN", ".", "s/i"], [6.1, None, None, None]),
    # Identifiers.
    ("a number: leading zeros say nothing", PERSON,
     ["12345678", "0012345678", " 12345678 ", "\u00a012345678"],
     [Who("12345678")] * 4),
    ("damage is nobody", PERSON,
     ["2.1E+07", "2,1E+07", "12345678.0", "21.000.000", "1234 5678", "-12345678", "12345678"],
     [U, U, U, U, U, U, Who("12345678")]),
    ("a program's decimals, all over", PERSON, ["12345678.0", "7654321.0"], [Who("12345678"), Who("7654321")]),
    ("single precision, in which none is odd", PERSON, ["21345678.0", "19654320.0", "7654321.0"], [U, U, U]),
    ("one that is odd proves the others", PERSON, ["21345678.0", "19654321.0"], [Who("21345678"), Who("19654321")]),
    ("thousands, all over", PERSON, ["12.345.678", "7.654.321"], [Who("12345678"), Who("7654321")]),
    ("formulas and quotes", PERSON, ['="12345678"', "'12345678", '"12345678"'], [Who("12345678")] * 3),
    ("its check digit proves a RUN", PERSON,
     ["12.345.678-5", "12345678-5", "012345678-5", "12345670-K", "12345678-4", "12345678-k"],
     [Who("12345678-5", "RUN")] * 3 + [Who("12345670-K", "RUN"), U, U]),
    ("a mask is not the RUN of the same digits", PERSON, ["12345678", "12345678-5"],
     [Who("12345678"), Who("12345678-5", "RUN")]),
    ("a provisional identifier begins at a hundred million", PERSON, ["100.123.456-7"], [Who("100123456-7", "IPE")]),
    ("a digest stands for a person", PERSON, ["0x" + "AB" * 32, "ab" * 32], [Who("ab" * 32), Who("ab" * 32)]),
    ("nobody", PERSON, ["0", "000", "S/I", "NULL", "PEREZ"], [U, U, None, None, U]),
    ("digits of which each counts", PRACTICE, ["20250001230600000100000007", "00250001230600000100000007"],
     [Who("20250001230600000100000007"), Who("00250001230600000100000007")]),
    ("digits lost in a spreadsheet", PRACTICE, ["20250001230600000000000000", "2.02500012306E+25"], [U, U]),
    ("digits lost in a program's decimals", PRACTICE, [str(int(float("20250001230600000100000007")))], [U]),
    ("a code of 26 digits", PLAN, ["99001234000520090000000410", "9.9E+25", "99001234000520000000000000", "NA"],
     ["99001234000520090000000410", U, U, None]),
    # Names.
    ("letters of two code points", NAME, ["LICEO N\u0303UÑOA", "LICEO ÑUÑOA"], ["LICEO ÑUÑOA"] * 2),
    ("letters of a web form", NAME,
     ["LICEO &Ntilde;U&#209;OA", "& 209;U&#xD1;OA", "A &amp; B"],
     ["LICEO ÑUÑOA", "ÑU&#xD1;OA", "A & B"]),
    ("marks that nobody sees", NAME, ["\u200bLICEO\u00a0A\ufeff", "LI\u00adCEO A", "\tLICEO A\r"], ["LICEO A"] * 3),
    ("a person's number is no name", NAME,
     ["LICEO A", "12345678", " 1234567", "12.345.678-5", "LICEO 12345678 B", "123456", "2025000123"],
     ["LICEO A", U, U, U, "LICEO 12345678 B", "123456", "2025000123"]),
    ("but may be what a project is called", ("proyectos", "ID_PROYECTO"), ["20250017", "SIM-1"], ["20250017", "SIM-1"]),
    ("no name is what programs write for nothing", NAME,
     ["NA", "N/A", ".", "-", "NaN", "#N/D", "#¿NOMBRE?", "NADA", "S/I"], [None] * 7 + ["NADA", "S/I"]),
    ("but not all", NAME, ["NULL", "null", "\\N", "<NA>", "LICEO"], [None, None, None, None, "LICEO"]),
    ("quotes are a name's own, a formula is not", NAME, ['"LICEO" SUR', '="LICEO"'], ['"LICEO" SUR', "LICEO"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What cleaning reads of every column of the table, in one run a dataset."""
    settings = isolated_settings(data_dir=tmp_path_factory.mktemp("lectura"))
    cases = [Case(*column, tuple(sent)) for _, column, sent, _ in SPECIFICATION]
    found = read(settings, cases)
    for (_, (_, official), _, expected), values in zip(SPECIFICATION, found, strict=True):
        people = [value for value in expected if isinstance(value, Who)]
        known = dict(zip(pseudonyms(settings, official, people), people, strict=True))
        values[:] = [known.get(value, value) if isinstance(value, str) else value for value in values]
    return found


@pytest.mark.parametrize(
    "at", range(len(SPECIFICATION)), ids=[f"{column[1]}: {shows}" for shows, column, _, _ in SPECIFICATION]
)
def test_a_column_reads_as_the_table_says(answers: list[list[Any]], at: int) -> None:
    _, _, sent, expected = SPECIFICATION[at]
    assert dict(enumerate(zip(sent, answers[at], strict=True))) == dict(enumerate(zip(sent, expected, strict=True)))
