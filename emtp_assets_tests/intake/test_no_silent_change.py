"""Whatever is done to a file's bytes, each line is read exactly as it says, or set aside, or the file refused.

The judge is Python's own csv reader in strict mode, line by line, over the text in the encoding that intake declared.
"""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from open_data_contract_standard.model import OpenDataContractStandard

from emtp_assets.contracts import Contract
from emtp_assets.contracts.model import contract_from_odcs
from emtp_assets.intake import Archive, Delivery, IntakeError
from emtp_assets.intake.extraction import extract_raw_years
from emtp_assets.intake.quarantine import SetAside
from emtp_assets.intake.receive import examine
from emtp_assets.settings import Settings
from emtp_assets.storage import restricted
from emtp_assets_tests.intake.conftest import NOW

NAMES = ["AGNO", "RBD", "NOMBRE", "NOTA"]


def small_contract() -> Contract:
    properties = [
        {
            "name": name.lower(),
            "physicalName": name,
            "logicalType": "string",
            "description": name,
            "required": name == "AGNO",
        }
        for name in NAMES
    ]
    table = {
        "name": "pequeno",
        "businessName": "Pequeño",
        "properties": properties,
        "customProperties": [
            {"property": "yearColumn", "value": "AGNO"},
            {"property": "signature", "value": ["AGNO", "NOMBRE"]},
        ],
    }
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "pequeno",
        "name": "pequeno",
        "version": "1.0.0",
        "status": "active",
        "schema": [table],
    }
    return contract_from_odcs(OpenDataContractStandard.model_validate(document))


CONTRACT = small_contract()

text = st.text(st.sampled_from("aZñÑé 09;,\"'\t|\n\r#\\-\ufeff\x85\u2028°»"), max_size=8)
row = st.tuples(st.sampled_from(["2024", "2025", " 2024 "]), st.sampled_from(["1", "90000", " ", ""]), text, text)
tables = st.lists(row, min_size=1, max_size=6)
form = st.fixed_dictionaries(
    {
        "separator": st.sampled_from([";", ",", "\t", "|"]),
        "newline": st.sampled_from(["\r\n", "\n"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "cp1252"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]),
    }
)
byte = st.one_of(st.sampled_from(list(b';,"\r\n \x00\xc3\xd1\xb1\t|\xef')), st.integers(0, 255))
damage = st.lists(
    st.tuples(st.sampled_from(["set", "insert", "delete", "cut", "repeat"]), st.floats(0, 1), byte),
    max_size=3,
)


def written(rows: list[tuple[str, ...]], how: dict) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(
        buffer, delimiter=how["separator"], lineterminator=how["newline"], quoting=how["quoting"],
        quotechar=None if how["quoting"] == csv.QUOTE_NONE else '"', escapechar=None,
    )  # fmt: skip
    writer.writerow(NAMES)
    for values in rows:
        try:
            writer.writerow(values)
        except csv.Error:  # QUOTE_NONE: written as the ministry does, with no care for what the text holds
            buffer.write(how["separator"].join(values) + how["newline"])
    return buffer.getvalue().encode(how["encoding"], errors="replace")


def damaged(content: bytes, blows: list[tuple[str, float, int]]) -> bytes:
    for kind, share, value in blows:
        at = int(share * len(content))
        here = bytes([value])
        content = {
            "set": content[:at] + here + content[at + 1 :],
            "insert": content[:at] + here + content[at:],
            "delete": content[:at] + content[at + 1 :],
            "cut": content[:at],
            "repeat": content + content[at:],
        }[kind]
    return content


@dataclass
class Reading:
    """What became of a file: each row of raw by the line where it stands, and the lines that were set aside."""

    delivery: Delivery
    rows: dict[int, list[str]]
    aside: list[SetAside]


