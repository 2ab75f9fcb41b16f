"""Text whose UTF-8 was read in a one-byte page and saved so, once or more ("PeÃ±a"): found, undone, or marked as lost.

It works on UTF-8 bytes and knows no files. Which page bytes are in belongs to `code_pages` and `encoding`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LOST = "\ufffd".encode()
"""Stands for what cannot be known any more; the reader sets aside every line that holds it."""

DEEPEST = 6
"""How often a text may have been decoded wrongly; every time doubles its accents, and nothing real went further."""

FEW = 3
"""Runs of characters beyond which what cannot be repaired is no accident of single rows."""


class Kind(Enum):
    """What a run of characters beyond ASCII is."""

    RIGHT = "right"
    REPAIRED = "repaired"
    LOST = "lost"
    ODD = "odd"
    """"Ã" before a letter it never stands before in Portuguese ("BIOBÃA"): its second half was dropped, or a rarity."""
    DOUBTFUL = "doubtful"
    """"Ã" or "Â" that may be a Portuguese letter ("JOÃO") or one whose second half was dropped ("BIOBÃO")."""


_PIECE = re.compile(rb"[\x80-\xff]+[A-Za-z?]?")
_LINE = re.compile(rb"[^\r\n]*[\r\n]*")
_HALVES = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
"""What the second and third bytes of a UTF-8 character look like in Latin-1 and in Windows-1252."""
_WRONG = re.compile(f"[ÃÂ][{_HALVES}\ufffd]|â[\x80€\x82‚\x84„]|ï[»¿]|Å[’“\x92\x93\xa0¡¸½¾]|[ãâ][±³©\xad¡\x81\x8d]")
"""Never right in Spanish; the last ones are mojibake that was put in lower case."""
_CLOSED = re.compile("Ã[»’”…–—›]$")
"""A word that ends in "Ã" and a closing sign, or one of the letters û Ò Ô Å Ö × Û."""
_PORTUGUESE = frozenset("OoEeSsIi")
_FINAL = frozenset(
    {chr(code) for code in range(0xA0, 0x100)} - {"Ã", "Â"} | set("‘’“”–—…•€™‚„†‡‰‹›ŒœŠšŽžŸ") | {"\ufeff"},
)
"""What official names are written with, the rare letters of foreign names and all signs of Latin-1 included."""


@dataclass(frozen=True)
class Survey:
    """How many runs of a text are of each kind."""

    right: int = 0
    repaired: int = 0
    lost: int = 0
    odd: int = 0

    @property
    def found(self) -> bool:
        """Whether the text was decoded wrongly before, in any part."""
        return self.repaired > 0 or self.lost > 0

    @property
    def hopeless(self) -> bool:
        """Whether more of it is lost than can be repaired."""
        gone = self.lost + self.odd
        if not self.found:
            return self.odd > FEW and self.odd * 20 > self.right + self.odd
        return gone > FEW and gone > self.repaired


def survey(blocks: Iterable[bytes]) -> Survey:
    """Count the runs of UTF-8 ``blocks`` of whole lines; those of blocks without suspicion are not counted."""
    count = dict.fromkeys(Kind, 0)
    for block in blocks:
        if suspicious(np.frombuffer(block, dtype=np.uint8)):
            for piece in _PIECE.findall(block):
                count[_resolved(piece)[0]] += 1
    return Survey(count[Kind.RIGHT], count[Kind.REPAIRED], count[Kind.LOST], count[Kind.ODD])


def repaired(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """UTF-8 blocks of whole lines with every run repaired, or U+FFFD in its place.

    A doubtful run is believed only in a line that has right accents and no wrong ones.
    """
    for block in blocks:
        if not suspicious(np.frombuffer(block, dtype=np.uint8)):
            yield block
            continue
        doubts = 0

        def put_right(match: re.Match[bytes]) -> bytes:
            nonlocal doubts
            kind, text = _resolved(match[0])
            doubts += kind in {Kind.DOUBTFUL, Kind.ODD}
            return text

        text = _PIECE.sub(put_right, block)
        yield _LINE.sub(_doubted, block) if doubts else text


def suspicious(octets: NDArray[np.uint8]) -> bool:
    """Whether UTF-8 text may hold mojibake: an "Ã" or "Â", or "â", "ã", "ï" before another accent.

    Three passes of vector instructions for a clean block: of the continuation bytes of those five letters and of
    every accented letter of Spanish, the mask lets through the former only.
    """
    possible = (octets & 0xD2) == 0x82
    if not possible.any():
        return False
    places = np.flatnonzero(possible)
    before = octets[np.maximum(places - 1, 0)]
    here = octets[places]
    after = octets[np.minimum(places + 1, octets.size - 1)]
    capital = (here == 0x82) | (here == 0x83)
    opens = ((here == 0xA2) | (here == 0xA3) | (here == 0xAF)) & (after >= 0x80)
    return bool(np.any((before == 0xC3) & (capital | opens)))


_CAPITALISED = frozenset("ÊÌÎ")
"""What "Ú", "Ü", "Þ" decoded wrongly and then put in capitals turn into ("Ãš" is then "ÃŠ"): it may be either."""


@lru_cache(maxsize=1 << 16)
def _resolved(piece: bytes) -> tuple[Kind, bytes]:
    """What a run is, and what stands in its place; ``piece`` may end in the ASCII letter or "?" that follows it."""
    text = piece.decode("utf-8")
    tail = text[-1] if text[-1] < "\x80" else ""
    run = text.removesuffix(tail)
    if not tail and _closed(run):
        return Kind.DOUBTFUL, piece
    if run[-1] in "ÃÂâ" and tail == "?":
        return Kind.LOST, LOST
    if not _WRONG.search(run):
        if "Ã" not in run and "Â" not in run:
            return Kind.RIGHT, piece
        odd = run[-1] == "Ã" and tail and tail not in _PORTUGUESE
        return (Kind.ODD if odd else Kind.DOUBTFUL), piece
    undone = _undone(run, last=not tail)
    if undone is None or (undone[-1] in "â" and tail == "?") or _CAPITALISED.intersection(undone):
        return Kind.LOST, LOST + tail.encode()
    return Kind.REPAIRED, (undone + tail).encode()


def _closed(run: str) -> bool:
    return bool(_CLOSED.search(run)) and not _WRONG.search(run[:-2])


def _undone(run: str, *, last: bool) -> str | None:
    """The run as first written, when the whole of it decodes to it, and to one text only; ``last``: it ends a word.

    ftfy's codec serves here, its own choice would not: it reads "Ñ°" as a Cyrillic letter.
    """
    from ftfy import apply_plan
    from ftfy.fixes import fix_c1_controls

    found = None
    for _ in range(DEEPEST):
        try:
            run = apply_plan(fix_c1_controls(run), [("encode", "sloppy-windows-1252"), ("decode", "utf-8")])
        except UnicodeError:
            return found
        if last and _closed(run):
            return None
        if _FINAL.issuperset(run) and not _WRONG.search(run):
            found = run
    return found


def _doubted(match: re.Match[bytes]) -> bytes:
    line = match[0]
    pieces = [_resolved(piece)[0] for piece in _PIECE.findall(line)]
    wrong = Kind.REPAIRED in pieces or Kind.LOST in pieces
    believed = not wrong and (Kind.RIGHT in pieces or any(map(_has_others, _PIECE.findall(line))))

    def put_right(piece: re.Match[bytes]) -> bytes:
        kind, text = _resolved(piece[0])
        if kind in {Kind.DOUBTFUL, Kind.ODD} and not believed:
            return LOST + (text[-1:] if text[-1:].isalpha() else b"")
        return text

    return _PIECE.sub(put_right, line)


def _has_others(piece: bytes) -> bool:
    """Whether a right letter stands beside the doubtful one, as in "CONCEIÇÃO"."""
    return bool(set(piece.decode("utf-8")) & set("ÇçÉéÍíÓóÚúÁáÊêÔô"))
