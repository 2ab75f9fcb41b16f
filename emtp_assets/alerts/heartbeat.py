"""The weekly word that all is well. Its absence is the alarm, so that it is said only when it is true."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from emtp_assets.alerts.alert import Alert, Kind, Severity
from emtp_assets.alerts.board import Board
from emtp_assets.alerts.last_good import Good, last_good, moment
from emtp_assets.alerts.manual import Page
from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication.record import read_record
from emtp_assets.quality.outcome import number
from emtp_assets.settings import Settings
from emtp_assets.sources import Journal, Result

_HOUR = time(9)
_RUN_HOUR = time(6)


def week_of(now: datetime) -> str:
    """``2026-W48``: the week of which all is said to be well, by the clock of Santiago."""
    year, week, _ = now.astimezone(ZoneInfo(TIMEZONE)).isocalendar()
    return f"{year}-W{week:02}"


def all_well(
    board: Board, now: datetime, due: Mapping[str, int | None], settings: Settings, journal: Journal, waiting: int
) -> Alert | None:
    """The week's good word, from Monday at nine in Santiago; None while it would not be true.

    It is true when no cause stands, nothing waits to be told, every dataset that can be expected has its newest
    year among what is published, and all of it was published again since Monday at six. On a later hour or day it
    says so.

    Args:
        due: by dataset, the newest academic year that can be expected by now.
        waiting: messages that no channel has taken yet.
    """
    local = now.astimezone(ZoneInfo(TIMEZONE))
    monday = (local - timedelta(days=local.weekday())).date()
    if local < _at(monday, _HOUR) or board.standing or waiting:
        return None
    record = read_record(settings.data_dir / "processed")
    if record is None or datetime.fromisoformat(record["generado"]) < _at(monday, _RUN_HOUR):
        return None
    figures = {dataset: last_good(settings, dataset, (year,)) for dataset, year in due.items() if year is not None}
    if any(good is None or good.year != due[dataset] for dataset, good in figures.items()):
        return None
    next_monday = monday + timedelta(days=7)
    late = "" if local < _at(monday, time(10)) else " No llegó el lunes a las 09:00 porque entonces no se podía decir."
    return Alert(
        key=f"todo_bien:{week_of(now)}",
        kind=Kind.ALL_WELL,
        severity=Severity.ALL_WELL,
        title=f"{local:%d-%m-%Y}; el próximo, el {next_monday:%d-%m-%Y}",
        cause=(
            f"Todo bien al {moment(now)}: lo que se espera está publicado y no queda ninguna falla por resolver.{late}"
        ),
        action=(
            f"Nada. Si el lunes {next_monday:%d-%m-%Y} a las 10:00 no ha llegado el siguiente, algo no está bien, "
            "aunque no haya llegado otro aviso: mire la interfaz y ejecute `emtp doctor` en el servidor."
        ),
        page=Page.WEEKLY,
        details=(
            f"Conjunto publicado: {record['conjunto']}.",
            *(_line(good, journal, _at(monday, time(0))) for good in figures.values() if good is not None),
        ),
        link="/overview/runs",
    )


def _line(good: Good, journal: Journal, since: datetime) -> str:
    """One dataset: rows, the source of its figures, its last delivery, what was asked this week."""
    delivered = f"última entrega {moment(good.delivered_at)}" if good.delivered_at else "sin entrega registrada"
    asked = [
        f"{a.source}: {a.result}"
        for a in journal.attempts()
        if a.dataset == good.dataset and a.year == good.year and a.at >= since and a.result is not Result.NOTHING
    ]
    this_week = f" Esta semana: {', '.join(dict.fromkeys(asked))}." if asked else ""
    return (
        f"{good.dataset} {good.year}: {number(good.rows)} filas entregadas, fuente {good.source or '—'}, "
        f"{delivered}.{this_week}"
    )


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, ZoneInfo(TIMEZONE))