def read(content: bytes) -> Reading | None:
    """Read a file from its bytes to raw; None when they are refused."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        instance = Settings(data_dir=folder, quarantine_share=0.5)
        (folder / "drop.csv").write_bytes(content)
        archive = Archive(instance)
        with archive.staged(folder / "drop.csv") as staged:
            try:
                examined = examine(
                    staged, "drop.csv", instance, source="carpeta", now=NOW, contracts=[CONTRACT], known=[]
                )
            except IntakeError:
                return None
            path = archive.keep(staged)
        delivery = examined.delivery
        targets = {year: folder / f"{year}.parquet" for year in delivery.years}
        counts = extract_raw_years(instance, CONTRACT, delivery, path, targets)
        assert {year: c.in_scope for year, c in counts.items()} == delivery.years
        raw = [record for target in targets.values() for record in restricted.read(target, instance).to_pylist()]
        names = [name.strip().upper() for name in delivery.columns]
        unknown = iter(delivery.unknown_columns)
        order = [n if n in NAMES else next(unknown) for n in names]
        rows = {record["_row"] + delivery.form.header_line: [record[n] for n in order] for record in raw}
        assert len(rows) == delivery.rows
        return Reading(delivery, rows, list(examined.aside))


def as_python_reads(content: bytes, reading: Reading) -> dict[int, list[str]]:
    """The same lines as Python's strict reader has them, each row from its own lines alone."""
    form = reading.delivery.form
    decoded = content.decode({"windows-1252": "cp1252"}.get(form.encoding, form.encoding), "replace")
    lines = decoded.replace("\r", "\n").split("\n") if form.cr_only else decoded.split("\n")
    found = {}
    for line in reading.rows:
        for taken in range(1, 61):
            own = "\n".join(lines[line - 1 : line - 1 + taken]).removesuffix("\r")
            try:
                values = list(
                    csv.reader(
                        io.StringIO(own, newline=""), delimiter=form.separator, quotechar=form.quote, strict=True
                    )
                )
            except csv.Error:
                continue
            found[line] = values[0] if len(values) == 1 else values
            break
    return found


def escaped(content: bytes, reading: Reading, line: int) -> list[str] | None:
    """A line with backslashes, which may escape, as Python reads it when told so; None when it has none."""
    form = reading.delivery.form
    text = content.decode({"windows-1252": "cp1252"}.get(form.encoding, form.encoding), "replace")
    own = text.split("\n")[line - 1].removesuffix("\r")
    if "\\" not in own:
        return None
    options = {"delimiter": form.separator, "quotechar": form.quote, "escapechar": "\\", "strict": True}
    return next(csv.reader([own], **options))


def every_line_counts(content: bytes, reading: Reading) -> bool:
    """The kinds of line add up to the lines of the file."""
    form = reading.delivery.form
    text = content.decode({"windows-1252": "cp1252"}.get(form.encoding, form.encoding), "replace")
    text = text.replace("\r", "\n") if form.cr_only else text
    return sum(form.lines.values()) == text.count("\n") + (not text.endswith("\n"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables, form, damage)
@example([("2024", "1", '"a" ', "x")], {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3}, [])
@example([("2024", "1", ' "a"', "x")], {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3}, [])
@example([("2024", "1", "a", "x")], {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3}, [])
@example(
    [("2024", "1", 'a"b', '"c;d"')],
    {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3},
    [],
)
@example(
    [("2024", "1", '"\\";"""', "x")],  # with backslashes that escape it has one reading, without them none
    {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3},
    [],
)
@example(
    [("2024", "1", "\n", "\r0")],  # a return in the middle of the second of two lines that are one row
    {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 0},
    [],
)
def test_a_row_is_read_as_its_line_says_or_set_aside_and_every_line_is_accounted_for(
    rows: list[tuple[str, ...]], how: dict, blows: list[tuple[str, float, int]]
) -> None:
    content = damaged(written(rows, how), blows)
    if (reading := read(content)) is not None:
        python = as_python_reads(content, reading)
        for line, values in reading.rows.items():
            said = python.get(line, [])
            beyond = "".join(said[len(values) :]).strip()
            assert (said[: len(values)] == values and not beyond) or escaped(content, reading, line) == values
        assert every_line_counts(content, reading)


words = st.sampled_from(["a", "Núñez", "ÑUÑOA", "LICEO", "O'HIGGINS", "09", "#", "-", " "])
plain = st.lists(words, max_size=4).map(" ".join)
plain_row = st.tuples(st.just("2024"), st.just("1"), st.one_of(plain, st.just('x "y" z')), plain)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(plain_row, min_size=1, max_size=6), form)
def test_a_right_file_is_never_refused_and_no_row_set_aside(rows: list[tuple[str, ...]], how: dict) -> None:
    reading = read(written(rows, how))
    assert reading is not None
    assert list(reading.rows.values()) == [list(values) for values in rows]
    assert not reading.aside
