"""How long files that may name persons are kept: which of them are due. Deleting them is `deleting`'s.

They are: the archive's bytes, the lines set aside, the raw layer, refused files with their explanations, and what
killed processes left half copied. The cleaned layer and what follows hold pseudonyms or less, and are not of this room.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from emtp_assets.intake.archive import Archive
from emtp_assets.intake.disposals import Disposal, Disposals, Ending, Kind
from emtp_assets.intake.ledger import Delivery, Ledger
from emtp_assets.intake.places import (
    ABANDONED_AFTER,
    archived_files,
    changed_at,
    leftovers,
    mark_of,
    raw_parts,
    refused_files,
    selection_files,
    set_aside_files,
    size_of,
)
from emtp_assets.intake.problem import IntakeError
from emtp_assets.partitions import TIMEZONE
from emtp_assets.settings import Settings
from emtp_assets.storage.provenance import Provenance

DAYS, REPLACED_DAYS = "EMTP_RETENTION_DAYS", "EMTP_RETENTION_REPLACED_DAYS"
_BY_HAND = "carpeta"


def due(settings: Settings, now: datetime) -> list[Disposal]:
    """What the time limits reach at a moment. Nothing is changed.

    A delivery's age counts from when it entered into force: reception, or the last time that its source put it in
    force again; after its bytes were deleted once, from when they were handed over anew. With it go its lines set
    aside, the places of its rows and the raw years made of it. A delivery that another replaced, a refused file and
    what the ledger does not know have the limit of ``retention_replaced_days`` where it is set; one in force, and what
    a person handed over last, that of ``retention_days`` alone. Without a limit only abandoned copies are due, a day
    after.
    """
    limits = _Limits(settings, now)
    found = [each for path in leftovers(settings, now) for each in _leftover(path, now)]
    if limits.any:
        ledger = Ledger(settings.data_dir)
        found += _deliveries_due(settings, ledger, limits)
        found += _refused_due(settings, ledger, limits)
    return found


def refuse_deleted(settings: Settings, deliveries: Mapping[int, Delivery]) -> None:
    """Say that the bytes of a delivery, by the year asked of it, were deleted, and are not lost by a damage.

    Raises:
        IntakeError: they were; with the years, the day and the limit.
    """
    archive = Archive(settings)
    gone = {y: d for y, d in deliveries.items() if not archive.holds(d.sha256, d.size_bytes)}
    standing = Disposals(settings.data_dir).standing(Kind.ARCHIVED) if gone else {}
    told = {y: standing[d.sha256] for y, d in gone.items() if d.sha256 in standing}
    if not told:
        return
    years = ", ".join(map(str, sorted(told)))
    each = [
        f"{year}: se borraron el {_day(disposal.ended_at or disposal.decided_at)} ({disposal.reason})"
        for year, disposal in sorted(told.items())
    ]
    raise IntakeError(
        "bytes_borrados",
        f"Los bytes que se recibieron de {years} ya no se guardan: se borraron por el plazo de conservación. "
        + "; ".join(each)
        + ".",
        expected="Los bytes de la entrega, para rehacer el año desde ellos.",
        action="Lo ya procesado y publicado de esos años sigue en su lugar, y no hace falta rehacerlo. Si hay que "
        "hacerlo, vuelva a entregar el archivo oficial en la carpeta; si no, pida solo los otros años.",
    )


def setting_in_words(settings: Settings) -> str:
    """The limits as people read them."""
    days, replaced = settings.retention_days, _shorter_for_replaced(settings)
    if days is None and replaced is None:
        return f"sin plazo ({DAYS} no está definida): nada se borra, salvo restos de procesos interrumpidos"
    parts = [f"{days} días ({DAYS})" if days else f"lo vigente, sin plazo ({DAYS} no está definida)"]
    if replaced is not None:
        parts.append(f"lo reemplazado y lo rechazado, {replaced} días ({REPLACED_DAYS})")
    return "; ".join(parts)


def _shorter_for_replaced(settings: Settings) -> int | None:
    """The limit of what was replaced, where it is one of its own: the limit of all files is theirs too."""
    days, replaced = settings.retention_days, settings.retention_replaced_days
    return replaced if replaced is not None and (days is None or replaced < days) else None


class _Limits:
    def __init__(self, settings: Settings, now: datetime) -> None:
        self.now = now
        shorter = _shorter_for_replaced(settings)
        self._days = {False: settings.retention_days, True: shorter or settings.retention_days}
        self._named = {False: DAYS, True: REPLACED_DAYS if shorter else DAYS}

    @property
    def any(self) -> bool:
        return any(self._days.values())

    def reason(self, since: datetime, *, replaced: bool, what: str) -> str | None:
        """Why something of that age is due; None when it is not."""
        days = self._days[replaced]
        age = self.now - since
        if days is None or age <= timedelta(days=days):
            return None
        return f"{self._named[replaced]}={days}: {what}, de hace {age.days} días"


def _deliveries_due(settings: Settings, ledger: Ledger, limits: _Limits) -> Iterator[Disposal]:
    files = {
        Kind.ARCHIVED: archived_files(settings),
        Kind.SET_ASIDE: set_aside_files(settings),
        Kind.PLACES: selection_files(settings),
    }
    deliveries = ledger.deliveries()
    put = ledger.put_in_force()
    since = _in_force_since(settings, {sha: at for sha, (at, _) in put.items()}, files[Kind.ARCHIVED])
    in_force = _in_force(deliveries, by_hand={sha for sha, (_, source) in put.items() if source == _BY_HAND})
    gone: dict[str, str] = {}
    for delivery in deliveries:
        sha, years = delivery.sha256, tuple(sorted(delivery.years))
        replaced = sha not in in_force
        what = "entrega reemplazada por otra" if replaced else "entrega vigente"
        reason = limits.reason(since[sha], replaced=replaced, what=what)
        if reason is None:
            continue
        gone[sha] = reason
        for kind, of_kind in files.items():
            if sha in of_kind:
                yield from _disposal(kind, of_kind[sha], since[sha], reason, sha, delivery.dataset, years)
    for kind, of_kind in files.items():
        for sha in sorted(set(of_kind) - set(since)):
            yield from _of_nobody(kind, of_kind[sha], limits, sha)
    for dataset, year, path in raw_parts(settings):
        made_of = [sha for sha in _made_of(path, settings) if sha in since]
        if not made_of:
            yield from _of_nobody(Kind.RAW, path, limits, "", dataset, (year,))
        elif sha := next((sha for sha in made_of if sha in gone), ""):
            yield from _disposal(Kind.RAW, path, since[sha], gone[sha], sha, dataset, (year,))


def _of_nobody(
    kind: Kind, path: Path, limits: _Limits, sha256: str, dataset: str = "", years: tuple[int, ...] = ()
) -> Iterator[Disposal]:
    with suppress(FileNotFoundError):
        since = changed_at(path)
        if reason := limits.reason(since, replaced=True, what="sin entrega en el registro"):
            yield from _disposal(kind, path, since, reason, sha256, dataset, years)


def _in_force(deliveries: Iterable[Delivery], by_hand: Collection[str]) -> set[str]:
    """The newest of each dataset's year, and the newest that a person handed over, which rules again when a system
    that stood in for another no longer counts."""
    newest: dict[tuple[str, int, bool, bool], str] = {}
    for delivery in deliveries:
        for year in delivery.years:
            for hand in {False, delivery.sha256 in by_hand}:
                newest[delivery.dataset, year, delivery.simulated, hand] = delivery.sha256
    # A simulated one rules only where there is no real one.
    return {sha for (d, y, simulated, h), sha in newest.items() if not simulated or (d, y, False, h) not in newest}


def _in_force_since(
    settings: Settings, since: dict[str, datetime], archived: Mapping[str, Path]
) -> dict[str, datetime]:
    decided = Disposals(settings.data_dir).all()
    once_deleted = {d.sha256 for d in decided if d.kind is Kind.ARCHIVED and d.outcome is not Ending.KEPT}
    for sha in once_deleted & set(since) & set(archived):
        with suppress(FileNotFoundError):
            since[sha] = max(since[sha], changed_at(archived[sha]))
    return since


def _refused_due(settings: Settings, ledger: Ledger, limits: _Limits) -> Iterator[Disposal]:
    at = {}
    for rejection in ledger.rejections():
        for path in (rejection.moved_to, rejection.explanation):
            if path is not None:
                at[path] = (rejection.rejected_at, rejection.sha256 or "")
    for path in sorted({*refused_files(settings), *at}):
        with suppress(FileNotFoundError):
            since, sha = at.get(path) or (changed_at(path), "")
            if reason := limits.reason(since, replaced=True, what="archivo rechazado"):
                yield from _disposal(Kind.REFUSED, path, since, reason, sha)


def _leftover(path: Path, now: datetime) -> Iterator[Disposal]:
    with suppress(FileNotFoundError):
        since = changed_at(path)
        reason = f"sin dueño por más de {ABANDONED_AFTER.days} día (desde hace {(now - since).days})"
        yield from _disposal(Kind.LEFTOVER, path, since, reason)


def _disposal(
    kind: Kind,
    path: Path,
    since: datetime,
    reason: str,
    sha256: str = "",
    dataset: str = "",
    years: tuple[int, ...] = (),
) -> Iterator[Disposal]:
    """The file's disposal; none when a process at work has just taken it away."""
    with suppress(FileNotFoundError):
        yield Disposal(kind, str(path.absolute()), mark_of(path), size_of(path), since, reason, sha256, dataset, years)


def _made_of(part: Path, settings: Settings) -> tuple[str, ...]:
    try:
        return Provenance.of(part, settings).deliveries
    except (KeyError, ValueError, OSError):
        return ()


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(ZoneInfo(TIMEZONE)):%d-%m-%Y}" if moment else "día desconocido"
