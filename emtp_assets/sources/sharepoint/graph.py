"""Microsoft Graph: a site's document library as a folder of files, listed and read. Which file is wanted is not here.

https://learn.microsoft.com/graph/api/resources/driveitem. The application's permission is Sites.Selected on one site.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from emtp_assets.settings import SharePointSettings
from emtp_assets.sources.failure import Cause, SourceFailure
from emtp_assets.sources.http import Service, host_of, same_origin
from emtp_assets.sources.remote import RemoteFile
from emtp_assets.sources.sharepoint.signin import SignIn

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)
_ITEM = "id,name,size,eTag,cTag,lastModifiedDateTime,file"
_EXPIRED_LINK = (401, 403, 404, 410)
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_ERROR_CODE = re.compile(r"[A-Za-z_]{1,60}")
_ASK_FOR_SITE = (
    "Pida a quien administra SharePoint que dé a la aplicación el permiso Sites.Selected y, dentro de él, el rol de "
    "lectura (read) sobre ese sitio."
)


@dataclass(frozen=True)
class DriveItem(RemoteFile):
    """A file of the library. ``quick_xor``: its QuickXorHash in Base64, if Graph gave it."""

    id: str
    quick_xor: str | None


class Graph:
    """A library's files; a `RemoteFolder`. Folders are given relative to the configured one."""

    def __init__(self, settings: SharePointSettings, service: Service, signin: SignIn, http: httpx.Client) -> None:
        self._settings = settings
        self._service = service
        self._signin = signin
        self._http = http
        self._drive: str | None = None
        self.listed: dict[str, DriveItem] = {}

    def files(self, folder: str) -> Sequence[DriveItem]:
        """The files of a folder; empty, with a warning in the log, if the configured one has no such folder.

        Raises:
            SourceFailure: the site, the library or the configured folder is not there or not ours to read.
        """
        path = _joined(self._settings.folder, folder)
        items = self._children(path)
        if items is None:
            if not folder or self._children(_joined(self._settings.folder)) is None:
                raise self._missing(
                    f"la biblioteca no tiene la carpeta «{_joined(self._settings.folder) or '/'}»",
                    "Revise SHAREPOINT_FOLDER: puede que le hayan cambiado el nombre.",
                )
            _log.warning("SharePoint no tiene la carpeta «%s»: puede que le hayan cambiado el nombre.", path)
            return ()
        found = [self._file(path, item) for item in items if "file" in item]
        self.listed.update({file.mark: file for file in found})
        return found

    def read(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        """The bytes of a file that `files` gave, from ``offset``, by a link that Graph gives for a few minutes.

        The link opens the file to whoever has it: it is never logged, and the token is not sent along with it.

        Raises:
            SourceFailure: the link is refused twice, or the transfer is cut.
        """
        item = self.listed[file.mark]
        _log.info("Descargando %s (%d bytes) desde el byte %d.", file.path, file.size, offset)
        for last in (False, True):
            link = self._link(item)
            headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
            downloads = self._downloads(host_of(link))
            with downloads.asked(self._http, link, headers=headers) as response:
                if response.status_code in _EXPIRED_LINK:
                    if last:
                        raise self._link_refused(downloads.host)
                    _log.info("El enlace de descarga de %s ya no servía; se pide otro.", file.path)
                    continue
                yield from self._body(downloads, response, offset)
                return

    def site(self) -> str:
        """The site's identifier.

        Raises:
            SourceFailure: it does not exist, or the application may not see it.
        """
        parts = urlsplit(self._settings.site_url or "")
        path = unquote(parts.path).strip("/")
        address = f"/sites/{parts.hostname}" + (f":/{quote(path)}" if path else "")
        found = self._get(f"{self._base}{address}?$select=id")
        if found is None:
            raise self._missing(
                "no existe el sitio de SHAREPOINT_SITE_URL, o la aplicación no lo puede ver",
                f"Revise SHAREPOINT_SITE_URL. Si está bien: {_ASK_FOR_SITE}",
            )
        return self._text(found, "id")

    def library(self) -> str:
        """The library's identifier: the one configured by name, else the site's own.

        Raises:
            SourceFailure: the site has no such library.
        """
        if self._drive is None:
            site = self.site()
            wanted = self._settings.library
            if wanted is None:
                found = self._get(f"{self._base}/sites/{site}/drive?$select=id")
            else:
                drives = self._pages(f"{self._base}/sites/{site}/drives?$select=id,name") or ()
                found = next((d for d in drives if str(d.get("name", "")).casefold() == wanted.casefold()), None)
            if found is None:
                raise self._missing(
                    f"el sitio no tiene la biblioteca «{wanted}»" if wanted else "el sitio no tiene biblioteca",
                    "Revise SHAREPOINT_LIBRARY: es el nombre que se ve en el sitio.",
                )
            self._drive = self._text(found, "id")
        return self._drive

    @property
    def _base(self) -> str:
        return self._settings.graph_url.rstrip("/")

    def _children(self, path: str) -> list[dict[str, Any]] | None:
        query = urlencode({"$select": _ITEM, "$top": 200}, safe="$,")
        place = f"root:/{quote(path)}:" if path else "root"
        return self._pages(f"{self._base}/drives/{self.library()}/{place}/children?{query}")

    def _pages(self, url: str) -> list[dict[str, Any]] | None:
        """Every element of a collection, following @odata.nextLink; None if there is no such collection."""
        found: list[dict[str, Any]] = []
        asked: set[str] = set()
        following: Any = url
        while following:
            if not isinstance(following, str) or not same_origin(following, self._base):
                raise self._service.elsewhere()
            if following in asked:
                raise self._service.unexpected("repite una página de la lista", "Páginas distintas hasta la última.")
            asked.add(following)
            page = self._get(following)
            if page is None:
                return None
            values = page.get("value")
            if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
                raise self._service.unexpected("no envió la lista que se le pidió", "Una lista en el campo value.")
            found += values
            following = page.get("@odata.nextLink")
        return found

    def _get(self, url: str) -> dict[str, Any] | None:
        """A JSON object; None for 404. A token that is no longer taken is renewed once."""
        for last in (False, True):
            with self._service.asked(self._http, url, headers=self._authorization()) as response:
                if response.status_code == 404:
                    return None
                if response.status_code == 401 and not last:
                    self._signin.forget()
                    continue
                if response.status_code != 200:
                    raise self._refused(response)
                return self._service.document(response)
        raise AssertionError

    def _link(self, item: DriveItem) -> str:
        url = f"{self._base}/drives/{self.library()}/items/{quote(item.id, safe='')}/content"
        for last in (False, True):
            with self._service.asked(self._http, url, headers=self._authorization()) as response:
                if response.status_code == 401 and not last:
                    self._signin.forget()
                    continue
                link = response.headers.get("location", "") if response.status_code == 302 else ""
                if not link:
                    raise self._refused(response)
                if not host_of(link):
                    raise self._service.unexpected("dio un enlace de descarga que no es https", "Un enlace https.")
                return link
        raise AssertionError

    def _downloads(self, host: str) -> Service:
        """Who sends the bytes: another host than Graph's, which a firewall may bar while it lets Graph through."""
        return replace(
            self._service, called="el servidor de descargas de SharePoint", host=host, setting="SHAREPOINT_SITE_URL"
        )

    @staticmethod
    def _body(downloads: Service, response: httpx.Response, offset: int) -> Iterator[bytes]:
        skip = offset
        if response.status_code == 206:
            told = _RANGE.fullmatch(response.headers.get("content-range", ""))
            if told is None or int(told[1]) != offset:
                raise downloads.unexpected("envió otra parte del archivo que la pedida", "Desde el byte pedido.")
            skip = 0
        elif response.status_code != 200:
            raise downloads.refused(response)
        for piece in downloads.pieces(response, as_sent=True):
            if skip < len(piece):
                yield piece[skip:]
            skip = max(0, skip - len(piece))

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._signin.token()}", "Accept": "application/json"}

    def _refused(self, response: httpx.Response) -> SourceFailure:
        """Graph's error, with its code and the number by which Microsoft finds the request, in the log."""
        if response.status_code >= 400:
            code = ""
            if response.headers.get("content-type", "").startswith("application/json"):
                error = self._service.document(response).get("error")
                code = str(error.get("code", "")) if isinstance(error, dict) else ""
            shown = code if _ERROR_CODE.fullmatch(code) else "sin código"
            request = response.headers.get("request-id", "")
            _log.warning(
                "Microsoft Graph respondió %d (%s), solicitud %s.",
                response.status_code,
                shown,
                request if re.fullmatch(r"[0-9a-fA-F-]{36}", request) else "sin número",
            )
        return self._service.refused(response)

    def _link_refused(self, host: str) -> SourceFailure:
        return self._service.failure(
            Cause.PERMISSION,
            f"El servidor de descargas {host} rechazó dos enlaces de descarga recién entregados por Microsoft Graph.",
            "Que el enlace sirva durante unos minutos.",
            f"Pregunte a redes si un proxy altera las consultas a {host}, y a quien administra SharePoint si una "
            "directiva de acceso condicional impide descargar desde este equipo.",
        )

    def _missing(self, what: str, action: str) -> SourceFailure:
        return self._service.failure(
            Cause.MISSING_VIEW, f"SharePoint: {what}.", "El sitio, la biblioteca y la carpeta configurados.", action
        )

    def _file(self, path: str, item: dict[str, Any]) -> DriveItem:
        hashes = item["file"].get("hashes") if isinstance(item["file"], dict) else None
        size = item.get("size")
        try:
            modified = datetime.fromisoformat(self._text(item, "lastModifiedDateTime"))
        except ValueError:
            modified = None
        if not isinstance(size, int) or modified is None or modified.tzinfo is None:
            raise self._service.unexpected("describe un archivo sin tamaño o sin fecha", "Ambos.")
        return DriveItem(
            path=_joined(path, self._text(item, "name")),
            size=size,
            # The cTag changes with the content alone, the eTag also when somebody renames or labels the file.
            version=str(item.get("cTag") or self._text(item, "eTag")),
            modified=modified,
            id=self._text(item, "id"),
            quick_xor=(hashes or {}).get("quickXorHash") if isinstance(hashes, dict) else None,
        )

    def _text(self, found: dict[str, Any], field: str) -> str:
        value = found.get(field)
        if not isinstance(value, str) or not value:
            raise self._service.unexpected(f"no envió el campo {field}", f"El campo {field}.")
        return value


def graph_service(settings: SharePointSettings) -> Service:
    """Microsoft Graph as failures speak of it."""
    return Service(
        source="sharepoint",
        called="Microsoft Graph",
        host=host_of(settings.graph_url),
        setting="SHAREPOINT_GRAPH_URL",
        timeout=settings.timeout,
        timeout_setting="SHAREPOINT_TIMEOUT",
        credential="Microsoft acaba de dar el token y Graph no lo acepta: revise SHAREPOINT_TENANT_ID y "
        "SHAREPOINT_GRAPH_URL, la hora de este equipo, y que la aplicación tenga Sites.Selected con el consentimiento "
        "del administrador.",
        permission=f"La aplicación no tiene permiso sobre el sitio. {_ASK_FOR_SITE}",
        missing="Revise SHAREPOINT_SITE_URL, SHAREPOINT_LIBRARY y SHAREPOINT_FOLDER.",
    )


def _joined(*parts: str) -> str:
    return "/".join(part.strip("/") for part in parts if part.strip("/"))
