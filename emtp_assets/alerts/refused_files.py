"""From the ledger's refusals to what is said of them: a file that somebody dropped and that did not come in.

Files that a system gave are told by `failed_sources` or by the run that asked for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from emtp_assets.alerts.alert import Alert, Kind, Severity
from emtp_assets.alerts.board import Board
from emtp_assets.alerts.last_good import last_good_of
from emtp_assets.alerts.manual import Page
from emtp_assets.intake import Ledger, Rejection
from emtp_assets.settings import Settings

_FOLDER = "carpeta"
_STRUCTURAL = frozenset(
    {"encabezado", "encabezado_dudoso", "faltan_columnas", "sin_alcance", "sin_anio", "columnas", "ambiguo"}
)
"""Codes of the manual's section 6 that say: the form is not the one we know."""
_MENDS_ITSELF = frozenset({"cambiando"})
_SAID_AGAIN_AFTER = timedelta(days=7)


def read_refusals(board: Board, ledger: Ledger, since: datetime, settings: Settings) -> datetime:
    """Say each file refused after a moment, once; until when they have been said.

    The same bytes dropped again and again, as by a script that copies a folder, are said again only after a week
    without them.
    """
    dropped = [r for r in ledger.rejections() if r.source == _FOLDER]
    fresh = [r for r in dropped if r.rejected_at > since]
    known = {(_file(r), r.code): r.rejected_at for r in dropped if r.rejected_at <= since}
    for rejection in _once(fresh):
        before = known.get((_file(rejection), rejection.code))
        if before is None or rejection.rejected_at - before > _SAID_AGAIN_AFTER:
            board.say(_alert(rejection, settings))
    return max((r.rejected_at for r in fresh), default=since)


def _file(rejection: Rejection) -> str:
    return rejection.sha256 or rejection.original_name


def _once(rejections: Iterable[Rejection]) -> list[Rejection]:
    by_file = {_file(r): r for r in rejections if r.code not in _MENDS_ITSELF}
    return list(by_file.values())


def _alert(rejection: Rejection, settings: Settings) -> Alert:
    structural = rejection.code in _STRUCTURAL
    where = f" ({rejection.where})" if rejection.where else ""
    return Alert(
        key=f"rechazo:{_file(rejection)[:12]}",
        kind=Kind.STRUCTURE if structural else Kind.REFUSED_FILE,
        severity=Severity.WARNING,
        title=f"se rechazó «{rejection.original_name}»" + (": su estructura no es la conocida" if structural else ""),
        cause=f"{rejection.what}{where} Se esperaba: {rejection.expected}",
        action=rejection.action,
        page=Page.REFUSED_FILE,
        details=(f"Código: {rejection.code}. Nada de ese archivo entró a los datos.",),
        last_good=last_good_of(settings, ""),
        link="/assets/entrada/carpeta_de_entrega",
        told_apart_by=(rejection.code,),
        developers=structural,
    )
