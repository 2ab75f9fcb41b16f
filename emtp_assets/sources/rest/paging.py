"""Walks the pages of a resource: which address is next, when it is over, and whether all came. Fields are not here.

Two ways of paging are known, told apart by the first page: by links (the answer has the ``next`` field) and by
numbers. A service that does not page at all is one that answers page 2 with the very rows of page 1.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit, urlunsplit

from emtp_assets.settings import RestSettings
from emtp_assets.sources.failure import Cause, SourceFailure
from emtp_assets.sources.http import Service, same_origin
from emtp_assets.sources.rest.answer import CutAnswer, Fields, JsonAnswer, MalformedAnswer

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)
_REDIRECTS = 5
_CHUNK = 2_000
_TELL_EVERY_SECONDS = 10.0
_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]*"')

Row = dict[str, Any]


@dataclass
class Walk:
    """What is known of a resource while its pages are read; whole once `Pages.chunks` has ended.

    ``etag``: of the first page. ``pages`` counts those with rows.
    """

    rows: int = 0
    pages: int = 0
    total: int | None = None
    etag: str = ""
    not_modified: bool = False


class Pages:
    """The pages of one resource and year."""

    def __init__(self, service: Service, settings: RestSettings, http: httpx.Client, key: str) -> None:
        self._service = service
        self._settings = settings
        self._http = http
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._fields = Fields(settings.records_field, settings.next_field, settings.total_field)

    def chunks(self, resource: str, year: int, walk: Walk, *, etag: str = "") -> Iterator[list[Row]]:
        """The rows in the order sent, some at a time; nothing and ``walk.not_modified`` if ``etag`` still holds.

        Raises:
            SourceFailure: a page is refused, cut, malformed or repeated, or other than the announced rows came.
        """
        url: str | None = self._address(resource, year, 1)
        asked: set[str] = set()
        before: list[Row] = []
        number = 1
        told = time.monotonic()
        while url is not None:
            if url in asked:
                raise self._repeated()
            asked.add(url)
            with self._page(url, etag if number == 1 else "") as response:
                if number == 1:
                    if etag and response.status_code == 304:
                        walk.not_modified = True
                        return
                    walk.etag = _etag(response)
                page = self._read(response)
                chunks = self._chunked(page, response)
                first = next(chunks, [])
                if first and first == before:
                    if number == 2 and not page.tells_next and walk.rows != self._settings.page_size:
                        break
                    raise self._repeated()
                rows = len(first)
                if first:
                    walk.pages += 1
                    yield first
                for chunk in chunks:
                    rows += len(chunk)
                    yield chunk
            walk.rows += rows
            self._note_total(page, walk)
            if time.monotonic() - told >= _TELL_EVERY_SECONDS:
                told = time.monotonic()
                _log.info("%s: página %d, %d filas hasta ahora.", resource, number, walk.rows)
            before, number = first, number + 1
            url = self._following(url, page, rows, walk, resource, year, number)
        self._whole(walk)

    def first_row(self, resource: str, year: int) -> Row | None:
        """One row, asked for by a page of one row; None if there is none.

        Raises:
            SourceFailure: as `chunks`.
        """
        with self._page(self._address(resource, year, 1, size=1), "") as response:
            return next(self._chunked(self._read(response), response, size=1), [None])[0]

    def _address(self, resource: str, year: int, page: int, *, size: int | None = None) -> str:
        asked = self._settings
        base = urlsplit((asked.url or "").rstrip())
        query = urlencode(
            {asked.year_parameter: year, asked.page_parameter: page, asked.size_parameter: size or asked.page_size}
        )
        path = f"{base.path.rstrip('/')}/{resource.strip('/')}"
        return urlunsplit((base.scheme, base.netloc, path, "&".join(filter(None, (base.query, query))), ""))

    @contextmanager
    def _page(self, url: str, etag: str) -> Iterator[httpx.Response]:
        """GET, following redirects within the same server and only there: they would carry the key away."""
        headers = {**self._headers, "If-None-Match": etag} if etag else self._headers
        for _ in range(_REDIRECTS):
            with self._service.asked(self._http, url, headers=headers) as response:
                if not response.has_redirect_location:
                    yield response
                    return
                following = _joined(url, response.headers["location"])
            if following is None or not same_origin(following, url):
                raise self._service.elsewhere()
            url = following
        raise self._service.unexpected("redirige sin fin", "Una respuesta HTTP 200.")

    def _read(self, response: httpx.Response) -> JsonAnswer:
        if response.status_code != 200:
            raise self._service.refused(response)
        self._service.must_be_json(response)
        return JsonAnswer(self._service.pieces(response), self._fields)

    def _chunked(self, page: JsonAnswer, response: httpx.Response, size: int = _CHUNK) -> Iterator[list[Row]]:
        records = page.records()
        try:
            while chunk := list(islice(records, size)):
                yield chunk
        except CutAnswer:
            raise self._service.failure(
                Cause.TRUNCATED,
                f"{self._service.called} envió una respuesta que termina en medio de un dato.",
                "Un documento JSON completo.",
                "Se reintenta solo. Si se repite, avise a quien administra el servicio.",
                passing=True,
            ) from None
        except MalformedAnswer as error:
            raise self._service.unexpected(
                f"envió una respuesta que {error}", f"JSON con las filas en el campo {self._fields.records}."
            ) from None

    def _note_total(self, page: JsonAnswer, walk: Walk) -> None:
        if page.total is None:
            return
        total = int(page.total) if isinstance(page.total, str) and page.total.isdigit() else None
        if total is None:
            raise self._service.unexpected(f"no da un número en el campo {self._fields.total}", "Un número de filas.")
        if walk.total is not None and total != walk.total:
            raise self._service.cut("los datos cambiaron mientras se leían sus páginas")
        walk.total = total

    def _following(
        self, url: str, page: JsonAnswer, rows: int, walk: Walk, resource: str, year: int, number: int
    ) -> str | None:
        if page.tells_next:
            if page.next in (None, ""):
                return None
            is_text = isinstance(page.next, str) and not page.next.isdigit()
            following = _joined(url, page.next) if is_text else None
            if following is None:
                raise self._service.unexpected(f"no da una dirección en el campo {self._fields.next}", "Un enlace.")
            if not same_origin(following, url):
                raise self._service.elsewhere()
            return following
        # A page shorter than asked for proves nothing: a service may give fewer rows a page than one asks.
        if rows == 0 or (walk.total is not None and walk.rows >= walk.total):
            return None
        return self._address(resource, year, number)

    def _whole(self, walk: Walk) -> None:
        if walk.total is not None and walk.rows != walk.total:
            raise self._service.failure(
                Cause.TRUNCATED,
                f"{self._service.called} envió {walk.rows} filas y anuncia {walk.total}.",
                "Todas las filas, una vez cada una.",
                "Se reintenta solo. Si se repite, avise a quien administra el servicio: sus páginas no suman lo que "
                "anuncia, o las filas no vienen siempre en el mismo orden.",
                passing=True,
            )

    def _repeated(self) -> SourceFailure:
        return self._service.unexpected(
            "repite una página",
            "Páginas distintas hasta la última.",
            f"Pregunte a quien administra el servicio cómo se piden las páginas y ajuste {_PARAMETERS}.",
        )


_PARAMETERS = "MINEDUC_API_PAGE_PARAMETER, MINEDUC_API_SIZE_PARAMETER o MINEDUC_API_NEXT_FIELD"


def _joined(base: str, other: str) -> str | None:
    try:
        return urljoin(base, other)
    except ValueError:
        return None


def _etag(response: httpx.Response) -> str:
    value = response.headers.get("etag", "")
    return value if _ETAG.fullmatch(value) else ""
