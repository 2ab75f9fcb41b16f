"""What speaks against deleting just now: a clock that jumped ahead, a ledger that is older than the archive. What is
due is `retention`'s to say; nothing is deleted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from emtp_assets.intake.disposals import Disposal, Disposals, Kind
from emtp_assets.intake.ledger import Ledger
from emtp_assets.intake.problem import IntakeError
from emtp_assets.partitions import TIMEZONE
from emtp_assets.settings import Settings

MOST_SILENCE = timedelta(days=60)
"""The limits are looked at each week: without a word for longer, the service stood still, or the clock jumped."""
MOST_STRANGERS = 5
"""A process killed between archive and ledger leaves one file, and its next try ends that."""

_CONFIRM = "confírmelo una vez: «emtp retain --confirmar», o «confirmado: true» en el Launchpad de «retencion»."


def doubt(settings: Settings, found: Sequence[Disposal], now: datetime) -> IntakeError | None:
    """Why a person should look before what was found due at a moment is deleted, for deleting cannot be undone."""
    if all(each.kind is Kind.LEFTOVER for each in found):
        return None
    return _clock(settings, now) or _ledger(settings, found)


def _clock(settings: Settings, now: datetime) -> IntakeError | None:
    last, what = Disposals(settings.data_dir).last_review(), "la última revisión de los plazos"
    if last is None:
        last, what = _newest(settings), "lo último que anotó el registro de entregas"
    if last is None or now - last <= MOST_SILENCE:
        return None
    return IntakeError(
        "reloj_dudoso",
        f"No se borró nada: según el reloj hoy es {_day(now)}, y {what} es del {_day(last)}, {(now - last).days} días "
        "antes. Un reloj adelantado haría cumplir los plazos antes de tiempo.",
        expected=f"Una revisión al menos cada {MOST_SILENCE.days} días (se hace cada lunes), con el reloj en hora.",
        action=f"Revise la fecha del servidor. Si es correcta, porque el servicio estuvo detenido, {_CONFIRM}",
    )


def _ledger(settings: Settings, found: Sequence[Disposal]) -> IntakeError | None:
    deliveries = Ledger(settings.data_dir).deliveries()
    known = {delivery.sha256 for delivery in deliveries}
    strangers = [each for each in found if each.kind is Kind.ARCHIVED and each.sha256 not in known]
    if len(strangers) <= (MOST_STRANGERS if deliveries else 0):
        return None
    return IntakeError(
        "registro_dudoso",
        f"No se borró nada: {len(strangers)} copias históricas que cumplieron el plazo no están en el registro de "
        f"entregas, que conoce {len(deliveries)}. Parece más antiguo que los archivos.",
        expected="El registro (ledger.sqlite) de la misma fecha que el archivo histórico.",
        action=f"Restaure ledger.sqlite del último respaldo. Si esas copias de verdad sobran, {_CONFIRM}",
    )


def _newest(settings: Settings) -> datetime | None:
    ledger = Ledger(settings.data_dir)
    moments = [at for at, _ in ledger.put_in_force().values()]
    moments += [each.rejected_at for each in ledger.rejections()]
    return max(moments, default=None)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(TIMEZONE)):%d-%m-%Y}"
