"""What the lines of a recognised text must look like. Finding it out, and reading them, is done elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

from emtp_assets.intake.recognition import Header, raw_name

FIRST_YEAR = 2004
_LONGEST_CODE = 4
_AROUND = " \t\u00a0\u200b\u200c\u200d\u2060\ufeff"


@dataclass(frozen=True)
class Layout:
    """The form of every data line, known before the first one is read.

    ``named``: fields that the header names; ``surplus``: empty ones that follow in each line; ``quote``: one character;
    ``codec``: Python's name of an encoding that keeps ASCII as it is; ``cr_only``: lines end in CR alone.
    """

    header: Header
    quote: str
    surplus: int
    header_line: int
    codec: str
    cr_only: bool
    year_at: int
    last_year: int

    @property
    def scope_at(self) -> tuple[int, ...]:
        """The columns that say whether a row is EMTP."""
        scope = self.header.contract.scope
        columns = scope.columns if scope else ()
        return tuple(at for name in columns if (at := self.header.position(name)) is not None)

    @property
    def named(self) -> int:
        return len(self.header.names)

    @property
    def width(self) -> int:
        """Fields of a whole line."""
        return self.named + self.surplus

    @property
    def separator(self) -> str:
        return self.header.separator

    def is_year(self, text: str) -> bool:
        """Whether a field says an academic year that a delivery may speak of."""
        text = text.strip()
        return len(text) == 4 and text.isascii() and text.isdigit() and FIRST_YEAR <= int(text) <= self.last_year

    @staticmethod
    def code(text: str) -> str | None:
        """A scope column's value as its code without leading zeros ("" when blank); None when it is no code at all."""
        text = text.strip(_AROUND).lstrip("0")
        return text if not text or (len(text) <= _LONGEST_CODE and text.isascii() and text.isdigit()) else None

    def column(self, at: int) -> str:
        """The name, for a message, of the column at a 0-based position."""
        return raw_name(self.header.names[at], at) if at < self.named else f"{at + 1}.ª"


def shape(text: str, most: int = 80) -> str:
    """A text's shape, for messages: figures as 9 and letters as A, so that no value is shown."""
    masked = re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text))
    masked = "".join(char if char.isprintable() else "?" for char in masked)
    return masked if len(masked) <= most else masked[:most] + "…"
