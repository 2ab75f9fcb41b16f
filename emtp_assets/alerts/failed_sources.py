"""From the sources' journal to what stands because of it: a source that failed although another delivered, a source
that keeps failing, a view or file whose structure changed. Which source is asked, and how often, is the sources'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from emtp_assets.alerts.alert import Alert, Kind, Severity
from emtp_assets.alerts.board import ANY_YEAR, Board
from emtp_assets.alerts.last_good import last_good_of
from emtp_assets.alerts.manual import Page
from emtp_assets.settings import Settings
from emtp_assets.sources import Attempt, Cause, Result
from emtp_assets.sources.asking import OF_THE_SYSTEM
from emtp_assets.sources.choosing import SYSTEMS

STRUCTURAL = frozenset({Cause.STRUCTURE.value, Cause.MISSING_VIEW.value})
"""Causes that only who maintains the contracts, or who changed the view, can mend."""
_OF_THE_SYSTEM = frozenset(cause.value for cause in OF_THE_SYSTEM)
_SHOWN = 6


@dataclass(frozen=True)
class _Standing:
    """A dataset for which the source's last word was a failure."""

    attempt: Attempt
    delivered_by: str


def read_attempts(
    board: Board,
    history: Sequence[Attempt],
    fresh: Sequence[Attempt],
    settings: Settings,
    *,
    failed_run: Callable[[str], bool],
) -> None:
    """Put on the board what the attempts since the last look mean.

    A source whose failure made the run fail is told by the run's own alarm, which quotes it; it has one of its own
    when another source delivered instead, or when it has failed too often in a row. So has a changed structure: one
    cause is told once.

    Args:
        history: every attempt of runs that ended, oldest first: while one goes on, another source may deliver.
        fresh: those of them that were not read yet.
        failed_run: whether the run of that id failed.
    """
    for attempt in fresh:
        if not attempt.failed:
            board.good(_name(attempt.source, attempt.dataset))
    for attempt in _unanswered(fresh):
        if attempt.cause in STRUCTURAL and (_delivered_instead(history, attempt) or not failed_run(attempt.run_id)):
            _structure(board, attempt, settings)
    for source in dict.fromkeys(a.source for a in fresh if a.failed):
        _source(board, history, source, fresh, settings, failed_run)


def _source(
    board: Board,
    history: Sequence[Attempt],
    source: str,
    fresh: Sequence[Attempt],
    settings: Settings,
    failed_run: Callable[[str], bool],
) -> None:
    own = [a for a in history if a.source == source]
    failing = [a for a in _unanswered(own) if a.cause not in STRUCTURAL]
    in_a_row = failures_in_a_row(own)
    escalated = in_a_row > settings.alerts.escalate_after
    standing = [_Standing(a, _delivered_instead(history, a)) for a in failing]
    # Of what nobody delivered instead, the failed run tells already.
    told = [s for s in standing if escalated or s.delivered_by or not failed_run(s.attempt.run_id)]
    if not told:
        return
    key = f"fuente:{source}"
    touched = {(a.dataset, a.year) for a in fresh if a.source == source and a.failed}
    if key not in board.standing and not any((s.attempt.dataset, s.attempt.year) in touched for s in told):
        return
    board.stand(
        _alert(key, source, told, in_a_row, escalated, settings),
        [(_name(source, s.attempt.dataset), ANY_YEAR) for s in told],
    )


def failures_in_a_row(attempts: Iterable[Attempt]) -> int:
    """In how many runs a source was asked in vain since it last answered, or since it last answered for one dataset,
    whichever is more: a view that is gone does not keep the others from being read.

    Runs, not questions: a bad Monday is one failure, though six datasets were asked for. An attempt that was left out
    because the run knew already that the system is down does not count.
    """
    whole: set[str] = set()
    by_dataset: dict[str, set[str]] = {}
    for attempt in attempts:
        of_dataset = by_dataset.setdefault(attempt.dataset, set())
        if not attempt.failed:
            whole.clear()
            of_dataset.clear()
        elif attempt.tries:
            whole.add(attempt.run_id)
            of_dataset.add(attempt.run_id)
    return max(len(whole), *(len(runs) for runs in by_dataset.values()), 0)


