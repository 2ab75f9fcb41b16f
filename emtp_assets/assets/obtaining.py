"""Obtains the delivery that a year is made of: systems asked in order, their files taken in, the reasons kept.

How a system is asked is the sources' business, what a file must be is intake's. Here they meet.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dagster as dg

from emtp_assets.contracts import Contract
from emtp_assets.intake import AlreadyKnown, Archive, Asked, Delivery, Ledger, Rejection, receive
from emtp_assets.settings import Settings
from emtp_assets.sources import Attempt, Fetched, Journal, Mark, Result, Source, Unchanged
from emtp_assets.sources.asking import OF_THE_SYSTEM, GaveUp, ask
from emtp_assets.sources.choosing import SYSTEMS, sources_for
from emtp_assets.sources.failure import Cause, Nature
from emtp_assets.sources.simulated import SimulatedSource
from emtp_assets.storage.lake import Lake

_log = logging.getLogger(__name__)
_OF_THE_SYSTEM = frozenset(str(cause) for cause in OF_THE_SYSTEM)
MANUAL = "docs/fuentes.md"


@dataclass(frozen=True)
class Obtained:
    """A delivery, and why it is this one: what each source answered, in the order in which they were asked."""

    delivery: Delivery
    reason: str
    attempts: tuple[Attempt, ...] = ()

    @property
    def in_words(self) -> str:
        """The reason and the attempts as Markdown, for the materialization."""
        return "\n".join([self.reason, *(f"- {told(attempt)}" for attempt in self.attempts)])


@dataclass
class Obtaining:
    """Asks for the deliveries of one run.

    ``only_held``: a file was handed over, and the run is about it; ``sources``: which to ask for a dataset.
    """

    settings: Settings
    ledger: Ledger
    run_id: str
    only_held: bool = False
    sources: Callable[[Contract, Settings], Sequence[Source]] = sources_for
    sleep: Callable[[float], None] = time.sleep
    _journal: Journal = field(init=False, repr=False)
    _down: dict[str, Attempt] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._journal = Journal(self.settings.data_dir)
        # Runs of several datasets are several steps: what one learnt of a system, the next need not try.
        for attempt in self._journal.attempts_of_run(self.run_id):
            if attempt.failed and attempt.cause in _OF_THE_SYSTEM:
                self._down[attempt.source] = attempt

    def obtain(self, contract: Contract, year: int) -> Obtained:
        """The delivery of a dataset's year.

        A file handed over by hand stays in force until a system brings something else than what it brought the
        last time; what another system brought while this one was down, until this one answers again. With systems
        configured, one of them must answer: yesterday's delivery is not passed off as today's.

        Raises:
            dagster.Failure: no source delivered; what is published stays as it was. The message says what each
                source answered, and what to do.
        """
        held = self._latest(contract, year)
        sources = [] if self.only_held else self.sources(contract, self.settings)
        if held is not None and held.source != SimulatedSource.name and _only_simulated(sources):
            sources = []
        attempts: list[Attempt] = []
        for source in sources:
            attempt, answered = self._asked(source, contract, year)
            attempts.append(attempt)
            if attempt.failed and not contract.fallback:
                break
            if answered is not None:
                in_force = self._in_force(contract, year, answered, source)
                return Obtained(in_force, _reason(in_force, answered, attempts), tuple(attempts))
        if held is not None and not any(attempt.failed for attempt in attempts):
            return Obtained(held, _held(held, attempts), tuple(attempts))
        raise dg.Failure(_nobody(contract, year, held, attempts, self.settings), allow_retries=False)

    def _in_force(self, contract: Contract, year: int, answered: Delivery, source: Source) -> Delivery:
        """What rules now that ``source`` answered: the newest, but for those of systems that only stood in for it."""
        newest = self._latest(contract, year)
        if newest is None or newest.sha256 == answered.sha256 or source.name not in contract.sources:
            return newest or answered
        after = contract.sources[contract.sources.index(source.name) + 1 :]
        stood_in = [name for name in after if name in SYSTEMS]
        return self._latest(contract, year, but_for=stood_in) or answered

    def _latest(self, contract: Contract, year: int, *, but_for: Sequence[str] = ()) -> Delivery | None:
        simulated_too = not self.settings.production
        return self.ledger.latest(contract.dataset, year, simulated_too=simulated_too, but_for=but_for)

    def _asked(self, source: Source, contract: Contract, year: int) -> tuple[Attempt, Delivery | None]:
        """Ask one source and take in what it gives; how that ended, and the delivery if there is one."""

        def noted(result: Result, message: str, **more: object) -> Attempt:
            attempt = Attempt(
                datetime.now(UTC),
                self.run_id,
                source.name,
                contract.dataset,
                year,
                result,
                message,
                **more,  # pyright: ignore[reportArgumentType]
            )
            self._journal.attempted(attempt)
            if attempt.failed and attempt.cause in _OF_THE_SYSTEM:
                self._down[source.name] = attempt
            (_log.warning if attempt.failed else _log.info)("%s %s: %s", contract.dataset, year, told(attempt))
            return attempt

        if (before := self._down.get(source.name)) is not None:
            message = f"No se volvió a intentar: en esta corrida ya falló con {before.dataset} {before.year}."
            return noted(Result.FAILED, message, cause=before.cause, nature=before.nature, tries=0), None
        mark = self._journal.mark(source.name, contract.dataset, year)
        known = self._still_held(mark)
        # What a system hands over has a name there for as long as the asking takes; see `temporary`.
        with Lake(self.settings.data_dir).staging() as folder:
            try:
                reply = ask(source, contract, year, folder, self.settings, known_mark=known, sleep=self.sleep)
            except GaveUp as gave_up:
                failure = gave_up.failure
                return noted(
                    Result.FAILED,
                    failure.told,
                    cause=str(failure.cause),
                    nature=str(failure.nature),
                    tries=gave_up.tries,
                    seconds=gave_up.seconds,
                ), None
            effort = {"tries": reply.tries, "seconds": reply.seconds}
            match reply.answer:
                case None:
                    return noted(Result.NOTHING, "No tiene todavía un archivo de ese año.", **effort), None
                case Unchanged(described):
                    assert mark is not None
                    return noted(Result.UNCHANGED, described, **effort), self.ledger.find(mark.sha256)
                case Fetched() as fetched:
                    asked = Asked(contract, year, mark.sha256 if mark else None)
                    now = datetime.now(UTC)
                    outcome = receive(
                        fetched.path, self.settings, self.ledger, source=source.name, now=now, asked=asked
                    )
        if isinstance(outcome, Rejection):
            return noted(
                Result.REJECTED,
                f"Entregó un archivo que no se puede usar: {outcome.message}",
                cause=str(Cause.ANSWER),
                nature=str(Nature.PERMANENT),
                **effort,
            ), None
        delivery = outcome.delivery if isinstance(outcome, AlreadyKnown) else outcome
        self._journal.remember(source.name, contract.dataset, year, Mark(fetched.mark, delivery.sha256), now)
        same = mark is not None and mark.sha256 == delivery.sha256
        return noted(Result.UNCHANGED if same else Result.DELIVERED, fetched.described, **effort), delivery

    def _still_held(self, mark: Mark | None) -> str | None:
        """The mark to pass: none when we no longer hold what it stands for, so that it is fetched again."""
        if mark is None or not mark.mark:
            return None
        delivery = self.ledger.find(mark.sha256)
        whole = delivery is not None and Archive(self.settings).holds(mark.sha256, delivery.size_bytes)
        return mark.mark if whole else None


def _only_simulated(sources: Sequence[Source]) -> bool:
    return all(source.name == SimulatedSource.name for source in sources)


def told(attempt: Attempt) -> str:
    """An attempt in one sentence."""
    cause = f" ({attempt.cause}, {attempt.nature})" if attempt.failed else ""
    tries = f" Intentos: {attempt.tries}." if attempt.tries > 1 else ""
    return f"{attempt.source}: {attempt.result}{cause}. {attempt.message}{tries}"


def _described(delivery: Delivery) -> str:
    return f"«{delivery.original_name}» ({delivery.source}, {delivery.received_at:%d-%m-%Y %H:%M} UTC)"


def _reason(in_force: Delivery, answered: Delivery, attempts: Sequence[Attempt]) -> str:
    source = attempts[-1].source
    if in_force.sha256 != answered.sha256:
        return (
            f"Rige {_described(in_force)}, recibida después: {source} sigue entregando lo mismo que antes, "
            f"{_described(answered)}."
        )
    if any(attempt.failed for attempt in attempts):
        failed = ", ".join(attempt.source for attempt in attempts if attempt.failed)
        return f"Entregó {source}, porque antes falló: {failed}."
    if len(attempts) > 1:
        return f"Entregó {source}: las fuentes preferidas no tienen archivo de ese año."
    return f"Entregó {source}, la fuente preferida."


def _held(held: Delivery, attempts: Sequence[Attempt]) -> str:
    asked = " Ningún sistema tiene archivo de ese año." if attempts else ""
    return f"Se usa lo que está en el registro: {_described(held)}.{asked}"


def _nobody(
    contract: Contract, year: int, held: Delivery | None, attempts: Sequence[Attempt], settings: Settings
) -> str:
    last = f"Última entrega: {_described(held)}; se conserva." if held else "No hay entregas anteriores de ese año."
    return "\n".join(
        [
            f"Ninguna fuente entregó {contract.dataset} del año {year}. Lo publicado no cambió. {last}",
            *(f"- {told(attempt)}" for attempt in attempts),
            f"Mientras tanto, copie el archivo oficial en {settings.drop}: se procesa solo. "
            f"Qué hacer con cada causa: {MANUAL}.",
        ]
    )
