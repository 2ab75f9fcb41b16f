"""A SharePoint document library as a source: the newest file of a dataset and year, whole and verified.

Which file, and how a download resumes, is `remote`'s; Graph's own ways are in `graph`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from emtp_assets.contracts import Contract, all_contracts
from emtp_assets.settings import Settings
from emtp_assets.sources.failure import Cause, SourceFailure
from emtp_assets.sources.http import client, host_of
from emtp_assets.sources.protocol import Answer, Fetched, Probe
from emtp_assets.sources.remote import fetch_file
from emtp_assets.sources.sharepoint.graph import Graph, graph_service
from emtp_assets.sources.sharepoint.quickxor import quick_xor_hash
from emtp_assets.sources.sharepoint.signin import SignIn


class SharePointSource:
    """Reads a library by Microsoft Graph, as an application with Sites.Selected on its site."""

    name = "sharepoint"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._service = graph_service(settings.sharepoint)
        self._signin = SignIn(settings)

    def fetch(self, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None = None) -> Answer:
        """The newest file that fits the contract's location, whole and with the checksum that Graph gives.

        Raises:
            SourceFailure: see `Protocol.fetch`.
            OSError: the disk refused.
        """
        if self.name not in contract.locations:
            return None
        with self._library() as library:
            answer = fetch_file(library, self.name, contract, year, target_folder, known_mark=known_mark)
            if isinstance(answer, Fetched):
                self._verify(answer, library.listed[answer.mark].quick_xor)
            return answer

    def examine(self) -> Iterator[Probe]:
        """Settings, sign-in, site, library, each dataset's folder, and the first bytes of one file."""
        given = self._settings.sharepoint
        step = "configuración"
        try:
            yield Probe(step, True, f"{given.site_url}, {self._signin.complete()}")
            step = "inicio de sesión"
            roles = self._signin.roles()
            yield Probe(step, True, f"Microsoft dio un token a la aplicación {given.client_id}")
            with self._library() as library:
                step = "sitio"
                library.site()
                yield Probe(step, True, urlsplit(given.site_url or "").path or "/")
                step = "biblioteca"
                library.library()
                yield Probe(step, True, given.library or "la del sitio")
                step = "archivos"
                yield from self._folders(library)
        except SourceFailure as failure:
            yield Probe(step, False, failure.explanation.what, failure.explanation.action)
            return
        if more := sorted(set(roles) - {"Sites.Selected"}):
            yield Probe(
                "sólo lectura",
                False,
                f"la aplicación tiene en Graph más permisos que Sites.Selected: {', '.join(more)}",
                "Pida a quien administra Microsoft Entra que se los quite.",
            )
            return
        yield Probe(
            "sólo lectura",
            True,
            "sólo se hacen consultas GET; que el rol en el sitio sea read lo ve quien lo otorgó "
            "(GET /sites/{id}/permissions)",
        )

    def _folders(self, library: Graph) -> Iterator[Probe]:
        read = False
        for contract in all_contracts():
            if self.name not in contract.sources or self.name not in contract.locations:
                continue
            folder = PurePosixPath(contract.locations[self.name]).parent.as_posix()
            files = library.files("" if folder == "." else folder)
            what = f"carpeta {folder}"
            if not files:
                yield Probe(what, False, "no existe o está vacía", "Pida que dejen ahí los archivos del conjunto.")
                continue
            yield Probe(what, True, f"{len(files)} archivo(s)")
            if not read:
                read = True
                size = sum(len(piece) for piece in islice(library.read(files[0], 0), 1))
                yield Probe("lectura", True, f"{size} bytes leídos de {files[0].path}")

    @contextmanager
    def _library(self) -> Iterator[Graph]:
        given = self._settings.sharepoint
        if not host_of(given.site_url):
            raise self._service.failure(
                Cause.SETTINGS,
                "SHAREPOINT_SITE_URL no es la dirección de un sitio.",
                "Una dirección como https://mineduc.sharepoint.com/sites/datos-sige.",
                "Corrija SHAREPOINT_SITE_URL.",
            )
        with client(self._service, self._settings.ca_file) as http:
            yield Graph(given, self._service, self._signin, http)

    def _verify(self, fetched: Fetched, expected: str | None) -> None:
        if expected is None or quick_xor_hash(fetched.path) == expected:
            return
        fetched.path.unlink()
        raise self._service.failure(
            Cause.TRUNCATED,
            f"El archivo {fetched.path.name} llegó con otros bytes que los que SharePoint guarda (suma QuickXorHash).",
            "Los mismos bytes.",
            "Se reintenta solo. Si se repite, pida que vuelvan a subir el archivo.",
            passing=True,
        )
