"""Whole blocks of right lines: where each field begins and ends, by a few comparisons of all their bytes at once.

A line that is not plainly right is only pointed at; what becomes of it is `odd_lines`' business. What a field means is
not looked at here, but for the year, without which a line is no row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emtp_assets.intake.layout import Layout
from emtp_assets.intake.lost_characters import LOST_ACCENT, may_be_escaped

NEWLINE, RETURN, TAB, SPACE = 10, 13, 9, 32
LONGEST_QUOTED = 1 << 16
"""Bytes of a line with quotes; fields of twice as many are beyond Python's own reader, that takes the quotes off."""
_BLANKS = 64
"""Padding that is looked through on either side of a field."""
_FEW = 8
_WORD = 8
_TOO_LONG = 0xFFFF_FFFF_FFFF_FFFF
_MASKS = np.array([*((1 << 8 * length) - 1 for length in range(_WORD)), 0], np.uint64)
_LENGTHS = np.array([*(length << 56 for length in range(_WORD)), _TOO_LONG], np.uint64)

Octets = NDArray[np.uint8]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Codes:
    """A column of short values: each line's, `packed`, and the distinct ones (of the whole block, at the least)."""

    keys: NDArray[np.uint64]
    distinct: tuple[int, ...]


@dataclass(frozen=True)
class Plain:
    """Right lines of a block, still as bytes.

    ``begins[i]``: where line i begins; ``delimiters[i, j]``: where its field j ends; ``lines[i]``: its number in the
    text, 1-based; ``years[i]``: its academic year; ``codes``: its scope columns; ``quote``: what fields wear, 0 when
    none does; ``at``: the byte of the text where ``data`` begins.
    """

    data: bytes
    octets: Octets
    begins: Places
    delimiters: Places
    lines: Places
    years: NDArray[np.int32]
    codes: tuple[Codes, ...]
    quote: int
    at: int

    def __len__(self) -> int:
        return len(self.begins)

    @property
    def quoted(self) -> bool:
        return self.quote > 0

    def field(self, at: int) -> tuple[Places, Places]:
        """Begin and end of a field in each line, without its quotes and blanks."""
        begin = self.begins if at == 0 else self.delimiters[:, at - 1] + 1
        begin, end = _stripped(self.octets, begin, self.delimiters[:, at])
        if self.quoted and len(begin):
            worn = (self.octets[np.minimum(begin, len(self.octets) - 1)] == self.quote) & (end - begin >= 2)
            begin, end = _stripped(self.octets, begin + worn, end - worn)
        return begin, end

    def short(self, at: int) -> Codes:
        """A field of at most 7 bytes, blanks around it included where it is so short with them."""
        if not self.quoted and at < self.delimiters.shape[1] - 1:  # the last may end in CR
            begin = self.begins if at == 0 else self.delimiters[:, at - 1] + 1
            keys = packed(self.octets, begin, self.delimiters[:, at])
            found = distinct(keys)
            if _TOO_LONG not in found:
                return Codes(keys, found)
        keys = packed(self.octets, *self.field(at))
        return Codes(keys, distinct(keys))

    def chosen(self, keep: NDArray[np.bool_]) -> bytes:
        """The bytes of some of the lines, line ends included."""
        begins, ends = stretches(self.begins[keep], self.delimiters[keep, -1] + 1)
        return b"".join([self.data[begin:end] for begin, end in zip(begins, ends, strict=True)])


@dataclass(frozen=True)
class Block:
    """A block of lines: the plain ones, and where the others are (begin, end without LF, number in the block)."""

    plain: Plain
    others: list[tuple[int, int, int]]
    lines: int


