"""Reads one JSON answer record by record, in constant memory whatever the page's size. What a record means is not here.

Numbers stay the text that was sent: an identifier or an amount never passes through a float.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_LARGEST_VALUE = 1_000_000
_LONGEST_LITERAL = 8
_SPACE = " \t\n\r"


class MalformedAnswer(Exception):  # noqa: N818 - a finding about the answer, not a programming error
    """The answer is not of the agreed form. The message says how, in Spanish, and quotes nothing of it."""


class CutAnswer(Exception):  # noqa: N818 - as above
    """The answer ends in the middle of a value."""


@dataclass(frozen=True)
class Fields:
    """The names, in an answer's object, of its records, of the next page's address and of the total of rows."""

    records: str
    next: str
    total: str


class JsonAnswer:
    """One page: ``{"records": [{...}, ...], "next": ..., "total": ...}``, fields in any order (RFC 8259).

    ``next`` and ``total`` are known once `records` has been read to its end; ``tells_next``: whether the page has
    the field at all, be it null.
    """

    def __init__(self, pieces: Iterator[bytes], fields: Fields) -> None:
        self.next: Any = None
        self.total: Any = None
        self.tells_next = False
        self._fields = fields
        self._pieces = pieces
        self._text = ""
        self._at = 0
        self._ended = False
        # .NET services begin their answers with a byte order mark.
        self._bytes = codecs.getincrementaldecoder("utf-8-sig")()

    def records(self) -> Iterator[dict[str, Any]]:
        """The page's records in the order sent. Numbers are text; strings, booleans and null are themselves.

        Raises:
            MalformedAnswer: it is not JSON, not an object, has no list of records, or one is not an object.
            CutAnswer: it ends too early.
        """
        found = False
        if self._char() != "{":
            raise MalformedAnswer("no es un objeto JSON")
        self._at += 1
        while self._char() != "}":
            name = self._value()
            if not isinstance(name, str) or self._char() != ":":
                raise MalformedAnswer("no es JSON bien formado")
            self._at += 1
            if name == self._fields.records and not found:
                found = True
                yield from self._list()
            else:
                self._keep(name, self._value())
            if self._char() == ",":
                self._at += 1
            elif self._char() != "}":
                raise MalformedAnswer("no es JSON bien formado")
        self._at += 1
        self._nothing_more()
        if not found:
            raise MalformedAnswer(f"no tiene el campo {self._fields.records} con las filas")

    def _list(self) -> Iterator[dict[str, Any]]:
        if self._char() != "[":
            raise MalformedAnswer(f"el campo {self._fields.records} no es una lista")
        self._at += 1
        while self._char() != "]":
            record = self._value()
            if not isinstance(record, dict):
                raise MalformedAnswer(f"el campo {self._fields.records} no es una lista de objetos")
            yield record
            if self._char() == ",":
                self._at += 1
            elif self._char() != "]":
                raise MalformedAnswer("no es JSON bien formado")
        self._at += 1

    def _keep(self, name: str, value: Any) -> None:
        if name == self._fields.next:
            self.next, self.tells_next = value, True
        elif name == self._fields.total:
            self.total = value

    def _char(self) -> str:
        """The next character that is no space, not yet taken."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                raise CutAnswer

    def _value(self) -> Any:
        self._char()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                unfinished = "Unterminated" in error.msg or error.pos >= len(self._text) - _LONGEST_LITERAL
                if not unfinished or len(self._text) - self._at > _LARGEST_VALUE:
                    raise MalformedAnswer("no es JSON bien formado") from None
                if not self._more():
                    raise CutAnswer from None
                continue
            except RecursionError:
                raise MalformedAnswer("tiene listas u objetos anidados sin fin") from None
            # A number at the very end of what has come may have more digits to come.
            if end == len(self._text) and not isinstance(value, (dict, list)) and self._more():
                continue
            self._at = end
            return value

    def _more(self) -> bool:
        if self._ended:
            return False
        piece = next(self._pieces, None)
        self._ended = piece is None
        try:
            text = self._bytes.decode(piece or b"", final=self._ended)
        except UnicodeDecodeError:
            if self._ended:
                raise CutAnswer from None
            raise MalformedAnswer("no es texto UTF-8") from None
        self._text = self._text[self._at :] + text
        self._at = 0
        return not self._ended

    def _nothing_more(self) -> None:
        try:
            self._char()
        except CutAnswer:
            return
        raise MalformedAnswer("tiene algo más después del objeto JSON")


def _not_json(constant: str) -> Any:
    raise MalformedAnswer(f"tiene {constant}, que no es JSON")


_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_not_json)
