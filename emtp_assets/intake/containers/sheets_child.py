"""The script that runs calamine in a process of its own: shows the beginning of each sheet, streams the one wanted.

It judges nothing and writes no file. It imports nothing of this project, to start in a twentieth of a second.
"""

from __future__ import annotations

import datetime as dt
import marshal
import resource
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

FIRST_ROWS = 50
_CELLS_A_FRAME = 8192


def plain(cell: Any) -> Any:
    """A cell as a value that a frame can hold: text, numbers and booleans as they are.

    ``("fecha", AAAAMMDD)``, ``("momento", AAAA-MM-DD HH:MM:SS)`` and ``("hora", …)`` are dates with and without time.
    """
    if isinstance(cell, dt.datetime):
        if cell.time() == dt.time():
            return ("fecha", f"{cell:%Y%m%d}" if cell.year > 999 else "")
        return ("momento", cell.isoformat(sep=" "))
    if isinstance(cell, dt.date):
        return ("fecha", f"{cell:%Y%m%d}" if cell.year > 999 else "")
    if isinstance(cell, (dt.time, dt.timedelta)):
        return ("hora", str(cell))
    return cell


def columns(rows: Iterable[list[Any]], width: int, before: int) -> Iterator[list[list[Any]]]:
    """Rows in frames of their columns; ``before``: empty columns left of the first one."""
    steps = iter(rows)
    a_frame = max(1, _CELLS_A_FRAME // max(width, 1))
    while batch := list(islice(steps, a_frame)):
        turned: list[list[Any]] = [[""] * len(batch) for _ in range(before)]
        for values in zip(*batch, strict=True):
            simple = {type(value) for value in values} <= {str, float, int, bool}
            turned.append(list(values) if simple else [plain(value) for value in values])
        yield turned


def send(value: Any) -> None:
    """One frame to whoever started the script."""
    frame = marshal.dumps(value)
    sys.stdout.buffer.write(len(frame).to_bytes(8, "little") + frame)


def tell(path: str) -> None:
    """Of each worksheet ``(name, hidden, rows, first rows)``, and wait for "1" to keep it; then its rows."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    with open(path, "rb") as file:  # noqa: PTH123 - by its path, calamine would believe the name's ending
        book = CalamineWorkbook.from_filelike(file)
    kept = None
    for about in book.sheets_metadata:
        if about.typ != SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_name(about.name)
        before = sheet.start[1] if sheet.start else 0
        # Of rows, those above the first filled one come as empty rows; columns left of it do not come at all.
        first = islice(sheet.iter_rows(), FIRST_ROWS) if sheet.start else []
        shown = [[""] * before + [plain(cell) for cell in row] for row in first]
        last = sheet.end[0] + 1 if sheet.end else 0
        send((about.name, about.visible != SheetVisibleEnum.Visible, last, shown))
        sys.stdout.buffer.flush()
        if sys.stdin.buffer.read(1) == b"1":
            kept = sheet
    send(None)
    if kept is not None:
        for frame in columns(kept.iter_rows(), kept.width, kept.start[1] if kept.start else 0):
            send(frame)


def main(memory: str, seconds: str, path: str) -> None:
    """`tell`, then ``("fin",)``; or ``("error", cause)``."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        from python_calamine import CalamineError, PasswordError
    except ImportError:
        send(("error", "python_calamine"))
        return
    try:
        tell(path)
        send(("fin",))
    except PasswordError:
        send(("error", "clave"))
    except MemoryError:
        send(("error", "memoria"))
    except BrokenPipeError:
        return
    except (CalamineError, ValueError, OSError):
        send(("error", "daño"))
    except BaseException as error:
        # A panic of Rust is no Exception.
        if "Panic" not in type(error).__name__:
            raise
        send(("error", "daño"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
