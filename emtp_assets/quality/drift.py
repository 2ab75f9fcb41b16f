"""What changed since an earlier year, judged and said in words: columns, rows, blanks, codes, whole domains.

Only a fall of rows blocks. The rest is shown, for a school that changes hands and a lost column look alike to a
program. What of a table's content is objected to is `content`'s business; how headers are compared,
`contracts.structure`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import dagster as dg

from emtp_assets.contracts import Column, Contract, Severity
from emtp_assets.contracts.structure import compare
from emtp_assets.quality.comparison import ColumnChange
from emtp_assets.quality.content import CERTAIN, blanks, codes, domains, joined
from emtp_assets.quality.outcome import Outcome, number, percent
from emtp_assets.quality.rules import spec
from emtp_assets.storage.lake import Layer

STRUCTURE = "estructura_conocida"
FALL = "filas_no_bajan"
RISE = "filas_no_suben"
BLANKS = "blancos_estables"
CODES = "codigos_conocidos_antes"
DOMAINS = "dominio_estable"


@dataclass(frozen=True)
class _Check:
    layer: Layer
    severity: Severity
    description: str


_CHECKS: dict[str, _Check] = {
    STRUCTURE: _Check(
        Layer.RAW,
        Severity.WARNING,
        "La entrega trae las columnas oficiales de su año, en su lugar y ninguna más; si no, cambió la estructura."
        " `emtp contract propose ARCHIVO` propone el cambio al contrato.",
    ),
    FALL: _Check(
        Layer.RAW,
        Severity.ERROR,
        "Las filas no bajan más de {rows} respecto del año anterior más cercano del mismo origen"
        " (un archivo cortado entre dos filas no se nota de otro modo).",
    ),
    RISE: _Check(
        Layer.RAW,
        Severity.WARNING,
        "Las filas no suben más de {rows} respecto del año anterior más cercano del mismo origen.",
    ),
    BLANKS: _Check(
        Layer.CLEANED,
        Severity.WARNING,
        "La parte en blanco de cada columna no cambia más de {blanks} puntos respecto del año anterior más cercano"
        " del mismo origen.",
    ),
    CODES: _Check(
        Layer.CLEANED,
        Severity.WARNING,
        "No aparecen códigos que ni la lista oficial ni el año anterior tienen, ni desaparecen los de uso corriente.",
    ),
    DOMAINS: _Check(
        Layer.CLEANED,
        Severity.WARNING,
        "Ninguna columna cambió de contenido por completo respecto del año anterior (dos columnas intercambiadas o"
        " códigos con otro significado). Un cambio de distribución se cuenta aquí y no se objeta.",
    ),
}


def drift_specs(contract: Contract, layer: Layer, asset_key: dg.AssetKey | str) -> list[dg.AssetCheckSpec]:
    """The drift checks of a layer's asset."""
    return [
        spec(name, asset_key, _description(name, contract), check.severity)
        for name, check in _CHECKS.items()
        if check.layer is layer
    ]


def structure(
    contract: Contract,
    year: int,
    headers: Sequence[str],
    rows: int = 0,
    *,
    asked: Iterable[Column] | None = None,
    before: Mapping[int, Sequence[str]] | None = None,
) -> Outcome:
    """Whether the delivery's header is the official one of its year; the arguments are `contracts.structure.compare`'s.

    Other capital letters, and columns that the contract knows of other years, are told and pass.
    """
    found = compare(contract, year, headers, asked=asked, before=before)
    text = "; ".join(found.sentences) or f"{number(found.expected)} columnas, todas conocidas"
    return _outcome(STRUCTURE, contract, year, rows, passed=not found.changed, observed=text, detail=found.table)


def row_change(contract: Contract, year: int, rows: int, earlier: Mapping[int, int]) -> tuple[Outcome, Outcome]:
    """Rows against the nearest earlier year: (they do not fall too far, they do not rise too far).

    ``earlier`` gives rows by academic year of the same origin (simulated or real), whichever years there are;
    with none before ``year`` there is nothing to compare and both pass. Nor is a change too far that chance explains:
    nine projects after four are as many as ever.
    """
    before = max((y for y in earlier if y < year), default=None)
    fell = rose = False
    if before is None or not earlier[before]:
        text = f"{number(rows)} filas; no hay un año anterior del mismo origen"
    else:
        change = rows / earlier[before] - 1
        text = f"{number(rows)} filas; {before}: {number(earlier[before])} ({percent(change, sign=True)})"
        certain = abs(rows - earlier[before]) > CERTAIN * sqrt(rows + earlier[before])
        fell = certain and change < -contract.row_change_tolerated
        rose = certain and change > contract.row_change_tolerated
    return (
        _outcome(FALL, contract, year, rows, passed=not fell, observed=text),
        _outcome(RISE, contract, year, rows, passed=not rose, observed=text),
    )


def content(
    contract: Contract, year: int, rows: int, changes: Sequence[ColumnChange], before: int | None
) -> list[Outcome]:
    """Blanks, codes and domains of a year against an earlier one (``before``; None: there is none to compare)."""
    if before is None:
        text = "no hay un año anterior del mismo origen"
        return [_outcome(n, contract, year, rows, passed=True, observed=text) for n in (BLANKS, CODES, DOMAINS)]
    judged = (
        (BLANKS, blanks(contract, changes, before, year)),
        (CODES, codes(changes, before)),
        (DOMAINS, domains(changes, before, year)),
    )
    return [
        _outcome(
            name,
            contract,
            year,
            rows,
            passed=not wrong,
            observed=joined([*wrong, *told])
            or f"sin cambios que contar respecto de {before} ({len(changes)} columnas)",
            detail=detail,
        )
        for name, (wrong, told, detail) in judged
    ]


def _outcome(
    name: str, contract: Contract, year: int, rows: int, *, passed: bool, observed: str, detail: str = ""
) -> Outcome:
    description = _description(name, contract)
    return Outcome(name, year, passed, _CHECKS[name].severity, observed, 0, rows, (), description, detail)


def _description(name: str, contract: Contract) -> str:
    return (
        _CHECKS[name]
        .description.replace("{rows}", f"{contract.row_change_tolerated:.0%}")
        .replace("{blanks}", f"{100 * contract.blank_change_tolerated:.0f}")
    )
