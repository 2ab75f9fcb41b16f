"""How DuckDB is made to read a CSV without guessing: the two table expressions of this room. No check here.

Nothing is ever sniffed: separator, columns and their types (all text) are told. Traps met on DuckDB 1.5,
each guarded here: blank lines are skipped without a word, a surplus empty last field is dropped, a space
before a quote is lost, and the parallel reader may lose a row where two blocks meet (seen with tiny blocks,
more often with quotes). Hence lines are counted by another hand, fields in each line, and quotes are never
left to this reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from emtp_assets.intake.dialect import LINE_MARK, NULL_MARK
from emtp_assets.storage.duck import literal

_UNGUESSED = "auto_detect=false, header=false, skip=1, comment='', strict_mode=true, null_padding=false"


def identifier(name: str) -> str:
    """A column name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def lines(path: Path, *, parallel: bool) -> str:
    """A table expression: column ``line``, the data lines as they stand, in UTF-8."""
    return table(path, LINE_MARK, ["line"], parallel=parallel)


def table(path: Path, separator: str, names: Sequence[str], *, parallel: bool) -> str:
    """A table expression: the fields as text under ``names``; an empty field is '', never NULL.

    The text has no quoting. A parallel read must be checked by its number of rows and repeated on one thread
    when it falls short.
    """
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    threads = "" if parallel else ", parallel=false, buffer_size=8000000"
    return (
        f"read_csv({literal(path)}, {_UNGUESSED}, delim={literal(separator)}, quote='', escape=''{threads},"
        f" nullstr={literal(NULL_MARK)}, columns={{{columns}}})"
    )


class LineFields:
    """SQL over ``line`` that splits it as RFC 4180 does; an unquoted field may hold literal quotes inside.

    A field is quoted (doubled quotes inside), or begins with neither a quote nor spaces before a quote.
    """

    def __init__(self, separator: str, *, quoted: bool) -> None:
        # Inside a RE2 character class every one of ; , | and tab stands for itself once escaped.
        sep = re.escape(separator)
        field = rf'(?:"(?:[^"]|"")*"|[^{sep}"\s][^{sep}]*|\s+(?:[^{sep}"\s][^{sep}]*)?|)'
        if separator == "\t":  # a tab is whitespace: spaces only may lead a field
            field = r'(?:"(?:[^"]|"")*"|[^\t" ][^\t]*| +(?:[^\t" ][^\t]*)?|)'
        plain = f"string_split(line, {literal(separator)})"
        led = f"{literal(separator)} || line"
        self._quoted = quoted
        self._broken = f"(contains(line, '\"') AND NOT regexp_full_match({led}, {literal(f'(?:{sep}{field})+')}))"
        self._parts = (
            f"CASE WHEN contains(line, '\"') THEN regexp_extract_all({led}, {literal(f'{sep}({field})')}, 1)"
            f" ELSE {plain} END"
            if quoted
            else plain
        )

    @property
    def parts(self) -> str:
        """The list of raw fields; those in quotes still wear them."""
        return self._parts

    @property
    def broken(self) -> str:
        """Whether the quotes of the line cannot be read with certainty."""
        return self._broken if self._quoted else "false"

    def value(self, position: int) -> str:
        """The field at a 0-based position of ``parts``, without its quotes."""
        part = f"parts[{position + 1}]"
        if not self._quoted:
            return part
        bare = f"replace({part}[2:-2], '\"\"', '\"')"
        return f"(CASE WHEN starts_with({part}, '\"') THEN {bare} ELSE {part} END)"
