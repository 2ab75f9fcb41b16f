"""Data older than their contract allows: a year that should have come, or nothing new for too long. Sends nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from emtp_assets.alerts.alert import Alert, Kind, Severity
from emtp_assets.alerts.board import Board
from emtp_assets.alerts.last_good import last_good, last_good_of, moment
from emtp_assets.alerts.manual import Page
from emtp_assets.contracts import Contract, all_contracts
from emtp_assets.intake import Ledger
from emtp_assets.partitions import TIMEZONE
from emtp_assets.settings import Settings
from emtp_assets.sources import Journal, Result
from emtp_assets.sources.choosing import configured_systems, fresh_within_days

GRACE = timedelta(days=7)
"""After its official date a year is asked for on the next Monday, and that run says loudly what it misses. This alarm
is for when no Monday's run did."""


def read_lateness(
    board: Board, now: datetime, due: Mapping[str, int | None], settings: Settings, ledger: Ledger, journal: Journal
) -> None:
    """Put on the board the datasets that are late now, and take off those that no longer are.

    Args:
        due: by dataset, the newest academic year that can be expected by now (`automation.weekly`).
    """
    late = [
        alert
        for contract in all_contracts()
        if (
            alert := _missing(contract, due.get(contract.dataset), now, settings, ledger)
            or _old(contract, now, settings, ledger, journal)
        )
        # One that was told already stays until the data come: to end it here would tell people that they came.
        and (alert.key in board.standing or not _told_by_a_run(board, alert, due.get(contract.dataset)))
    ]
    for alert in late:
        board.stand(alert)
    board.only(Kind.LATE, (alert.key for alert in late))


def _missing(contract: Contract, year: int | None, now: datetime, settings: Settings, ledger: Ledger) -> Alert | None:
    simulated = not settings.production and not configured_systems(settings)
    today = now.astimezone(ZoneInfo(TIMEZONE)).date()
    if year is None or simulated or today < contract.available_from(year) + GRACE:
        return None
    if ledger.latest(contract.dataset, year, simulated_too=not settings.production) is not None:
        return None
    return _alert(
        contract,
        (year,),
        f"falta la entrega de {year}",
        f"El archivo de {contract.dataset} {year} se espera desde el {contract.available_from(year):%d-%m-%Y} y "
        "ninguna fuente lo ha entregado.",
        settings,
    )


def _old(contract: Contract, now: datetime, settings: Settings, ledger: Ledger, journal: Journal) -> Alert | None:
    confirmed = last_confirmed(contract.dataset, settings, ledger, journal)
    published = last_good(settings, contract.dataset)
    oldest = min((at for at in (confirmed, published and published.published_at) if at), default=None)
    allowed = fresh_within_days(contract, settings)
    if oldest is None or now - oldest <= timedelta(days=allowed):
        return None
    return _alert(
        contract,
        (),
        f"datos de más de {allowed} días",
        f"Lo último de {contract.dataset} es del {moment(oldest)}: {(now - oldest).days} días. "
        f"Su contrato admite {allowed}.",
        settings,
    )


def last_confirmed(dataset: str, settings: Settings, ledger: Ledger, journal: Journal) -> datetime | None:
    """When the dataset was last handed over, or a source last said that what we have is what it has."""
    deliveries = [d.received_at for d in ledger.deliveries(dataset) if not (settings.production and d.simulated)]
    answers = [
        a.at for a in journal.attempts() if a.dataset == dataset and a.result in (Result.DELIVERED, Result.UNCHANGED)
    ]
    return max([*deliveries, *answers], default=None)


def _told_by_a_run(board: Board, alert: Alert, newest: int | None) -> bool:
    """Whether a failed run of that dataset's year stands already: the same cause is not told twice.

    Old data are those of the ``newest`` year: that an earlier one could not be made again says nothing of them.
    """
    years = set(alert.years or (newest,))
    return any(
        cause.alert.kind in (Kind.RUN, Kind.CHECK)
        and cause.alert.dataset == alert.dataset
        and years <= set(cause.alert.years)
        for cause in board.standing.values()
    )


def _alert(contract: Contract, years: tuple[int, ...], title: str, cause: str, settings: Settings) -> Alert:
    return Alert(
        key=f"atraso:{contract.dataset}",
        kind=Kind.LATE,
        severity=Severity.WARNING,
        title=title,
        cause=cause,
        action=(
            f"Copie el archivo oficial en {settings.drop}: se procesa solo. Si debía llegar por un sistema, ejecute "
            "`emtp doctor`, y revise en la interfaz (Automation) que la programación de los lunes esté encendida."
        ),
        page=Page.NO_DELIVERY,
        dataset=contract.dataset,
        years=years,
        last_good=last_good_of(settings, contract.dataset),
        link=f"/assets/{contract.dataset}/raw",
        # The age grows every day; that is no news.
        told_apart_by=(*map(_year_name, years), "falta" if years else "antigua"),
    )


def _year_name(year: int) -> str:
    """A year as a word: as a number it would not count as a difference."""
    return f"a{year}"
