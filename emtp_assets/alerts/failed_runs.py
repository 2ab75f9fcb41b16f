"""From a run that ended to what stands because of it: a failed run, a blocking check, a change of structure.

Reading the run is `evidence`; here is what it means and what an operator should do.
"""

from __future__ import annotations

from collections import defaultdict

from emtp_assets.alerts.alert import Alert, Kind, Severity, years_in_words
from emtp_assets.alerts.board import ANY_YEAR, Board, Waits
from emtp_assets.alerts.evidence import Check, FailedStep, RunFacts, is_structure
from emtp_assets.alerts.failed_sources import STRUCTURAL
from emtp_assets.alerts.last_good import last_good_of
from emtp_assets.alerts.manual import Page
from emtp_assets.contracts import DATASETS
from emtp_assets.keys import PUBLICATION
from emtp_assets.settings import Settings

_PUBLICATION = PUBLICATION[0].path[0]
_OF_THE_PUBLICATION = frozenset("__".join(key.path) for key in PUBLICATION)

_BY_CHECK = {
    "correccion_aprobada": "Una persona debe aprobar la corrección, o rechazarla: el motivo dice cómo.",
    "filas_no_bajan": "El archivo suele venir cortado o parcial: entregue el completo.",
    "duplicados_acotados": "El archivo suele venir pegado consigo mismo: entregue el correcto.",
    "minimo_respetado": "No publique por otra vía: una tabla revelaría a alguien. Avise a quien mantiene el código.",
    "sin_celdas_recuperables": "No publique por otra vía: una tabla revelaría a alguien. Avise a quien mantiene el "
    "código.",
    "sin_identificadores": "No publique por otra vía. Avise a quien mantiene el código.",
    "conjunto_completo": "El motivo dice qué año rehacer.",
}
_ACCOUNT = "cuadratura_"
_ANY_CHECK = "Revise el archivo con quien lo emite: no cumple su contrato."


def read_run(board: Board, facts: RunFacts, settings: Settings) -> None:
    """Put on the board what the run makes stand, and take from it what went well."""
    for step in facts.succeeded:
        board.good(step, facts.years)
    for check in facts.checks:
        if is_structure(check):
            _structure(board, check, facts, settings)
    if not facts.failed:
        board.good(_job(facts), facts.years)
        return
    by_dataset: dict[str, list[FailedStep]] = defaultdict(list)
    for step in facts.steps_failed:
        by_dataset[step.dataset].append(step)
    for dataset, steps in by_dataset.items():
        _failed(board, dataset, steps, facts, settings)
    if not facts.steps_failed:
        _interrupted(board, facts, settings)


def unreadable_run(run_id: str, job: str, error: str) -> tuple[Alert, Waits]:
    """What to say of a run whose record cannot be read, so that whether it failed is not known; until its job goes
    well once. ``error``: an exception's name."""
    return (
        Alert(
            key=f"corrida:{job}:ilegible",
            kind=Kind.RUN,
            severity=Severity.WARNING,
            title="no se pudo leer cómo terminó una corrida",
            cause=f"El registro de la corrida no tiene la forma esperada ({error}); no se sabe si falló.",
            action="Abra la corrida en la interfaz, vea si terminó en verde y avise a quien mantiene el código.",
            page=Page.FAILURES,
            link=f"/runs/{run_id}",
            told_apart_by=(error,),
            developers=True,
        ),
        frozenset({(f"job:{job}", ANY_YEAR)}),
    )


def _failed(board: Board, dataset: str, steps: list[FailedStep], facts: RunFacts, settings: Settings) -> None:
    years = tuple(sorted({year for step in steps for year in step.years}))
    names = sorted(
        {c.name for c in facts.checks if c.blocking and not c.passed and c.step in {step.step for step in steps}}
    )
    reason = "\n".join(step.reason for step in steps)
    board.stand(
        Alert(
            key=_key(dataset, years),
            kind=Kind.CHECK if names else Kind.RUN,
            severity=Severity.FAILURE,
            title=_title(names, steps),
            cause=reason,
            action=_action(names, reason, dataset, years, facts),
            page=_page(names, reason),
            dataset=dataset,
            years=years,
            last_good=last_good_of(settings, dataset, years),
            link=f"/runs/{facts.run_id}",
            # A check that fails again with other figures is the same cause; any other reason is told by its text.
            told_apart_by=(*sorted(step.step for step in steps), *(names or [reason])),
            developers=_of_structure(reason),
        ),
        _waits({step.step: step.years for step in steps}),
    )


def _interrupted(board: Board, facts: RunFacts, settings: Settings) -> None:
    unfinished = sorted(facts.planned - facts.succeeded)
    datasets = [name for name in DATASETS if any(step.startswith(f"{name}__") for step in unfinished)]
    dataset = datasets[0] if len(datasets) == 1 else ""
    again = " El servidor la intenta de nuevo una vez, sola." if facts.tried_again else ""
    board.stand(
        Alert(
            key=_key("+".join(datasets) or facts.job, facts.years),
            kind=Kind.RUN,
            severity=Severity.FAILURE,
            title="la corrida se interrumpió",
            cause=(
                "La corrida no llegó a partir o quedó a medias, y ningún paso dijo por qué: el servidor se detuvo, "
                f"hubo un corte de luz o se agotó la memoria. Nada quedó publicado a medias.{again}"
            ),
            action=f"Ejecute `emtp doctor` y repita la corrida: {_command(dataset, facts.years)}.",
            page=Page.KILLED,
            dataset=dataset,
            years=facts.years,
            details=() if dataset or not datasets else (f"Conjuntos sin terminar: {', '.join(datasets)}.",),
            last_good=last_good_of(settings, dataset, facts.years),
            link=f"/runs/{facts.run_id}",
            told_apart_by=tuple(datasets),
        ),
        _waits(dict.fromkeys(unfinished, facts.years)) or {(_job(facts), ANY_YEAR)},
    )


