"""The search: every value of every file, however it is stored, for names and numbers of people. It knows no layer."""

from __future__ import annotations

import base64
import io
import json
import re
import sqlite3
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets_tests.leaks.people import MARK

_NUMBER = re.compile(r"(?<![\w.-])(?:\d{1,3}(?:[ .,]\d{3})+|\d+)(?:-?[\dkK])?(?!\w)")
_BASE64 = re.compile(r";base64,([A-Za-z0-9+/]+=*)")
_AROUND = 60


def found_in(texts: Iterable[str], numbers: set[str]) -> Iterator[str]:
    """What of a person stands in some texts, with a little of what is around it."""
    for text in texts:
        plain = unicodedata.normalize("NFKD", _BASE64.sub(_decoded, text))
        for match in re.finditer(MARK, plain, re.IGNORECASE):
            yield f"nombre: …{_context(plain, match.start())}…"
        for match in _NUMBER.finditer(plain):
            digits = re.sub(r"[ .,-]", "", match[0]).lstrip("0")
            if digits in numbers or digits[:-1] in numbers:
                yield f"número: …{_context(plain, match.start())}…"


def _decoded(found: re.Match[str]) -> str:
    """A picture in a page as the text that it is: its letters by chance spell anything."""
    return base64.b64decode(found[1]).decode("utf-8", "replace")


def _context(text: str, at: int) -> str:
    return " ".join(text[max(at - _AROUND, 0) : at + _AROUND].split())


def texts_of(path: Path) -> Iterator[str]:
    """Everything that a file says, as text: its name too."""
    yield path.name
    with path.open("rb") as handle:
        head = handle.read(16)
    if head.startswith(b"SQLite format 3"):
        yield from _of_database(path)
    elif head.startswith(b"PAR1"):
        yield from _of_parquet(path)
    elif head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name).decode("utf-8", "replace") for name in archive.namelist())
    else:
        content = path.read_bytes()
        yield content.decode("utf-8", "replace")
        if b"\\u" in content:
            yield _unescaped(content.decode("utf-8", "replace"))


def _of_database(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for row in database.execute(f'select * from "{table}"'):
                yield " | ".join(_as_text(value) for value in row)


def _as_text(value: object) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return _unescaped(text) if "\\u" in text else text


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def _of_parquet(path: Path) -> Iterator[str]:
    with pq.ParquetFile(path) as file:
        yield json.dumps({k.decode(): v.decode("utf-8", "replace") for k, v in (file.metadata.metadata or {}).items()})
        table = file.read()
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
            continue
        sink = io.StringIO()
        for value in column.to_pylist() if pa.types.is_nested(column.type) else column.unique().to_pylist():
            sink.write(f"{value}\n")
        yield sink.getvalue()


def files_under(folder: Path, *, but: Iterable[str] = ()) -> Iterator[Path]:
    """Every file of a folder, without what lies under the folders ``but`` (relative) and without links."""
    left_out = [folder / name for name in but]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(out) for out in left_out):
            yield path


def leaks(files: Iterable[Path], numbers: set[str], root: Path) -> list[str]:
    """``file: what was found`` for each file that shows somebody, the first three findings of each."""
    told = []
    for path in files:
        for _, finding in zip(range(3), found_in(texts_of(path), numbers), strict=False):
            told.append(f"{path.relative_to(root)}: {finding}")
    return told
