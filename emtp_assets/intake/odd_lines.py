"""Lines that are not plainly the header's number of unquoted fields: read with certainty, or set aside with the reason.

One line at a time, for there are few; whole blocks of right lines are `rows`' business. A line stands only if it can be
read in one way; what two ways of reading make different rows of is set aside, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emtp_assets.intake.form import BLANK, REPEATED
from emtp_assets.intake.layout import Layout, shape
from emtp_assets.intake.lost_characters import lost
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.quarantine import SetAside

MOST_LINES_A_ROW, LONGEST_ROW = 60, 1 << 16
"""Beyond these an open quote is a stray one, not a text with line ends."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Row:
    """A row of data and the line where it begins; ``lines``: how many it takes."""

    line: int
    fields: list[str]
    lines: int = 1


@dataclass(frozen=True)
class Skipped:
    """A line that is no data and lacks nothing: blank, or the header again."""

    line: int
    kind: str


Read = Row | Skipped | SetAside


class OddLines:
    """Reads odd lines of one text."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        sep, quote = re.escape(layout.separator), re.escape(layout.quote)
        # Blanks before a quote leave two readings: quotes that wrap, or that belong to the text. Where a step back can
        # find no other reading, none is kept: they would cost a hundred bytes for each of a long field.
        bare = rf"(?![ ]*{quote})"
        self._field = re.compile(
            rf"{quote}((?:[^{quote}]+|{quote}{quote})*+){quote}(?={sep}|\Z)|({bare}[^{sep}]*)(?={sep}|\Z)"
        )
        # No program doubles quotes that it escapes: a line with both is damaged.
        self._escaped = re.compile(
            rf"{quote}((?:[^{quote}\\]+|\\.)*+){quote}(?={sep}|\Z)"
            rf"|({bare}(?:[^{sep}\\]+|\\.)*+)(?={sep}|\Z)",
            re.DOTALL,
        )
        self._header = [name.strip(f" \t\ufeff{layout.quote}").casefold() for name in layout.header.names]
        self._known = {spelling.casefold() for c in layout.header.contract.columns for spelling in c.spellings}

    def read(self, lines: Sequence[bytes], at: int, number: int) -> tuple[Read, int]:
        """What stands at ``lines[at]``, which is line ``number`` of the text, and how many lines it takes.

        Raises:
            IntakeError: a second header with other columns or another order: what follows is another table.
        """
        raw = lines[at]
        try:
            text = raw.decode(self._layout.codec).removesuffix("\r").removeprefix("\ufeff")
        except UnicodeDecodeError:
            return SetAside(number, 1, "codificacion", "La línea tiene bytes que no son texto.", raw), 1
        if not text.strip(" \t\u00a0" + self._layout.separator + self._layout.quote):
            return Skipped(number, BLANK), 1
        if self._repeats_header(text):
            return Skipped(number, REPEATED), 1
        if (doubt := self._doubtful_characters(text)) is not None:
            return SetAside(number, 1, *doubt, raw), 1
        return self._row(text, lines, at, number)

    def _row(self, text: str, lines: Sequence[bytes], at: int, number: int) -> tuple[Read, int]:
        fields, taken = self._fields(text), 1
        if fields is None and text.count(self._layout.quote) % 2 and (joined := self._joined(lines, at)) is not None:
            fields, taken = joined
        raw = b"\n".join(lines[at : at + taken])
        if fields is None:
            return SetAside(number, taken, *self._broken(text), raw), taken
        if (wrong := self._wrong(fields, raw)) is not None:
            return SetAside(number, taken, *wrong, raw), taken
        return Row(number, fields[: self._layout.named], taken), taken

    def open_at_end(self, lines: Sequence[bytes], at: int) -> bool:
        """Whether the line may be the beginning of a row that goes on after the last of ``lines``."""
        text = lines[at].decode(self._layout.codec, errors="replace").removesuffix("\r")
        odd = text.count(self._layout.quote) % 2 == 1
        return odd and self._fields(text) is None and self._joined(lines, at) is None

    def fields_of(self, text: str) -> list[str] | None:
        """The fields of a line if it can be read in one way, whatever their number."""
        return self._fields(text)

    def _wrong(self, fields: list[str], raw: bytes) -> tuple[str, str] | None:
        """Why the fields are no row: a code and words; None when they are one."""
        layout = self._layout
        if len(fields) != layout.width or any(field.strip() for field in fields[layout.named :]):
            return self._wrong_count(fields, raw)
        if not layout.is_year(fields[layout.year_at]):
            return self._wrong_year(fields[layout.year_at])
        return next((self._wrong_code(at) for at in layout.scope_at if layout.code(fields[at]) is None), None)

    def _fields(self, text: str) -> list[str] | None:
        """The one reading of the line as fields; None when its quotes or escapes can be read in no way, or in two."""
        plain = self._split(text, self._field, escapes=False)
        if "\\" not in text or not re.search(rf"\\[{re.escape(self._layout.separator + self._layout.quote)}\\]", text):
            return plain
        escaped = self._split(text, self._escaped, escapes=True)
        width = self._layout.width
        fits = [fields for fields in (plain, escaped) if fields is not None and len(fields) == width]
        if len(fits) == 2:
            return fits[0] if fits[0] == fits[1] else None
        return fits[0] if fits else plain

    def _split(self, text: str, pattern: re.Pattern[str], *, escapes: bool) -> list[str] | None:
        separator, quote = self._layout.separator, self._layout.quote
        if quote not in text and not escapes:
            return text.split(separator)
        fields, at = [], 0
        while True:
            match = pattern.match(text, at)
            if match is None:
                return None
            inside, bare = match.groups()
            if inside is not None:
                value = inside.replace(quote * 2, quote)
            else:
                value = bare
                if quote == '"' and value.count(quote) % 2:
                    return None
            fields.append(re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) if escapes else value)
            at = match.end()
            if at == len(text):
                return fields
            at += len(separator)

    def _joined(self, lines: Sequence[bytes], at: int) -> tuple[list[str], int] | None:
        """The row that this line and the next ones make, when a quoted text holds line ends; with how many they are.

        Two stray quotes in neighbouring rows look like one row too. But then a line in between, or the first or last,
        has all of a row's separators by itself: then it is no such row.
        """
        layout = self._layout
        parts: list[str] = []
        size = 0
        for taken, raw in enumerate(lines[at : at + MOST_LINES_A_ROW], start=1):
            size += len(raw)
            if size > LONGEST_ROW:
                return None
            try:
                part = raw.decode(layout.codec)
            except UnicodeDecodeError:
                return None
            whole = part.count(layout.separator) >= layout.width - 1
            opens_last = taken == 1 and part.rpartition(layout.separator)[2].lstrip(" ").startswith(layout.quote)
            closes_first = taken > 1 and layout.separator not in parts[0]
            unlike = whole and not opens_last and not closes_first
            if unlike or "\r" in part[:-1] or _CONTROL.search(part) or lost(part):
                return None
            parts.append(part)
            if taken == 1 or part.count(layout.quote) % 2 == 0:
                continue
            fields = self._fields("\n".join(parts).removesuffix("\r"))
            return (fields, taken) if fields is not None and len(fields) == layout.width else None
        return None

    def _repeats_header(self, text: str) -> bool:
        quote = self._layout.quote
        cells = [cell.strip(f" \t\ufeff{quote}").casefold() for cell in text.split(self._layout.separator)]
        named = sum(cell in self._known for cell in cells)
        if named < 3 or named * 2 < sum(map(bool, cells)):
            return False
        if cells[: self._layout.named] == self._header:
            return True
        raise IntakeError(
            "varias_tablas",
            "En medio del archivo hay otro encabezado, con otras columnas o en otro orden: son dos tablas.",
            expected="Una sola tabla, con un solo encabezado.",
            action="Deje en la carpeta cada tabla en su propio archivo.",
        )

    def _doubtful_characters(self, text: str) -> tuple[str, str] | None:
        if _CONTROL.search(text):
            return "caracter_de_control", "La línea tiene bytes nulos o de control, que no son texto."
        if (how := lost(text)) is not None:
            return "caracter_perdido", how
        if "\r" in text:
            return "fines_de_linea", "La línea tiene un retorno de carro suelto en medio."
        separator, other = self._layout.separator, "'" if self._layout.quote == '"' else '"'
        for cell in text.split(separator):
            if len(cell) > 1 and cell.strip()[:1] == other and cell.strip()[-1:] == other and len(cell.strip()) > 1:
                return "comillas", f"Un texto viene entre comillas {other}, que el resto del archivo no usa."
        return None

    def _wrong_count(self, fields: Sequence[str], raw: bytes) -> tuple[str, str]:
        layout = self._layout
        found, width = len(fields), layout.width
        text = raw.decode(layout.codec, errors="replace")
        mask = f" Forma de la línea (9 = cifra, A = letra): {shape(text)}"
        if found < width:
            lacking = min(found, layout.named - 1)
            return "columnas", (
                f"La línea trae {found} columnas de {width}: termina en «{layout.column(max(found - 1, 0))}» "
                f"y le faltan desde «{layout.column(lacking)}».{mask}"
            )
        if found == width:
            return "columnas", f"La línea trae un valor más allá de la última columna con nombre.{mask}"
        doubt = self._first_misfit(fields)
        where = f", y desde «{doubt}» los valores no corresponden" if doubt else ""
        return (
            "columnas",
            f"La línea trae {found} columnas y el encabezado {width}: sobran {found - width}{where}.{mask}",
        )

    def _first_misfit(self, fields: Sequence[str]) -> str | None:
        """The first column whose value cannot be the integer that the contract says it is."""
        for column, value in zip(self._layout.header.columns, fields, strict=False):
            if column is not None and column.type.value == "integer" and not re.fullmatch(r"\s*-?\d*\s*", value):
                return column.official
        return None

    def _wrong_year(self, value: str) -> tuple[str, str]:
        column = self._layout.header.contract.year_column
        text = value.strip()
        if not text:
            return "sin_anio", f"La columna {column} está en blanco."
        # Of a row that slid, longer figures are a person's: a month of birth, an identity.
        shown = f"«{text}»" if re.fullmatch(r"-?\d{1,4}", text) else f"algo de la forma «{shape(text, 20)}»"
        return "anio", f"La columna {column} dice {shown}, que no es un año entre 2004 y {self._layout.last_year}."

    def _wrong_code(self, at: int) -> tuple[str, str]:
        return "alcance", f"La columna {self._layout.column(at)} no dice un código: no se sabe si la fila es de EMTP."

    def _broken(self, text: str) -> tuple[str, str]:
        return "comillas", (
            "Las comillas de la línea no se cierran o se pueden leer de dos maneras."
            f" Forma de la línea (9 = cifra, A = letra): {shape(text)}"
        )
