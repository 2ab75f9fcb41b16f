"""The password and the people: in no exception, log, repr or file, with the root logger at DEBUG."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Journal, SourceFailure
from emtp_assets.sources.sqlserver import SqlServerSource
from emtp_assets.sources.sqlserver.connection import open_session
from emtp_assets_tests.servers.tds import TdsServer
from emtp_assets_tests.sources.sqlserver.conftest import PASSWORD, VIEW, Configure

MATRICULA = contract_for("matricula")
# A part of the password is as telling as the whole: a driver that cut it at a brace would show one.
PARTS = (PASSWORD, "cl{av", "e;=1", "prueba")


def told(value: object) -> None:
    text = str(value)
    assert [part for part in PARTS if part in text] == []
    assert "PWD" not in text


@pytest.mark.parametrize(
    "wrong",
    ["nothing", "login", "database", "refused", "reset", "certificate", "cut", "deadlock", "view", "driver"],
)
def test_the_password_is_nowhere(
    configure: Configure,
    journal: Journal,
    replica: TdsServer,
    driver: str | None,
    target: Path,
    tmp_path: Path,
    wrong: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    faults = replica.faults
    given: dict[str, object] = {"driver": driver, "connect_timeout": 1}
    match wrong:
        case "login":
            given["user"] = "nadie"
        case "database":
            given["name"] = "otra"
        case "refused":
            faults.refuse_connections = True
        case "reset":
            faults.reset_during_login = True
        case "certificate":
            given["ca_file"] = Path(__file__)
        case "cut":
            faults.cut_after_rows = 20
        case "deadlock":
            faults.error = 1205
        case "view":
            faults.renamed_views = {VIEW: "vw_otra"}
        case "driver":
            given["driver"] = "Un driver que no existe"
    settings = configure(**given)
    source = SqlServerSource(settings, journal)
    with caplog.at_level(logging.DEBUG):
        try:
            source.fetch(MATRICULA, 2025, target)
            assert wrong == "nothing"
        except SourceFailure as failure:
            assert wrong != "nothing"
            told(repr(failure))
            told("".join(traceback.format_exception(failure)))
            told(_chain(failure))
        told(list(source.examine()))
    told(caplog.text)
    told(capfd.readouterr())
    told(journal.queries())
    told(repr(source) + repr(settings) + repr(vars(source)))
    assert [path for path in tmp_path.rglob("*") if path.is_file() and b"cl{av" in path.read_bytes()] == []


def test_an_open_session_does_not_keep_it(configure: Configure, journal: Journal) -> None:
    with open_session(configure(), journal) as session:
        told(repr(session) + repr({name: str(value) for name, value in vars(session).items()}))


def test_a_secret_may_come_from_a_file(configure: Configure, journal: Journal, tmp_path: Path, target: Path) -> None:
    file = tmp_path / "clave"
    file.write_text(PASSWORD + "\n", encoding="utf-8")
    settings = configure(password=None, password_file=file)
    assert SqlServerSource(settings, journal).fetch(MATRICULA, 2025, target) is not None
    file.unlink()
    with pytest.raises(SourceFailure, match="SIGE_DB_PASS_FILE"):
        SqlServerSource(settings, journal).fetch(MATRICULA, 2025, target)


def test_no_person_is_in_a_log_or_the_journal(
    configure: Configure, journal: Journal, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        SqlServerSource(configure(privacy_mode="C"), journal).fetch(MATRICULA, 2025, target)
    kept = caplog.text + journal.path.read_bytes().decode("latin-1")
    assert "SECRETO" not in kept
    assert "89999999" not in kept


def _chain(error: BaseException) -> str:
    """Everything that hangs on an exception, suppressed or not."""
    parts = []
    inner: BaseException | None = error
    while inner is not None:
        parts.append(repr(inner) + str(inner))
        inner = inner.__cause__ or inner.__context__
    return "\n".join(parts)
