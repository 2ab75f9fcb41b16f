"""Whom the drivers trust: the configured authority and no other, each driver by itself; the connection string."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emtp_assets.settings import SqlServerSettings
from emtp_assets.sources import Journal, SourceFailure
from emtp_assets.sources.failure import Cause
from emtp_assets.sources.sqlserver import connection, network
from emtp_assets.sources.sqlserver.driver import Driver, Family, find_driver, package_folder
from emtp_assets.sources.sqlserver.errors import Place
from emtp_assets.sources.sqlserver.trust import trusting
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.tds import TdsServer
from emtp_assets_tests.sources.sqlserver.conftest import PASSWORD, Configure

PLACE = Place("servidor", "base", "login")
MS = Driver("/opt/ms/libmsodbcsql-18.so", Family.MICROSOFT)


@pytest.mark.parametrize("wrong", ["authority", "expired", "name"])
def test_the_driver_itself_refuses_a_wrong_certificate(
    configure: Configure, replica: TdsServer, authority: Authority, tmp_path: Path, driver: str | None, wrong: str
) -> None:
    """Our own look at the certificate is left out here: without it nobody comes in either."""
    import arrow_odbc

    replica.faults.certificate = {
        "authority": lambda: Authority.create(tmp_path / "otra").issue("rogue"),
        "expired": lambda: authority.issue("old", expired=True),
        "name": lambda: authority.issue("other", hosts=("otro.example",)),
    }[wrong]()
    settings = configure(driver=driver)
    found, address = find_driver(driver), connection.address_of(settings)
    text = connection.connection_string(settings.sqlserver, found, address)
    with trusting(settings.sqlserver, found, address), pytest.raises(arrow_odbc.Error):
        arrow_odbc.connect(text, user="readonly_emtp", password=PASSWORD)
    assert replica.logins == []


def test_the_process_is_left_as_it_was(
    configure: Configure, driver: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/antes.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    before = dict(os.environ)
    settings = configure(driver=driver)
    with trusting(settings.sqlserver, find_driver(driver), connection.address_of(settings)):
        assert dict(os.environ) != before
    assert dict(os.environ) == before


def test_strict_encryption_works_too(configure: Configure, journal: Journal, replica: TdsServer) -> None:
    with connection.open_session(configure(encrypt="strict"), journal) as session:
        assert session.rows(connection.Asked("SELECT 1 AS uno", (), "nada", ("uno",))) == [{"uno": 1}]
    assert replica.logins[-1].encrypted
    shown = network.inspect_certificate(connection.address_of(configure(encrypt="strict")), PLACE)
    assert shown.tls in {"TLSv1.2", "TLSv1.3"}


def test_the_connection_string_asks_for_verified_read_only_access() -> None:
    db = SqlServerSettings.model_validate({"host": "srv", "name": "Base; con } rareza", "user": "u"})
    address = network.Address("srv", 1433, "srv", None, strict=False, timeout=1)
    assert connection.connection_string(db, MS, address) == (
        "Driver={/opt/ms/libmsodbcsql-18.so};Database={Base; con }} rareza};ApplicationIntent={ReadOnly};"
        "APP={emtp_assets};Server={tcp:srv,1433};Encrypt={yes};TrustServerCertificate={no};ConnectRetryCount={0};"
    )


def test_a_named_instance_and_another_certificate_name() -> None:
    db = SqlServerSettings.model_validate(
        {"host": "SRV\\SIGE", "name": "b", "user": "u", "certificate_host": "*.mineduc.cl"}
    )
    address = connection.address_of(isolated_settings(sqlserver=db))
    assert (address.host, address.certificate_host) == ("SRV", "*.mineduc.cl")
    text = connection.connection_string(db, MS, address)
    assert "Server={tcp:SRV,1433};" in text
    assert "HostNameInCertificate={*.mineduc.cl};" in text


class TestTheDriver:
    def test_is_microsoft_s_by_default(self) -> None:
        found = find_driver(None)
        assert found.family is Family.MICROSOFT
        assert Path(found.name).is_file()

    @pytest.mark.parametrize(
        ("configured", "family"),
        [
            ("ODBC Driver 17 for SQL Server", Family.MICROSOFT),
            ("FreeTDS", Family.FREETDS),
        ],
    )
    def test_may_be_named(self, configured: str, family: Family) -> None:
        assert find_driver(configured) == Driver(configured, family)

    def test_may_be_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "libtdsodbc.so"
        file.touch()
        assert find_driver(str(file)).family is Family.FREETDS
        with pytest.raises(SourceFailure, match="No existe el driver"):
            find_driver(str(tmp_path / "otro.so"))

    def test_a_name_that_nobody_installed_says_what_to_install(self, configure: Configure, journal: Journal) -> None:
        settings = configure(driver="ODBC Driver 99 for SQL Server")
        with pytest.raises(SourceFailure) as raised, connection.open_session(settings, journal):
            pass
        assert raised.value.cause is Cause.SETTINGS
        assert "apt install unixodbc" in raised.value.explanation.action

    @pytest.mark.parametrize(
        ("release", "folder"),
        [
            ({"ID": "debian"}, "debian_ubuntu"),
            ({"ID": "ubuntu", "ID_LIKE": "debian"}, "debian_ubuntu"),
            ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "rhel"),
            ({"ID": "sles", "ID_LIKE": "suse"}, "suse"),
            ({"ID": "alpine"}, "alpine"),
        ],
    )
    def test_is_the_one_of_this_distribution(self, release: dict[str, str], folder: str) -> None:
        assert package_folder(release) == folder


class TestFreeTdsRefuses:
    @pytest.mark.parametrize(
        "given",
        [{"encrypt": "strict"}, {"certificate_host": "otro.example"}, {"password": "contraseña"}, {"password": "a};b"}],
    )
    def test_what_it_cannot_do_safely(
        self, configure: Configure, journal: Journal, replica: TdsServer, given: dict[str, str]
    ) -> None:
        with (
            pytest.raises(SourceFailure) as raised,
            connection.open_session(configure(driver="FreeTDS", **given), journal),
        ):
            pass
        assert raised.value.cause is Cause.SETTINGS
        assert "driver de Microsoft" in raised.value.explanation.what
        assert replica.logins == []