def _structure(board: Board, check: Check, facts: RunFacts, settings: Settings) -> None:
    name = f"{check.step}:{check.name}"
    board.good(name, set(check.years) - set(check.years_failed))
    if check.passed:
        return
    dataset = check.step.partition("__")[0]
    board.stand(
        Alert(
            key=f"estructura:{dataset}:{years_in_words(check.years_failed)}",
            kind=Kind.STRUCTURE,
            severity=Severity.WARNING,
            title="cambió la estructura del archivo",
            cause=f"La entrega no trae exactamente las columnas oficiales de su año: {check.observed}.",
            action=(
                "Confirme con quien emite el archivo si el formato cambió. Si cambió, quien mantiene los contratos "
                "debe ponerlos al día; mientras tanto, lo que falta queda vacío y lo nuevo no se usa."
            ),
            page=Page.STRUCTURE,
            dataset=dataset,
            years=check.years_failed,
            last_good=last_good_of(settings, dataset, check.years_failed),
            link=f"/runs/{facts.run_id}",
            told_apart_by=(check.observed,),
            developers=True,
        ),
        [(name, year) for year in check.years_failed or (ANY_YEAR,)],
    )


def _key(dataset: str, years: tuple[int, ...]) -> str:
    """The publication is of all years together, whichever run made it."""
    return f"corrida:{dataset}" if dataset == _PUBLICATION else f"corrida:{dataset}:{years_in_words(years)}"


def _waits(steps: dict[str, tuple[int, ...]]) -> Waits:
    return frozenset(
        (step, year)
        for step, years in steps.items()
        for year in ((ANY_YEAR,) if step in _OF_THE_PUBLICATION or not years else years)
    )


def _title(names: list[str], steps: list[FailedStep]) -> str:
    if len(names) > 1:
        return f"no pasó {len(names)} controles bloqueantes ({', '.join(names)})"
    if names:
        return f"no pasó un control bloqueante ({names[0]})"
    if any(step.reason.startswith("Ninguna fuente") for step in steps):
        return "ninguna fuente entregó"
    if steps[0].dataset == _PUBLICATION:
        return "no se pudo publicar"
    return f"la corrida falló en {', '.join(step.layer for step in steps)}"


def _action(names: list[str], reason: str, dataset: str, years: tuple[int, ...], facts: RunFacts) -> str:
    again = f"Después, repita: {_command(dataset, years)}."
    if names:
        advice = dict.fromkeys(
            "Es un error del programa: no fuerce la publicación y avise a quien mantiene el código."
            if name.startswith(_ACCOUNT)
            else _BY_CHECK.get(name, _ANY_CHECK)
            for name in names
        )
        return " ".join(advice) + " Un archivo nuevo se procesa solo al llegar a la carpeta de entrega."
    if reason.startswith("Ninguna fuente"):
        return (
            "Corrija lo que dijo cada fuente, o copie el archivo oficial en la carpeta de entrega: se procesa solo. "
            f"Para volver a preguntar a las fuentes: {_command(dataset, years)}."
        )
    if "Error inesperado" in reason:
        return f"Abra la corrida en la interfaz y mande su motivo a quien mantiene el código. {again}"
    tried = "El servidor la intenta de nuevo una vez, sola. " if facts.tried_again else ""
    return f"{tried}Corrija lo que dice el motivo; `emtp doctor` ayuda. {again}"


def _of_structure(reason: str) -> bool:
    """Whether nobody delivered because a view or file is no longer as its contract says, in `obtaining`'s words."""
    return reason.startswith("Ninguna fuente") and any(f"({cause}, " in reason for cause in STRUCTURAL)


def _page(names: list[str], reason: str) -> Page:
    """By what our own reasons say; the manual's general page when none fits."""
    if names:
        return Page.CHECK
    if reason.startswith("Ninguna fuente"):
        return Page.NO_DELIVERY
    if "El disco no permitió" in reason or "No space left" in reason:
        return Page.DISK
    return Page.OTHER_KEY if "clave de seudónimos vigente" in reason else Page.FAILURES


def _command(dataset: str, years: tuple[int, ...]) -> str:
    """What to type to do the same again."""
    if dataset == _PUBLICATION or not years:
        return "el trabajo «publicar» de la interfaz"
    one = f" --conjunto {dataset}" if dataset in DATASETS else ""
    if len(years) == 1:
        return f"`emtp run {years[0]}{one}`"
    return f"`emtp backfill {years[0]} {years[-1]}{one}`"


def _job(facts: RunFacts) -> str:
    return f"job:{facts.job}"
