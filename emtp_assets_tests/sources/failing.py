"""A source that does as it is told, for what is decided about sources. Real systems are in the servers' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emtp_assets.contracts import Contract
from emtp_assets.sources import Answer, Cause, Explanation, Fetched, Nature, Probe, SourceFailure, Unchanged


def failure(
    cause: Cause = Cause.TIMEOUT, nature: Nature = Nature.PASSING, *, source: str = "sftp", after: float | None = None
) -> SourceFailure:
    told = Explanation("No respondió.", "Una respuesta.", "Avise a TI.")
    return SourceFailure(source, cause, nature, told, retry_after=after)


class ScriptedSource:
    """Answers with each of ``script`` in turn, the last one for ever: a failure, bytes to deliver, or None."""

    def __init__(self, name: str, *script: SourceFailure | bytes | None) -> None:
        self.name = name
        self.script = list(script)
        self.asked: list[tuple[str, int]] = []

    def fetch(self, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None = None) -> Answer:
        self.asked.append((contract.dataset, year))
        now = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(now, SourceFailure):
            (target_folder / ".half").write_bytes(b"half a file")
            raise now
        if now is None:
            return None
        mark = f"{len(now)} {hash(now)}"
        if mark == known_mark:
            return Unchanged(f"versión {mark}")
        path = target_folder / f"{contract.dataset}_{year}.csv"
        path.write_bytes(now)
        return Fetched(path, mark, f"archivo {path.name}")

    def examine(self) -> Iterator[Probe]:
        yield Probe("conexión", good=True, found="sin probar")
