"""Encryption of the loopback TDS server: what is agreed, what travels in the clear, and whom the drivers trust."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.tds import Login, TdsServer
from emtp_assets_tests.servers.tds.clients import ask, freetds, freetds_verified, microsoft, refusal

READER = Login("readonly_emtp", "Clave-1")
VIEWS = {"v": "SELECT range AS a, repeat('ñ', 50) AS b FROM range(3000)"}
WRONG = ("expired", "wrong name", "other authority")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[TdsServer]:
    with TdsServer(VIEWS, logins=[READER], certificate=authority.issue("server")) as running:
        yield running


@pytest.fixture
def spoilt(request: pytest.FixtureRequest, server: TdsServer, authority: Authority, tmp_path: Path) -> Iterator[str]:
    wrong = {
        "expired": lambda: authority.issue("expired", expired=True),
        "wrong name": lambda: authority.issue("stranger", hosts=("otro.example",)),
        "other authority": lambda: Authority.create(tmp_path, name="Otra CA").issue("server"),
    }
    server.faults.certificate = wrong[request.param]()
    yield request.param
    server.faults.clear()


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))


def count(connection_string: str) -> int:
    return len(ask(connection_string, "SELECT * FROM v"))


def refused(connection_string: str) -> tuple[str, str]:
    return refusal(connection_string, "SELECT * FROM v")


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("encrypt", ["yes", "strict"])
def test_microsofts_driver_verifies_and_encrypts_everything(server: TdsServer, encrypt: str) -> None:
    assert count(microsoft(server, READER, encrypt=encrypt)) == 3000
    assert server.logins[-1].encrypted


def test_microsofts_driver_trusts_nobody_it_was_not_told_of(server: TdsServer) -> None:
    state, message = refused(microsoft(server, READER))
    assert state == "08001"
    assert "certificate verify failed" in message


@pytest.mark.usefixtures("trusting")
def test_microsofts_driver_compares_names_and_not_addresses(server: TdsServer) -> None:
    assert "does not match host name" in refused(microsoft(server, READER, host="127.0.0.1"))[1]
    assert count(microsoft(server, READER, host="127.0.0.1", HostNameInCertificate="localhost")) == 3000


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("spoilt", WRONG, indirect=True)
def test_microsofts_driver_refuses_a_wrong_certificate_before_it_logs_in(server: TdsServer, spoilt: str) -> None:
    reasons = {"expired": "expired", "wrong name": "does not match host name", "other authority": "self-signed"}
    before = len(server.logins)
    state, message = refused(microsoft(server, READER))
    assert state == "08001"
    assert reasons[spoilt] in message
    assert len(server.logins) == before


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_freetds_verifies_the_server_that_its_file_names(
    server: TdsServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    text, environment = freetds_verified(server, READER, tmp_path, authority.ca_file, host=host)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert count(text) == 3000
    assert server.logins[-1].encrypted


@pytest.mark.parametrize("spoilt", WRONG, indirect=True)
def test_freetds_refuses_a_wrong_certificate_before_it_logs_in(
    server: TdsServer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    text, environment = freetds_verified(server, READER, tmp_path, authority.ca_file)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    before = len(server.logins)
    assert refused(text)[0] == "08001", spoilt
    assert len(server.logins) == before


@pytest.mark.parametrize("spoilt", ["other authority"], indirect=True)
def test_freetds_told_of_a_host_alone_verifies_nothing(server: TdsServer, spoilt: str) -> None:
    assert count(freetds(server, READER, encrypt="require")) == 3000, spoilt


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize(
    ("offer", "driver", "wish", "login_encrypted", "all_encrypted"),
    [
        ("login", microsoft, "no", True, False),
        ("login", freetds, "request", True, False),
        ("login", freetds, "off", False, False),
        ("required", microsoft, "no", True, True),
        ("required", freetds, "request", True, True),
        ("none", microsoft, "no", False, False),
        ("none", freetds, "off", False, False),
    ],
)
def test_encryption_is_what_both_sides_agree_on(
    authority: Authority,
    offer: Literal["none", "login", "required"],
    driver: Callable[..., str],
    wish: str,
    login_encrypted: bool,
    all_encrypted: bool,
) -> None:
    certificate = None if offer == "none" else authority.issue("server")
    with TdsServer(VIEWS, logins=[READER], certificate=certificate, encryption=offer) as server:
        assert count(driver(server, READER, encrypt=wish)) == 3000
        assert (server.logins[-1].login_encrypted, server.logins[-1].encrypted) == (login_encrypted, all_encrypted)


@pytest.mark.usefixtures("trusting")
def test_who_insists_on_encryption_leaves_a_server_without() -> None:
    with TdsServer(VIEWS, logins=[READER]) as server:
        assert refused(microsoft(server, READER))[0] == "08001"
        assert refused(freetds(server, READER, encrypt="require"))[0] == "08001"
        assert server.logins == []
