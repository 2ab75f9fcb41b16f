"""What the tests of SharePoint share: a site with one file, an application, and how a failure is checked."""

from __future__ import annotations

import datetime as dt
import os
import traceback
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Fetched, SourceFailure
from emtp_assets.sources.sharepoint import SharePointSource
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.graph import GraphServer

MATRICULA = contract_for("matricula")
SECRET = "secreto~de.la-aplicacion_0123456789"
BYTES = b"AGNO;RBD;MRUN;COD_ENSE\r\n" + b"".join(b"2025;%d;%d;410\r\n" % (n, n * 7) for n in range(9_000))


def application_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that an Entra application could have registered, and its key, in PEM."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "emtp")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "aplicacion.pem", folder / "aplicacion.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


def put(root: Path, name: str, content: bytes, *, at: float = 1_760_000_000, library: str = "Documentos") -> Path:
    path = root / library / "Datos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at, at))
    return path


def secrets_of(graph: GraphServer, application: tuple[Path, Path]) -> list[str]:
    arrived = [request for server in graph.servers for request in server.requests]
    tokens = {request.headers.get("authorization", "").removeprefix("Bearer ") for request in arrived}
    assertions = {request.form.get("client_assertion", "") for request in graph.login.requests}
    links = {request.query.get("tempauth", "") for request in graph.content.requests}
    key = application[1].read_text().splitlines()[1]
    return [each for each in {SECRET, key, *tokens, *assertions, *links, *graph.links} if each]


def source(graph: GraphServer, authority: Authority, tmp_path: Path, **given: Any) -> SharePointSource:
    proof = {} if "certificate_file" in given else {"client_secret": SECRET}
    sharepoint = {**graph.settings, **proof, "timeout": 2, **given}
    return SharePointSource(
        isolated_settings(data_dir=tmp_path / "data", ca_file=authority.ca_file, sharepoint=sharepoint)
    )


def fetched(answer: object) -> Fetched:
    assert isinstance(answer, Fetched)
    return answer


def failure(asked: SharePointSource, inbox: Path, *, year: int = 2025) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        asked.fetch(MATRICULA, year, inbox)
    told = caught.value
    assert told.source == "sharepoint"
    assert told.explanation.what and told.explanation.expected and told.explanation.action
    text = "".join(traceback.format_exception(told)) + repr(told) + repr(asked)
    assert SECRET not in text and "tempauth" not in text
    assert not [path for path in inbox.iterdir() if not path.name.startswith(".")]
    return told
