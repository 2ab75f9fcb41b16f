"""A file that somebody dropped and that did not come in is said once; one that mends itself is not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from emtp_assets.alerts.alert import Alert, Kind
from emtp_assets.alerts.board import Board
from emtp_assets.alerts.refused_files import read_refusals
from emtp_assets.intake import Ledger, Rejection
from emtp_assets.settings import Settings
from emtp_assets_tests.alerts.conftest import NOW


def refuse(
    settings: Settings, code: str, *, source: str = "carpeta", name: str = "matricula.csv", at: datetime = NOW
) -> None:
    Ledger(settings.data_dir).record_rejection(
        Rejection(
            original_name=name,
            source=source,
            rejected_at=at,
            size_bytes=10,
            mtime_ns=1,
            sha256=None,
            code=code,
            what="Le faltan columnas necesarias: MRUN.",
            where="línea 1 (encabezado)",
            expected="Las columnas oficiales.",
            action="Use el archivo completo.",
        )
    )


def said(settings: Settings, hours_before: int = 1) -> list[Alert]:
    board = Board()
    read_refusals(board, Ledger(settings.data_dir), NOW - timedelta(hours=hours_before), settings)
    assert board.standing == {}, "nothing would ever end it"
    return board.said_once


@pytest.mark.parametrize(
    ("code", "kind", "developers"), [("faltan_columnas", Kind.STRUCTURE, True), ("vacio", Kind.REFUSED_FILE, False)]
)
def test_it_says_which_file_why_and_what_to_do(settings: Settings, code: str, kind: Kind, developers: bool) -> None:
    refuse(settings, code)
    (alert,) = said(settings)
    assert (alert.kind, alert.developers) == (kind, developers)
    assert alert.title.startswith("se rechazó «matricula.csv»")
    assert alert.cause == (
        "Le faltan columnas necesarias: MRUN. (línea 1 (encabezado)) Se esperaba: Las columnas oficiales."
    )
    assert alert.action == "Use el archivo completo."


def test_once(settings: Settings) -> None:
    refuse(settings, "vacio")
    refuse(settings, "vacio")
    assert len(said(settings)) == 1
    assert said(settings, hours_before=0) == []


def test_the_same_file_dropped_every_hour_is_no_storm(settings: Settings) -> None:
    for hours in range(3, -1, -1):
        refuse(settings, "vacio", at=NOW - timedelta(hours=hours))
    assert said(settings) == []
    refuse(settings, "columnas")
    assert len(said(settings)) == 1, "another reason is news"


def test_the_same_file_months_later_is_said_again(settings: Settings) -> None:
    refuse(settings, "vacio", at=NOW - timedelta(days=60))
    refuse(settings, "vacio")
    assert len(said(settings)) == 1


def test_not_what_mends_itself_nor_what_a_system_gave(settings: Settings) -> None:
    refuse(settings, "cambiando")
    refuse(settings, "vacio", source="sftp")
    assert said(settings) == []
