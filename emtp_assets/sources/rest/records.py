"""From records to Arrow batches of a contract's columns: which fields are kept, and that they are of that year."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from emtp_assets.contracts import Contract
from emtp_assets.settings import PrivacyMode
from emtp_assets.sources.rest.answer import MalformedAnswer

_TEXT = frozenset({str, type(None)})
_LONGEST_NAME = 40


class WrongStructure(Exception):  # noqa: N818 - a finding about the answer, not a programming error
    """The fields are not those of the contract. The message says which, in Spanish."""


class WrongYear(Exception):  # noqa: N818 - as above
    """A record is of another year than the one asked for, or of none."""


class Records:
    """Sorts the fields of a service's records by a contract.

    Fields that the contract does not know are dropped; so are, unless the instance works in mode C, those that
    never leave the raw layer and those that only mode C may ask for. ``unknown`` and ``withheld`` name them.
    """

    def __init__(self, contract: Contract, mode: PrivacyMode, year: int) -> None:
        self._contract = contract
        self._year = str(year)
        kept = [c for c in contract.columns if c.asked_for(full_access=mode.full_access)]
        self.names = [c.official for c in kept]
        self.came: set[str] = set()
        self.unknown: set[str] = set()
        self.withheld: set[str] = set()
        self._schema = pa.schema([pa.field(name, pa.string()) for name in self.names])

    def batch(self, records: Sequence[dict[str, Any]]) -> pa.RecordBatch:
        """One batch with every column of ``names``, all text; a field that a record lacks is NULL, as null is.

        A boolean is 1 or 0.

        Raises:
            WrongStructure: two fields name one column.
            WrongYear: see there.
            MalformedAnswer: a value is a list or an object, or no valid text.
        """
        fields = self._fields(records)
        columns: list[pa.Array] = []
        for official in self.names:
            field = fields.get(official)
            if field is None:
                columns.append(pa.nulls(len(records), pa.string()))
                continue
            values = [record.get(field) for record in records]
            columns.append(_as_text(values, official))
            if official == self._contract.year_column:
                self._refuse_other_years(values)
        self.came |= fields.keys()
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def refuse_incomplete(self) -> None:
        """Once a page has come: every required column must have come with it.

        Raises:
            WrongStructure: one is missing.
        """
        missing = [
            c.official
            for c in self._contract.columns
            if (c.required or c.official == self._contract.year_column) and c.official not in self.came
        ]
        if missing:
            raise WrongStructure(f"no trae {', '.join(missing)}")

    @property
    def columns(self) -> list[str]:
        """The official names of what came, in the contract's order."""
        return [name for name in self.names if name in self.came]

    def _fields(self, records: Sequence[dict[str, Any]]) -> dict[str, str]:
        """Official name → the field that carries it in these records."""
        found: dict[str, str] = {}
        for field in dict.fromkeys(name for record in records for name in record):
            column = self._contract.column_spelled(field)
            if column is None:
                self.unknown.add(_shown(field))
            elif column.official not in self._schema.names:
                self.withheld.add(column.official)
            elif column.official in found:
                raise WrongStructure(f"trae la columna {column.official} dos veces, con nombres distintos")
            else:
                found[column.official] = field
        return found

    def _refuse_other_years(self, values: Sequence[Any]) -> None:
        # A record without its year is left to intake, which says in which row.
        if any(str(value).strip() != self._year for value in set(values) - {None}):
            raise WrongYear


def _as_text(values: list[Any], official: str) -> pa.Array:
    kinds = set(map(type, values))
    if bool in kinds:
        values = [("1" if value else "0") if isinstance(value, bool) else value for value in values]
        kinds.discard(bool)
    if not kinds <= _TEXT:
        raise MalformedAnswer(f"en la columna {official} hay una lista o un objeto en vez de un valor")
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        raise MalformedAnswer(f"en la columna {official} hay un texto que no es Unicode válido") from None


def _shown(field: str) -> str:
    """A field's name as it may be logged: a service that sends values as names must not have them shown."""
    plain = len(field) <= _LONGEST_NAME and all(char.isalnum() or char in "_.-" for char in field)
    return field if plain and sum(char.isdigit() for char in field) < 4 else "(nombre no mostrado)"
