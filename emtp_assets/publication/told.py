"""How a restatement reads: the list of changes, the word to whoever must approve it, the document beside the set.

What leaves with the set says less than the screen: a change of fewer units than the suppression minimum is counted and
not told, because two exact figures so close could point at a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from emtp_assets.keys import APPROVE, CORRECTIONS
from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication.approvals import Approval
from emtp_assets.publication.catalogue import Figure
from emtp_assets.publication.comparison import Change
from emtp_assets.publication.restatement import Cause, Restatement, TableYear

Named = Callable[[str], str]
"""A delivery's file name by its SHA-256."""

_ROWS_SHOWN = 300
_LINES_TOLD = 8
_LEAST_RATE = Decimal("0.001")


def headline(restatement: Restatement, approval: Approval | None = None) -> str:
    """One or two sentences: what this publication changes of what is published."""
    if restatement.replaced is None and not restatement.unread:
        return "Es la primera publicación: no hay con qué comparar."
    said = [_changed(restatement, approval)] if restatement.replaced else []
    if restatement.unread:
        said.append("No todo se pudo comparar: " + ("una persona lo aprobó." if approval else "espera aprobación."))
    return " ".join(said)


def _changed(restatement: Restatement, approval: Approval | None) -> str:
    changed = [year for year in restatement.years if year.waiting or any(c.restates for c in year.changes)]
    if not changed:
        return "Ninguna cifra ya publicada cambia." if not restatement.unread else "Nada de lo comparado cambia."
    figures = sum(_is_told(year, change) for year in changed for change in year.changes)
    many = "Cambia 1 cifra ya publicada" if figures == 1 else f"Cambian {figures} cifras ya publicadas"
    said = f"{many} ({_tables(changed)})."
    waiting = sum(len(year.waiting) for year in restatement.waiting)
    if not waiting:
        return f"{said} Ninguna supera el umbral."
    above = "1 supera" if waiting == 1 else f"{waiting} superan"
    waits = "espera" if waiting == 1 else "esperan"
    return f"{said} {above} el umbral: " + ("una persona lo aprobó." if approval else f"{waits} aprobación.")


def _is_told(year: TableYear, change: Change) -> bool:
    """Cells that only go out of sight are no other figure; but where they wait, they are what there is to see."""
    return change.restates or change in year.waiting


def markdown(restatement: Restatement, approval: Approval | None = None) -> str:
    """The changes as a Markdown table for the UI: those above the thresholds first, then the biggest."""
    rows = sorted(
        ((year, change) for year in restatement.years for change in year.changes if _is_told(year, change)),
        key=lambda row: (row[1] not in row[0].waiting, not row[1].national, -_size(row[1])),
    )
    lines = [headline(restatement, approval)]
    if restatement.unread:
        lines += ["", *(f"- {line}" for line in restatement.unread)]
    if rows:
        lines += ["", "| Tabla | Año | Región | Indicador | Antes | Después | Diferencia | % | Por qué | |"]
        lines += ["|---|---|---|---|--:|--:|--:|--:|---|---|"]
        above = "aprobado" if approval else "**espera**"
        lines += [_row(year, change, above if change in year.waiting else "") for year, change in rows[:_ROWS_SHOWN]]
        if len(rows) > _ROWS_SHOWN:
            lines += ["", f"Y {len(rows) - _ROWS_SHOWN} cambios menores más."]
    cells = _cells(restatement.changes)
    if cells:
        lines += ["", f"Celdas que no se comparan: {cells}."]
    if rows:
        lines += ["", "Solo se comparan celdas visibles en ambos conjuntos; una tasa se pondera por sus personas."]
    return "\n".join(lines)


def must_approve(restatement: Restatement, named: Named) -> str:
    """What waits, how much it is, and what a person does to approve or to decline it."""
    waiting = sorted(
        ((year, change) for year in restatement.waiting for change in year.waiting),
        key=lambda row: (not row[1].national, -row[1].weight),
    )
    lines = [
        f"No se publicó: {_why(restatement)}. "
        + (
            f"Sigue vigente el conjunto {restatement.replaced}." if restatement.replaced else "No hay otro en su lugar."
        ),
        *(f"- {line}" for line in restatement.unread),
        *(f"- {year.table} {year.year}, {_told(change)}" for year, change in waiting[:_LINES_TOLD]),
    ]
    if len(waiting) > _LINES_TOLD:
        more = len(waiting) - _LINES_TOLD
        lines.append(f"- y {more} cifras más: están en la materialización de {CORRECTIONS.to_user_string()}.")
    gone, come = (_files(restatement.waiting, side, named) for side in ("gone", "come"))
    # Shown as Markdown too, where a line below a list is more of its last point.
    ends = []
    if come or gone:
        ends.append(f"Entra {come or 'ninguna entrega'}; sale {gone or 'ninguna'}.")
    elif waiting:
        ends.append("Las entregas son las mismas: cambió el programa, o lo que se cruza con ellas.")
    ends.append(
        f"Para aprobarlo: en la interfaz, Jobs > {APPROVE} > flecha de «Materialize all» > «Open launchpad», con "
        f"huella {restatement.fingerprint}, quien y motivo (el texto listo para pegar está en la materialización de "
        f"{CORRECTIONS.to_user_string()}); o "
        f'`emtp approve {restatement.fingerprint} --quien "…" --motivo "…"`.'
    )
    ends.append(_decline(restatement, gone))
    return "\n\n".join(["\n".join(lines), *ends])


