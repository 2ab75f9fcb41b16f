"""Signing in: each proof, each refusal of Microsoft in words, and each secret to its own server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Cause
from emtp_assets.sources.sharepoint import SharePointSource
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.graph import GraphServer
from emtp_assets_tests.servers.https import (
    Spoiling,
    page,
    status,
)
from emtp_assets_tests.sources.sharepoint.site import (
    BYTES,
    MATRICULA,
    SECRET,
    application_certificate,
    failure,
    fetched,
    put,
    source,
)


def test_each_secret_goes_to_its_own_server_only(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    ours.fetch(MATRICULA, 2025, inbox)
    assert all("authorization" not in request.headers for request in graph.content.requests)
    assert all(SECRET.encode() not in request.body for request in graph.graph.requests)
    assert SECRET in {request.form.get("client_secret") for request in graph.login.requests}


def test_one_sign_in_serves_several_datasets(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    put(graph.root, "Egresados/egresados_2025.csv", b"x")
    ours.fetch(MATRICULA, 2025, inbox)
    ours.fetch(contract_for("egresados"), 2025, inbox)
    assert len(graph.login.asked("/token")) == 1


def test_a_certificate_proves_the_application_by_its_sha256(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, application: tuple[Path, Path]
) -> None:
    public, private = application
    graph.registered = public.read_bytes()
    asked = source(graph, authority, tmp_path, certificate_file=public, private_key_file=private)
    assert fetched(asked.fetch(MATRICULA, 2025, inbox)).path.read_bytes() == BYTES
    assert all("client_secret" not in request.form for request in graph.login.requests)


def test_certificate_and_key_may_be_one_file(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, application: tuple[Path, Path]
) -> None:
    both = tmp_path / "todo.pem"
    both.write_bytes(application[1].read_bytes() + application[0].read_bytes())
    graph.registered = application[0].read_bytes()
    fetched(source(graph, authority, tmp_path, certificate_file=both).fetch(MATRICULA, 2025, inbox))


def test_what_openssl_writes_around_a_pem_may_have_accents(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, application: tuple[Path, Path]
) -> None:
    both = tmp_path / "exportado.pem"
    attributes = "Bag Attributes\n    friendlyName: División de Educación\n".encode()
    both.write_bytes(attributes + application[1].read_bytes() + attributes + application[0].read_bytes())
    graph.registered = application[0].read_bytes()
    asked = source(graph, authority, tmp_path, certificate_file=both)
    assert next(asked.examine()).good
    fetched(asked.fetch(MATRICULA, 2025, inbox))


def test_an_expired_token_is_renewed_once(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    ours.fetch(MATRICULA, 2025, inbox)
    graph.expire_tokens()
    fetched(ours.fetch(MATRICULA, 2025, inbox))
    assert len(graph.login.asked("/token")) == 2


def test_a_fresh_token_that_is_refused_is_a_credential_for_people_to_mend(
    ours: SharePointSource, graph: GraphServer, inbox: Path
) -> None:
    graph.token_seconds = -1
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.CREDENTIAL, False)
    assert "hora de este equipo" in told.explanation.action
    assert len(graph.login.asked("/token")) == 2


def test_a_wrong_secret(graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path) -> None:
    told = failure(source(graph, authority, tmp_path, client_secret="secreto-equivocado"), inbox)
    assert (told.cause, told.passing) == (Cause.CREDENTIAL, False)
    assert "AADSTS7000215" in told.explanation.what
    assert "SHAREPOINT_CLIENT_SECRET" in told.explanation.action
    assert "secreto-equivocado" not in str(told)


def test_an_expired_secret(ours: SharePointSource, graph: GraphServer, inbox: Path) -> None:
    graph.expired_secrets.add(SECRET)
    told = failure(ours, inbox)
    assert (told.cause, told.passing) == (Cause.CREDENTIAL, False)
    assert "vencido (AADSTS7000222)" in told.explanation.what


def test_a_certificate_that_is_not_registered(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, application: tuple[Path, Path]
) -> None:
    graph.registered = application_certificate(tmp_path)[0].read_bytes()
    asked = source(graph, authority, tmp_path, certificate_file=application[0], private_key_file=application[1])
    told = failure(asked, inbox)
    assert (told.cause, told.passing) == (Cause.CREDENTIAL, False)
    assert "AADSTS700027" in told.explanation.what


@pytest.mark.parametrize(
    ("field", "code", "says"),
    [("tenant_id", "AADSTS90002", "SHAREPOINT_TENANT_ID"), ("client_id", "AADSTS700016", "SHAREPOINT_CLIENT_ID")],
)
def test_an_unknown_tenant_or_application(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, field: str, code: str, says: str
) -> None:
    told = failure(source(graph, authority, tmp_path, **{field: "00000000-dead-beef-0000-000000000000"}), inbox)
    assert (told.cause, told.passing) == (Cause.SETTINGS, False)
    assert code in told.explanation.what
    assert says in told.explanation.action


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tenant_id": None}, "SHAREPOINT_TENANT_ID"),
        ({"client_id": None}, "SHAREPOINT_CLIENT_ID"),
        ({"client_secret": None}, "SHAREPOINT_CERTIFICATE_FILE"),
        ({"client_secret": None, "client_secret_file": Path("no-existe")}, "SHAREPOINT_CLIENT_SECRET_FILE"),
        ({"certificate_file": Path("no-existe.pem")}, "ruta"),
        ({"site_url": "mineduc"}, "SHAREPOINT_SITE_URL"),
        ({"site_url": "https://[mineduc"}, "SHAREPOINT_SITE_URL"),
        ({"graph_url": "http://localhost/v1.0"}, "SHAREPOINT_GRAPH_URL"),
        ({"authority_url": "http://localhost"}, "SHAREPOINT_AUTHORITY_URL"),
    ],
)
def test_incomplete_settings_ask_nobody(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, given: dict[str, Any], says: str
) -> None:
    told = failure(source(graph, authority, tmp_path, **given), inbox)
    assert (told.cause, told.passing) == (Cause.SETTINGS, False)
    assert says in told.explanation.action
    assert not any(server.requests for server in graph.servers)


def test_a_key_of_another_certificate_is_told_apart(
    graph: GraphServer, authority: Authority, tmp_path: Path, inbox: Path, application: tuple[Path, Path]
) -> None:
    other = application_certificate(tmp_path)[1]
    told = failure(source(graph, authority, tmp_path, certificate_file=application[0], private_key_file=other), inbox)
    assert told.cause is Cause.SETTINGS
    assert "no es la del certificado" in told.explanation.what


@pytest.mark.parametrize("where", ["openid-configuration", "/token"])
@pytest.mark.parametrize(
    ("spoil", "cause", "passing", "after"),
    [
        (status(429, {"Retry-After": "33"}), Cause.THROTTLED, True, 33),
        (status(503), Cause.SERVER, True, None),
        (page(), Cause.ANSWER, False, None),
        (status(200, {"Content-Type": "application/json"}, b'{"sorpresa": 1}'), Cause.ANSWER, False, None),
        (
            status(400, {"Content-Type": "application/json"}, b'{"error": "temporarily_unavailable"}'),
            Cause.SERVER,
            True,
            None,
        ),
    ],
)
def test_a_sign_in_in_trouble_is_sorted(
    ours: SharePointSource,
    graph: GraphServer,
    inbox: Path,
    where: str,
    spoil: Spoiling,
    cause: Cause,
    passing: bool,
    after: float | None,
) -> None:
    graph.login.fail(spoil, path=where)
    told = failure(ours, inbox)
    assert (told.cause, told.passing, told.retry_after) == (cause, passing, after)
    graph.login.heal()
    fetched(ours.fetch(MATRICULA, 2025, inbox))
