"""What values a column may hold: its type, and what an identifier is made of. Which column is what, `model` knows."""

from __future__ import annotations

from datetime import date
from enum import StrEnum


class LogicalType(StrEnum):
    """ODCS logical types that cleaning knows. ``YEAR_MONTH`` is an integer yyyymm (SIGE's AAAAMM)."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    DATE = "date"
    YEAR_MONTH = "year_month"

    @property
    def duckdb(self) -> str:
        """The DuckDB type of the cleaned column."""
        return {
            LogicalType.STRING: "VARCHAR",
            LogicalType.INTEGER: "BIGINT",
            LogicalType.NUMBER: "DOUBLE",
            LogicalType.DATE: "DATE",
            LogicalType.YEAR_MONTH: "INTEGER",
        }[self]

    def holds(self, text: str) -> bool:
        """Whether a text of a contract, dates as AAAA-MM-DD, is a value of the type."""
        try:
            if self is LogicalType.DATE:
                date.fromisoformat(text)
            elif self is not LogicalType.STRING:
                float(text)
        except ValueError:
            return False
        return True


class IdentifierForm(StrEnum):
    """What an identifier kept as text is made of, so that a damaged one is told from a whole one.

    ``NUMBER``: a number, whose leading zeros say nothing (the dictionaries call MRUN "numérico"). ``DIGITS``: digits
    of which each counts, leading zeros too.
    """

    NUMBER = "number"
    DIGITS = "digits"
