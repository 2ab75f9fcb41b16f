"""The agreed folder on the server: its regular files and their bytes, nothing outside it. Nothing is ever written."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from paramiko.sftp import SFTP_NO_SUCH_FILE

from emtp_assets.sources.failure import Cause, Nature
from emtp_assets.sources.remote import RemoteFile
from emtp_assets.sources.sftp import failures
from emtp_assets.sources.sftp.access import Access
from emtp_assets.sources.sftp.connection import told
from emtp_assets.sources.sftp.session import Entry, Session, Status

_log = logging.getLogger(__name__)


class SftpFolder:
    """A `RemoteFolder`. A version is the time of change: SFTP 3 tells it in whole seconds, hence the size in a mark.

    Raises (every method):
        SourceFailure: TIMEOUT, CUT or SERVER, passing; PERMISSION, permanent.
    """

    def __init__(self, session: Session, access: Access) -> None:
        self._session = session
        self._access = access
        missing = failures.failure(
            Cause.SETTINGS,
            Nature.PERMANENT,
            f"La carpeta {access.folder} no existe en {access.address}, o «{access.user}» no la ve.",
            "La carpeta convenida con TI, creada y visible para la cuenta.",
            "Revise SFTP_FOLDER en .env con TI (si la cuenta está encerrada en su carpeta, la ruta suele ser «/»).",
        )
        with told(access, "al abrir la carpeta", access.folder, missing=missing):
            self.path = session.normalize(access.folder)
            mode = session.stat(self.path).st_mode
        if mode is not None and not stat.S_ISDIR(mode):
            raise missing

    def files(self, folder: str) -> Sequence[RemoteFile]:
        """The regular files of a folder below the agreed one; empty when it does not exist.

        Raises:
            SourceFailure: STRUCTURE, permanent: the folder lies outside the agreed one.
        """
        wanted = PurePosixPath(self.path, folder)
        if ".." in PurePosixPath(folder).parts:
            raise failures.outside(str(wanted))
        with told(self._access, "al listar la carpeta", str(wanted)):
            try:
                path = self._session.normalize(str(wanted))
                self._inside(path)
                entries = list(self._session.entries(path))
            except Status as status:
                if folder and status.code == SFTP_NO_SUCH_FILE:
                    return []
                raise
        found = [file for entry in entries if (file := _regular(path, entry)) is not None]
        if passed_over := sum(1 for entry in entries if entry.name is None or stat.S_ISLNK(entry.mode or 0)):
            _log.info("SFTP: en %s no se miran %d enlaces o nombres que no son UTF-8.", path, passed_over)
        return found

    def read(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        """The file's bytes from ``offset`` up to the size that was listed.

        Raises:
            SourceFailure: STRUCTURE, permanent: it became a link; CUT, passing: it is no longer there.
        """
        _log.info("SFTP: se descarga %s, %d bytes desde el %d.", file.path, file.size - offset, offset)
        gone = failures.failure(
            Cause.CUT,
            Nature.PASSING,
            f"El archivo {file.path} desapareció del servidor al ir a leerlo.",
            "Que el archivo listado siga en su carpeta.",
            "Se reintenta solo.",
        )
        with told(self._access, f"al leer {file.path}", file.path, missing=gone):
            if not stat.S_ISREG(self._session.lstat(file.path).st_mode or 0):
                raise failures.outside(file.path)
            self._inside(self._session.normalize(file.path))
            yield from self._session.pieces(file.path, offset, file.size)

    def own_entry(self) -> Entry | None:
        """The folder's own line in its listing, with the names of its owner and group; None: the server has none."""
        with told(self._access, "al listar la carpeta", self.path):
            return next((entry for entry in self._session.entries(self.path) if entry.name == "."), None)

    def _inside(self, path: str) -> None:
        if not PurePosixPath(path).is_relative_to(self.path) or ".." in PurePosixPath(path).parts:
            raise failures.outside(path)


def _regular(folder: str, entry: Entry) -> RemoteFile | None:
    """The entry as a file that can be asked for; None for folders, links and names that are not plain names."""
    if entry.name is None or not entry.name.isprintable() or "/" in entry.name or "\\" in entry.name:
        return None
    if entry.mode is None or not stat.S_ISREG(entry.mode) or entry.size is None or entry.modified is None:
        return None
    modified = datetime.fromtimestamp(entry.modified, UTC)
    return RemoteFile(str(PurePosixPath(folder, entry.name)), entry.size, str(entry.modified), modified)
