"""The make-believe authority: who trusts it accepts its certificates, and refuses each wrong one for its reason."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from emtp_assets_tests.servers.certificates import Authority


def shake_hands(certificate: tuple[Path, Path], trusted: Path, name: str) -> None:
    """A TLS handshake in memory between a server with `certificate` and a client; raises what the client raises."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(*certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client_side = ssl.create_default_context(cafile=trusted)
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() is not None


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_certificate_is_good_for_the_loopback(tmp_path: Path, name: str) -> None:
    authority = Authority.create(tmp_path)
    shake_hands(authority.issue("server"), authority.ca_file, name)


def test_each_wrong_certificate_is_refused_for_its_reason(tmp_path: Path) -> None:
    authority, other = Authority.create(tmp_path / "one"), Authority.create(tmp_path / "two", name="Otra CA")
    wrong = {
        "certificate has expired": authority.issue("old", expired=True),
        "Hostname mismatch": authority.issue("stranger", hosts=("otro.example",)),
        "certificate": other.issue("server"),
    }
    for reason, certificate in wrong.items():
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            shake_hands(certificate, authority.ca_file, "localhost")


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    _, key = Authority.create(tmp_path).issue("server")
    assert key.stat().st_mode & 0o077 == 0
