"""Whatever is done to a file's bytes, it is read exactly as they say or refused: never a silent change.

The judge is Python's own csv reader in strict mode, over the text in the encoding that intake declared.
"""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from open_data_contract_standard.model import OpenDataContractStandard

from emtp_assets.contracts import Contract
from emtp_assets.contracts.model import contract_from_odcs
from emtp_assets.intake import Archive, IntakeError
from emtp_assets.intake.extraction import extract_raw_years
from emtp_assets.intake.receive import examine
from emtp_assets.settings import Settings
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


def read(content: bytes) -> tuple[str, str, list[list[str]]] | None:
    """Encoding, separator and rows as raw holds them; None when the bytes are refused."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        instance = Settings(data_dir=folder)
        (folder / "drop.csv").write_bytes(content)
        archive = Archive(folder)
        with archive.staged(folder / "drop.csv") as staged:
            try:
                delivery = examine(
                    staged, "drop.csv", instance, source="carpeta", now=NOW, contracts=[CONTRACT], known=[]
                )
            except IntakeError:
                return None
            path = archive.keep(staged)
        targets = {year: folder / f"{year}.parquet" for year in delivery.years}
        counts = extract_raw_years(instance, CONTRACT, delivery, path, targets)
        assert {year: c.in_scope for year, c in counts.items()} == delivery.years
        raw = [record for target in targets.values() for record in pq.read_table(target).to_pylist()]
        raw.sort(key=lambda record: record["_row"])
        assert [record["_row"] for record in raw] == list(range(1, delivery.rows + 1))
        names = [name.strip().upper() for name in delivery.columns]
        known = [n if n in NAMES else None for n in names]
        unknown = iter(delivery.unknown_columns)
        order = [n or next(unknown) for n in known]
        return delivery.form.encoding, delivery.form.separator, [[record[n] for n in order] for record in raw]


def as_python_reads(content: bytes, encoding: str, separator: str) -> list[list[str]]:
    decoded = content.decode({"windows-1252": "cp1252"}.get(encoding, encoding))
    rows = list(csv.reader(io.StringIO(decoded, newline=""), delimiter=separator, strict=True))
    return [row for row in rows[1:] if row]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables, form, damage)
@example([("2024", "1", '"a" ', "x")], {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3}, [])
@example([("2024", "1", ' "a"', "x")], {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3}, [])
@example([("2024", "1", "a", "x")], {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3}, [])
@example(
    [("2024", "1", 'a"b', '"c;d"')],
    {"separator": ";", "newline": "\n", "encoding": "utf-8", "quoting": 3},
    [],
)
def test_a_file_is_read_exactly_or_refused(
    rows: list[tuple[str, ...]], how: dict, blows: list[tuple[str, float, int]]
) -> None:
    content = damaged(written(rows, how), blows)
    if (found := read(content)) is not None:
        encoding, separator, values = found
        assert values == as_python_reads(content, encoding, separator)


plain = st.text(st.sampled_from("aZñÑé 09'#\\-"), max_size=8)
plain_row = st.tuples(st.just("2024"), st.just("1"), st.one_of(plain, st.just('x "y" z')), plain)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(plain_row, min_size=1, max_size=6), form)
def test_a_right_file_is_never_refused(rows: list[tuple[str, ...]], how: dict) -> None:
    found = read(written(rows, how))
    assert found is not None
    assert found[2] == [list(values) for values in rows]
