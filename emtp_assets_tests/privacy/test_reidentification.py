"""The search that tries every RUN finds what is hashed without a key, and nothing that the product makes (reduced)."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from benchmarks.reidentification import FORMS, TAGGED, UNSALTED, control, pseudonyms, search, tokens_of, ways

KEY = SecretStr("a-test-key-0123456789-abcdefghijklmnop")
WRONG = {"no key": b"", "another": b"another-test-key-0123456789-abcdefgh"}
LAST = 20_000
PEOPLE = range(1, LAST, 7)


def test_the_forms_are_those_in_which_people_write_a_run() -> None:
    with duckdb.connect() as connection:
        written = {
            form: connection.sql(f"select {sql} from (select 12345678 as n, '5' as d)").fetchall()[0][0]
            for form, sql in FORMS.items()
        }
    assert written == {form: form for form in FORMS}


def test_the_search_hashes_as_python_does(tmp_path: Path) -> None:
    text = "v1|RUN|12345-5"
    expected = {
        UNSALTED: hashlib.sha256(text.encode()).hexdigest(),
        **{name: hmac.new(key, text.encode(), "sha256").hexdigest() for name, key in WRONG.items()},
    }
    (tmp_path / "found.txt").write_text("\n".join(expected.values()).upper())
    tokens, files = tokens_of(tmp_path)
    assert (files, tokens.num_rows) == (1, 3)
    found = {
        f.way: f.matches for f in search(tokens, ways(WRONG), first=12345, last=12346, forms={"as is": f"'{text}'"})
    }
    assert found == {way: {"found.txt": 1} for way in expected}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("control")
    return list(search_all(folder))


def search_all(folder: Path):
    import pyarrow as pa

    tokens = pa.concat_tables([control(folder, PEOPLE), pseudonyms(KEY, PEOPLE)])
    how = ways(WRONG | {"right": KEY.get_secret_value().encode()})
    return search(tokens, how, first=1, last=LAST, chunk=3_000)


def test_what_is_hashed_without_a_key_is_recovered_to_the_last_person(everything) -> None:
    assert {f.form: f.matches.get("control") for f in everything if f.way == UNSALTED} == dict.fromkeys(
        FORMS, len(PEOPLE)
    )


def test_no_pseudonym_is_found_without_a_key_nor_with_another(everything) -> None:
    wrong = [f for f in everything if f.way in (UNSALTED, *WRONG)]
    assert len(wrong) == 3 * len(FORMS)
    assert not [f for f in wrong if f.matches.get("pseudonyms")]


def test_with_the_right_key_each_is_so_the_search_would_have_found_them(everything) -> None:
    found = {f.form: f.matches.get("pseudonyms", 0) for f in everything if f.way == "right"}
    assert found == dict.fromkeys(FORMS, 0) | {TAGGED: len(PEOPLE)}
