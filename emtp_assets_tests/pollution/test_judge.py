"""The judge is not blind: each way in which a reading can be wrong is seen, and what is right is not called wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emtp_assets_tests.pollution.corpus import Polluted, of_text
from emtp_assets_tests.pollution.judge import Verdict, aligned, judge, judge_others_values
from emtp_assets_tests.pollution.official import official
from emtp_assets_tests.pollution.readers import Reading, Refused

FORM = official("matricula_2024", 5)
FILE = of_text(FORM, FORM.wrote())
ROWS = FORM.table.rows


def as_read(rows: tuple[tuple[str, ...], ...] = ROWS, **more: object) -> Reading:
    return Reading(FORM.table.names, rows, **more)  # type: ignore[arg-type]


def with_value(column: str, value: str | None, row: int = 2) -> tuple[tuple[str, ...], ...]:
    at = FORM.table.column(column)
    return tuple((*r[:at], value, *r[at + 1 :]) if i == row else r for i, r in enumerate(ROWS))  # type: ignore[misc]


def verdict(reading: Reading | Refused, file: Polluted = FILE) -> Verdict:
    return judge(file, FORM, reading).verdict


def test_the_rows_of_the_truth_are_right_whatever_the_order_of_the_columns() -> None:
    assert verdict(as_read()) is Verdict.RIGHT
    backwards = Reading(FORM.table.names[::-1], tuple(r[::-1] for r in ROWS))
    assert verdict(backwards) is Verdict.RIGHT


@pytest.mark.parametrize("value", [None, "", "   "])
def test_a_blank_is_a_blank_however_it_is_read(value: str | None) -> None:
    assert verdict(as_read(with_value("NOMBRE_SLEP", value))) is Verdict.RIGHT


@pytest.mark.parametrize(
    ("column", "value"),
    [("NOM_COM_RBD", "CURICO"), ("NOM_COM_RBD", "CURICÃ“"), ("MRUN", "60000004"), ("COD_ENSE", "0610"), ("RBD", "")],
)
def test_one_changed_value_is_wrong(column: str, value: str) -> None:
    assert verdict(as_read(with_value(column, value))) is Verdict.SILENT


def test_a_lost_row_a_row_too_many_and_rows_in_another_order_are_wrong() -> None:
    assert verdict(as_read(ROWS[1:])) is Verdict.SILENT
    assert verdict(as_read((*ROWS, ROWS[0]))) is Verdict.SILENT
    assert verdict(as_read((ROWS[1], ROWS[0], *ROWS[2:]))) is Verdict.SILENT


def test_a_lost_column_and_one_that_was_not_sent_are_wrong() -> None:
    assert verdict(Reading(FORM.table.names[:-1], tuple(r[:-1] for r in ROWS))) is Verdict.SILENT
    more = Reading((*FORM.table.names, "TIPO_AULA"), tuple((*r, "7") for r in ROWS))
    assert verdict(more) is Verdict.SILENT


def test_rows_left_out_of_scope_and_lines_not_accounted_for_are_wrong() -> None:
    assert verdict(as_read(out_of_scope=1)) is Verdict.SILENT
    assert verdict(as_read(lines={"datos": 5, "encabezado": 1})) is Verdict.RIGHT
    assert verdict(as_read(lines={"datos": 5})) is Verdict.SILENT


def test_only_a_row_that_was_struck_may_be_set_aside_and_then_it_must_be_there() -> None:
    struck = replace(FILE, hit=frozenset({2}))
    without = ROWS[:2] + ROWS[3:]
    raw = ";".join(ROWS[2]).encode()
    assert verdict(as_read(without, aside=(raw,)), struck) is Verdict.ASIDE
    assert verdict(as_read(without), struck) is Verdict.SILENT
    assert verdict(as_read(without, aside=(raw,)), FILE) is Verdict.SILENT
    assert verdict(as_read(aside=(raw,)), struck) is Verdict.SILENT, "read and set aside: counted twice"


def test_a_row_left_out_for_an_unknown_code_is_told_and_an_untouched_one_may_not_be() -> None:
    struck = replace(FILE, hit=frozenset({2}))
    without = ROWS[:2] + ROWS[3:]
    assert verdict(as_read(without, unknown=1), struck) is Verdict.ASIDE
    assert verdict(as_read(without, unknown=1), FILE) is Verdict.SILENT


def test_a_refusal_keeps_its_code() -> None:
    assert judge(FILE, FORM, Refused("columnas")).shown == "refused: columnas"


def test_rows_whose_values_cannot_tell_them_are_matched_by_order_less_those_set_aside() -> None:
    struck = replace(FILE, hit=frozenset({2}))
    assert aligned(struck, FORM, as_read()) == [0, 1, 2, 3, 4]
    raw = ";".join(ROWS[2]).encode()
    assert aligned(struck, FORM, as_read(ROWS[:2] + ROWS[3:], aside=(raw,))) == [0, 1, 3, 4]
    lost = aligned(struck, FORM, as_read(ROWS[:2] + ROWS[3:]))
    assert not isinstance(lost, list)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, Verdict.RIGHT),
        (3.0, Verdict.RIGHT),
        ("3", Verdict.RIGHT),
        ("3.x", Verdict.REFUSED),
        (30, Verdict.SILENT),
        (None, Verdict.SILENT),
    ],
)
def test_typed_values_of_other_readers(value: object, expected: Verdict) -> None:
    table = FORM.table.with_cells("COD_REG_RBD", "3")
    at = table.column("COD_REG_RBD")
    file = replace(FILE, truth=table)
    rows = tuple((*r[:at], value if i == 0 else r[at], *r[at + 1 :]) for i, r in enumerate(table.rows))
    assert judge_others_values(file, FORM, Reading(table.names, rows)).verdict is expected


def test_names_given_by_the_file_itself_are_as_right_as_official_ones() -> None:
    names = tuple(f"{n}_x" for n in FORM.table.names)
    reading = Reading(names, ROWS)
    assert verdict(reading) is Verdict.SILENT
    assert verdict(reading, replace(FILE, named=names)) is Verdict.RIGHT


def test_without_names_the_values_alone_are_compared() -> None:
    headless = replace(FILE, headless=True)
    assert verdict(Reading(tuple(map(str, range(len(ROWS[0])))), ROWS), headless) is Verdict.RIGHT
    assert verdict(Reading(ROWS[0], ROWS[1:]), headless) is Verdict.SILENT
