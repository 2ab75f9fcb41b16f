"""Has every reader read the corpus, and gathers the verdicts. What a verdict is belongs to `judge` and `cleaned`."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emtp_assets_tests.pollution.cleaned import Waiting, judge_values
from emtp_assets_tests.pollution.corpus import Polluted, Pollution
from emtp_assets_tests.pollution.judge import Judgement, judge, judge_others_values
from emtp_assets_tests.pollution.official import Official, official
from emtp_assets_tests.pollution.readers import READERS, RIVALS, Ours, Refused

_CLEANED_AT_ONCE = 40


@dataclass(frozen=True)
class Result:
    """One reader's verdict on one polluted file."""

    pollution: Pollution
    form: str
    label: str
    reader: str
    judgement: Judgement


@dataclass
class _Waiting(Waiting):
    pollution: Pollution
    label: str


def tried(
    folder: Path,
    pollutions: Iterable[Pollution],
    *,
    forms: Collection[str],
    most: int | None = None,
    readers: Collection[str] = READERS,
) -> Iterator[Result]:
    """The verdicts, in no fixed order: those on values come in groups. ``most``: cases of one pollution and form."""
    ours = Ours(folder / "ours")
    place = folder / "rivals"
    place.mkdir()
    waiting: list[_Waiting] = []
    for pollution in pollutions:
        for name in pollution.forms:
            if name not in forms:
                continue
            form = official(name, pollution.rows)
            for label, polluted in _some(list(pollution.cases(name)), most):
                for reader in readers:
                    if reader != "ours":
                        judgement = _by_rival(reader, place, polluted, form)
                        yield Result(pollution, name, label, reader, judgement)
                        continue
                    reading = ours.read(polluted)
                    if polluted.values and not isinstance(reading, Refused):
                        waiting.append(_Waiting(polluted, form, reading, pollution, label))
                    else:
                        yield Result(pollution, name, label, reader, judge(polluted, form, reading))
            if len(waiting) >= _CLEANED_AT_ONCE:
                yield from _cleaned(ours, waiting, folder)
                waiting = []
    yield from _cleaned(ours, waiting, folder)


def _cleaned(ours: Ours, waiting: list[_Waiting], folder: Path) -> Iterator[Result]:
    if not waiting:
        return
    judgements = judge_values(ours.settings, waiting, folder / "cleaned")
    for each, judgement in zip(waiting, judgements, strict=True):
        yield Result(each.pollution, each.form.name, each.label, "ours", judgement)


def _by_rival(reader: str, folder: Path, polluted: Polluted, form: Official) -> Judgement:
    path = folder / polluted.file
    path.write_bytes(polluted.content)
    reading = RIVALS[reader](path, form, typed=polluted.values)
    path.unlink()
    return (judge_others_values if polluted.values else judge)(polluted, form, reading)


def _some(cases: list[tuple[str, Polluted]], most: int | None) -> list[tuple[str, Polluted]]:
    """At most so many cases, spread evenly."""
    if most is None or len(cases) <= most:
        return cases
    return [cases[at * len(cases) // most] for at in range(most)]


def cleared(folder: Path) -> Path:
    """An empty folder in its place."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
