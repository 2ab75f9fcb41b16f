"""What the sources that hold files have in common: which file it is, whether it is new, and a whole download of it.

How a folder is listed and a file read is each source's; what the file holds is intake's business.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Protocol

from emtp_assets.contracts import Contract
from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.protocol import Answer, Fetched, Unchanged


@dataclass(frozen=True)
class RemoteFile:
    """A file as the source lists it. ``version``: what changes when its bytes do (eTag; time of change)."""

    path: str
    size: int
    version: str
    modified: datetime

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def mark(self) -> str:
        return f"{self.path} {self.size} {self.version}"


class RemoteFolder(Protocol):
    """A system that holds files. Its methods raise `SourceFailure`."""

    def files(self, folder: str) -> Sequence[RemoteFile]:
        """The files of a folder, given relative to the configured one; empty when the folder does not exist."""
        ...

    def read(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        """The file's bytes from ``offset``, in pieces. It may end early: who asked compares with the size."""
        ...


def fetch_file(
    folder: RemoteFolder, source: str, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None
) -> Answer:
    """The newest file that fits the contract's location for the source, if it is not the one already known.

    A download that was cut goes on where it ended when it is asked again with the same ``target_folder`` and the
    file has not changed; else it begins anew. The file gets its name only when it is whole.

    Raises:
        SourceFailure: the source failed; the contract names no file for it; the file is shorter or longer than
            listed, or changed meanwhile.
        OSError: the disk refused.
    """
    location = _location(source, contract, year)
    file = _newest(folder.files(_parent(location)), PurePosixPath(location).name)
    if file is None:
        return None
    described = f"{file.path} ({file.size} bytes, modificado {file.modified:%d-%m-%Y %H:%M} UTC)"
    if file.mark == known_mark:
        return Unchanged(described)
    part = target_folder / f".{hashlib.sha256(file.mark.encode()).hexdigest()[:16]}.part"
    _download(folder, source, file, part)
    # The same path, not the newest again: a later file may arrive meanwhile, and the next run takes it.
    if all(now.mark != file.mark for now in folder.files(_parent(location))):
        part.unlink()
        raise SourceFailure(
            source,
            Cause.CUT,
            Nature.PASSING,
            Explanation(
                f"El archivo {file.path} cambió mientras se descargaba.",
                "Un archivo que ya terminó de copiarse en el servidor.",
                "No hace falta hacer nada: se descarga de nuevo.",
            ),
        )
    whole = target_folder / file.name
    part.replace(whole)
    return Fetched(whole, file.mark, described)


def _download(folder: RemoteFolder, source: str, file: RemoteFile, part: Path) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have > file.size:
        part.unlink()
        have = 0
    with part.open("ab") as handle:
        if have < file.size:
            for piece in folder.read(file, have):
                handle.write(piece)
                # A server that never stops must not fill the disk.
                if handle.tell() > file.size:
                    break
        got = handle.tell()
    if got != file.size:
        if got > file.size:
            part.unlink()
        raise SourceFailure(
            source,
            Cause.TRUNCATED,
            Nature.PASSING,
            Explanation(
                f"Llegaron {'al menos ' if got > file.size else ''}{got} bytes de {file.path} y el servidor anuncia "
                f"{file.size}.",
                "El archivo completo.",
                "Se reintenta solo. Si se repite, pida que vuelvan a copiar el archivo en el servidor.",
            ),
        )


def _newest(files: Sequence[RemoteFile], pattern: str) -> RemoteFile | None:
    fitting = [f for f in files if fnmatchcase(f.name.lower(), pattern.lower())]
    return max(fitting, key=lambda f: (f.modified, f.name), default=None)


def _location(source: str, contract: Contract, year: int) -> str:
    location = contract.locations.get(source)
    if location is None:
        raise SourceFailure(
            source,
            Cause.SETTINGS,
            Nature.PERMANENT,
            Explanation(
                f"El contrato «{contract.dataset}» nombra esta fuente, pero no dice qué archivo pedirle.",
                f"Una entrada «{source}» en «locations» del contrato.",
                f"Agréguela en emtp_assets/contracts/{contract.dataset}.yaml, o quite la fuente de «sources».",
            ),
        )
    return location.format(year=year)


def _parent(location: str) -> str:
    parent = PurePosixPath(location).parent.as_posix()
    return "" if parent == "." else parent
