"""The form in which a delivery's table came: found once, at reception, and kept so that extraction reads the same.

How it is found belongs to `containers`, `encoding`, `dialect` and `inspection`; no reading is done here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PARQUET = "parquet"
"""The ``encoding`` of a query's answer, which has none of its own."""


@dataclass(frozen=True)
class Form:
    """How the bytes of a delivery are to be read.

    ``container``: "", zip, gz, rar, 7z or xlsx; ``member``: the file or sheet inside; ``content_sha256``: hash of the
    table's own bytes inside the container ("" without one, where it is the delivery's); ``encoding``: utf-8, utf-8-sig,
    utf-16-le, utf-16-be, windows-1252 or parquet; ``mojibake``: the text had been decoded wrongly before and was
    repaired; ``broken``: a few lines have bytes that are no character; ``quote``: the character that wraps fields;
    ``quoted``: whether any line has quotes; ``header_line``: 1-based; ``surplus``: empty fields that every line has
    after the header's last; ``cr_only``: lines end in CR alone; ``lines``: every line of the text, by what it is;
    ``unknown_codes``: rows by a code of the scope column that no list has ("": none), which count as not EMTP.
    """

    encoding: str = "utf-8"
    separator: str = ";"
    quote: str = '"'
    quoted: bool = False
    header_line: int = 1
    surplus: int = 0
    cr_only: bool = False
    container: str = ""
    member: str = ""
    content_sha256: str = ""
    mojibake: bool = False
    broken: bool = False
    lines: Mapping[str, int] = field(default_factory=dict)
    unknown_codes: Mapping[str, int] = field(default_factory=dict)

    @property
    def answers_a_query(self) -> bool:
        """Whether a source wrote it down of the rows it was given, rather than handed over a file."""
        return self.encoding == PARQUET

    @property
    def quarantined(self) -> int:
        """Lines of data set aside because they do not fit."""
        return self.lines.get(QUARANTINED, 0)

    @property
    def written(self) -> str:
        """As JSON, for the ledger."""
        return json.dumps(
            {**asdict(self), "lines": dict(self.lines), "unknown_codes": dict(self.unknown_codes)}, sort_keys=True
        )

    @staticmethod
    def read(text: str) -> Form:
        """Back from the ledger; what a newer version wrote and this one does not know is an error."""
        values: dict[str, Any] = json.loads(text)
        return Form(**values)


DATA, QUARANTINED, HEADER, REPEATED, PREAMBLE, BLANK, FOOTER, CONTINUED = (
    "datos",
    "apartadas",
    "encabezado",
    "encabezado_repetido",
    "presentacion",
    "en_blanco",
    "pie",
    "continuacion",
)
"""The kinds of line that ``Form.lines`` counts; together they are every line of the text. ``continuacion`` are the
further lines of a row whose quoted text holds line ends."""
