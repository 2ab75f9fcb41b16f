"""The one thing a source can do: hand over a file. Reading, judging or recording it is intake's business."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from emtp_assets.contracts import Contract


@dataclass(frozen=True)
class Fetched:
    """A whole file in the target folder, exactly as the source gave it.

    ``mark`` tells this version from any other at the source (eTag; size and time; empty: none, fetch always);
    ``described`` says where it came from, for people, without secrets or values.
    """

    path: Path
    mark: str
    described: str


@dataclass(frozen=True)
class Unchanged:
    """The source still has the version whose mark was passed to it; nothing was fetched."""

    described: str


Answer = Fetched | Unchanged | None
"""None: the source has nothing for that dataset and year, and nothing is wrong."""


@dataclass(frozen=True)
class Probe:
    """One thing that `emtp doctor` tried on a source. ``remedy`` says what to do when it is not ``good``."""

    what: str
    good: bool
    found: str
    remedy: str = ""


@runtime_checkable
class Source(Protocol):
    """A system that may have a file for a dataset and academic year."""

    @property
    def name(self) -> str:
        """The name under which deliveries of this source are recorded, as contracts and operators write it."""
        ...

    def fetch(self, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None = None) -> Answer:
        """Write the file for that dataset and academic year into ``target_folder``.

        The folder exists; the file's name is the source's own. ``known_mark`` is the mark of the version that
        was last taken in, if any.

        Raises:
            SourceFailure: it could not; a half file may be left in the folder, and is never a delivery.
        """
        ...

    def examine(self) -> Iterator[Probe]:
        """Try the source as far as can be without taking anything: connect, sign in, list, read one row.

        Never raises; secrets are never part of a probe.
        """
        ...