def launchpad(restatement: Restatement) -> str:
    """What to put into the Launchpad, the fingerprint filled in, as Markdown; empty where nothing waits."""
    if not restatement.waits:
        return ""
    step = CORRECTIONS.to_python_identifier()
    return (
        f"En **Jobs > {APPROVE}**, flecha de **Materialize all > Open launchpad**, reemplace todo el texto por este, "
        "escriba quién aprueba y por qué, y pulse **Materialize**:\n\n"
        f'```yaml\nops:\n  {step}:\n    config:\n      huella: "{restatement.fingerprint}"\n      quien: ""\n'
        '      motivo: ""\n```'
    )


def _why(restatement: Restatement) -> str:
    if not restatement.waiting:
        return "no todo se pudo comparar con lo que ya se publicó, y una persona debe mirarlo"
    return (
        f"cambian cifras ya publicadas más de lo que se acepta sin que una persona lo apruebe ({_limits(restatement)})"
    )


def _decline(restatement: Restatement, gone: str) -> str:
    if restatement.waiting and all(year.cause is Cause.GONE for year in restatement.waiting):
        return "Para rechazarlo: vuelva a materializar los años que faltan, y publique."
    if gone:
        places = dict.fromkeys(sha for year in restatement.waiting for sha in year.gone)
        kept = ", ".join(f"archive/{sha[:2]}/{sha[:12]}…" for sha in places)
        return (
            f"Para rechazarlo: copie de nuevo en la carpeta de entrega {gone}, sin cambios: vuelve a regir, y se "
            f"publica como antes. Si no lo tiene a mano, está en {kept}."
        )
    if not restatement.waiting:
        return "Para rechazarlo: recupere de un respaldo el conjunto publicado, y publique: se compara de nuevo."
    return "Para rechazarlo: vuelva a la versión anterior del programa, o de la entrega que se cruza, y publique."


def other_fingerprint(restatement: Restatement, given: str) -> str:
    """To whoever approved something else than what waits."""
    return (
        f"La huella {given} no es la de la corrección que espera, que es {restatement.fingerprint}: lo que se aprobó "
        "es otro cambio, o la corrección cambió después de mirarla. No se registró la aprobación."
    )


def section(restatement: Restatement, approval: Approval | None, minimum: int) -> dict[str, Any]:
    """What `procedencia.json` says of it; ``minimum``: changes of fewer units are counted, not told."""
    return {
        "reemplaza": restatement.replaced,
        "resumen": headline(restatement, approval),
        "huella": restatement.fingerprint if restatement.waiting else None,
        "aprobada": approval.at.astimezone(ZoneInfo(TIMEZONE)).isoformat(timespec="seconds") if approval else None,
        "no_comparadas": list(restatement.unread),
        "años": [_of_year(year, minimum) for year in restatement.years],
    }


def document(said: Mapping[str, Any], generated: datetime) -> str:
    """`correcciones.md`, from that section: what this set says differently from the one before it."""
    lines = ["# Correcciones", "", said["resumen"], ""]
    if said["reemplaza"]:
        local = generated.astimezone(ZoneInfo(TIMEZONE))
        lines += [f"Conjunto anterior: {said['reemplaza']}. Este: {local:%d-%m-%Y %H:%M}.", ""]
    lines += [f"- {text}" for text in said["no_comparadas"]]
    for year in said["años"]:
        lines += ["", f"## {year['tabla']} {year['año']}", "", f"{year['causa'].capitalize()}."]
        if year["cambios"]:
            lines += ["", "| Región | Indicador | Antes | Después | Diferencia | % |", "|---|---|--:|--:|--:|--:|"]
            lines += [
                f"| {c['region']} | {c['indicador']} | {_number(c['antes'])} | {_number(c['despues'])} | "
                f"{_signed(c['diferencia'])} | {_percent(c['porcentaje'])} |"
                for c in year["cambios"]
            ]
        for text in year["ademas"]:
            lines += ["", text]
    lines += [
        "",
        "Se comparan las celdas visibles en ambos conjuntos, sumadas por región; una tasa, ponderada por sus personas.",
    ]
    return "\n".join(lines) + "\n"


