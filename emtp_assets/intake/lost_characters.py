"""What characters look like that were lost or escaped before a text reached us. No text is changed here."""

from __future__ import annotations

import re

LOST_ACCENT = re.compile(rb"\?[A-Za-z]")
"""A program that had no accents put a question mark ("?UBLE"); in Spanish none stands right before a letter."""

_BEGINNINGS = (b"%C3", b"=C3", b"&#x", b"&#X", b"+A", b"\\u0")
_FIRSTS = {beginning[:1] for beginning in _BEGINNINGS}

_ESCAPED = re.compile(
    r"%C3%[89AB][0-9A-F]"  # of a URL
    r"|=C3=[89AB][0-9A-F]"  # quoted-printable
    r"|&#[xX][0-9A-Fa-f]{2,4};"  # HTML
    r"|\\u0[0-9A-Fa-f]{3}"  # JSON
    r"|\+A[A-Za-z0-9+/]{2}-"  # UTF-7
)


def may_be_escaped(data: bytes) -> bool:
    """Whether a block holds how any of the escaped characters begins.

    One byte alone is looked for first: in a block without it that costs a thirtieth of looking for two.
    """
    return any(first in data for first in _FIRSTS) and any(beginning in data for beginning in _BEGINNINGS)


def lost(text: str) -> str | None:
    """How a line shows that a character of it was lost, in Spanish; None when it does not."""
    if "\ufffd" in text or "ï¿½" in text:
        return "La línea tiene un carácter que se perdió antes de llegar («�»)."
    if "?" in text and LOST_ACCENT.search(text.encode()):
        return "La línea tiene un «?» pegado delante de una letra, donde había un acento o una eñe."
    if _ESCAPED.search(text):
        return "La línea tiene un carácter escrito en clave (de una dirección web, un correo o un programa)."
    return None
