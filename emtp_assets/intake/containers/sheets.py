"""From a workbook to the text of the one table in it. Cells are turned into text by `cells`, and read by calamine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from emtp_assets.intake.containers.apart import Apart
from emtp_assets.intake.containers.cells import Kind, as_text, quoted, reference
from emtp_assets.intake.containers.kind import OLD_OFFICE, head_of
from emtp_assets.intake.containers.limits import Limits, Meter, new_file
from emtp_assets.intake.containers.refusals import (
    cut_sheet,
    damaged,
    error_cell,
    formula_without_value,
    locked,
    merged_cells,
    no_sheet,
    several_sheets,
    too_costly,
)
from emtp_assets.intake.containers.sheets_child import FIRST_ROWS
from emtp_assets.intake.containers.workbook import Trouble, troubles

_SCRIPT = "sheets_child.py"
_MOST_ROWS = 1_048_576
_MOST_SHEETS = 250


class Table(Protocol):
    """What the caller knows of headers: this room knows no contract."""

    def recognises(self, cells: Sequence[str]) -> bool:
        """Whether a row of cells is a header of ours."""
        ...

    def kind(self, header: str) -> Kind | None:
        """What the column under a header holds; None when it is not known."""
        ...


@dataclass(frozen=True)
class _Sheet:
    name: str
    hidden: bool
    rows: int
    first: list[list[str]]

    @property
    def shown(self) -> str:
        name = "".join(letter if letter.isprintable() else "\ufffd" for letter in self.name)
        return f"{name} (oculta)" if self.hidden else name


def sheet_as_text(
    path: Path, folder: Path, table: Table, limits: Limits, *, wanted: str | None = None
) -> tuple[Path, str]:
    """The table of a workbook as a file of text in ``folder``, and the name of its sheet.

    The text: UTF-8 without BOM, fields separated by ";", quoted as RFC 4180 asks, LF; every row of the sheet from its
    first, all with the same number of fields. ``wanted``: the sheet's name, where it was chosen before.

    Raises:
        IntakeError: no or several sheets with a known header, a cell that Excel changed, an error, a cut sheet, under
            a password, damaged, or too large.
    """
    if head_of(path).startswith(OLD_OFFICE):
        raise locked()
    troubled = troubles(path, limits)
    with Apart(_SCRIPT, str(path), limits=limits) as child:
        frames = child.frames()
        sheet, header = _choose(frames, child.answer, table, wanted)
        _refuse_troubled(sheet, troubled, header)
        kinds: list[Kind | None] = [table.kind(cell) for cell in sheet.first[header]]
        meter = Meter(limits, path.stat().st_size)
        with new_file(folder) as (target, write):
            row = 0
            for columns in frames:
                lines = _lines(sheet, columns, kinds, row, header)
                row += len(lines)
                text = ("\n".join(lines) + "\n").encode("utf-8")
                meter.count(len(text))
                write(text)
            if row != sheet.rows:
                raise damaged(f"hoja «{sheet.shown}»")
    return target, sheet.name


def _choose(
    frames: Iterator[Any], answer: Callable[[bool], None], table: Table, wanted: str | None
) -> tuple[_Sheet, int]:
    """The one sheet of the table, and the 0-based row of its header; the child has been told to send it."""
    all_sheets: list[_Sheet] = []
    fitting: list[tuple[_Sheet, int]] = []
    while (found := next(frames, None)) is not None:
        name, hidden, rows, first = found
        if len(all_sheets) > _MOST_SHEETS:
            raise too_costly()
        sheet = _Sheet(name, hidden, rows, [_shown_row(cells) for cells in first])
        all_sheets.append(sheet)
        header = next((at for at, cells in enumerate(sheet.first) if table.recognises(cells)), None)
        if header is None or wanted not in {None, name}:
            answer(False)
            continue
        fitting.append((sheet, header))
        answer(len(fitting) == 1)
    if len(fitting) > 1:
        raise several_sheets([sheet.shown for sheet, _ in fitting])
    if not fitting:
        raise no_sheet([sheet.shown for sheet in all_sheets], FIRST_ROWS)
    return fitting[0]


def _shown_row(cells: Sequence[Any]) -> list[str]:
    """A row that may be the header: of no column is anything known yet."""
    return [as_text([cell], None, lambda _: "")[0] for cell in cells]


def _refuse_troubled(sheet: _Sheet, troubled: Mapping[str, Trouble], header: int) -> None:
    if sheet.rows >= _MOST_ROWS:
        raise cut_sheet(sheet.rows)
    trouble = troubled.get(sheet.name)
    if trouble is None:
        return
    where = f"hoja «{sheet.shown}», celda {trouble.cell or 'sin referencia'}"
    if trouble.what == "merged":
        if trouble.row > header:
            raise merged_cells(where)
        return  # a title
    raise error_cell(where) if trouble.what == "error" else formula_without_value(where)


def _lines(sheet: _Sheet, columns: list[list[Any]], kinds: Sequence[Kind | None], row: int, header: int) -> list[str]:
    """The rows of a batch, which begins at the sheet's 0-based ``row``, as lines without their ends."""
    rows = len(columns[0])
    above = min(max(header + 1 - row, 0), rows)
    texts = []
    for at, cells in enumerate(columns):

        def where(place: int, at: int = at, begin: int = 0) -> str:
            name = sheet.first[header][at]
            cell = reference(row + begin + place, at)
            return f"hoja «{sheet.shown}», celda {cell}" + (f", columna {name}" if name else "")

        text = as_text(cells[:above], None, where)
        text += as_text(cells[above:], kinds[at], lambda place, where=where: where(place, begin=above))
        texts.append(quoted(text))
    return list(map(";".join, zip(*texts, strict=True)))