def _of_year(year: TableYear, minimum: int) -> dict[str, Any]:
    restated = [c for c in year.changes if c.restates]
    # The figures before were nobody's, or are not published any more.
    unsaid = year.cause in (Cause.REAL_FOR_SIMULATED, Cause.GONE)
    told = [] if unsaid else [c for c in restated if _may_leave(c, minimum)]
    also = []
    if len(restated) > len(told):
        what = "en total" if unsaid else f"de menos de {minimum} unidades, o mínimos"
        also.append(f"Cambios {what}: {len(restated) - len(told)}.")
    if cells := _cells(year.changes):
        also.append(f"Celdas que no se comparan: {cells}.")
    return {
        "tabla": year.table,
        "año": year.year,
        "causa": year.cause.value,
        "entregas_que_salen": list(year.gone),
        "entregas_que_entran": list(year.come),
        "cambios": [
            {
                "region": c.region_name,
                "indicador": _indicator(c),
                "antes": _plain(c.before),
                "despues": _plain(c.after),
                "diferencia": _plain(c.difference),
                "porcentaje": _plain(c.share * 100, 2) if c.share is not None else None,
            }
            for c in told
        ],
        "ademas": also,
    }


def _may_leave(change: Change, minimum: int) -> bool:
    if change.figure is Figure.MEAN:
        return change.weight >= minimum and abs(change.difference) >= _LEAST_RATE
    return abs(change.difference) >= minimum


def _row(year: TableYear, change: Change, state: str) -> str:
    cells = [
        change.table,
        str(change.year),
        change.region_name,
        _indicator(change),
        _number(change.before),
        _number(change.after),
        _signed(change.difference),
        _percent(change.share * 100 if change.share is not None else None),
        year.cause.value
        + (f" ({_number(change.moved)} entre celdas)" if change.moved else "")
        + (f" ({_number(change.lost)} más dejan de verse)" if change.obscured else ""),
        state,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _told(change: Change) -> str:
    share = f"; {_percent(change.share * 100)}" if change.share is not None else ""
    moved = f"; {_number(change.moved)} pasaron de unas celdas a otras" if change.moved else ""
    lost = f"; {_number(change.lost)} más dejan de verse" if change.obscured else ""
    return (
        f"{change.region_name}, {_indicator(change)}: {_number(change.before)} → {_number(change.after)} "
        f"({_signed(change.difference)}{share}{moved}{lost})"
    )


def _indicator(change: Change) -> str:
    return f"{change.indicator} ({change.apart})" if change.apart else change.indicator


def _limits(restatement: Restatement) -> str:
    limits = restatement.thresholds
    return (
        f"{_percent(limits.national * 100, plus=False)} en el país o {_percent(limits.region * 100, plus=False)} en "
        f"una región, desde {limits.floor} unidades"
    )


def _tables(years: Sequence[TableYear]) -> str:
    by_table: dict[str, list[str]] = {}
    for year in years:
        by_table.setdefault(year.table, []).append(str(year.year))
    return "; ".join(f"{table} {', '.join(found)}" for table, found in by_table.items())


def _cells(changes: Sequence[Change]) -> str:
    """Of the regions alone: the country is all of them, or their total."""
    regional = [change for change in changes if not change.national]
    counted = {
        "pasan a ocultas": sum(c.hidden for c in regional),
        "pasan a visibles": sum(c.shown for c in regional),
        "tienen dato por primera vez": sum(c.filled for c in regional),
        "quedan sin dato": sum(c.emptied for c in regional),
    }
    return ", ".join(f"{number} {what}" for what, number in counted.items() if number)


def _files(years: Sequence[TableYear], side: str, named: Named) -> str:
    shas = dict.fromkeys(sha for year in years for sha in getattr(year, side))
    return ", ".join(f"«{named(sha)}» ({sha[:12]})" for sha in shas)


def _size(change: Change) -> Decimal:
    return abs(change.share) if change.share is not None else Decimal(1)


def _plain(value: Decimal | None, digits: int = 6) -> int | float | None:
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else round(float(value), digits)


def _number(value: Decimal | float | None) -> str:
    """As Chile writes numbers: 1.234,5."""
    if value is None:
        return "—"
    text = f"{round(Decimal(str(value)), 3):,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.translate(str.maketrans(",.", ".,")).replace("-", "−")


def _signed(value: Decimal | float) -> str:
    return ("+" if value > 0 else "") + _number(value)


def _percent(value: Decimal | float | None, *, plus: bool = True) -> str:
    if value is None:
        return "—"
    rounded = round(Decimal(str(value)), 1)
    return (_signed(rounded) if plus else _number(rounded)) + " %"
