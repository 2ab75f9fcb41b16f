"""Asks one source: again when its failure passes, with growing waits and a limit; once when a person must act.

Which source is asked, and what becomes of its file, is decided elsewhere.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emtp_assets.contracts import Contract
from emtp_assets.settings import Settings
from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.protocol import Answer, Source

_log = logging.getLogger(__name__)
_PACKAGE = f"{Path(__file__).resolve().parent.parent}/"

OF_THE_SYSTEM = frozenset(
    {
        Cause.SETTINGS,
        Cause.REFUSED,
        Cause.TIMEOUT,
        Cause.CERTIFICATE,
        Cause.HOST_KEY,
        Cause.CREDENTIAL,
        Cause.WRITABLE,
        Cause.NOT_A_REPLICA,
        Cause.HOURS,
    }
)
"""Causes that do not depend on the dataset: whoever asks again in the same run waits for nothing, or locks the
account by repeating a refused password."""


@dataclass(frozen=True)
class Reply:
    """What a source answered in the end, after how many tries and seconds."""

    answer: Answer
    tries: int
    seconds: float


class GaveUp(Exception):  # noqa: N818 - an outcome to report, not a programming error
    """The source's last failure, after how many tries and seconds."""

    def __init__(self, failure: SourceFailure, tries: int, seconds: float) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.tries = tries
        self.seconds = seconds


def ask(
    source: Source,
    contract: Contract,
    year: int,
    target_folder: Path,
    settings: Settings,
    *,
    known_mark: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Reply:
    """Fetch, trying a passing failure again up to ``retry_attempts`` times in all.

    Waits double from ``retry_first_wait`` seconds, with some chance in them so that clients do not return all at
    once, or are as long as the server asked. A server that asks for more than ``retry_longest_wait`` is left alone.

    Raises:
        GaveUp: the source failed for good, or too often.
        OSError: our own disk refused; no other source would find it better.
    """
    # tenacity costs 60 ms: only who asks a system pays.
    from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    backoff = wait_random_exponential(
        multiplier=settings.retry_first_wait, max=settings.retry_longest_wait, min=settings.retry_first_wait
    )

    def wait(state: RetryCallState) -> float:
        failure = _failure(state)
        return failure.retry_after or backoff(state)

    def worth_another(error: BaseException) -> bool:
        if not isinstance(error, SourceFailure) or not error.passing:
            return False
        return (error.retry_after or 0) <= settings.retry_longest_wait

    def say(state: RetryCallState) -> None:
        waiting = state.next_action.sleep if state.next_action else 0
        _log.warning(
            "%s %s: %s Se reintenta en %.0f s (intento %d de %d).",
            contract.dataset,
            year,
            _failure(state),
            waiting,
            state.attempt_number + 1,
            settings.retry_attempts,
        )

    began = time.monotonic()
    tries = 0
    retrying = Retrying(
        stop=stop_after_attempt(settings.retry_attempts),
        wait=wait,
        retry=retry_if_exception(worth_another),
        before_sleep=say,
        sleep=sleep,
        reraise=True,
    )
    try:
        for attempt in retrying:
            with attempt:
                tries += 1
                answer = source.fetch(contract, year, target_folder, known_mark=known_mark)
                return Reply(answer, tries, time.monotonic() - began)
    except SourceFailure as failure:
        raise GaveUp(failure, tries, time.monotonic() - began) from None
    except OSError:
        raise
    except Exception as error:
        raise GaveUp(_unforeseen(source.name, error), tries, time.monotonic() - began) from None
    raise AssertionError("tenacity neither returned nor raised")


def _unforeseen(source: str, error: Exception) -> SourceFailure:
    """An error that the source did not sort: its place is told, and not its text, which nobody vouches for."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_PACKAGE)]
    place = f" en {Path(ours[-1].filename).name}, línea {ours[-1].lineno}" if ours else ""
    return SourceFailure(
        source,
        Cause.ANSWER,
        Nature.PERMANENT,
        Explanation(
            f"Ocurrió un error imprevisto ({type(error).__name__}{place}).",
            "Una respuesta que la plataforma sabe leer.",
            "Avise a quien mantiene la plataforma, con este mensaje.",
        ),
    )


def _failure(state: object) -> SourceFailure:
    outcome = getattr(state, "outcome", None)
    error = outcome.exception() if outcome is not None else None
    assert isinstance(error, SourceFailure)
    return error
