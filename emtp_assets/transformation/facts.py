"""What the macros are told of a contract: plain values that Jinja can hold. How a value is read, the macros know."""

from __future__ import annotations

from typing import Any

from emtp_assets.contracts import Classification, Column, Contract, LogicalType, Treatment, read_codes

_FEWEST_DIGITS, _ANY_DIGITS = 6, 18


def for_macros(contract: Contract) -> dict[str, Any]:
    """``columns``: those that the cleaned table carries; ``kept_raw``: the others that raw has, which tell no less
    whether a row's values stand under their own columns."""
    kept_raw = [column for column in contract.columns if column.treatment is Treatment.RAW_ONLY]
    return {
        "columns": [_column(column) for column in contract.cleaned_columns],
        "kept_raw": [_sent(column) for column in kept_raw],
    }


def _sent(column: Column) -> dict[str, Any]:
    """What a column's values look like when they are its own."""
    low, high = _limits(column)
    return {
        "official": column.official,
        "type": column.type.value,
        "identifier": column.identifier.value if column.identifier else None,
        "low": low,
        "high": high,
        "coded": column.code_list is not None,
        "digits": _digits(column),
        "pattern": column.pattern,
        "words": column.type is LogicalType.STRING and column.identifier is None and not column.numbers,
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        **_sent(column),
        "name": column.name,
        "treatment": column.treatment.value,
        # One person, one pseudonym: an identifier of one name hashes alike in every dataset, and never like one of
        # another name.
        "identity": column.official,
        "provisional": column.provisional,
        "required": column.required,
        "key": column.key,
        "personal": column.classification is not Classification.PUBLIC,
        "sentinels": [_literal(column.type, value) for value in column.sentinels],
    }


def _digits(column: Column) -> int:
    """How many digits a plain number of the column may have: what its limits or codes have, and never under six, so
    that a new code or a greater count is read; a RUN or an MRUN has seven or more. Without limits, what 64 bits hold.
    """
    low, high = _limits(column)
    if high is None:
        return _ANY_DIGITS
    return max(_FEWEST_DIGITS, *(len(str(abs(int(limit)))) for limit in (low or 0, high)))


def _limits(column: Column) -> tuple[float | None, float | None]:
    """Between what a value is plausible: the contract's range, else from the least to the greatest code of its list."""
    if column.type not in (LogicalType.INTEGER, LogicalType.NUMBER):
        return None, None
    if column.minimum is not None or column.maximum is not None or column.code_list is None:
        return column.minimum, column.maximum
    codes = [int(code) for code in read_codes(column.code_list)]
    return min(codes), max(codes)


def _literal(type_: LogicalType, value: str) -> str:
    """A value of a contract as a SQL literal of its type."""
    if type_ is LogicalType.DATE:
        return f"date '{value}'"
    if type_ is LogicalType.STRING:
        return "'" + value.replace("'", "''") + "'"
    return value
