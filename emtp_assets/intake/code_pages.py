"""What the bytes of accents spell in each code page, weighed by where they stand in words.

It knows counts and blocks of text, no files; what is done with a file belongs to `encoding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

import numpy as np
from numpy.typing import NDArray


class Place(Enum):
    """Where a character stands among its neighbours; ``ONE`` is after a single letter: "Nº", "Sé"."""

    ALONE = 0
    AFTER_DIGIT = 1
    ONE = 2
    BEFORE_LOWER = 3
    BEFORE_UPPER = 4
    AFTER_LOWER = 5
    AFTER_UPPER = 6
    IN_LOWER = 7
    IN_UPPER = 8
    CAPITALISED = 9
    CAMEL = 10


_ANY_CASE = frozenset({Place.ALONE, Place.AFTER_DIGIT, Place.ONE, Place.BEFORE_LOWER})
_UPPER = frozenset({Place.BEFORE_UPPER, Place.AFTER_UPPER, Place.IN_UPPER})
_LOWER = frozenset({Place.AFTER_LOWER, Place.IN_LOWER, Place.CAPITALISED})
_WITHIN = frozenset({Place.IN_LOWER, Place.IN_UPPER, Place.CAPITALISED, Place.CAMEL})

_OTHER, _CAPITAL, _SMALL, _DIGIT, _HIGH = range(5)
_CLASS = np.full(256, _OTHER, dtype=np.int64)
_CLASS[ord("A") : ord("Z") + 1] = _CAPITAL
_CLASS[ord("a") : ord("z") + 1] = _SMALL
_CLASS[ord("0") : ord("9") + 1] = _DIGIT
_CLASS[0x80:] = _HIGH


def _place(second: int, before: int, after: int) -> Place:
    """Where a character stands, by the classes of the two bytes before it and of the one after it."""
    letters = {_CAPITAL, _SMALL}
    if before == _HIGH:
        before = after if after in letters else _CAPITAL
        second = before if after in letters else _OTHER
    if after == _HIGH:
        after = before if before in letters else _SMALL
    if before in letters and after in letters:
        within = {(_CAPITAL, _CAPITAL): Place.IN_UPPER, (_SMALL, _SMALL): Place.IN_LOWER}
        return within.get((before, after), Place.CAPITALISED if before == _CAPITAL else Place.CAMEL)
    if after in letters:
        return Place.BEFORE_UPPER if after == _CAPITAL else Place.BEFORE_LOWER
    if before in letters:
        many = second in {_CAPITAL, _SMALL, _HIGH}
        return Place.ONE if not many else Place.AFTER_UPPER if before == _CAPITAL else Place.AFTER_LOWER
    return Place.AFTER_DIGIT if before == _DIGIT else Place.ALONE


_PLACES = np.array(
    [[[_place(second, before, after).value for after in range(5)] for before in range(5)] for second in range(5)],
    dtype=np.int64,
)

SPANISH = frozenset("áéíóúüñÁÉÍÓÚÜÑ")
_SIGNS: tuple[tuple[str, frozenset[Place], float, float], ...] = (
    ("°ºª", frozenset({Place.ALONE, Place.AFTER_DIGIT, Place.ONE}), 1.0, 0.3),
    ("´’‘", frozenset(Place) - {Place.IN_LOWER}, 0.7, 0.15),
    ("«»“”…–—·•", frozenset(Place) - _WITHIN, 0.7, 0.15),
    ("¿¡", frozenset({Place.ALONE, Place.BEFORE_LOWER, Place.BEFORE_UPPER}), 0.7, 0.15),
    ("\xa0", frozenset(Place), 0.7, 0.7),
)
"""Signs of Spanish text, where they stand, and how much they look like it there and elsewhere."""


def _likeness(character: str, place: Place) -> float:
    """How much a character looks like Spanish where it stands: 1 for a Spanish letter in its case, 0 for rubbish."""
    for signs, places, there, elsewhere in _SIGNS:
        if character in signs:
            return there if place in places else elsewhere
    if character.isalpha() and character not in "ƒµ":
        right = place in _ANY_CASE or place in (_UPPER if character.isupper() else _LOWER)
        there, elsewhere = (1.0, 0.4) if character in SPANISH else (0.35, 0.1) if character < "\u0100" else (0.2, 0.05)
        return elsewhere if not right else 0.8 * there if place is Place.ALONE else there
    rubbish = character == "\ufffd" or "\u2500" <= character <= "\u259f"
    return 0.0 if rubbish else 0.05 if place in _WITHIN | {Place.BEFORE_LOWER, Place.BEFORE_UPPER} else 0.4


_HIGHS = range(128, 256)


@cache
def _page(codec: str) -> NDArray[np.float64]:
    """`_likeness` of the bytes 128 to 255 of a code page, in every place (one row each)."""
    characters = [bytes([b]).decode(codec, errors="replace") for b in _HIGHS]
    return np.array([[_likeness(c, place) for c in characters] for place in Place])


@cache
def _spelled(codec: str) -> NDArray[np.bool_]:
    """Which bytes, where, are Spanish letters in their case, or ordinals after a digit, in a code page."""
    written = SPANISH | frozenset("°ºª")
    return (_page(codec) >= 0.8) & np.array([bytes([b]).decode(codec, errors="replace") in written for b in _HIGHS])


OTHER_PAGES = {"cp850": "DOS (página 850 o 437)", "mac_roman": "Macintosh (Mac OS Roman)"}
"""The pages that old programs wrote Spanish in, besides Windows-1252, as they are called to an operator."""

_RUBBISH = 0.15
"""Likeness up to which a character is none of Spanish text."""
_SPANISH_ENOUGH = 0.5
"""Mean likeness of a text that is Spanish: official files have 0.997, in lower case 0.974, in a wrong page 0.25."""
_RARE_IN_1252 = 0.0005
"""Share of accents that only another page explains; official files have one in 11,000 ("SE¥ORA")."""
_FEW, _RARE_IN_UTF8 = 3, 0.2
"""How much of a UTF-8 text may be rubbish, and its share: it is doubted only on strong evidence."""


@dataclass(frozen=True)
class Spelling:
    """How often each character of Windows-1252 (columns: bytes 128 to 255) stands in each `Place` (rows).

    ``foreign``: box drawing and control characters, which that page has not.
    """

    counts: NDArray[np.int64]
    foreign: int = 0

    @staticmethod
    def none() -> Spelling:
        return Spelling(np.zeros((len(Place), 128), dtype=np.int64))

    def __add__(self, more: Spelling) -> Spelling:
        return Spelling(self.counts + more.counts, self.foreign + more.foreign)

    @property
    def rubbish(self) -> bool:
        """Whether much of what is beyond ASCII is no Spanish: the text went through another page before."""
        odd = int(self.counts[_page("cp1252") <= _RUBBISH].sum()) + self.foreign
        return odd >= _FEW and odd > _RARE_IN_UTF8 * (int(self.counts.sum()) + self.foreign)

    def likelier(self) -> str | None:
        """The other page, or "" for none known, that explains the bytes as well as Windows-1252 does or better.

        A few bytes that only another page explains are the oddities of official files ("SE¥ORA"), more are
        rows of another origin.
        """
        total = int(self.counts.sum())
        ours = _page("cp1252")
        best = _SPANISH_ENOUGH * total
        found = "" if (score := self._score(ours)) < best else None
        for page in OTHER_PAGES:
            theirs = self._score(np.where(_spelled(page), _page(page), _page(page) / 2))
            only_theirs = int(self.counts[(ours <= _RUBBISH) & _spelled(page)].sum())
            if (theirs > best and theirs >= score) or only_theirs > _RARE_IN_1252 * total:
                best, found = max(theirs, best), page
        return found

    def _score(self, likeness: NDArray[np.float64]) -> float:
        return float((self.counts * likeness).sum())


def spelling(block: bytes, *, utf8: bool) -> Spelling:
    """What the characters beyond ASCII of whole lines spell, in UTF-8 or in Windows-1252."""
    octets = np.frombuffer(b"\n\n" + block + b"\n\n\n", dtype=np.uint8)
    if not utf8:
        places = np.flatnonzero(octets >= 0x80)
        return Spelling(_counted(octets, places, octets[places].astype(np.int64), 1))
    places = np.flatnonzero(octets >= 0xC2)
    lead, second = octets[places].astype(np.int64), octets[places + 1].astype(np.int64)
    latin = (lead <= 0xC3) & ((lead == 0xC3) | (second >= 0xA0))
    codes = ((lead & 3) << 6) | (second & 0x3F)
    counts = _counted(octets, places[latin], codes[latin], 2)
    of_three = np.flatnonzero((lead == 0xE2) & (second == 0x80))
    signs = _GENERAL[octets[places[of_three] + 2]]
    known = signs > 0
    counts = counts + _counted(octets, places[of_three[known]], signs[known], 3)
    boxes = (lead == 0xE2) & ((second == 0x94) | (second == 0x95) | (second == 0x96))
    return Spelling(counts, int(np.count_nonzero(boxes | ((lead == 0xC2) & (second < 0xA0)))))


_GENERAL = np.zeros(256, dtype=np.int64)
"""Windows-1252 of the signs U+2000 to U+203F, by their last UTF-8 byte; 0 for those it has not."""
for _code in range(0x80, 0xA0):
    _sign = bytes([_code]).decode("cp1252", errors="replace").encode("utf-8")
    if _sign.startswith(b"\xe2\x80"):
        _GENERAL[_sign[2]] = _code


def _counted(
    octets: NDArray[np.uint8], places: NDArray[np.int64], codes: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    stands = _PLACES[_CLASS[octets[places - 2]], _CLASS[octets[places - 1]], _CLASS[octets[places + width]]]
    counted = np.bincount(stands * 128 + codes - 128, minlength=len(Place) * 128)
    return counted.reshape(len(Place), 128)
