"""The folders of published sets and the one link readers follow. What a set holds is `publish`'s business."""

from __future__ import annotations

import fcntl
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from emtp_assets.storage.lake import sync

_BUILDING = ".en-curso-"
_RETIRED = ".retirada-"
_PUBLISHED = ".publicado"
_SET_NAME = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_PLACEHOLDERS = {"README.md", "README", "LEEME.md", "LEEME.txt", ".gitkeep", ".gitignore"}


class PublicationError(RuntimeError):
    """Nothing was published and the former set still stands; the message says why, in Spanish."""


class SetStore:
    """``<data>/.sets/<timestamp>-<id>/`` folders, never changed once published, and ``<data>/processed``.

    ``processed`` is a symbolic link to the current set. A reader that opens one file through it gets a whole
    file; one that reads several resolves the link first, and then reads a whole set. ``<set>.publicado``
    beside a folder marks those that were current once; any other is the rest of a killed publication.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.root = data_dir / ".sets"
        self.link = data_dir / "processed"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One publication at a time; a second waits. The lock ends with its process, however that ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def current(self) -> Path | None:
        """The set that readers see now; None before the first publication."""
        return self.link.resolve() if self.link.is_symlink() and self.link.is_dir() else None

    def published(self) -> list[Path]:
        """Every kept set that is or was current, oldest first."""
        current = self.current()
        return [s for s in self._sets() if s == current or self._marker(s).exists()]

    def check_link(self) -> None:
        """Refuse, before any work is done, a ``processed`` that the swap must not replace.

        Raises:
            PublicationError: it is a folder or file that holds what this product did not put there.
        """
        if self.link.is_symlink() or not self.link.exists():
            return
        strangers = (
            sorted(path.name for path in self.link.iterdir() if path.name not in _PLACEHOLDERS)
            if self.link.is_dir()
            else [self.link.name]
        )
        if strangers:
            raise PublicationError(
                f"{self.link} contiene archivos que no puso este producto ({', '.join(strangers[:5])}). "
                "Muévalos a otra carpeta y vuelva a publicar; no se tocó nada."
            )

    def clean(self) -> None:
        """Remove what killed publications left. Only inside ``exclusive``."""
        if (current := self.current()) and current.parent == self.root.resolve():
            self._marker(current).touch()
        for path in self.root.iterdir():
            if path.name.startswith((_BUILDING, _RETIRED)):
                shutil.rmtree(path)
        for folder in self._sets():
            if folder != current and not self._marker(folder).exists():
                shutil.rmtree(folder)
        for marker in self.root.glob(f"*{_PUBLISHED}"):
            if not marker.with_suffix("").is_dir():
                marker.unlink()
        for link in self.data_dir.glob(".processed-*"):
            if link.is_symlink():
                link.unlink()

    @contextmanager
    def building(self, now: datetime) -> Iterator[tuple[str, Path]]:
        """The name of a new set and the folder to build it in; what is not swapped in is removed."""
        name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
        folder = self.root / f"{_BUILDING}{name}"
        folder.mkdir()
        try:
            yield name, folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def swap(self, name: str, built: Path) -> Path:
        """Make a built folder the current set, durably and at one stroke.

        Raises:
            OSError: the disk refused; the former set is still the current one.
        """
        for path in sorted(built.iterdir()):
            sync(path)
        sync(built)
        target = self.root.resolve() / name
        built.rename(target)
        link = self.data_dir / f".processed-{name}"
        try:
            sync(self.root)
            link.symlink_to(Path(self.root.name) / name, target_is_directory=True)
            if self.link.is_dir() and not self.link.is_symlink():
                # Once, on a fresh checkout: a link cannot replace a folder with a README at one stroke.
                self.check_link()
                self.link.rename(self.root / f"{_RETIRED}{name}")
            link.replace(self.link)
        except BaseException:
            link.unlink(missing_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            raise
        # Readers see the new set from here on: nothing that fails now may be told as if the former one stood. Of a mark
        # that is missing `clean` takes care.
        with suppress(OSError):
            sync(self.data_dir)
            self._marker(target).touch()
        shutil.rmtree(self.root / f"{_RETIRED}{name}", ignore_errors=True)
        return target

    def prune(self, keep: int) -> list[str]:
        """Keep the current set and the newest others, ``keep`` in all; says, in Spanish, what stayed."""
        current = self.current()
        others = [s for s in self.published() if s != current]
        said = []
        for folder in others[: max(len(others) - (keep - 1), 0)]:
            try:
                shutil.rmtree(folder)
                # The mark goes last: a folder half removed must still be known as an old set.
                self._marker(folder).unlink(missing_ok=True)
            except OSError as error:
                said.append(f"No se pudo borrar el conjunto antiguo {folder.name}: {error}")
        return said

    def _sets(self) -> list[Path]:
        root = self.root.resolve()
        if not root.is_dir():
            return []
        return sorted(p for p in root.iterdir() if p.is_dir() and _SET_NAME.fullmatch(p.name))

    def _marker(self, folder: Path) -> Path:
        return folder.with_name(folder.name + _PUBLISHED)
