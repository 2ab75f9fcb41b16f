"""How much may come out of a container, and the file of ours that it goes into. Nothing is unpacked here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emtp_assets.intake.containers.refusals import too_large, too_tight
from emtp_assets.storage.temporary import Unnamed

_UNSUSPECTED = 50_000_000


@dataclass(frozen=True)
class Limits:
    """What a container may ask of this machine; a greater one is taken for a bomb.

    ``largest``: bytes unpacked. ``ratio``: unpacked over packed bytes, judged above 50 MB unpacked (the official CSVs
    come to 15 to 25). ``members``: files inside. ``memory`` and ``seconds``: bytes of address space and CPU time of the
    process in which a native library works.
    """

    largest: int = 8_000_000_000
    ratio: float = 200
    members: int = 1000
    memory: int = 4 << 30
    seconds: int = 1800


DEFAULT = Limits()


class Meter:
    """Counts bytes as they come out of ``packed`` bytes, and stops at the limits: declared sizes are not believed."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self._limits = limits
        self._packed = max(packed, 1)
        self.total = 0

    def count(self, size: int) -> None:
        """Note that ``size`` more bytes came out.

        Raises:
            IntakeError: they are too many.
        """
        self.total += size
        if self.total > self._limits.largest:
            raise too_large(self._limits.largest)
        if self.total > _UNSUSPECTED and self.total > self._limits.ratio * self._packed:
            raise too_tight(self._limits.ratio)


@contextmanager
def new_file(folder: Path) -> Iterator[tuple[Unnamed, Callable[[bytes], object]]]:
    """A file of ours on the disk of ``folder`` (mode 0600) and what writes to it; gone if anything goes wrong,
    or else when nobody holds its path any more."""
    path = Unnamed.new(folder)
    try:
        with path.open("wb", buffering=1 << 20) as file:
            yield path, file.write
    except BaseException:
        path.discard()
        raise
