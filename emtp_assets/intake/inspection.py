"""A recognised text read to its end once: rows of each year, lines that do not fit, and whether these are too many.

How lines are read belongs to `rows` and `odd_lines`; what values mean, to the quality checks of later layers.
Messages show counts, columns and the shape of a line, never the values of people's columns.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emtp_assets.intake.form import QUARANTINED
from emtp_assets.intake.layout import Layout
from emtp_assets.intake.plain_lines import Plain, packed, unpacked
from emtp_assets.intake.problem import ASK_AGAIN, IntakeError, some
from emtp_assets.intake.quarantine import SetAside
from emtp_assets.intake.recognition import SEPARATORS
from emtp_assets.intake.rows import Batch, Rows
from emtp_assets.intake.scope import Scope
from emtp_assets.intake.selection import WORTH_IT, Selecting, Selection

SIMULATED_RBD = 90_000
"""Real RBDs are under 50,000; every simulated school is numbered from here on."""
SIMULATED_PROJECT = "SIM-"

_EXPECTED_ACTION = {
    "anio": "Revise con quien emite el archivo; puede ser otro archivo, o columnas corridas.",
    "sin_anio": "Use el archivo oficial; el año no se toma del nombre del archivo.",
}


@dataclass(frozen=True)
class Inspection:
    """What a whole file holds: data rows, rows of each year, whether any row is simulated, whether any line has quotes,
    every line by what it is, those set aside, and where in a large text the rows in scope are, and rows
    by scope code that is in no list."""

    rows: int
    years: dict[int, int]
    simulated: bool
    quoted: bool = False
    lines: dict[str, int] | None = None
    aside: tuple[SetAside, ...] = ()
    selection: Selection | None = None
    unknown_codes: dict[str, int] = field(default_factory=dict)


def inspect(path: Path, layout: Layout, *, tolerated: float) -> Inspection:
    """Read every line, in one pass and constant memory. ``path``: the text, in ``layout.codec``.

    ``tolerated``: share of the data lines that may not fit; one line always may.

    Raises:
        IntakeError: no rows; too many lines that do not fit; a second table; a cut file.
        OSError: the disk refused.
    """
    rows = Rows(path, layout)
    years: Counter[int] = Counter()
    simulated = False
    scope, unknown = Scope(layout.header), Counter[str]()
    selecting = Selecting(scope, wanted=path.stat().st_size >= WORTH_IT)
    for batch in rows:
        selecting.take(batch)
        unknown += scope.unknown(batch.plain, (row.fields for row in batch.odd))
        if len(batch.plain):
            first = int(batch.plain.years[0])
            if bool((batch.plain.years == first).all()):
                years[first] += len(batch.plain)
            else:
                found, counts = np.unique(batch.plain.years, return_counts=True)
                years.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        for row in batch.odd:
            years[int(row.fields[layout.year_at])] += 1
        simulated = simulated or _simulated(batch, layout)
    total = sum(years.values())
    failed = [each for each in rows.aside if each.code != "pie"]
    _refuse_if_too_many(failed, rows.lines[QUARANTINED], total, layout, tolerated)
    if not total:
        raise _header_only(layout)
    lines = {kind: count for kind, count in sorted(rows.lines.items()) if count}
    return Inspection(
        total,
        dict(sorted(years.items())),
        simulated,
        rows.quoted,
        lines,
        tuple(rows.aside),
        selecting.found(rows),
        dict(sorted(unknown.items())),
    )


def _simulated(batch: Batch, layout: Layout) -> bool:
    rbd, project = layout.header.position_named("rbd"), layout.header.position_named("id_proyecto")
    if rbd is not None:
        if _over(batch.plain, rbd, SIMULATED_RBD):
            return True
        if any(_integer(row.fields[rbd]) >= SIMULATED_RBD for row in batch.odd):
            return True
    if project is not None:
        begin, end = batch.plain.field(project)
        firsts = packed(batch.plain.octets, begin, np.minimum(end, begin + len(SIMULATED_PROJECT)))
        texts = [unpacked(key) or "" for key in np.unique(firsts).tolist()]
        texts += [row.fields[project].strip() for row in batch.odd]
        return any(text.upper().startswith(SIMULATED_PROJECT) for text in texts)
    return False


def _over(plain: Plain, at: int, limit: int) -> bool:
    """Whether any field is an integer of at least ``limit``; only those as long as it are looked at."""
    begin, end = plain.field(at)
    figures = len(str(limit))
    long = end - begin >= figures
    if not long.any():
        return False
    leading = plain.octets[begin[long]]
    longer = (end - begin)[long] > figures
    candidates = (leading >= ord(str(limit)[0])) | longer | (leading < ord("1"))
    if not candidates.any():
        return False
    keys = np.unique(packed(plain.octets, begin[long][candidates], end[long][candidates]))
    return any(_integer(unpacked(key) or "") >= limit for key in keys.tolist())


def _integer(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() else 0


def _refuse_if_too_many(failed: list[SetAside], lines: int, rows: int, layout: Layout, tolerated: float) -> None:
    if not failed or (rows and lines <= max(1, tolerated * (rows + lines))):
        return
    codes = Counter[str]()
    for each in failed:
        codes[each.code] += each.lines
    code, times = codes.most_common(1)[0]
    first = next(each for each in failed if each.code == code)
    others = len(codes) - 1
    raise IntakeError(
        code,
        f"{lines} de {rows + lines} líneas no calzan con el encabezado ({_percent(lines / (rows + lines))}; se tolera "
        f"{_percent(tolerated)}). La primera: {first.what}"
        + (f" Hay {others} motivos más, en {lines - times} líneas." if others else ""),
        where=f"línea {first.line}",
        expected=f"{layout.named} columnas en cada línea, separadas por {SEPARATORS[layout.separator]}, como en el "
        "encabezado.",
        action=_EXPECTED_ACTION.get(code, f"Nada entró: una fila corrida cambiaría los datos sin aviso. {ASK_AGAIN}"),
    )


def _percent(share: float) -> str:
    return f"{share:.1%}".replace(".", ",").replace("%", " %")


def _header_only(layout: Layout) -> IntakeError:
    return IntakeError(
        "sin_filas",
        f"El archivo de «{layout.header.contract.title}» trae solo el encabezado: no tiene ninguna fila de datos.",
        expected="Al menos una fila de datos.",
        action=ASK_AGAIN,
    )


def describe_years(years: dict[int, int]) -> str:
    """ "2024 (10 filas), 2025 (12 filas)"."""
    return some([f"{year} ({rows} filas)" for year, rows in sorted(years.items())])
