"""The SFTP server as a source: fetch one file, and `emtp doctor`'s look at every step of the way to it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emtp_assets.contracts import Contract
from emtp_assets.settings import Settings
from emtp_assets.sources.failure import SourceFailure
from emtp_assets.sources.protocol import Answer, Probe
from emtp_assets.sources.remote import RemoteFile, fetch_file
from emtp_assets.sources.sftp.access import Access, access_from
from emtp_assets.sources.sftp.failures import NAME

if TYPE_CHECKING:
    from emtp_assets.sources.sftp.folder import SftpFolder
    from emtp_assets.sources.sftp.session import Session

_FIRST_BYTES = 4_096


class SftpSource:
    """Files of an SFTP server; the folder is SFTP_FOLDER, the file's name the contract's."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.sftp

    def fetch(self, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None = None) -> Answer:
        """See `Source.fetch`. One connection a call, closed at its end."""
        # paramiko costs half a second that a code location must not pay.
        from emtp_assets.sources.sftp.connection import connected
        from emtp_assets.sources.sftp.folder import SftpFolder

        access = access_from(self.settings)
        with connected(access) as session:
            folder = SftpFolder(session, access)
            return fetch_file(folder, NAME, contract, year, target_folder, known_mark=known_mark)

    def examine(self) -> Iterator[Probe]:
        """See `Source.examine`. It stops at the first step that fails, and writes nothing, not even to prove that
        it cannot: see `_read_only`."""
        step = _Step("configuración")
        try:
            yield from self._examined(step)
        except SourceFailure as error:
            yield Probe(f"SFTP: {step.name}", False, error.explanation.what, error.explanation.action)
        except Exception as error:
            # Its text is not shown: nobody vouches for what an unforeseen error says.
            unforeseen = f"error imprevisto ({type(error).__name__})"
            yield Probe(f"SFTP: {step.name}", False, unforeseen, "Avise a quien mantiene la plataforma.")

    def _examined(self, step: _Step) -> Iterator[Probe]:
        from emtp_assets.sources.sftp.connection import Connection
        from emtp_assets.sources.sftp.folder import SftpFolder

        access = access_from(self.settings)
        with Connection(access) as connection:
            yield step.good(f"{access.user}@{access.address}, carpeta {access.folder}")
            step.name = "conexión"
            connection.reach()
            yield step.good(access.address)
            step.name = "clave del servidor"
            yield step.good(f"{connection.prove_server()}, la anotada")
            step.name = "inicio de sesión"
            yield step.good(f"{access.user}, con {connection.sign_in()}")
            step.name = "carpeta"
            session = connection.open()
            folder = SftpFolder(session, access)
            files = folder.files("")
            yield step.good(f"{len(files)} archivos en {folder.path}")
            if files:
                step.name = "lectura"
                newest = max(files, key=lambda file: file.modified)
                yield step.good(f"{_first_bytes(session, access, newest)} bytes de {newest.name}")
            step.name = "sólo lectura"
            yield _read_only(session, folder, access)


@dataclass
class _Step:
    """What `examine` is trying now, so that whatever goes wrong is said of that."""

    name: str

    def good(self, found: str) -> Probe:
        return Probe(f"SFTP: {self.name}", True, found)


def _first_bytes(session: Session, access: Access, file: RemoteFile) -> int:
    from emtp_assets.sources.sftp.connection import told

    with told(access, f"al leer {file.path}", file.path):
        return sum(len(piece) for piece in session.pieces(file.path, 0, min(file.size, _FIRST_BYTES)))


def _read_only(session: Session, folder: SftpFolder, access: Access) -> Probe:
    """Whether the account can change the folder, as far as can be told without trying to.

    Nothing is created or opened for writing: it is the ministry's server, a file that stays behind may be taken for
    data, and a gateway in front of an object store may replace a file that was merely opened. So what the listing
    shows of owner and permissions is judged; where they would allow changes, the server is asked for a change of
    nothing, which one in read-only mode refuses (`Session.refuses_changes`).
    """
    from emtp_assets.sources.sftp.connection import told

    what = "SFTP: sólo lectura"
    own = folder.own_entry()
    if own is None or own.mode is None:
        return Probe(what, True, "el servidor no muestra los permisos; no se prueba escribiendo")
    mode = own.mode
    writable = (
        access.user == "root"
        or bool(mode & stat.S_IWOTH)
        or (own.owner == access.user and bool(mode & stat.S_IWUSR))
        or (own.group == access.user and bool(mode & stat.S_IWGRP))
    )
    shown = f"{stat.filemode(mode)} {own.owner} {own.group}"
    if not writable:
        return Probe(what, True, f"los permisos a la vista ({shown}) no dejan escribir; no se prueba escribiendo")
    with told(access, "al comprobar los permisos", folder.path):
        refused = session.refuses_changes(folder.path)
    if refused:
        return Probe(what, True, "el servidor rechaza todo cambio")
    return Probe(
        what,
        False,
        f"los permisos ({shown}) dejan a «{access.user}» escribir en {folder.path}",
        "Pida a TI que la cuenta sea de sólo lectura (en OpenSSH: ForceCommand internal-sftp -R).",
    )
