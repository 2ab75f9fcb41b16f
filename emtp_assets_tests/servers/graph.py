"""Microsoft as the product sees it: the sign-in, Graph and the download host, three servers as in reality.

Each behaves as its document says, so that a secret, a token or a link that reaches the wrong one is seen:
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow,
https://learn.microsoft.com/graph/api/driveitem-list-children and driveitem-get-content.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from emtp_assets_tests.servers.https import Certificate, HttpsServer, Reply, Request

JSON = {"Content-Type": "application/json; charset=utf-8"}
SITE_HOST = "mineduc.sharepoint.example"
SITE_PATH = "sites/datos-sige"
TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "66666666-7777-8888-9999-000000000000"
SITE_ID = f"{SITE_HOST},aaaaaaaa-0000-0000-0000-000000000001,bbbbbbbb-0000-0000-0000-000000000002"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class GraphServer:
    """One site whose libraries are folders under ``root``: ``root/<library>/Datos/Matricula/…``.

    ``secrets`` and ``registered`` (PEM certificates) are what the application may prove itself with. Everything
    public may be changed while it runs: ``granted`` (Sites.Selected on the site), ``token_seconds``,
    ``link_uses`` (how often a download link opens), ``page_size`` of lists.
    """

    def __init__(
        self,
        certificate: Certificate,
        root: Path,
        *,
        secret: str | None = "secreto-de-prueba",
        registered: bytes | None = None,
        default_library: str = "Documentos",
    ) -> None:
        self.root = root
        self.default_library = default_library
        self.secrets = {secret} - {None}
        self.expired_secrets: set[str] = set()
        self.registered = registered
        self.granted = True
        self.roles = ["Sites.Selected"]
        self.token_seconds = 3_600
        self.link_uses: int | None = None
        self.page_size = 200
        self.tells_hash = True
        self.tokens: dict[str, float] = {}
        self.links: dict[str, tuple[Path, int | None]] = {}
        self.login = HttpsServer(certificate, self._login)
        self.graph = HttpsServer(certificate, self._graph)
        self.content = HttpsServer(certificate, self._content)

    @property
    def servers(self) -> tuple[HttpsServer, ...]:
        return self.login, self.graph, self.content

    @property
    def settings(self) -> dict[str, Any]:
        """`SharePointSettings` that lead here, without the application's secret."""
        return {
            "site_url": f"https://{SITE_HOST}/{SITE_PATH}",
            "tenant_id": TENANT,
            "client_id": CLIENT,
            "graph_url": f"{self.graph.url}/v1.0",
            "authority_url": self.login.url,
        }

    def start(self) -> Self:
        for server in self.servers:
            server.start()
        return self

    def stop(self) -> None:
        for server in self.servers:
            server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def expire_tokens(self) -> None:
        """No token given so far is taken any more."""
        self.tokens.clear()

    def expire_links(self) -> None:
        """No download link given so far opens any more."""
        self.links.clear()

    # The sign-in: login.microsoftonline.com

    def _login(self, request: Request) -> Reply:
        tenant, _, rest = request.path.lstrip("/").partition("/")
        if tenant != TENANT:
            return _oauth_error(90002, "invalid_tenant", f"Tenant '{tenant}' not found.")
        if rest == "v2.0/.well-known/openid-configuration":
            base = f"{self.login.url}/{TENANT}"
            return _json(
                {
                    "issuer": f"{base}/v2.0",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                }
            )
        if rest != "oauth2/v2.0/token" or request.method != "POST":
            return Reply(404)
        form = request.form
        if form.get("client_id") != CLIENT:
            return _oauth_error(700016, "unauthorized_client", "Application not found in the directory.")
        if form.get("grant_type") != "client_credentials" or form.get("scope") != f"{self.graph.url}/.default":
            return _oauth_error(500011, "invalid_resource", "The resource principal was not found in the tenant.")
        refused = self._proof_refused(form)
        if refused is not None:
            return refused
        claims = {"aud": self.graph.url, "appid": CLIENT, "roles": self.roles, "jti": uuid.uuid4().hex}
        token = jwt.encode(claims, "0123456789abcdef0123456789abcdef", algorithm="HS256")
        self.tokens[token] = time.monotonic() + self.token_seconds
        return _json({"token_type": "Bearer", "expires_in": self.token_seconds, "access_token": token})

    def _proof_refused(self, form: Mapping[str, str]) -> Reply | None:
        if form.get("client_assertion_type") == _ASSERTION:
            return self._assertion_refused(form.get("client_assertion", ""))
        secret = form.get("client_secret")
        if secret is None:
            return _oauth_error(7000218, "invalid_client", "client_assertion or client_secret is missing.", 401)
        if secret in self.expired_secrets:
            return _oauth_error(7000222, "invalid_client", "The provided client secret keys are expired.", 401)
        if secret not in self.secrets:
            return _oauth_error(7000215, "invalid_client", "Invalid client secret provided.", 401)
        return None

    def _assertion_refused(self, assertion: str) -> Reply | None:
        wrong = _oauth_error(700027, "invalid_client", "Client assertion failed signature validation.", 401)
        if self.registered is None:
            return wrong
        certificate = x509.load_pem_x509_certificate(self.registered)
        thumbprint = base64.urlsafe_b64encode(certificate.fingerprint(hashes.SHA256())).decode()
        try:
            if jwt.get_unverified_header(assertion).get("x5t#S256", "").rstrip("=") != thumbprint.rstrip("="):
                return wrong
            jwt.decode(
                assertion,
                certificate.public_key(),  # pyright: ignore[reportArgumentType] - an application's key is RSA
                algorithms=["PS256"],
                audience=f"{self.login.url}/{TENANT}/oauth2/v2.0/token",
                issuer=CLIENT,
            )
        except jwt.PyJWTError:
            return wrong
        return None

    # Graph: graph.microsoft.com

    def _graph(self, request: Request) -> Reply:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) < time.monotonic():
            return _graph_error(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        if not self.granted:
            return _graph_error(403, "accessDenied", "Access denied")
        path = request.path.removeprefix("/v1.0")
        if path == f"/sites/{SITE_HOST}:/{SITE_PATH}":
            return _json({"id": SITE_ID})
        if path == f"/sites/{SITE_ID}/drive":
            return _json(_drive(self.default_library))
        if path == f"/sites/{SITE_ID}/drives":
            names = sorted(folder.name for folder in self.root.iterdir() if folder.is_dir())
            return self._paged(request, [_drive(name) for name in names])
        if path.startswith("/drives/"):
            library, _, rest = path.removeprefix("/drives/").partition("/")
            return self._library(request, self.root / bytes.fromhex(library.removeprefix("b!")).decode(), rest)
        return _graph_error(404, "itemNotFound", "The resource could not be found.")

    def _library(self, request: Request, library: Path, rest: str) -> Reply:
        if rest.startswith("items/") and rest.endswith("/content"):
            return self._redirect(library, rest.split("/")[1])
        if not rest.endswith("children"):
            return _graph_error(404, "itemNotFound", "Item not found")
        folder = library / rest.removesuffix("/children").removeprefix("root").strip(":").lstrip("/")
        if not folder.is_dir():
            return _graph_error(404, "itemNotFound", "The resource could not be found.")
        return self._paged(request, [self._item(each) for each in sorted(folder.iterdir())])

    def _item(self, path: Path) -> dict[str, Any]:
        facts = path.stat()
        modified = datetime.fromtimestamp(int(facts.st_mtime), UTC).isoformat().replace("+00:00", "Z")
        item: dict[str, Any] = {"id": _id(path), "name": path.name, "size": 0, "lastModifiedDateTime": modified}
        if path.is_dir():
            return {**item, "eTag": f'"{{{_id(path)}}},1"', "folder": {"childCount": len(list(path.iterdir()))}}
        content = path.read_bytes()
        version = hashlib.sha256(content).hexdigest()[:12]
        described = {"mimeType": "text/csv"} | (
            {"hashes": {"quickXorHash": _quick_xor(content)}} if self.tells_hash else {}
        )
        tags = {"eTag": f'"{{{_id(path)}}},{facts.st_mtime_ns}"', "cTag": f'"c:{{{_id(path)}}},{version}"'}
        return {**item, **tags, "size": len(content), "file": described}

    def _paged(self, request: Request, values: list[dict[str, Any]]) -> Reply:
        at = int(request.query.get("$skiptoken", "0"))
        size = min(self.page_size, int(request.query.get("$top", "200")))
        page: dict[str, Any] = {"value": values[at : at + size]}
        if at + size < len(values):
            query = dict(parse_qsl(request.target.partition("?")[2])) | {"$skiptoken": str(at + size)}
            page["@odata.nextLink"] = f"{self.graph.url}{quote(request.path)}?{urlencode(query)}"
        return _json(page)

    def _redirect(self, library: Path, item: str) -> Reply:
        path = next((p for p in library.rglob("*") if p.is_file() and _id(p) == item), None)
        if path is None:
            return _graph_error(404, "itemNotFound", "Item not found")
        secret = uuid.uuid4().hex
        self.links[secret] = path, self.link_uses
        return Reply(302, {"Location": f"{self.content.url}/download.aspx?UniqueId={item}&tempauth={secret}"})

    # The download host: <tenant>.sharepoint.com

    def _content(self, request: Request) -> Reply:
        secret = request.query.get("tempauth", "")
        path, uses = self.links.get(secret, (None, 0))
        if path is None or uses == 0:
            return Reply(401, {"Content-Type": "text/plain"}, b"Access denied.")
        self.links[secret] = path, None if uses is None else uses - 1
        content = path.read_bytes()
        kind = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        wanted = request.headers.get("range", "")
        if not wanted:
            return Reply(200, kind, content)
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        if start >= len(content):
            return Reply(416, {"Content-Range": f"bytes */{len(content)}"})
        return Reply(
            206, {**kind, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}, content[start:]
        )


def _drive(name: str) -> dict[str, str]:
    return {"id": f"b!{name.encode().hex()}", "name": name}


def _id(path: Path) -> str:
    return "01" + hashlib.sha256(str(path).encode()).hexdigest()[:32].upper()


def _json(document: Mapping[str, Any], code: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(code, {**JSON, **(headers or {})}, json.dumps(document).encode())


def _graph_error(code: int, error: str, message: str) -> Reply:
    number = str(uuid.uuid4())
    inner = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "request-id": number, "client-request-id": number}
    return _json({"error": {"code": error, "message": message, "innerError": inner}}, code, {"request-id": number})


def _oauth_error(number: int, error: str, message: str, code: int = 400) -> Reply:
    trace = str(uuid.uuid4())
    told = f"AADSTS{number}: {message} Trace ID: {trace} Correlation ID: {trace}"
    return _json(
        {
            "error": error,
            "error_description": told,
            "error_codes": [number],
            "trace_id": trace,
            "correlation_id": trace,
        },
        code,
    )


@lru_cache(maxsize=64)
def _quick_xor(content: bytes) -> str:
    """Microsoft's QuickXorHash, byte by byte as it is described; slow, and independent of the product's."""
    ring = 0
    for place, byte in enumerate(content):
        ring ^= byte << (place * 11 % 160)
    ring = (ring % 2**160) ^ (ring >> 160) ^ (len(content) << 96)
    return base64.b64encode(ring.to_bytes(20, "little")).decode()
