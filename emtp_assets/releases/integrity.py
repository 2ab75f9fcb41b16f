"""Whether what is public still is what was approved, byte by byte. It mends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emtp_assets.releases.record import ReleaseRecord, ReleaseRecords
from emtp_assets.releases.shelf import FILE_MODE, FOLDER_MODE, Shelf, is_sealed
from emtp_assets.settings import Settings

_RESTORE = "Restaure la carpeta desde el último respaldo: lo liberado no se rehace ni se corrige en su lugar."


@dataclass(frozen=True)
class Wrong:
    """A release that is not as it was approved, in Spanish: what was found and what to do."""

    found: str
    remedy: str


def wrongs(settings: Settings) -> list[Wrong]:
    """Everything that is not as it was approved. Reads every byte of every release.

    Raises:
        OSError, sqlite3.Error: something could not be read.
    """
    shelf = Shelf(settings.data_dir)
    in_place = {release.folder.name: release for release in shelf.releases()}
    known = (settings.data_dir / "releases.sqlite").is_file()
    records = {r.release_id: r for r in ReleaseRecords(settings.data_dir).all()} if known else {}
    found = [
        wrong
        for name, release in in_place.items()
        for wrong in (_of(release.folder, dict(release.hashes), records[name]) if name in records else _stranger(name))
    ]
    # One that was approved and never put in place is no wrong: the candidate still waits, and nothing is public.
    found += [
        Wrong(f"falta la carpeta de la liberación {name}", _RESTORE)
        for name, record in records.items()
        if name not in in_place and record.released_at is not None
    ]
    return found


def _stranger(name: str) -> Iterator[Wrong]:
    yield Wrong(
        f"{name} no está en el registro de liberaciones",
        "Nadie aprobó esa carpeta: sáquela de releases/, o restaure data/releases.sqlite desde el último respaldo.",
    )


def _of(folder: Path, hashes: dict[str, str], record: ReleaseRecord) -> Iterator[Wrong]:
    for name, sha in record.files.items():
        if name not in hashes:
            yield Wrong(f"{folder.name}: falta {name}", _RESTORE)
        elif hashes[name] != sha:
            yield Wrong(f"{folder.name}: {name} no es el que se aprobó (cambió su SHA-256)", _RESTORE)
    for name in sorted(set(hashes) - set(record.files)):
        yield Wrong(f"{folder.name}: sobra {name}, que nadie aprobó", "Sáquelo de la carpeta.")
    writable = [path.name for path in sorted(folder.iterdir()) if not is_sealed(path, FILE_MODE)]
    if writable or not is_sealed(folder, FOLDER_MODE):
        yield Wrong(
            f"{folder.name}: se puede escribir ({', '.join(writable[:3]) or 'la carpeta'})",
            f"chmod 555 {folder} && chmod 444 {folder}/*",
        )
