"""Everything that goes wrong with a server: sorted, told in words to act on, and no file left behind."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Journal, SourceFailure
from emtp_assets.sources.failure import Cause, Nature
from emtp_assets.sources.sqlserver import SqlServerSource
from emtp_assets.sources.sqlserver.proof import CHILE
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.tds import Faults, Login, TdsServer, View
from emtp_assets_tests.sources.sqlserver.conftest import (
    COUNT,
    LOGIN,
    PASSWORD,
    ROWS,
    TYPES,
    VIEW,
    WRITERS,
    Configure,
    settings_for,
)

MATRICULA = contract_for("matricula")
PASSING, PERMANENT = Nature.PASSING, Nature.PERMANENT


def failure_of(source: SqlServerSource, target: Path) -> SourceFailure:
    with pytest.raises(SourceFailure) as raised:
        source.fetch(MATRICULA, 2025, target)
    failure = raised.value
    assert list(target.iterdir()) == [], "a failed fetch leaves nothing"
    assert failure.source == "sqlserver"
    assert failure.explanation.what
    assert failure.explanation.expected
    assert failure.explanation.action
    assert failure.__cause__ is None
    return failure


def sorted_as(failure: SourceFailure) -> tuple[Cause, Nature]:
    return failure.cause, failure.nature


class TestTheConnection:
    def test_refused(self, source: SqlServerSource, faults: Faults, target: Path) -> None:
        faults.refuse_connections = True
        assert sorted_as(failure_of(source, target)) == (Cause.REFUSED, PASSING)

    def test_unknown_host(self, configure: Configure, journal: Journal, driver: str | None, target: Path) -> None:
        settings = configure(driver=driver, host="no-existe.invalid")
        assert sorted_as(failure_of(SqlServerSource(settings, journal), target)) == (Cause.REFUSED, PASSING)

    def test_no_answer(
        self, configure: Configure, journal: Journal, driver: str | None, faults: Faults, target: Path
    ) -> None:
        faults.never_answer = True
        settings = configure(driver=driver, connect_timeout=1)
        assert sorted_as(failure_of(SqlServerSource(settings, journal), target)) == (Cause.TIMEOUT, PASSING)

    def test_reset_during_login(self, source: SqlServerSource, faults: Faults, target: Path) -> None:
        faults.reset_during_login = True
        assert sorted_as(failure_of(source, target)) == (Cause.CUT, PASSING)

    def test_cut_in_the_middle_of_a_row(
        self, source: SqlServerSource, faults: Faults, target: Path, journal: Journal
    ) -> None:
        faults.cut_after_rows = 33
        assert sorted_as(failure_of(source, target)) == (Cause.CUT, PASSING)
        assert journal.queries()[-1].outcome == "conexion_cortada"

    def test_slow(
        self, configure: Configure, journal: Journal, driver: str | None, faults: Faults, target: Path
    ) -> None:
        faults.slow_after_rows, faults.slow_seconds = 30, 4.0
        settings = configure(driver=driver, query_timeout=1)
        assert sorted_as(failure_of(SqlServerSource(settings, journal), target)) == (Cause.SLOW, PERMANENT)

    def test_slow_but_never_silent(self, configure: Configure, journal: Journal, faults: Faults, target: Path) -> None:
        """Each wait is shorter than the limit; together they are longer."""
        faults.slow_after_rows, faults.slow_seconds = 15, 0.6
        settings = configure(query_timeout=1, batch_rows=100)
        assert sorted_as(failure_of(SqlServerSource(settings, journal), target)) == (Cause.SLOW, PERMANENT)

    def test_it_works_again_when_the_fault_has_passed(
        self, source: SqlServerSource, faults: Faults, target: Path
    ) -> None:
        faults.error, faults.times = 1205, 1
        failure_of(source, target)
        assert source.fetch(MATRICULA, 2025, target) is not None


class TestTheCertificate:
    @pytest.fixture
    def wrong(self, authority: Authority, tmp_path: Path) -> dict[str, tuple[Path, Path]]:
        return {
            "autoridad desconocida": Authority.create(tmp_path / "otra").issue("rogue"),
            "vencido": authority.issue("old", expired=True),
            "no está a nombre de localhost": authority.issue("other", hosts=("otro.example",)),
        }

    @pytest.mark.parametrize("reason", ["autoridad desconocida", "vencido", "no está a nombre de localhost"])
    def test_wrong(
        self,
        source: SqlServerSource,
        replica: TdsServer,
        wrong: dict[str, tuple[Path, Path]],
        reason: str,
        target: Path,
    ) -> None:
        replica.faults.certificate = wrong[reason]
        failure = failure_of(source, target)
        assert sorted_as(failure) == (Cause.CERTIFICATE, PERMANENT)
        assert reason in failure.explanation.what
        assert replica.logins == [], "no password reached the server"

    def test_another_name_may_be_set(
        self,
        configure: Configure,
        journal: Journal,
        replica: TdsServer,
        wrong: dict[str, tuple[Path, Path]],
        target: Path,
    ) -> None:
        replica.faults.certificate = wrong["no está a nombre de localhost"]
        settings = configure(certificate_host="otro.example")
        assert SqlServerSource(settings, journal).fetch(MATRICULA, 2025, target) is not None

    def test_an_address_instead_of_a_name(self, configure: Configure, journal: Journal, target: Path) -> None:
        """Microsoft's driver compares a certificate's names alone, though this one holds the address."""
        failure = failure_of(SqlServerSource(configure(host="127.0.0.1"), journal), target)
        assert sorted_as(failure) == (Cause.CERTIFICATE, PERMANENT)
        assert "no direcciones IP" in failure.explanation.what
        named = configure(host="127.0.0.1", certificate_host="localhost")
        assert SqlServerSource(named, journal).fetch(MATRICULA, 2025, target) is not None

    def test_verifying_is_off_only_by_setting(
        self,
        configure: Configure,
        journal: Journal,
        driver: str | None,
        replica: TdsServer,
        wrong: dict[str, tuple[Path, Path]],
        target: Path,
    ) -> None:
        replica.faults.certificate = wrong["vencido"]
        settings = configure(driver=driver, trust_server_certificate=True)
        assert SqlServerSource(settings, journal).fetch(MATRICULA, 2025, target) is not None
        assert all(login.encrypted for login in replica.logins)

    def test_a_server_that_does_not_encrypt(
        self, authority: Authority, journal: Journal, driver: str | None, tmp_path: Path, target: Path
    ) -> None:
        with TdsServer({VIEW: "SELECT 1 AS a"}, logins=[Login(LOGIN, PASSWORD)]) as plain:
            settings = settings_for(plain, authority, tmp_path / "data", driver=driver)
            failure = failure_of(SqlServerSource(settings, journal), target)
            assert sorted_as(failure) == (Cause.CERTIFICATE, PERMANENT)
            assert "no cifra" in failure.explanation.what
            assert plain.logins == []

    def test_an_authority_that_is_not_there(
        self, configure: Configure, journal: Journal, driver: str | None, tmp_path: Path, target: Path
    ) -> None:
        settings = configure(driver=driver, ca_file=tmp_path / "no-existe.pem")
        failure = failure_of(SqlServerSource(settings, journal), target)
        assert sorted_as(failure) == (Cause.SETTINGS, PERMANENT)
        assert "SIGE_DB_CA_FILE" in failure.explanation.action


class TestTheLogin:
    def test_refused(self, configure: Configure, journal: Journal, driver: str | None, target: Path) -> None:
        settings = configure(driver=driver, password="otra clave")
        assert sorted_as(failure_of(SqlServerSource(settings, journal), target)) == (Cause.CREDENTIAL, PERMANENT)

    def test_another_database(self, configure: Configure, journal: Journal, target: Path) -> None:
        failure = failure_of(SqlServerSource(configure(name="Otra"), journal), target)
        assert sorted_as(failure) == (Cause.PERMISSION, PERMANENT)
        assert "SIGE_DB_NAME" in failure.explanation.action

    @pytest.mark.parametrize("writer", list(WRITERS))
    def test_that_can_write(
        self, configure: Configure, journal: Journal, driver: str | None, writer: str, replica: TdsServer, target: Path
    ) -> None:
        settings = configure(driver=driver, user=writer)
        failure = failure_of(SqlServerSource(settings, journal), target)
        assert sorted_as(failure) == (Cause.WRITABLE, PERMANENT)
        assert not any("[MRUN]" in query.sql for query in replica.queries), "no row was asked for"

    def test_without_permission_on_the_view(
        self, authority: Authority, journal: Journal, driver: str | None, tmp_path: Path, target: Path
    ) -> None:
        blind = Login(LOGIN, PASSWORD, {"SELECT ON dbo.otra"})
        with _server(authority, logins=[blind]) as server:
            settings = settings_for(server, authority, tmp_path / "data", driver=driver)
            failure = failure_of(SqlServerSource(settings, journal), target)
        assert failure.cause in {Cause.PERMISSION, Cause.MISSING_VIEW}
        assert not failure.passing
        assert "GRANT SELECT" in failure.explanation.action or "dar el permiso" in failure.explanation.action


class TestTheReplica:
    """Three servers that are not, are, or may be a copy; by what the setting demands."""

    @pytest.mark.parametrize(
        ("updateability", "primary", "setting", "allowed"),
        [
            ("READ_WRITE", 1, "comprobar", False),
            ("READ_WRITE", 1, "exigir", False),
            ("READ_WRITE", 1, "no_comprobar", True),
            ("READ_WRITE", None, "comprobar", True),
            ("READ_WRITE", None, "exigir", False),
            ("READ_ONLY", None, "exigir", True),
            ("READ_ONLY", 0, "exigir", True),
        ],
    )
    def test_is_demanded(
        self,
        authority: Authority,
        journal: Journal,
        tmp_path: Path,
        target: Path,
        updateability: str,
        primary: int | None,
        setting: str,
        allowed: bool,
    ) -> None:
        with _server(authority, updateability=updateability, primary_replica=primary) as server:
            settings = settings_for(server, authority, tmp_path / "data", replica=setting)
            source = SqlServerSource(settings, journal)
            if allowed:
                assert source.fetch(MATRICULA, 2025, target) is not None
                return
            failure = failure_of(source, target)
            assert sorted_as(failure) == (Cause.NOT_A_REPLICA, PERMANENT)
            assert not any("[MRUN]" in query.sql for query in server.queries), "no row was asked for"

    def test_a_published_database_is_the_source_and_a_subscribed_one_a_copy(
        self, authority: Authority, journal: Journal, tmp_path: Path, target: Path
    ) -> None:
        for own_table, published, allowed in ((False, True, False), (True, False, True)):
            more = {"MSreplication_subscriptions": "SELECT 1 AS a"} if own_table else {}
            with _server(authority, more, updateability="READ_WRITE") as server:
                server.catalogue.root.execute(f"UPDATE sys.databases SET is_published = {published}")
                settings = settings_for(server, authority, tmp_path / "data", replica="exigir")
                source = SqlServerSource(settings, journal)
                if allowed:
                    assert source.fetch(MATRICULA, 2025, target) is not None
                else:
                    assert "publicada" in failure_of(source, target).explanation.what


class TestTheHours:
    @pytest.mark.parametrize(
        ("hours", "clock", "allowed"),
        [
            ("22:00-07:00", time(6, 0), True),
            ("22:00-07:00", time(7, 0), False),
            ("22:00-07:00", time(22, 0), True),
            ("08:00-12:30", time(12, 29), True),
            ("08:00-12:30", time(7, 59), False),
            ("", time(12, 0), True),
        ],
    )
    def test_are_those_of_chile(
        self,
        configure: Configure,
        journal: Journal,
        target: Path,
        replica: TdsServer,
        hours: str,
        clock: time,
        allowed: bool,
    ) -> None:
        now = datetime(2026, 7, 6, clock.hour, clock.minute, tzinfo=CHILE).astimezone(UTC) + timedelta(seconds=30)
        source = SqlServerSource(configure(hours=hours), journal, now=lambda: now)
        if allowed:
            assert source.fetch(MATRICULA, 2025, target) is not None
            return
        assert sorted_as(failure_of(source, target)) == (Cause.HOURS, PERMANENT)
        assert replica.logins == [], "nobody knocked"


class TestTheView:
    def test_renamed(self, source: SqlServerSource, faults: Faults, target: Path) -> None:
        faults.renamed_views = {VIEW: "vw_nueva"}
        failure = failure_of(source, target)
        assert sorted_as(failure) == (Cause.MISSING_VIEW, PERMANENT)
        assert f"dbo.{VIEW}" in failure.explanation.what
        assert "SIGE_DB_VIEWS" in failure.explanation.action

    @pytest.mark.parametrize(
        ("column", "told"),
        [("RBD", "RBD"), ("MRUN", "MRUN (o MRUN2 o RUT_ESTUDIANTE)"), ("ANO_LECTIVO", "AGNO (o ANO_LECTIVO)")],
    )
    def test_without_a_column_that_is_needed(
        self, source: SqlServerSource, faults: Faults, target: Path, column: str, told: str
    ) -> None:
        faults.missing_columns = {VIEW: {column}}
        failure = failure_of(source, target)
        assert sorted_as(failure) == (Cause.STRUCTURE, PERMANENT)
        assert told in failure.explanation.what
        assert VIEW in failure.explanation.what
        assert "TI" in failure.explanation.action

    def test_without_a_column_that_is_not_needed(self, source: SqlServerSource, faults: Faults, target: Path) -> None:
        faults.missing_columns = {VIEW: {"COMUNA"}}
        assert source.fetch(MATRICULA, 2025, target) is not None

    def test_with_no_rows(self, source: SqlServerSource, faults: Faults, target: Path) -> None:
        faults.zero_rows = {VIEW}
        failure = failure_of(source, target)
        assert sorted_as(failure) == (Cause.NO_ROWS, PERMANENT)
        assert "2025" in failure.explanation.what

    def test_of_another_year(self, source: SqlServerSource, target: Path) -> None:
        with pytest.raises(SourceFailure) as raised:
            source.fetch(MATRICULA, 2019, target)
        assert raised.value.cause is Cause.NO_ROWS


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (701, Cause.THROTTLED),
        (8645, Cause.THROTTLED),
        (976, Cause.SERVER),
        (1205, Cause.SERVER),
        (1222, Cause.SERVER),
        (9001, Cause.SERVER),
    ],
)
def test_a_server_that_cannot_just_now(
    source: SqlServerSource, faults: Faults, target: Path, number: int, cause: Cause
) -> None:
    faults.error = number
    failure = failure_of(source, target)
    assert sorted_as(failure) == (cause, PASSING)
    assert f"error {number}" in failure.explanation.what


def _server(authority: Authority, more: dict[str, str] | None = None, **given: object) -> TdsServer:
    arguments: dict[str, object] = {"logins": [Login(LOGIN, PASSWORD)], "certificate": authority.issue("own"), **given}
    return TdsServer({VIEW: View(ROWS.format(rows=COUNT), types=TYPES), **(more or {})}, **arguments)  # type: ignore[arg-type]
