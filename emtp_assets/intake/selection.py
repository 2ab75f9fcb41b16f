"""Where in a large text its rows in scope stand, found at reception, so that extraction need not go through the rest.

Places only, no value of anyone. It can be made again from the text at any time, and is not needed: without it, or where
a text has anything but plain lines, the whole text is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from emtp_assets.intake.form import DATA, HEADER, PREAMBLE
from emtp_assets.intake.plain_lines import stretches
from emtp_assets.intake.rows import Batch, Rows
from emtp_assets.intake.scope import Scope
from emtp_assets.storage.lake import keep_private

WORTH_IT = 8 << 20
"""Bytes of a text from which its selection is kept."""
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Selection:
    """``begins``, ``ends``: bytes of each row in scope, its line end included; ``lines``: its line, 1-based; ``years``.

    ``sha256``: of those bytes together, which proves that they are still the same; ``fingerprint``: of the scope.
    """

    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    lines: NDArray[np.int64]
    years: NDArray[np.int32]
    sha256: str
    fingerprint: str

    def read(self, text: Path, year: int) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
        """The rows of a year, some thousands at a time, with their lines."""
        chosen = self.years == year
        return _parts(text, self.begins[chosen], self.ends[chosen], self.lines[chosen])

    def holds(self, text: Path) -> bool:
        """Whether the text still has those rows at those places."""
        if not len(self.begins) or text.stat().st_size < int(self.ends[-1]):
            return False
        digest = hashlib.sha256()
        for part, _ in _parts(text, self.begins, self.ends, self.lines):
            digest.update(part)
        return digest.hexdigest() == self.sha256


def _parts(
    text: Path, begins: NDArray[np.int64], ends: NDArray[np.int64], lines: NDArray[np.int64]
) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
    with text.open("rb", buffering=0) as handle:
        for at in range(0, len(begins), _ROWS_AT_ONCE):
            part = slice(at, at + _ROWS_AT_ONCE)
            octets = []
            for begin, end in zip(*stretches(begins[part], ends[part]), strict=True):
                handle.seek(begin)
                octets.append(handle.read(end - begin))
            yield b"".join(octets), lines[part]


class Selecting:
    """Collects the places while a text is read for the first time."""

    def __init__(self, scope: Scope, *, wanted: bool) -> None:
        self._scope = scope
        self._wanted = wanted and not scope.everything
        self._parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]] = []
        self._digest = hashlib.sha256()

    def take(self, batch: Batch) -> None:
        self._wanted = self._wanted and not batch.odd and not batch.plain.quoted
        plain = batch.plain
        if not self._wanted or not len(plain):
            return
        inside = self._scope.of(plain)
        if not inside.any():
            return
        self._digest.update(plain.chosen(inside))
        begins, ends = plain.begins[inside] + plain.at, plain.delimiters[inside, -1] + 1 + plain.at
        self._parts.append((begins, ends, plain.lines[inside], plain.years[inside]))

    def found(self, rows: Rows) -> Selection | None:
        """What was found, if the text had nothing but plain lines."""
        if not self._wanted or not self._parts or set(+rows.lines) - {DATA, HEADER, PREAMBLE}:
            return None
        if rows.layout.cr_only or not rows.ends_with_newline:
            return None
        begins, ends, lines, years = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        return Selection(begins, ends, lines, years, self._digest.hexdigest(), self._scope.fingerprint)


class Selections:
    """``<data>/selections/<aa>/<sha256>.parquet``, by the hash of the delivery."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "selections"

    def keep(self, sha256: str, selection: Selection | None, folder: Path) -> None:
        """Write it down at one stroke. ``folder``: a temporary one of this disk."""
        if selection is None:
            return
        target = self._path(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        keep_private(self.root)
        partial = folder / "selection.parquet"
        said = {"sha256": selection.sha256, "ambito": selection.fingerprint}
        names = ["desde", "hasta", "linea", "anio"]
        columns = [selection.begins, selection.ends, selection.lines, selection.years]
        table = pa.table(dict(zip(names, columns, strict=True)))
        # Places grow and never repeat: a dictionary of them costs thirty times the writing.
        pq.write_table(
            table.replace_schema_metadata({"seleccion": json.dumps(said)}),
            partial,
            compression="zstd",
            use_dictionary=False,
            column_encoding=dict.fromkeys(names, "DELTA_BINARY_PACKED"),
        )
        partial.replace(target)

    def find(self, sha256: str, scope: Scope) -> Selection | None:
        """The selection of a delivery, if one was kept, is whole, and chose by the same scope."""
        path = self._path(sha256)
        if not path.is_file():
            return None
        try:
            table = pq.read_table(path)
            said = json.loads((table.schema.metadata or {})[b"seleccion"])
        except (pa.ArrowInvalid, KeyError, ValueError, OSError):
            return None
        if said["ambito"] != scope.fingerprint:
            return None
        begins, ends, lines, years = (column.to_numpy() for column in table.columns)
        return Selection(begins, ends, lines, years, said["sha256"], said["ambito"])

    def _path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / f"{sha256}.parquet"
