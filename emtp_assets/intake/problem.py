"""What is said of a file that cannot be taken: the one exception of this room. No check is made here."""

from __future__ import annotations


class IntakeError(Exception):
    """A file that intake refuses, explained to the person who dropped it (Spanish, never personal data).

    ``code`` is a stable snake_case name for the ledger; ``where`` is empty when the whole file is at fault.
    """

    def __init__(self, code: str, what: str, *, where: str = "", expected: str, action: str) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.where = where
        self.expected = expected
        self.action = action


ASK_AGAIN = "Descargue o pida el archivo de nuevo a quien lo emite y vuelva a dejarlo en la carpeta."


def some(names: list[str] | tuple[str, ...], most: int = 12) -> str:
    """A list of column names as people read it, cut when long."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} y {len(names) - most} más"
