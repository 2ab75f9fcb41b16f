"""The folders of releases: the candidate, the rejected one, those that are public. What one holds is `build`'s."""

from __future__ import annotations

import fcntl
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from emtp_assets.releases.manifest import Release
from emtp_assets.storage.lake import sync

_CANDIDATE = ".candidata"
_REJECTED = ".rechazada"
_BUILDING = ".en-curso-"
_RELEASE_ID = re.compile(r"(\d{4}-\d{2}-\d{2})\.(\d+)")
FILE_MODE, FOLDER_MODE = 0o444, 0o555


class Shelf:
    """``<data>/releases/<cut>.<n>/``, never changed once there; ``.candidata`` waits for a person.

    ``.rechazada`` holds the last one that the audit refused, to be looked at and never to leave: both are private.
    """

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "releases"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One at a time makes or admits; a second waits. The lock ends with its process, however that ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def releases(self) -> list[Release]:
        """Every public release, in the order of cut and number, which is that of their release."""
        if not self.root.is_dir():
            return []
        found = [
            (match[1], int(match[2]), path)
            for path in self.root.iterdir()
            if path.is_dir() and (match := _RELEASE_ID.fullmatch(path.name))
        ]
        return [Release(path) for *_, path in sorted(found)]

    def latest(self) -> Release | None:
        return releases[-1] if (releases := self.releases()) else None

    def next_id(self, cut: date) -> str:
        """The name of the next release of that cut."""
        numbers = [
            int(match[2])
            for release in self.releases()
            if (match := _RELEASE_ID.fullmatch(release.folder.name)) and match[1] == cut.isoformat()
        ]
        return f"{cut.isoformat()}.{max(numbers, default=0) + 1}"

    def candidate(self) -> Release | None:
        folder = self.root / _CANDIDATE
        return Release(folder) if folder.is_dir() else None

    def rejected(self) -> Release | None:
        folder = self.root / _REJECTED
        return Release(folder) if folder.is_dir() else None

    @contextmanager
    def building(self) -> Iterator[Path]:
        """A private folder to build in; what is not put in place is removed, and what killed builds left."""
        for left in self.root.glob(f"{_BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = self.root / f"{_BUILDING}{uuid.uuid4().hex}"
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def propose(self, built: Path) -> Release:
        """Make a built folder the candidate, in place of the former one."""
        return self._place(built, self.root / _CANDIDATE)

    def reject(self, built: Path) -> Release:
        """Keep a built folder for looking at; the candidate that waits, if one does, stays."""
        return self._place(built, self.root / _REJECTED)

    def admit(self, candidate: Release) -> Release:
        """Make the candidate public under its name, for good.

        Raises:
            OSError: the disk refused; there is no new release.
        """
        target = self.root / candidate.release_id
        for path in sorted(candidate.folder.iterdir()):
            path.chmod(FILE_MODE)
            sync(path)
        sync(candidate.folder)
        # A folder that stands must not be replaced, not even an empty one, which rename would.
        if target.exists():
            raise FileExistsError(f"ya existe {target}")
        candidate.folder.rename(target)
        placed = Release(target)
        self.seal(placed)
        return placed

    def seal(self, release: Release) -> None:
        """Close a release that is in its place to writing."""
        release.folder.chmod(FOLDER_MODE)
        sync(self.root)

    def _place(self, built: Path, target: Path) -> Release:
        for path in sorted(built.iterdir()):
            sync(path)
        retired = self.root / f"{_BUILDING}{uuid.uuid4().hex}"
        if target.exists():
            target.rename(retired)
        built.rename(target)
        shutil.rmtree(retired, ignore_errors=True)
        sync(self.root)
        return Release(target)


def is_sealed(path: Path, mode: int) -> bool:
    """Whether nobody may write there."""
    return not (path.stat().st_mode & 0o777) & ~mode
