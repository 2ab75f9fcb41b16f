"""The lines of a recognised text from the first to the last, each once: rows, and every other line by what it is.

Constant memory, block by block. What a right line is belongs to `plain_lines`, the reading of any other to `odd_lines`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from emtp_assets.contracts import LogicalType
from emtp_assets.intake.form import CONTINUED, DATA, FOOTER, HEADER, PREAMBLE, QUARANTINED
from emtp_assets.intake.layout import Layout
from emtp_assets.intake.odd_lines import MOST_LINES_A_ROW, OddLines, Row, Skipped
from emtp_assets.intake.plain_lines import Plain, PlainLines, no_lines
from emtp_assets.intake.problem import ASK_AGAIN, IntakeError
from emtp_assets.intake.quarantine import SetAside

BLOCK = 1 << 18
LONGEST_LINE = 1 << 24
MOST_SET_ASIDE = 200_000
MOST_BYTES_ASIDE = 1 << 27
"""They are held in memory until the whole text is read."""
MOST_FOOTER_LINES = 20
_LENGTHS_KEPT = 9
"""Of the last field: so many show that it has no length of its own."""
_OF_REMARKS = frozenset({"columnas", "sin_anio", "anio"})

_UNENDED = "Es la última línea y no termina en fin de línea: no se sabe si su último valor está completo."


@dataclass(frozen=True)
class Batch:
    """What a block of the text holds: right lines, and rows that had to be read one by one."""

    plain: Plain
    odd: list[Row]


@dataclass
class Rows:
    """Reads a text. Iterated once; then ``lines`` counts every line by what it is, ``aside`` holds what does not fit.

    Raises, while iterated:
        IntakeError: a second table in the text, a line beyond all measure, a cut end, too many lines that do not fit.
        OSError: the disk refused.
    """

    path: Path
    layout: Layout
    lines: Counter[str] = field(default_factory=Counter)
    aside: list[SetAside] = field(default_factory=list)
    ends_with_newline: bool = True
    quoted: bool = False
    _last_lengths: set[int] = field(default_factory=set, init=False, repr=False)
    _carried: bytes = field(default=b"", init=False, repr=False)
    _last_row: int = field(default=0, init=False, repr=False)
    _doubt_the_last: bool = field(default=False, init=False, repr=False)
    _bytes_aside: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._plain_lines, self._odd_lines = PlainLines(self.layout), OddLines(self.layout)

    def __iter__(self) -> Iterator[Batch]:
        number, at = 1, 0
        for block, final in self._blocks():
            taken = 0
            if number <= self.layout.header_line:
                taken, number = self._over_header(block, number)
            self.quoted = self.quoted or self.layout.quote.encode() in block[taken:]
            if taken < len(block):
                if final and not self.ends_with_newline:
                    self._refuse_if_cut(block[taken:-1].rpartition(b"\n")[2])
                before = len(self._carried)
                batch, number = self._batch(block[taken:], number, at + taken, final=final)
                yield batch
                at -= len(self._carried) - before
            at += len(block)
        self._footer()

    def _blocks(self) -> Iterator[tuple[bytes, bool]]:
        """Blocks of whole lines, ending in LF, and whether it is the last; ``_carried`` is what a block left over.

        A last line without an end gets one, and `ends_with_newline` says so.
        """
        self._carried = b""
        with self.path.open("rb", buffering=0) as handle:
            buffer = bytearray(BLOCK)
            room = memoryview(buffer)
            while size := handle.readinto(room):
                if self.layout.cr_only:
                    room[:size] = room[:size].tobytes().replace(b"\r", b"\n")
                cut = buffer.rfind(b"\n", 0, size) + 1
                if cut == 0:
                    self._carried += room[:size]
                    if len(self._carried) > LONGEST_LINE:
                        raise _endless()
                    continue
                block = b"".join((self._carried, room[:cut]))
                self._carried = room[cut:size].tobytes()
                yield block, False
        if self._carried:
            self.ends_with_newline = self._carried.endswith((b"\n", b"\r"))
            last = self._carried if self._carried.endswith(b"\n") else self._carried + b"\n"
            self._carried = b""
            yield last, True

    def _over_header(self, block: bytes, number: int) -> tuple[int, int]:
        at = 0
        while number <= self.layout.header_line and at < len(block):
            self.lines[HEADER if number == self.layout.header_line else PREAMBLE] += 1
            at = block.index(b"\n", at) + 1
            number += 1
        return at, number

    def _batch(self, block: bytes, number: int, at: int, *, final: bool) -> tuple[Batch, int]:
        """The rows of a block, and the number of the line after it."""
        found = None if self._doubt_the_last else self._plain_lines.of(block, number, at)
        if found is None:
            return self._line_by_line(block, number, final=final)
        self.lines[DATA] += len(found.plain)
        if len(found.plain):
            self._last_row = int(found.plain.lines[-1])
        if len(self._last_lengths) < _LENGTHS_KEPT:
            self._last_lengths |= self._plain_lines.last_lengths(found.plain)
        odd: list[Row] = []
        for begin, end, place in found.others:
            self._sort(self._odd_lines.read([block[begin:end]], 0, number + place)[0], odd)
        return Batch(found.plain, odd), number + found.lines

    def _line_by_line(self, block: bytes, number: int, *, final: bool) -> tuple[Batch, int]:
        """A block whose quotes or characters need a closer look."""
        lines = block[:-1].split(b"\n")
        odd: list[Row] = []
        at = 0
        while at < len(lines):
            if not final and len(lines) - at <= MOST_LINES_A_ROW and self._odd_lines.open_at_end(lines, at):
                # Its row may go on in the next block.
                self._carried = b"\n".join(lines[at:]) + b"\n" + self._carried
                break
            read, taken = self._odd_lines.read(lines, at, number + at)
            if self._doubt_the_last and at + taken == len(lines) and isinstance(read, Row):
                read = SetAside(read.line, taken, "sin_fin_de_linea", _UNENDED, b"\n".join(lines[at:]))
            self._sort(read, odd)
            at += taken
        return Batch(no_lines(self.layout), odd), number + at

    def _sort(self, read: Row | Skipped | SetAside, odd: list[Row]) -> None:
        match read:
            case Row():
                odd.append(read)
                self._last_row = max(self._last_row, read.line)
                self.lines[DATA] += 1
                self.lines[CONTINUED] += read.lines - 1
                if len(self._last_lengths) < _LENGTHS_KEPT:
                    self._last_lengths.add(self._octets(read.fields[-1]))
            case Skipped():
                self.lines[read.kind] += 1
            case SetAside():
                self.aside.append(read)
                self.lines[QUARANTINED] += read.lines
                self._bytes_aside += len(read.raw)
                if len(self.aside) > MOST_SET_ASIDE or self._bytes_aside > MOST_BYTES_ASIDE:
                    raise _hopeless(read, len(self.aside))

    def _octets(self, field: str) -> int:
        return len(field.encode(self.layout.codec, errors="replace"))

    def _refuse_if_cut(self, line: bytes) -> None:
        """Of a last line without an end nobody knows whether it is whole, but by its last field.

        Where that field is shown to be whole (quoted, followed by a separator, or as long as it is in every other row)
        the row stands. Where it is shown not to be, the file is a cut copy, and how much more is lost nobody knows.
        """
        layout = self.layout
        text = line.decode(layout.codec, errors="replace")
        fields = self._odd_lines.fields_of(text)
        if fields is not None and len(fields) >= layout.width:
            lengths = set() if self.quoted else self._last_lengths  # quotes hide how long a field is
            whole = layout.surplus > 0 or text.endswith(layout.quote) or lengths == {self._octets(fields[-1])}
            if whole or len(fields) > layout.width or len(lengths) != 1:
                self._doubt_the_last = not whole
                return
        elif _is_remark(text, layout) and not _begins_with_words(layout) and text[:1] not in {"", layout.separator}:
            return
        raise IntakeError(
            "cortado",
            "El archivo está cortado: su última línea no termina en fin de línea y no está completa.",
            where=f"línea {sum(self.lines.values()) + 1} (la última)",
            expected="Que la última fila esté completa y termine en fin de línea.",
            action=ASK_AGAIN,
        )

    def _footer(self) -> None:
        """Remarks after the last row (totals, sources) are not rows that failed."""
        for at in range(len(self.aside) - 1, max(len(self.aside) - 1 - MOST_FOOTER_LINES, -1), -1):
            each = self.aside[at]
            text = each.raw.decode(self.layout.codec, errors="replace")
            after_the_rows = each.line > self._last_row and each.lines == 1
            if not after_the_rows or each.code not in _OF_REMARKS or not _is_remark(text, self.layout):
                return
            self.aside[at] = replace(each, code="pie", what="Nota o total al pie del archivo: no es una fila.")
            self.lines[QUARANTINED] -= 1
            self.lines[FOOTER] += 1


def _is_remark(text: str, layout: Layout) -> bool:
    """Whether a line is words about the table: few cells, the first no figure, and no year where rows have it."""
    cells = [cell.strip().strip(layout.quote) for cell in text.split(layout.separator)]
    said = [cell for cell in cells if cell]
    year = cells[layout.year_at] if layout.year_at < len(cells) else ""
    most = 1 if _begins_with_words(layout) else 4
    return 0 < len(said) <= most and "\0" not in text and not layout.is_year(year) and not said[0][:1].isdigit()


def _begins_with_words(layout: Layout) -> bool:
    """Whether the first field of a row may be words: then so does the beginning of a row that was cut."""
    first = layout.header.columns[0]
    return first is None or first.type is LogicalType.STRING


def _endless() -> IntakeError:
    return IntakeError(
        "ilegible",
        f"Hay una línea de más de {LONGEST_LINE >> 20} MB: no es una fila.",
        expected="Una fila de datos en cada línea.",
        action=ASK_AGAIN,
    )


def _hopeless(last: SetAside, lines: int) -> IntakeError:
    return IntakeError(
        last.code,
        f"{lines} líneas no calzan con el encabezado, y no se siguió leyendo. La última: {last.what}",
        where=f"línea {last.line}",
        expected="Filas con las columnas del encabezado.",
        action=ASK_AGAIN,
    )
