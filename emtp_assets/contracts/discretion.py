"""What of a value anybody may read. A file's mistakes put people's numbers and names into any column, public ones too.

Which columns are personal, and show nothing at all, their classification says.
"""

from __future__ import annotations

import re

# A code, a small amount, a date's year: too short to be a RUN, an MRUN, an IPE or a name.
_HARMLESS = re.compile(r"[-+]?\d{1,5}([.,]\d{1,4})?|\w{1,3}")
_LONGEST_SHAPE = 20
_QUOTED = re.compile(r"'(?:[^'\\]|\\.|'')*'|«[^»]*»|“[^”]*”")
_LONG_NUMBER = re.compile(r"\d(?:[.,]?\d){5,}(?:-?[\dkK])?")


def discreet(text: str) -> str:
    """The value itself while it is too short to be of a person (five digits, three letters), else its shape: each
    letter ``A``, each digit ``9``."""
    return text if _HARMLESS.fullmatch(text) else shape(text)


def shape(text: str) -> str:
    """``JUAN SOTO 12.345.678-5`` → ``AAAA AAAA 99.999.999``: at most 20 characters, no letter and no digit of it."""
    return re.sub(r"[^\W\d]", "A", re.sub(r"\d", "9", text))[:_LONGEST_SHAPE]


def without_values(message: str) -> str:
    """An error's message without what it quotes of the data: quoted texts and numbers of six digits or more."""
    return _LONG_NUMBER.sub("…", _QUOTED.sub("'…'", message))


def discreet_name(name: str) -> str:
    """A header's cell as anybody may read it: itself, unless it holds a number long enough to be a person's."""
    return shape(name) if _LONG_NUMBER.search(name) else name
