"""The controls: what the search is to find, it finds, however it is written and stored."""

from __future__ import annotations

import base64
import json
import sqlite3
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emtp_assets_tests.leaks.people import MISTAKES, name_of
from emtp_assets_tests.leaks.search import files_under, found_in, leaks, texts_of

NUMBERS = {"12345678"}


@pytest.mark.parametrize(
    "text",
    [
        "12345678",
        "MRUN 12345678.",
        "12.345.678-5",
        "12345678-5",
        "012345678-K",
        "RUN=12,345,678",
        '"12345678"',
        "filas (12345678)",
        name_of(7),
        name_of(7).lower(),
        "mari\u0301qxz",
    ],
)
def test_a_person_is_found_in_each_spelling(text: str) -> None:
    assert list(found_in([text], NUMBERS))


def test_a_picture_in_a_page_is_read() -> None:
    for text, there in ((f"<text>{name_of(1)}</text>", True), ("<text>nadie</text>", False)):
        inline = base64.b64encode(text.encode()).decode()
        assert bool(list(found_in([f"![gráfico](data:image/svg+xml;base64,{inline})"], NUMBERS))) is there


@pytest.mark.parametrize(
    "text", ["112345678", "12345679", "a12345678b", "sha 9f12345678ab", "1234", "1.5", "19:25:12.345678"]
)
def test_what_is_nobody_is_not(text: str) -> None:
    assert list(found_in([text], NUMBERS)) == []


def stored(path: Path, kind: str, text: str) -> None:
    match kind:
        case "text":
            path.write_text(text, encoding="utf-8")
        case "escaped":
            path.write_text(json.dumps({"a": "\u00f1 " + text}), encoding="utf-8")
        case "parquet":
            pq.write_table(pa.table({"a": [1, 2], "b": ["x", text]}), path, compression="zstd")
        case "footer":
            table = pa.table({"a": [1]})
            pq.write_table(table.replace_schema_metadata({"nota": text}), path)
        case "database":
            with sqlite3.connect(path) as database:
                database.execute("create table t (a, b)")
                database.execute("insert into t values (?, ?)", ("x", json.dumps([text])))
        case "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("dentro.txt", text)


@pytest.mark.parametrize("kind", ["text", "escaped", "parquet", "footer", "database", "zip"])
def test_a_person_is_found_in_each_kind_of_file(tmp_path: Path, kind: str) -> None:
    stored(tmp_path / "nadie", kind, "12345679 y José")
    stored(tmp_path / "alguien", kind, "12.345.678-5")
    found = leaks(files_under(tmp_path), NUMBERS, tmp_path)
    assert found and all(each.startswith("alguien: número") for each in found)


def test_the_name_of_a_file_counts_too(tmp_path: Path) -> None:
    path = tmp_path / f"{name_of(3)}.txt"
    path.write_text("")
    assert list(found_in(texts_of(path), NUMBERS))


def test_only_what_is_left_out_is_left_out(tmp_path: Path) -> None:
    for folder in ("raw", "raw2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text("12345678")
    assert [each.partition(":")[0] for each in leaks(files_under(tmp_path, but=["raw"]), NUMBERS, tmp_path)] == [
        "raw2/a"
    ]


def test_there_are_mistakes_of_many_kinds() -> None:
    assert len(MISTAKES) > 8
