"""An .xlsx as the zip that it is: how much comes out of it, and cells that a reader would pass over in silence.

calamine reads an error (#N/A), a formula without its value, and what merged cells hide, as empty cells. All are looked
for here, in the XML, while the whole workbook is unpacked once against the limits and its checksums. What cells hold is
`sheets`' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from emtp_assets.intake.containers.limits import Limits, Meter
from emtp_assets.intake.containers.members import Member
from emtp_assets.intake.containers.refusals import damaged, too_large, too_many_members
from emtp_assets.intake.containers.zipped import zip_blocks, zip_members

_LARGEST_SHEET = 1_500_000_000
_LARGEST_INDEX = 4_000_000
_OVERLAP = 1 << 16
_INDEX, _TARGETS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"

_ERROR_MARK = re.compile(rb"""=\s*["']e["']""")
_ATTRIBUTE = rb"""(?:[^<>"']|"[^"<]*"|'[^'<]*')"""
_TAG = _ATTRIBUTE + rb"*+"  # never stepped back into: else one that does not close costs the square of its length
_ERROR = re.compile(rb"<(?:\w+:)?c(?=\s)(?=(" + _TAG + rb")>)" + _ATTRIBUTE + rb"""*?\st\s*=\s*["']e["']""")
_FORMULA_MARKS = (b"<f>", b"<f ", b"<f/", b":f>", b":f ", b":f/")
_NO_VALUE = rb"\s*+(?:(?:<(?:\w+:)?v\s*+/>|<(?:\w+:)?v\s*+>\s*+</(?:\w+:)?v\s*+>)\s*+)?"
_FORMULA = re.compile(
    rb"<(?:\w+:)?c(?=[\s>])" + _TAG + rb">" + _NO_VALUE + rb"<(?:\w+:)?f(?=[\s/>])" + _TAG + rb"(?:(?<=/)>|"
    rb">[^<]*</(?:\w+:)?f\s*>)" + _NO_VALUE + rb"</(?:\w+:)?c\s*>"
)
_COMMENT_MARKS = (b"<!", b"<?")
_COMMENT = re.compile(rb"<(?:\w+:)?[cvf](?=[\s>])" + _TAG + rb">[^<]*<[!?]")
_TEXT_RESULT = re.compile(rb"""\st\s*=\s*["']str["']""")
_VALUE = re.compile(rb"<(?:\w+:)?v[\s/>]")
_MERGED = re.compile(rb"""<(?:\w+:)?mergeCell\s[^<>]*ref\s*=\s*["']([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}(\d{1,7}))["']""")
_REFERENCE = re.compile(rb"""\sr\s*=\s*["']([A-Z]{1,3}\d{1,7})["']""")


@dataclass(frozen=True)
class Trouble:
    """A cell that would be read as empty and is not: its reference ("" if it gives none), and the last row it takes."""

    what: Literal["error", "formula", "merged"]
    cell: str
    row: int = 0


def troubles(path: Path, limits: Limits) -> Mapping[str, Trouble]:
    """The first troubled cell of each sheet, by the sheet's name; the whole workbook is unpacked once, and not kept.

    Raises:
        IntakeError: damaged, under a password, or more comes out of it than the limits allow.
    """
    meter = Meter(limits, path.stat().st_size)
    members = zip_members(path, limits)
    if len(members) > limits.members:
        raise too_many_members(limits.members)
    if len({member.name.lower() for member in members}) != len(members):
        raise damaged()
    indexes = {_part(m.name): _whole(_metered(path, m, meter)) for m in members if _part(m.name) in {_INDEX, _TARGETS}}
    parts = _parts(indexes.get(_INDEX, b""), indexes.get(_TARGETS, b""))
    found: dict[str, Trouble] = {}
    for member in members:
        if _part(member.name) in indexes:
            continue
        blocks = _metered(path, member, meter)
        sheets = parts.get(_part(member.name), ())
        if not sheets:
            for _ in blocks:
                pass
        elif (trouble := _first_trouble(blocks)) is not None:
            found |= dict.fromkeys(sheets, trouble)
    return found


def _metered(path: Path, member: Member, meter: Meter) -> Iterator[bytes]:
    size = 0
    for block in zip_blocks(path, member):
        meter.count(len(block))
        size += len(block)
        if size > _LARGEST_SHEET:
            raise too_large(_LARGEST_SHEET)
        yield block


def _whole(blocks: Iterator[bytes]) -> bytes:
    content = b""
    for block in blocks:
        content += block
        if len(content) > _LARGEST_INDEX:
            raise too_large(_LARGEST_INDEX)
    return content


def _first_trouble(blocks: Iterator[bytes]) -> Trouble | None:
    """The first troubled cell of a part; all of the part is unpacked, for its checksum."""
    kept = b""
    found: Trouble | None = None
    begun = False
    for block in blocks:
        if not begun and block[:2] in {b"\xff\xfe", b"\xfe\xff"}:
            raise damaged()  # UTF-16, which no spreadsheet program writes, would hide from the search
        begun = True
        if found is None or found.what == "merged":
            text = kept + block
            found = _trouble(text) or _lowest(found, _merged(text))
            kept = text[-_OVERLAP:]
    return found


def _merged(text: bytes) -> Trouble | None:
    """Of the merged ranges the one that reaches lowest."""
    ranges = [(int(last), cells.decode()) for cells, last in _MERGED.findall(text)] if b"mergeCell " in text else []
    return Trouble("merged", max(ranges)[1], max(ranges)[0]) if ranges else None


def _lowest(one: Trouble | None, other: Trouble | None) -> Trouble | None:
    return max((each for each in (one, other) if each is not None), key=lambda each: each.row, default=None)


def _trouble(text: bytes) -> Trouble | None:
    # The marks are rare and quickly looked for; only where there is one does the exact search pay.
    if any(mark in text for mark in _COMMENT_MARKS) and _COMMENT.search(text):
        raise damaged()  # of "7<!-- -->77" calamine reads the 7; no spreadsheet program puts comments into cells
    if (b'"e"' in text or b"'e'" in text) and _ERROR_MARK.search(text) and (error := _ERROR.search(text)):
        return Trouble("error", _cell(error[1]))
    if any(mark in text for mark in _FORMULA_MARKS):
        for formula in _FORMULA.finditer(text):
            head = formula[0].partition(b">")[0]
            # A text result may be the empty text, and then it is written down as such.
            if not (_TEXT_RESULT.search(head) and _VALUE.search(formula[0])):
                return Trouble("formula", _cell(head))
    return None


def _cell(tag: bytes) -> str:
    named = _REFERENCE.search(tag)
    return named[1].decode() if named else ""


def _parts(index: bytes, targets: bytes) -> dict[str, list[str]]:
    """The names of the sheets that each part holds, by the part's ([ECMA-376] 18.2.19 and its relationships)."""
    try:
        if b"<!DOCTYPE" in index or b"<!DOCTYPE" in targets:
            raise damaged()
        # Small and without a DOCTYPE: neither entities nor size can hurt.
        paths = {item.get("Id", ""): item.get("Target", "") for item in ElementTree.fromstring(targets)}  # noqa: S314
        sheets = [item for item in ElementTree.fromstring(index).iter() if item.tag.endswith("}sheet")]  # noqa: S314
    except ElementTree.ParseError:
        raise damaged() from None
    parts: dict[str, list[str]] = {}
    for sheet in sheets:
        identity = next((value for name, value in sheet.attrib.items() if name.endswith("}id")), "")
        target = paths.get(identity, "")
        part = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
        parts.setdefault(_part(part), []).append(sheet.get("name", ""))
    return parts


def _part(name: str) -> str:
    """A part's name as calamine compares it: in any case."""
    return name.lower()
