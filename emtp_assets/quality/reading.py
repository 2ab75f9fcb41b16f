"""How a delivery was read, said as a check: its lines, and those that do not fit. Reading it is intake's business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import dagster as dg

from emtp_assets.contracts import Severity
from emtp_assets.intake import Form
from emtp_assets.intake.quarantine import SetAside
from emtp_assets.quality.outcome import Outcome, number
from emtp_assets.quality.rules import spec

SET_ASIDE = "lineas_apartadas"
SCOPE = "alcance_conocido"
_DESCRIPTION = (
    "Cada línea del archivo calza con su encabezado. Las que no se pueden leer de una sola manera quedan apartadas, con"
    " su número, su motivo y sus bytes (`emtp quarantine`), y no entran a los datos."
)
_SCOPE_DESCRIPTION = (
    "La columna que dice qué filas son de EMTP trae solo códigos de la lista. Las filas con otro código, o sin él, se"
    " cuentan fuera de EMTP."
)
_KINDS = {
    "datos": "de datos",
    "continuacion": "de continuación de una fila",
    "apartadas": "apartadas",
    "encabezado": "de encabezado",
    "encabezado_repetido": "con el encabezado repetido",
    "presentacion": "de presentación",
    "en_blanco": "en blanco",
    "pie": "al pie",
}
_NAMED = 8


def reading_specs(asset_key: dg.AssetKey | str) -> list[dg.AssetCheckSpec]:
    """The checks of this module for a dataset's raw asset."""
    return [
        spec(SET_ASIDE, asset_key, _DESCRIPTION, Severity.WARNING),
        spec(SCOPE, asset_key, _SCOPE_DESCRIPTION, Severity.WARNING),
    ]


def lines_set_aside(year: int, form: Form, rows: int, aside: Sequence[SetAside]) -> Outcome:
    """Whether all lines of the year's delivery fit, and which do not: reasons and line numbers, never what they hold.

    ``rows``: data rows of the whole delivery.
    """
    failed = [each for each in aside if each.code != "pie"]
    lines = sum(each.lines for each in failed)
    reasons = Counter[str]()
    for each in failed:
        reasons[each.code] += each.lines
    said = "; ".join(f"{number(count)} por {code} ({_places(failed, code)})" for code, count in reasons.most_common())
    observed = f"{number(lines)} líneas apartadas de {number(rows + lines)}: {said}" if failed else lines_in_words(form)
    detail = "\n".join(["| Línea | Motivo | Detalle |", "|---|---|---|", *map(_row, failed[:50])]) if failed else ""
    return Outcome(
        SET_ASIDE, year, not failed, Severity.WARNING, observed, lines, rows + lines, (), _DESCRIPTION, detail
    )


def scope_known(year: int, form: Form, rows: int, *, blank_is_usual: bool = False) -> Outcome:
    """Whether each row of the year's delivery has a listed scope code; those that have none count as not EMTP.

    ``blank_is_usual``: rows without any code are told and no finding, as of a teacher who has no class.
    """
    outside = sum(count for code, count in form.unknown_codes.items() if code or not blank_is_usual)
    told = [
        f"{number(count)} filas con {code}" if code else f"{number(count)} filas sin un código que se pueda leer"
        for code, count in form.unknown_codes.items()
    ]
    more = f"; y {len(told) - _NAMED} códigos más" if len(told) > _NAMED else ""
    observed = f"{'; '.join(told[:_NAMED])}{more}" if told else "todos los códigos están en la lista"
    return Outcome(SCOPE, year, not outside, Severity.WARNING, observed, outside, rows, (), _SCOPE_DESCRIPTION)


def lines_in_words(form: Form) -> str:
    """Every line of the text by what it is: "1.001 líneas: 1.000 de datos, 1 de encabezado"."""
    if not form.lines:
        return "sin cuenta de líneas"
    parts = [f"{number(form.lines[kind])} {words}" for kind, words in _KINDS.items() if form.lines.get(kind)]
    return f"{number(sum(form.lines.values()))} líneas: {', '.join(parts)}"


def form_in_words(form: Form) -> str:
    """In what form the table came, for the materialization: "RAR (Matricula.csv), windows-1252, separado por «;»"."""
    packed = f"{form.container.upper()} ({form.member}), " if form.container else ""
    repaired = ", con acentos reparados (se habían leído antes en otra codificación)" if form.mojibake else ""
    separator = {"\t": "tabulador", "": ""}.get(form.separator, f"«{form.separator}»")
    return f"{packed}{form.encoding}{repaired}" + (f", separado por {separator}" if separator else "")


def _places(aside: Sequence[SetAside], code: str) -> str:
    numbers = [str(each.line) for each in aside if each.code == code]
    more = f" y {len(numbers) - _NAMED} más" if len(numbers) > _NAMED else ""
    return ("línea " if len(numbers) == 1 else "líneas ") + ", ".join(numbers[:_NAMED]) + more


def _row(aside: SetAside) -> str:
    return f"| {aside.line} | {aside.code} | {aside.what.replace('|', '¦')} |"
