"""How a request can end, each way met on a real connection: its cause, whether it passes, and what is said of it."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from emtp_assets.sources import Cause, SourceFailure
from emtp_assets.sources.http import Service, client, host_of, retry_after, same_origin
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.https import (
    HttpsServer,
    Reply,
    Spoiling,
    cut,
    http_date,
    moved,
    page,
    rewritten,
    shortened,
    silence,
    slow,
    status,
    trickle,
)

SECRET = "clave-muy-secreta-0123"
BODY = b'{"dato": "' + b"x" * 5_000 + b'"}'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def straight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's proxy has nothing to do with the loopback."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server(authority: Authority) -> Iterator[HttpsServer]:
    with HttpsServer(
        authority.issue("web"), lambda _: Reply(200, {"Content-Type": "application/json"}, BODY)
    ) as running:
        yield running


def ask(url: str, ca_file: Path | None, *, timeout: float = 0.5, key: str = SECRET) -> dict[str, object]:
    service = Service(
        "rest",
        "el servicio",
        "servidor.example",
        "MINEDUC_API_URL",
        timeout,
        "MINEDUC_API_TIMEOUT",
        "CLAVE NUEVA",
        "PERMISO",
        "NOMBRE",
    )
    with (
        client(service, ca_file) as http,
        service.asked(http, f"{url}/algo?ficha={SECRET}", headers={"Authorization": f"Bearer {key}"}) as response,
    ):
        if response.status_code != 200:
            raise service.refused(response)
        return service.document(response)


def failure(url: str, ca_file: Path | None, *, timeout: float = 0.5, key: str = SECRET) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        ask(url, ca_file, timeout=timeout, key=key)
    told = caught.value
    assert SECRET not in "".join(traceback.format_exception(told))
    assert told.explanation.what and told.explanation.expected and told.explanation.action
    return told


def test_a_good_answer_is_read(server: HttpsServer, authority: Authority) -> None:
    assert ask(server.url, authority.ca_file) == {"dato": "x" * 5_000}


@pytest.mark.parametrize(
    ("code", "cause", "passing", "says"),
    [
        (400, Cause.ANSWER, False, "MINEDUC_API_URL"),
        (401, Cause.CREDENTIAL, False, "CLAVE NUEVA"),
        (403, Cause.PERMISSION, False, "PERMISO"),
        (404, Cause.MISSING_VIEW, False, "NOMBRE"),
        (410, Cause.MISSING_VIEW, False, "NOMBRE"),
        (408, Cause.TIMEOUT, True, "MINEDUC_API_TIMEOUT"),
        (429, Cause.THROTTLED, True, "se reintenta solo"),
        (500, Cause.SERVER, True, "se reintenta solo"),
        (502, Cause.SERVER, True, "se reintenta solo"),
        (503, Cause.SERVER, True, "se reintenta solo"),
        (504, Cause.TIMEOUT, True, "se reintenta solo"),
        (509, Cause.THROTTLED, True, "se reintenta solo"),
    ],
)
def test_each_status_has_its_cause_and_remedy(
    server: HttpsServer, authority: Authority, code: int, cause: Cause, passing: bool, says: str
) -> None:
    server.fail(status(code, body=SECRET.encode()))
    told = failure(server.url, authority.ca_file)
    assert (told.cause, told.passing) == (cause, passing)
    assert f"HTTP {code}" in told.explanation.what
    assert says in told.explanation.action


@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_asks_to_wait_is_heard_in_seconds_and_as_a_date(
    server: HttpsServer, authority: Authority, code: int
) -> None:
    server.fail(status(code, {"Retry-After": "17"}), times=1)
    server.fail(status(code, {"Retry-After": http_date(90)}), times=1)
    assert failure(server.url, authority.ca_file).retry_after == 17
    dated = failure(server.url, authority.ca_file)
    assert dated.retry_after is not None and 85 <= dated.retry_after <= 92
    assert dated.passing


def test_a_date_to_wait_for_is_compared_with_the_servers_own_clock() -> None:
    assert retry_after({"retry-after": http_date(1_000_060), "date": http_date(1_000_000)}) == pytest.approx(60, abs=1)
    assert retry_after({"retry-after": http_date(-60)}) == 0
    assert retry_after({"retry-after": "pronto"}) is None
    assert retry_after({"retry-after": "Mon, 01 Jan 2030 00:00:00 +99999999999999"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("spoil", "cause", "passing", "says"),
    [
        (silence(), Cause.TIMEOUT, True, "no respondió a tiempo"),
        (slow(2), Cause.TIMEOUT, True, "no respondió a tiempo"),
        (trickle(0.05), Cause.TIMEOUT, True, "menos de 1000 bytes por segundo"),
        (cut(700), Cause.CUT, True, "se cortó"),
        (cut(0), Cause.CUT, True, "se cortó"),
        (shortened(700), Cause.ANSWER, False, "no es un objeto JSON"),
        (rewritten(lambda _: b"[1, 2]"), Cause.ANSWER, False, "no es un objeto JSON"),
        (page(f"<html>{SECRET}</html>"), Cause.ANSWER, False, "una página web en vez de datos"),
        (status(200, {"Content-Type": "text/csv"}, b"a;b"), Cause.ANSWER, False, "algo que no es JSON"),
        (moved("https://otro.example/"), Cause.ANSWER, False, "manda a otro servidor"),
    ],
)
def test_each_way_of_answering_badly_is_told_apart(
    server: HttpsServer, authority: Authority, spoil: Spoiling, cause: Cause, passing: bool, says: str
) -> None:
    server.fail(spoil)
    told = failure(server.url, authority.ca_file)
    assert (told.cause, told.passing) == (cause, passing)
    assert says in told.explanation.what


def test_a_slow_server_that_answers_in_time_is_no_failure(server: HttpsServer, authority: Authority) -> None:
    server.fail(slow(0.2))
    assert ask(server.url, authority.ca_file, timeout=2)


def test_an_unknown_authority_is_refused_before_the_key_is_sent(server: HttpsServer) -> None:
    told = failure(server.url, None)
    assert (told.cause, told.passing) == (Cause.CERTIFICATE, False)
    assert "autoridad que este equipo no conoce" in told.explanation.what
    assert "EMTP_CA_FILE" in told.explanation.action
    assert server.requests == []


@pytest.mark.parametrize(
    ("hosts", "expired", "says"),
    [(("otro.example",), False, "el nombre no coincide"), (("localhost",), True, "está vencido")],
)
def test_a_wrong_certificate_is_refused_before_the_key_is_sent(
    authority: Authority, hosts: tuple[str, ...], expired: bool, says: str
) -> None:
    with HttpsServer(authority.issue(f"malo-{expired}", hosts=hosts, expired=expired), lambda _: Reply()) as server:
        told = failure(server.url, authority.ca_file)
        assert (told.cause, told.passing) == (Cause.CERTIFICATE, False)
        assert says in told.explanation.what
        assert server.requests == []


def test_nobody_listening_is_a_refusal_that_may_pass(authority: Authority) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        told = failure(f"https://localhost:{taken.getsockname()[1]}", authority.ca_file)
    assert (told.cause, told.passing) == (Cause.REFUSED, True)
    assert "rechazó la conexión" in told.explanation.what
    assert "redes" in told.explanation.action


def test_a_name_that_no_dns_knows_is_said_to_be_so(authority: Authority) -> None:
    told = failure("https://nombre-que-no-existe.invalid", authority.ca_file, timeout=5)
    assert (told.cause, told.passing) == (Cause.REFUSED, True)
    assert "DNS" in told.explanation.what


def test_a_server_without_tls_never_sees_the_key(authority: Authority) -> None:
    arrived = b""

    def greet() -> None:
        nonlocal arrived
        connection, _ = listening.accept()
        with connection:
            arrived = connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=greet)
        thread.start()
        told = failure(f"https://localhost:{listening.getsockname()[1]}", authority.ca_file)
        thread.join()
    assert (told.cause, told.passing) == (Cause.ANSWER, False)
    assert "TLS" in told.explanation.what
    assert SECRET.encode() not in arrived


@pytest.mark.parametrize("key", [f"{SECRET}\nX: 1", f"{SECRET}ñ"])
def test_a_key_that_no_header_can_hold_is_a_fault_of_the_settings(
    server: HttpsServer, authority: Authority, key: str
) -> None:
    told = failure(server.url, authority.ca_file, key=key)
    assert (told.cause, told.passing) == (Cause.SETTINGS, False)
    assert server.requests == []


@pytest.mark.parametrize("content", [None, "esto no es PEM"])
def test_an_authority_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    told = failure("https://localhost:1", file)
    assert (told.cause, told.passing) == (Cause.SETTINGS, False)
    assert "EMTP_CA_FILE" in told.explanation.action
    assert str(file) in told.explanation.what


def test_the_ministrys_authority_is_trusted_besides_the_systems(
    server: HttpsServer, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Graph's certificate comes from a public authority even where the ministry has its own."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    other = Authority.create(tmp_path / "otra")
    assert ask(server.url, other.ca_file)


def test_only_an_https_address_has_a_host_to_go_to() -> None:
    assert host_of("https://api.example:8443/sige") == "api.example:8443"
    assert host_of("https://usuario:clave@api.example") == "api.example"
    for wrong in (None, "", "api.example", "http://api.example", "https://", "https://[api", "https://a:puerto"):
        assert host_of(wrong) == ""


def test_same_origin_is_protocol_name_and_port() -> None:
    assert same_origin("https://a.example/x", "https://A.example:443/y?z")
    assert not same_origin("https://a.example/", "http://a.example/")
    assert not same_origin("https://a.example/", "https://a.example:8443/")
    assert not same_origin("https://a.example/", "https://a.example.otro.example/")
    assert not same_origin("https://a.example/", "https://a.example@otro.example/")


def test_no_library_logs_a_url_or_a_header(
    server: HttpsServer, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ask(server.url, authority.ca_file)
    assert SECRET not in caplog.text
    assert "/algo" not in caplog.text
