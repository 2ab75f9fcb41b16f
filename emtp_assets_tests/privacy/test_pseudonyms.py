"""The SQL pseudonym is HMAC-SHA-256, exactly, and nothing that is written down holds the key."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from emtp_assets.privacy.keys import PseudonymKeyError
from emtp_assets.privacy.pseudonyms import install_pseudonym

KEY = SecretStr("a-test-key-0123456789-abcdefghijklmnop")

# Everything DuckDB can hold in a VARCHAR.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        install_pseudonym(connection, KEY)
        yield connection


def by_python(key: SecretStr, kind: str, value: str) -> str | None:
    text = value.strip(" ")
    if not text:
        return None
    return hmac.new(key.get_secret_value().encode(), f"v1|{kind}|{text}".encode(), "sha256").hexdigest()[:32]


def check_digit(number: int) -> str:
    """Modulo 11, as the Registro Civil works it out."""
    total = sum(int(digit) * (2 + at % 6) for at, digit in enumerate(reversed(str(number))))
    return "0123456789K"[(11 - total % 11) % 11]


def five_forms(number: int) -> list[str]:
    digit = check_digit(number)
    dotted = f"{number:,}".replace(",", ".")
    return [
        f"{number}-{digit}",
        f"{dotted}-{digit.lower()}",
        f" {number:09}-{digit} ",
        f"0{dotted}-{digit}",
        f"{number}{digit}",
    ]


def by_sql(connection: duckdb.DuckDBPyConnection, kind: str, value: str | int | None) -> str | None:
    row = connection.execute("SELECT pseudonym($1, $2)", [kind, value]).fetchone()
    assert row is not None
    return row[0]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=texts, value=texts)
def test_it_is_what_python_computes(session: duckdb.DuckDBPyConnection, kind: str, value: str) -> None:
    # DuckDB's trim may know more kinds of space; both know the blank that official files are padded with.
    trimmed = session.execute("SELECT trim($1)", [value]).fetchall()[0][0]
    assert by_sql(session, kind, value) == by_python(KEY, kind, trimmed)


@settings(max_examples=50, deadline=None)
@given(text=st.text("abcdefghijklmnop0123456789ñé", min_size=200, max_size=200))
def test_it_is_so_for_keys_longer_than_a_block_too(text: str) -> None:
    key = SecretStr("abcdefghijklmnopqrstuvwxyz012345" + text)
    with duckdb.connect() as connection:
        install_pseudonym(connection, key)
        assert by_sql(connection, "estudiante", "12345678") == by_python(key, "estudiante", "12345678")


def test_nothing_and_blanks_have_no_pseudonym(session: duckdb.DuckDBPyConnection) -> None:
    assert [by_sql(session, "estudiante", value) for value in (None, "", " ", "   ")] == [None] * 4


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(10_000_000, 99_999_999))
def test_a_run_is_one_person_in_any_of_its_text_forms(session: duckdb.DuckDBPyConnection, number: int) -> None:
    person = by_python(KEY, "RUN", f"{number}-{check_digit(number)}")
    assert {by_sql(session, "RUN", form) for form in five_forms(number)} == {person}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(1_000_000, 99_999_999), wrong=st.sampled_from("0123456789K"))
def test_a_run_whose_check_digit_is_wrong_is_nobody(
    session: duckdb.DuckDBPyConnection, number: int, wrong: str
) -> None:
    person = by_python(KEY, "RUN", f"{number}-{wrong}") if wrong == check_digit(number) else None
    assert by_sql(session, "RUN", f"{number}-{wrong}") == by_sql(session, "MRUN", f"{number}-{wrong}") == person


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("RUN", "12345678", "RUN|12345678-5"),
        ("RUN", "1234567K", None),
        ("MRUN", "12345678", "MRUN|12345678"),
        ("MRUN", "0012345678", "MRUN|12345678"),
        ("MRUN", "12.345.678-5", "RUN|12345678-5"),
        ("MRUN", "100.123.456-7", "IPE|100123456-7"),
        ("RUN", "1001234567", "IPE|100123456-7"),
        ("IPE", "0900000001", "IPE|900000001"),
        ("MRUN", "0", None),
        ("MRUN", "ab" * 32, "MRUN|" + "ab" * 32),
        ("ID_PRACTICA", " 0012 ", "ID_PRACTICA|0012"),
    ],
)
def test_what_is_hashed_says_what_it_is(
    session: duckdb.DuckDBPyConnection, kind: str, value: str, message: str | None
) -> None:
    expected = by_python(KEY, *message.split("|")) if message else None
    assert by_sql(session, kind, value) == expected


def test_a_mask_and_a_run_of_the_same_digits_are_two_persons(session: duckdb.DuckDBPyConnection) -> None:
    assert by_sql(session, "MRUN", "12345678") != by_sql(session, "MRUN", "12345678-5")


def test_padding_and_number_or_text_make_no_difference_but_the_kind_does(
    session: duckdb.DuckDBPyConnection,
) -> None:
    assert len({by_sql(session, "estudiante", value) for value in ("123", " 123 ", 123)}) == 1
    assert by_sql(session, "estudiante", "123") != by_sql(session, "docente", "123")


def test_a_cursor_is_another_session_and_has_no_key_of_ours(session: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.CatalogException):
        session.cursor().execute("SELECT pseudonym('estudiante', '1')")


def test_a_new_key_replaces_the_old_one_in_a_session(session: duckdb.DuckDBPyConnection) -> None:
    other = SecretStr("another-test-key-0123456789-abcdefgh")
    install_pseudonym(session, other)
    assert by_sql(session, "estudiante", "1") == by_python(other, "estudiante", "1")


def test_the_key_stands_in_no_macro_view_error_or_plan_of_a_projection(
    session: duckdb.DuckDBPyConnection,
) -> None:
    session.execute("CREATE TABLE t AS SELECT '12.345.678-5' AS run")
    written = [
        str(session.execute("SELECT * FROM duckdb_functions() WHERE function_name = 'pseudonym'").fetchall()),
        str(session.execute("EXPLAIN ANALYZE SELECT pseudonym('e', run) AS id FROM t").fetchall()),
        str(session.execute("EXPLAIN SELECT pseudonym('e', run) AS id FROM t").fetchall()),
    ]
    with pytest.raises(duckdb.ConversionException) as error:
        session.execute("SELECT pseudonym('e', run)::INTEGER FROM t").fetchall()
    written.append(str(error.value))
    pads = [str(bytes(byte ^ pad for byte in KEY.get_secret_value().encode()))[2:12] for pad in (0, 0x36, 0x5C)]
    assert not [pad for pad in pads for text in written if pad in text]


def test_a_weak_key_is_refused() -> None:
    with duckdb.connect() as connection, pytest.raises(PseudonymKeyError):
        install_pseudonym(connection, SecretStr("corta"))
