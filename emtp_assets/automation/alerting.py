"""The sensor of the alarms: each minute it looks at what happened since, and gives the channels what is new.

What deserves an alarm is decided in `alerts`. The weekly "all is well" is said here too and not by a schedule: a
schedule needs a run, which would wait in the queue behind the very run that hangs, and it looks once, at nine, whether
or not Monday's run has ended. The outbox remembers for which week it was said, so that a restart repeats nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from emtp_assets.alerts import Notice, Outbox
from emtp_assets.alerts.board import Board
from emtp_assets.alerts.channels import configured_channels
from emtp_assets.alerts.delivery import deliver, read_channels
from emtp_assets.alerts.evidence import ENDED, ended_runs, facts_of
from emtp_assets.alerts.failed_runs import read_run, unreadable_run
from emtp_assets.alerts.failed_sources import read_attempts
from emtp_assets.alerts.heartbeat import all_well, week_of
from emtp_assets.alerts.late_data import read_lateness
from emtp_assets.alerts.refused_files import read_refusals
from emtp_assets.alerts.wording import Wording
from emtp_assets.automation.weekly import NAME as WEEKLY
from emtp_assets.automation.weekly import newest_due
from emtp_assets.contracts import all_contracts
from emtp_assets.intake import Ledger
from emtp_assets.settings import Settings
from emtp_assets.sources import Attempt, Journal

NAME = "avisos"
_log = logging.getLogger(__name__)
# On its first look, and after a long stop, it goes back so far; what failed and was mended since is not told.
_FIRST_LOOK = timedelta(days=7)
_RUNS_A_TICK = 20
_SEND_SECONDS = 8.0
_DATES_EVERY = timedelta(hours=1)
_DATES_UNTIL_WELL = timedelta(minutes=5)


def alert_sensor(settings: Settings) -> dg.SensorDefinition:
    """Watches runs, sources, refusals and dates. Starts nothing. What it has read is in the outbox, not in a cursor:
    there it changes together with what follows from it."""

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Avisa por correo y webhook: corridas y controles que fallan, fuentes que no entregan, datos atrasados, "
            "cambios de estructura, y los lunes que todo está bien. Cada causa una vez, hasta que cambia o se resuelve."
        ),
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        looked = look(settings, context.instance, datetime.now(UTC))
        for line in looked.lines:
            context.log.info(line)
        return dg.SensorResult(cursor=looked.cursor, skip_reason=" ".join(looked.lines) or "Nada nuevo que avisar.")

    return watch


@dataclass(frozen=True)
class Looked:
    """What a look gave: the notices that are new, a line on each thing said or sent, until when runs were read."""

    notices: tuple[Notice, ...]
    lines: tuple[str, ...]
    cursor: str


def look(settings: Settings, instance: dg.DagsterInstance, now: datetime) -> Looked:
    """Read what happened since the last look, write down what is new, and give the channels what they are owed.

    About ten milliseconds when nothing happened; never much more than ten seconds, whatever a channel does.
    """
    outbox, journal = Outbox.of(settings), Journal(settings.data_dir)
    channels = configured_channels(settings)
    board = outbox.board()
    read_channels(board, outbox, channels)
    runs, until = _read_runs(board, outbox, instance, settings, now)
    progress = {
        "corridas": until.isoformat(),
        **_read_sources(board, outbox, journal, instance, settings),
        **_read_dates(board, outbox, journal, instance, settings, now, news=bool(runs)),
    }
    notices = outbox.settle(
        board, channels=[channel.name for channel in channels], now=now, progress=progress, runs_read=runs
    )
    wording = Wording(settings)
    lines = [wording.headline(notice) for notice in notices]
    for line in lines:
        _log.warning("%s", line)
    if notices and not channels:
        lines.append("No hay canal de avisos configurado: nadie lo recibe.")
    lines += deliver(settings, outbox, channels, now=now, seconds=_SEND_SECONDS)
    return Looked(tuple(notices), tuple(lines), until.isoformat())


def _read_runs(
    board: Board, outbox: Outbox, instance: dg.DagsterInstance, settings: Settings, now: datetime
) -> tuple[dict[str, datetime], datetime]:
    """The runs read now, with when each ended, and until when all are read."""
    noted = outbox.progress("corridas")
    since = datetime.fromisoformat(noted) if noted else now - _FIRST_LOOK
    read: dict[str, datetime] = {}
    for ended in ended_runs(instance, since, outbox.runs_read(since - _FIRST_LOOK), at_most=_RUNS_A_TICK):
        try:
            read_run(board, facts_of(instance, ended), settings)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            # What another version of the code or of Dagster wrote. Unguarded, it would silence every alarm for ever.
            board.stand(*unreadable_run(ended.run_id, ended.record.dagster_run.job_name, type(error).__name__))
        read[ended.run_id] = ended.at
    return read, max([since, *read.values()])


def _read_sources(
    board: Board, outbox: Outbox, journal: Journal, instance: dg.DagsterInstance, settings: Settings
) -> dict[str, str]:
    """Read the attempts of runs that ended: while one goes on, another source may still deliver."""
    after, ahead = int(outbox.progress("intentos") or 0), set((outbox.progress("intentos_leidos") or "").split())
    fresh = [a for a in journal.attempts(after=after) if str(a.id) not in ahead]
    if not fresh:
        return {}
    status = {run_id: _status(instance, run_id) for run_id in dict.fromkeys(a.run_id for a in fresh)}
    ready = [a for a in fresh if not _goes_on(status[a.run_id])]
    waiting = [a.id for a in fresh if _goes_on(status[a.run_id])]
    read_attempts(
        board,
        [a for a in journal.attempts() if a.id not in waiting],
        ready,
        settings,
        failed_run=lambda run_id: (status.get(run_id) or _status(instance, run_id)) is dg.DagsterRunStatus.FAILURE,
    )
    everything = [a.id for a in fresh]
    until = min(waiting) - 1 if waiting else max([after, *everything])
    return {"intentos": str(until), "intentos_leidos": " ".join(_beyond(ready, ahead, until))}


def _beyond(ready: list[Attempt], ahead: set[str], until: int) -> list[str]:
    return sorted({str(a.id) for a in ready if a.id > until} | {number for number in ahead if int(number) > until})


def _status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus | None:
    run = instance.get_run_by_id(run_id) if run_id else None
    return run.status if run else None


def _goes_on(status: dg.DagsterRunStatus | None) -> bool:
    return status is not None and status not in ENDED


def _read_dates(
    board: Board,
    outbox: Outbox,
    journal: Journal,
    instance: dg.DagsterInstance,
    settings: Settings,
    now: datetime,
    *,
    news: bool,
) -> dict[str, str]:
    """Refusals at once; lateness and the weekly word when runs ended, else hourly or until the week's is said."""
    ledger = Ledger(settings.data_dir)
    noted = outbox.progress("rechazos")
    refused = read_refusals(board, ledger, datetime.fromisoformat(noted) if noted else now - _FIRST_LOOK, settings)
    progress = {"rechazos": refused.isoformat()}
    looked = outbox.progress("fechas")
    said = outbox.progress("todo_bien")
    every = _DATES_EVERY if said == week_of(now) else _DATES_UNTIL_WELL
    if not news and looked and now - datetime.fromisoformat(looked) < every:
        return progress
    due = _due(settings, ledger, now)
    read_lateness(board, now, due, settings, ledger, journal)
    if said != week_of(now) and not _week_goes_on(instance):
        word = all_well(board, now, due, settings, journal, outbox.waiting())
        if word:
            board.say(word)
            progress["todo_bien"] = week_of(now)
    return progress | {"fechas": now.isoformat()}


def _week_goes_on(instance: dg.DagsterInstance) -> bool:
    """Whether a run of the weekly schedule waits, works or hangs: one of its years may be published before another."""
    unfinished = [status for status in dg.DagsterRunStatus if status not in ENDED]
    return instance.get_runs_count(dg.RunsFilter(statuses=unfinished, tags={"dagster/schedule_name": WEEKLY})) > 0


def _due(settings: Settings, ledger: Ledger, now: datetime) -> Mapping[str, int | None]:
    return {c.dataset: newest_due(c, now, settings, ledger) for c in all_contracts()}
