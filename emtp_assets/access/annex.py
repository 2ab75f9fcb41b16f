"""The annex of the request: by view, what is asked for and what is not, as Markdown. The T-SQL is `tsql`'s."""

from __future__ import annotations

from collections.abc import Iterable

from emtp_assets.access.asked import FIRST_YEAR, View, views
from emtp_assets.contracts import Contract, Treatment
from emtp_assets.settings import PrivacyMode


def column_list(
    contracts: Iterable[Contract],
    *,
    privacy_mode: PrivacyMode = PrivacyMode.AGGREGATES,
    first_year: int = FIRST_YEAR,
) -> str:
    """A table a view: required columns, the others, those that identify a person and why, what is left out."""
    asked = views(contracts, privacy_mode=privacy_mode, first_year=first_year)
    return "\n\n".join(_section(view) for view in asked.values()) + "\n"


def _section(view: View) -> str:
    required = [c.name for c in view.columns if c.column.required]
    optional = [c.name for c in view.columns if not c.column.required]
    identifying = [c.name for c in view.columns if c.column.treatment is Treatment.PSEUDONYM]
    guarded = [c.official for c in view.withheld if c.full_access_only]
    filters = f"`{'` o `'.join(view.scope)}` en {', '.join(map(str, view.codes))}" if view.codes else "ninguno"
    rows = [
        ("Una fila es", view.contract.grain),
        ("Año", f"`{view.contract.year_column}`"),
        ("Filtro de la vista", filters),
        (f"Obligatorias ({len(required)})", _codes(required)),
        (f"Opcionales ({len(optional)})", _codes(optional)),
        ("Identifican a una persona", f"{_codes(identifying)}: pasan a seudónimo" if identifying else "ninguna"),
        ("No se piden", _left_out(guarded, len(view.withheld) - len(guarded))),
    ]
    lines = [f"### `{view.name}`", "", f"{view.contract.title}.", "", "| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {left} | {right} |" for left, right in rows)])


def _left_out(guarded: list[str], others: int) -> str:
    said = [f"{_codes(guarded)} (nombres y fecha de nacimiento)"] if guarded else []
    if others:
        said.append(f"{'y otras ' if guarded else ''}{others} del conjunto, que no se usan")
    return ", ".join(said) or "nada"


def _codes(names: list[str]) -> str:
    return " ".join(f"`{name}`" for name in names)
