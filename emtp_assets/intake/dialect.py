"""How a text's table is laid out: where its header is, its separator, its quotes, how its lines end.

The header decides, for it is known beforehand; a few hundred lines say the rest. What a header means belongs to
`recognition`, whether each line keeps to the layout to `rows`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from emtp_assets.contracts import Contract, KnownFile
from emtp_assets.intake.layout import Layout
from emtp_assets.intake.problem import ASK_AGAIN, IntakeError
from emtp_assets.intake.recognition import Header, bare, fitting, recognise, require_year
from emtp_assets.intake.scan import CSV_EXPECTED

MOST_PREAMBLE = 50
_SAMPLE = 400
_ENOUGH = 3


def layout_of(
    head: bytes, codec: str, contracts: Sequence[Contract], known: Sequence[KnownFile], *, last_year: int, whole: bool
) -> Layout:
    """The layout of a text, of which ``head`` are the first bytes; ``whole``: they are all of it.

    Raises:
        IntakeError: no line is a header of ours, or what stands above it may be data.
    """
    lines, cr_only = _lines(head, codec, whole=whole)
    header_line, header = _header(lines, contracts, known)
    rows = lines[header_line:]
    quote = _quote(lines[header_line - 1], rows, header.separator)
    surplus = _surplus(lines[header_line - 1], rows, header, quote)
    layout = Layout(header, quote, surplus, header_line, codec, cr_only, require_year(header), last_year)
    _refuse_rows_above(lines[: header_line - 1], layout)
    return layout


def _lines(head: bytes, codec: str, *, whole: bool) -> tuple[list[str], bool]:
    text = head.decode(codec, errors="replace").removeprefix("\ufeff")
    cr_only = "\n" not in text and "\r" in text
    lines = (text.replace("\r", "\n") if cr_only else text).split("\n")
    if not whole:
        lines.pop()
    if not lines:
        raise IntakeError(
            "sin_encabezado",
            f"La primera línea tiene más de {len(head)} bytes: no es un encabezado.",
            where="línea 1",
            expected=CSV_EXPECTED,
            action=ASK_AGAIN,
        )
    if whole and len([line for line in lines if line.strip()]) == 1 and not text.endswith(("\n", "\r")):
        raise IntakeError(
            "sin_lineas",
            "El archivo no tiene ninguna línea completa: no hay ningún fin de línea.",
            expected=CSV_EXPECTED,
            action=ASK_AGAIN,
        )
    return [line.removesuffix("\r") for line in lines], cr_only


def _header(lines: Sequence[str], contracts: Sequence[Contract], known: Sequence[KnownFile]) -> tuple[int, Header]:
    """The first line that is the header of a dataset, with its 1-based number."""
    for number, line in enumerate(lines[:MOST_PREAMBLE], start=1):
        if fitting(line, contracts):
            return number, recognise(line, contracts, known, number=number)
    likely = max(lines[:MOST_PREAMBLE], key=lambda line: len(re.split(r"[;,\t|]", line)), default="")
    first = next((line for line in lines if line.strip()), "")
    if not first.strip():
        recognise("", contracts, known)
    number = lines.index(likely) + 1
    return number, recognise(likely, contracts, known, number=number)


def _quote(header: str, rows: Sequence[str], separator: str) -> str:
    """Single quotes where the header wears them, or most of the first rows do; else double ones."""

    def worn(line: str) -> int:
        return sum(
            len(cell.strip()) > 1 and cell.strip()[0] == cell.strip()[-1] == "'" for cell in line.split(separator)
        )

    if worn(header):
        return "'"
    sample = [line for line in rows[:_SAMPLE] if line.strip()]
    single = sum(worn(line) > 0 for line in sample)
    return "'" if sample and single * 10 >= len(sample) * 9 and not any('"' in line for line in sample) else '"'


def _surplus(above: str, rows: Sequence[str], header: Header, quote: str) -> int:
    """How many empty fields most lines have after the last named one; ``above``: the header's line.

    Of fewer than three rows it is believed only where the header has as many: one row may have a separator too many.
    """
    counts: Counter[int] = Counter()
    for line in filter(str.strip, rows[:_SAMPLE]):
        with suppress(csv.Error):
            counts.update(map(len, csv.reader([line], delimiter=header.separator, quotechar=quote, strict=True)))
    if not counts:
        return 0
    width, times = counts.most_common(1)[0]
    surplus = width - len(header.names)
    believed = counts.total() >= _ENOUGH or above.count(header.separator) + 1 == width
    return surplus if surplus > 0 and believed and times * 2 > counts.total() else 0


def _refuse_rows_above(above: Sequence[str], layout: Layout) -> None:
    """Words may stand above a header, rows may not: they would be lost without a word."""
    for number, line in enumerate(above, start=1):
        cells = [bare(cell) for cell in line.split(layout.separator)]
        said = sum(map(bool, cells))
        # Of a row that is mostly blank, its year and its width tell.
        sparse = said > 1 and len(cells) >= layout.named and layout.is_year(cells[layout.year_at])
        if sparse or said * 2 > layout.named:
            raise IntakeError(
                "filas_sobre_encabezado",
                "Hay filas con datos antes del encabezado.",
                where=f"línea {number}",
                expected="El encabezado antes de la primera fila; encima, a lo más, títulos.",
                action=ASK_AGAIN,
            )
