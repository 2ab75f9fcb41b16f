"""The REST service that the client's document sketches: bearer key, `ano`, pages by number or by link.

What spoils its answers is `https`'.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from emtp_assets_tests.servers.https import Certificate, HttpsServer, Reply, Request

JSON = {"Content-Type": "application/json; charset=utf-8"}

Paging = Literal["links", "relative_links", "numbers", "none"]


class RestServer:
    """Serves ``tables[resource][year]``, rows as mappings, to who has ``key``.

    ``paging``: how pages go on; with "none" everything comes at once and the parameters are not understood.
    ``largest``: rows a page at most, whatever is asked. Attributes may be changed while it runs.
    """

    def __init__(
        self,
        certificate: Certificate,
        tables: Mapping[str, Mapping[int, Sequence[Mapping[str, Any]]]],
        *,
        key: str = "clave-de-prueba",
        paging: Paging = "numbers",
        total: bool = True,
        etag: bool = False,
        largest: int | None = None,
    ) -> None:
        self.tables = tables
        self.keys = {key}
        self.forbidden: set[str] = set()
        self.paging: Paging = paging
        self.total = total
        self.etag = etag
        self.largest = largest
        self.server = HttpsServer(certificate, self.answer)

    @property
    def url(self) -> str:
        return f"{self.server.url}/sige/v1"

    @property
    def requests(self) -> list[Request]:
        return self.server.requests

    def start(self) -> Self:
        self.server.start()
        return self

    def stop(self) -> None:
        self.server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, request: Request) -> Reply:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or key not in self.keys:
            return _error(401, "invalid_token", {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        resource = request.path.removeprefix("/sige/v1/")
        if resource not in self.tables:
            return _error(404, "not_found")
        if resource in self.forbidden:
            return _error(403, "forbidden")
        year = int(request.query["ano"]) if request.query.get("ano", "").isdigit() else None
        if year is None:
            return _error(400, "bad_request")
        return self._page(request, self.tables[resource].get(year, ()))

    def _page(self, request: Request, rows: Sequence[Mapping[str, Any]]) -> Reply:
        number = int(request.query.get("page", "1"))
        size = min(int(request.query.get("page_size", "100")), self.largest or 10**9)
        if self.paging == "none":
            number, size = 1, len(rows)
        page = rows[(number - 1) * size : number * size]
        document: dict[str, Any] = {"records": page}
        if self.total:
            document["total"] = len(rows)
        if "links" in self.paging:
            document["next"] = self._link(request, number + 1, size) if number * size < len(rows) else None
        body = json.dumps(document, ensure_ascii=False).encode("utf-8")
        if not self.etag:
            return Reply(200, JSON, body)
        tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        if request.headers.get("if-none-match") == tag:
            return Reply(304, {"ETag": tag})
        return Reply(200, {**JSON, "ETag": tag}, body)

    def _link(self, request: Request, number: int, size: int) -> str:
        query = f"?ano={request.query['ano']}&page={number}&page_size={size}"
        return query if self.paging == "relative_links" else f"{self.server.url}{request.path}{query}"


def _error(code: int, error: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(code, {**JSON, **(headers or {})}, json.dumps({"error": error}).encode())