def _alert(
    key: str, source: str, standing: Sequence[_Standing], in_a_row: int, escalated: bool, settings: Settings
) -> Alert:
    causes = {s.attempt.cause for s in standing}
    datasets = tuple(dict.fromkeys(s.attempt.dataset for s in standing))
    one = datasets[0] if len(datasets) == 1 else ""
    times = f"{in_a_row} veces seguidas" if in_a_row > 1 else "una vez"
    worst = next((s for s in standing if s.attempt.tries), standing[0]).attempt
    instead = {s.attempt.dataset: s.delivered_by for s in standing if s.delivered_by}
    return Alert(
        key=key,
        kind=Kind.SOURCE,
        severity=Severity.FAILURE if escalated else Severity.WARNING,
        title=(
            f"la fuente {source} falló {times}"
            if escalated
            else f"la fuente {source} falló y se usó otra"
            if instead
            else f"la fuente {source} falló"
        ),
        cause=_said(worst),
        action=_action(worst, escalated=escalated),
        page=Page.SOURCE,
        dataset=one,
        years=tuple(sorted({s.attempt.year for s in standing})) if one else (),
        details=(
            *(_line(s) for s in standing[:_SHOWN]),
            *([f"… y {len(standing) - _SHOWN} más."] if len(standing) > _SHOWN else []),
        ),
        last_good=last_good_of(settings, one, (worst.year,)),
        link=f"/runs/{worst.run_id}" if worst.run_id else "",
        # A system that is down is one cause, however many datasets feel it.
        told_apart_by=tuple(
            sorted({c for c in causes if c in _OF_THE_SYSTEM})
            + sorted(
                {f"{s.attempt.dataset} {s.attempt.cause}" for s in standing if s.attempt.cause not in _OF_THE_SYSTEM}
            )
        ),
        developers=escalated,
    )


def _structure(board: Board, attempt: Attempt, settings: Settings) -> None:
    what = "no está la vista" if attempt.cause == Cause.MISSING_VIEW.value else "cambió la estructura"
    board.stand(
        Alert(
            key=f"estructura:{attempt.source}:{attempt.dataset}",
            kind=Kind.STRUCTURE,
            severity=Severity.FAILURE,
            title=f"{what} en la fuente {attempt.source}",
            cause=_said(attempt),
            action=(
                "Pregunte a quien administra la fuente si cambió el nombre de la vista o alguna columna. Si el cambio "
                "es definitivo, quien mantiene los contratos debe ponerlos al día."
            ),
            page=Page.STRUCTURE,
            dataset=attempt.dataset,
            years=(attempt.year,),
            last_good=last_good_of(settings, attempt.dataset, (attempt.year,)),
            link=f"/runs/{attempt.run_id}" if attempt.run_id else "",
            told_apart_by=(attempt.cause, attempt.message),
            developers=True,
        ),
        [(_name(attempt.source, attempt.dataset), ANY_YEAR)],
    )


def _action(attempt: Attempt, *, escalated: bool) -> str:
    told = "Se avisó también a quien mantiene el código. " if escalated else ""
    if attempt.nature == "pasajera":
        return (
            f"{told}Suele pasar solo; si se repite, avise a quien administra el sistema. `emtp doctor` prueba la "
            "conexión paso a paso. La carpeta de entrega sigue funcionando."
        )
    return (
        f"{told}No se arregla solo: haga lo que dice el motivo y compruebe con `emtp doctor`. "
        "La carpeta de entrega sigue funcionando."
    )


def _said(attempt: Attempt) -> str:
    """What the source said, under the name by which people know it."""
    return f"{SYSTEMS.get(attempt.source, attempt.source)}: {attempt.message.removeprefix(f'{attempt.source}: ')}"


def _line(standing: _Standing) -> str:
    attempt = standing.attempt
    instead = f"; entregó {standing.delivered_by}" if standing.delivered_by else "; no entregó ninguna"
    return f"{attempt.dataset} {attempt.year}: {attempt.result} ({attempt.cause}){instead}."


def _delivered_instead(history: Sequence[Attempt], failed: Attempt) -> str:
    """The source that gave that dataset's year in the same run; empty when none did."""
    return next(
        (
            a.source
            for a in history
            if (a.run_id, a.dataset, a.year) == (failed.run_id, failed.dataset, failed.year)
            and a.result in (Result.DELIVERED, Result.UNCHANGED)
        ),
        "",
    )


def _unanswered(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The failed attempts that nothing has mended: the last one for each dataset's year, in the run in which the
    source last answered for the dataset, or later.
    """
    last: dict[tuple[str, str, int], Attempt] = {}
    answered: dict[tuple[str, str], Attempt] = {}
    for attempt in attempts:
        last[attempt.source, attempt.dataset, attempt.year] = attempt
        if not attempt.failed:
            answered[attempt.source, attempt.dataset] = attempt
    return [
        a
        for (source, dataset, _), a in last.items()
        if a.failed and ((good := answered.get((source, dataset))) is None or a.id > good.id or a.run_id == good.run_id)
    ]


def _name(source: str, dataset: str) -> str:
    return f"fuente:{source}:{dataset}"
