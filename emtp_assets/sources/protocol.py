"""The one thing a source can do: hand over a file. Reading, judging or recording it is intake's business."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from emtp_assets.contracts import Contract


@runtime_checkable
class Source(Protocol):
    """A system that may have a file for a dataset and academic year."""

    @property
    def name(self) -> str:
        """The name under which deliveries of this source are recorded, in Spanish, as operators read it."""
        ...

    def fetch(self, contract: Contract, year: int, target_folder: Path) -> Path | None:
        """Write the file for that dataset and academic year into ``target_folder`` and return its path.

        Returns None when the source has nothing for them. The folder exists; the file's name is the source's
        own, and what it holds is exactly what the source gave.
        """
        ...