class PlainLines:
    """Finds the plain lines of one text's blocks."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._quote = layout.quote.encode()
        self._separator = ord(layout.separator)

    def of(self, data: bytes, number: int, at: int) -> Block | None:
        """The lines of a block that ends in LF; its first is line ``number`` of the text, its first byte is ``at``.

        None when quotes or characters in it need a closer look, line by line.
        """
        octets = np.frombuffer(data, np.uint8)
        # Counted in vector instructions: `bytes.count` costs seven times as much.
        breaks, width = octets == NEWLINE, self._layout.width
        count = int(np.count_nonzero(breaks))
        others = int(np.count_nonzero(octets < SPACE)) - count
        marks = breaks | (octets == self._separator)
        quote = 0
        if self._quote in data:
            quote = self._quote[0]
            if (inside := self._in_quotes(octets)) is None:
                return None
            marks &= ~inside
        if self._doubtful(data, others):
            return None
        places = np.flatnonzero(marks)
        # With as many places as the lines need, and a line end at every width-th, each line has its separators.
        if count * width == len(places) and bool(breaks[places[width - 1 :: width]].all()):
            right = np.ones(count, bool)
            delimiters = places.reshape(count, width)
            ends = delimiters[:, -1]
        else:
            last_of_line = np.flatnonzero(breaks[places])
            first_of_line = np.concatenate(([0], last_of_line[:-1] + 1))
            right = last_of_line - first_of_line == width - 1
            delimiters = places[first_of_line[right][:, None] + np.arange(width)]
            ends = places[last_of_line]
        begins = np.concatenate(([0], ends[:-1] + 1))
        found = Plain(data, octets, begins[right], delimiters, number + np.flatnonzero(right), _NO_YEARS, (), quote, at)
        years = self._years(found)
        codes = tuple(found.short(column) for column in self._layout.scope_at)
        stands = (years > 0) & self._nothing_beyond(found)
        if quote:
            stands &= found.delimiters[:, -1] - found.begins <= LONGEST_QUOTED
        for column in codes:
            stands &= self._are_codes(column)
        found = replace(found, years=years, codes=codes)
        if not stands.all():
            right[np.flatnonzero(right)[~stands]] = False
            found = replace(
                found,
                begins=found.begins[stands],
                delimiters=delimiters[stands],
                lines=found.lines[stands],
                years=years[stands],
                codes=tuple(replace(column, keys=column.keys[stands]) for column in codes),
            )
        elsewhere = [(int(begins[i]), int(ends[i]), i) for i in np.flatnonzero(~right).tolist()]
        return Block(found, elsewhere, count)

    def last_lengths(self, plain: Plain) -> set[int]:
        """The least and the greatest length of the last named field."""
        if not len(plain):
            return set()
        at = self._layout.named - 1
        begin = plain.begins if at == 0 else plain.delimiters[:, at - 1] + 1
        end = plain.delimiters[:, at]
        lengths = end - begin - (plain.octets[np.maximum(end - 1, 0)] == RETURN)
        return {int(lengths.min()), int(lengths.max())}

    def _doubtful(self, data: bytes, controls: int) -> bool:
        """Whether a block holds a character that `odd_lines` must look at. ``controls``: those that are no LF."""
        other = b"'" if self._quote == b'"' else b'"'
        if controls:
            returns = data.count(b"\r")
            if controls != returns + data.count(b"\t"):
                return True
            if returns and data.count(b"\r\n") != returns:
                return True
        return (
            b"\x7f" in data
            or b"\\" in data
            or (b"\xef" in data and (b"\xef\xbf\xbd" in data or b"\xef\xbb\xbf" in data))
            or (b"?" in data and LOST_ACCENT.search(data) is not None)
            or may_be_escaped(data)
            or (other in data and self._opens_a_field(other, data))
        )

    def _opens_a_field(self, mark: bytes, data: bytes) -> bool:
        """Whether a mark that is in the block stands first in a field, with or without blanks before it."""
        if bytes([self._separator]) + mark in data or b"\n" + mark in data or data.startswith(mark):
            return True
        blank = (b" " + mark in data) or (b"\t" + mark in data)
        return blank and re.search(rb"(?:^|[\n%c])[ \t]+%s" % (self._separator, mark), data) is not None

    def _in_quotes(self, octets: Octets) -> NDArray[np.bool_] | None:
        """Which bytes are inside quotes; None unless each quote opens a field, closes it, or is half of a pair."""
        at = np.flatnonzero(octets == self._quote[0])
        if len(at) % 2:
            return None
        delimiter = np.zeros(256, bool)
        delimiter[[NEWLINE, self._separator]] = True
        opening, closing = at[::2], at[1::2]
        before = octets[np.maximum(opening - 1, 0)]
        after = octets[np.minimum(closing + 1, len(octets) - 1)]
        ended = octets[np.minimum(closing + 2, len(octets) - 1)]
        doubled = opening[1:] == closing[:-1] + 1
        opens = (opening == 0) | delimiter[before] | np.concatenate(([False], doubled))
        closes = delimiter[after] | ((after == RETURN) & (ended == NEWLINE)) | np.concatenate((doubled, [False]))
        if not (opens.all() and closes.all()):
            return None
        change = np.zeros(len(octets), np.int8)
        change[opening] = 1
        change[closing] -= 1
        inside = np.cumsum(change, dtype=np.int8).view(bool)
        return None if bool((inside & (octets == NEWLINE)).any()) else inside

    def _years(self, plain: Plain) -> NDArray[np.int32]:
        """The academic year of each line; 0 where there is none."""
        column = plain.short(self._layout.year_at)
        years = np.zeros(len(plain), np.int32)
        for key in column.distinct:
            text = unpacked(key)
            if text is not None and self._layout.is_year(text):
                years[column.keys == key] = int(text)
        return years

    def _are_codes(self, column: Codes) -> NDArray[np.bool_]:
        """Where a scope column says a code, or nothing."""
        are = np.ones(len(column.keys), bool)
        for key in column.distinct:
            if (text := unpacked(key)) is None or self._layout.code(text) is None:
                are &= column.keys != key
        return are

    def _nothing_beyond(self, plain: Plain) -> NDArray[np.bool_]:
        """Lines whose fields beyond the last named column are blank."""
        right = np.ones(len(plain), bool)
        for at in range(self._layout.named, self._layout.width):
            begin, end = plain.field(at)
            right &= begin == end
        return right


_NO_YEARS = np.zeros(0, np.int32)


def no_lines(layout: Layout) -> Plain:
    """No plain line at all."""
    nothing = np.zeros(0, np.int64)
    delimiters = np.zeros((0, layout.width), np.int64)
    codes = tuple(Codes(np.zeros(0, np.uint64), ()) for _ in layout.scope_at)
    return Plain(b"", np.zeros(0, np.uint8), nothing, delimiters, nothing, _NO_YEARS, codes, 0, 0)


def stretches(begins: Places, ends: Places) -> tuple[list[int], list[int]]:
    """Begin and end of each stretch of lines that stand one right after the other."""
    if not len(begins):
        return [], []
    apart = np.flatnonzero(begins[1:] != ends[:-1])
    return [int(begins[0]), *begins[apart + 1].tolist()], [*ends[apart].tolist(), int(ends[-1])]


def packed(octets: Octets, begin: Places, end: Places) -> NDArray[np.uint64]:
    """Each field of at most 7 bytes as one number (its length in the top byte); longer ones are all 2**64 - 1."""
    if len(octets) < _WORD:
        octets = np.concatenate((octets, np.zeros(_WORD, np.uint8)))
    # Eight bytes from any place on, as one number: one access a field; gathering them singly costs three times that.
    words = np.ndarray((len(octets) - _WORD + 1,), "<u8", octets.data, strides=(1,))
    at = np.minimum(begin, len(words) - 1)
    keys = words[at]
    if len(at) and int(begin.max()) >= len(words):
        keys >>= np.minimum(8 * (begin - at), 63).astype(np.uint64)
    lengths = np.minimum(end - begin, _WORD)
    keys &= _MASKS[lengths]
    keys |= _LENGTHS[lengths]
    return keys


def unpacked(key: int) -> str | None:
    """The ASCII text of a packed field; None when it was too long or is not ASCII."""
    length = key >> 56
    if length > 7:
        return None
    raw = (key & 0xFF_FFFF_FFFF_FFFF).to_bytes(7, "little")[:length]
    return raw.decode("ascii") if raw.isascii() else None


def distinct(keys: NDArray[np.uint64]) -> tuple[int, ...]:
    """The distinct keys. Nearly always a block has a few only, each of which costs one comparison."""
    found: list[int] = []
    while len(keys) and len(found) < _FEW:
        found.append(int(keys[0]))
        others = keys != keys[0]
        keys = keys[others] if others.any() else keys[:0]
    return (*found, *(np.unique(keys).tolist() if len(keys) else ()))


def _stripped(octets: Octets, begin: Places, end: Places) -> tuple[Places, Places]:
    """Without the blanks (and the CR) around."""
    if not len(begin):
        return begin, end
    last = len(octets) - 1
    for _ in range(_BLANKS):
        octet = octets[np.minimum(begin, last)]
        blank = (end > begin) & ((octet == SPACE) | (octet == TAB))
        if not blank.any():
            break
        begin = begin + blank
    for _ in range(_BLANKS):
        octet = octets[np.maximum(end - 1, 0)]
        blank = (end > begin) & ((octet == SPACE) | (octet == RETURN) | (octet == TAB))
        if not blank.any():
            break
        end = end - blank
    return begin, end
