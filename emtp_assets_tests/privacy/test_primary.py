"""Which single figures may be shown: small counts, shares near all or none, means of few, money of one school."""

from __future__ import annotations

import duckdb
import pytest

from emtp_assets.privacy import primary


def answer(expression: str, rows: str = "(select 1)") -> object:
    return duckdb.sql(f"select {expression} from {rows}").fetchall()[0][0]


@pytest.mark.parametrize(("count", "small"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_count_is_small_from_one_to_below_the_minimum(count: int, small: bool) -> None:
    assert answer(primary.small_count(str(count), 10)) is small


@pytest.mark.parametrize(("now", "before", "small"), [(50, 50, False), (50, 51, True), (59, 50, True), (60, 50, False)])
def test_a_change_between_releases_is_small_when_it_is_a_few_persons(now: int, before: int, small: bool) -> None:
    assert answer(primary.small_change(str(now), str(before), 10)) is small


@pytest.mark.parametrize(
    ("share", "hidden", "note"),
    [
        (50.0, "false", ""),
        (50.0, "true", "s"),
        (95.0, "false", ""),
        (95.1, "false", "c>95"),
        (100.0, "false", "c>95"),
        (4.9, "false", "c<5"),
        (5.0, "false", ""),
        (99.0, "true", "s"),
    ],
)
def test_a_share_is_the_quotient_of_shown_counts_and_coded_near_all_and_none(
    share: float, hidden: str, note: str
) -> None:
    assert answer(primary.rate_note(str(share), hidden)) == note


@pytest.mark.parametrize(
    ("persons", "hidden", "note"),
    [("10", "false", ""), ("9", "false", "s"), ("10", "true", "s"), ("null", "false", "s")],
)
def test_a_mean_needs_persons_enough_behind_it(persons: str, hidden: str, note: str) -> None:
    assert answer(primary.mean_note(persons, hidden, 10)) == note


@pytest.mark.parametrize(
    ("amounts", "betrays"),
    [
        ([100, 90], True),  # two: each knows the other
        ([100, 90, 14], True),  # the second knows the first to within 14 %
        ([100, 90, 15], False),
        ([100, 90, None], True),
        ([100, 0, 0], True),
        ([40, 40, 40, 40], False),
    ],
)
def test_money_is_hidden_where_the_second_greatest_could_tell_the_greatest(
    amounts: list[int | None], betrays: bool
) -> None:
    rows = ", ".join(f"({'null' if a is None else a})" for a in amounts)
    assert answer(primary.dominated("m", 15), f"(values {rows}) as t(m)") is betrays
