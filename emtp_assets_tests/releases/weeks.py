"""Twelve weeks between two public releases, and what the public may have of them: the story, not what it must show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from emtp_assets.privacy.plans.public import public_plan
from emtp_assets.releases.build import Builder
from emtp_assets.releases.manifest import Release
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.releases.conftest import NOW, YEAR, Office
from emtp_assets_tests.releases.differencing import differences
from emtp_assets_tests.releases.register import a_week_later, students

MINIMUM = 10
WEEKS = 12
EVENTS_OF_THE_COUNTRY = 600
_AGAIN = {"matricula": frozenset({YEAR})}


@dataclass(frozen=True)
class Seen:
    """What subtracting one release from another tells, all tables together; see `differencing.Difference`."""

    compared: int
    shown: int
    single: int
    rests: int
    rests_single: int
    deep: int
    crossed: int

    @property
    def anything(self) -> bool:
        return bool(self.shown or self.single or self.rests or self.deep or self.crossed)


@dataclass(frozen=True)
class Weeks:
    """The first release; the second, in which the year is repeated; and made again, with the rules and without."""

    students: int
    before: Release
    repeated: Release
    restated: Release
    careless: Release

    def seen(self, after: Release) -> Seen:
        found = differences(self.before.folder, after.folder, MINIMUM)
        assert len(found) == len(self.before.tables)
        return Seen(
            compared=sum(d.compared for d in found),
            shown=sum(d.shown for d in found),
            single=sum(d.single for d in found),
            rests=sum(d.remainders for d in found),
            rests_single=sum(d.remainders_single for d in found),
            deep=sum(d.deep for d in found),
            crossed=sum(d.crossed for d in found),
        )


def weeks_in(folder: Path, *, scale: float, seed: int = 20260301, weeks: int = WEEKS) -> Weeks:
    """Live through the weeks in a part of the country as big as ``scale``, with as many of its events each."""
    office = Office(isolated_settings(data_dir=folder / "data"))
    register = students(YEAR, scale=scale, seed=seed)
    office.counts(register)
    before = _built(office, folder / "2025-04-30.1", "2025-04-30")
    random = np.random.default_rng(7)
    for _ in range(weeks):
        register = a_week_later(register, int(EVENTS_OF_THE_COUNTRY * scale), random)
        office.counts(register)
    return Weeks(
        register.num_rows,
        before,
        repeated=_built(office, folder / "repetida", "2025-07-23", before),
        restated=_built(office, folder / "rehecha", "2025-07-23", before, restate=_AGAIN),
        careless=_built(office, folder / "descuidada", "2025-07-23"),
    )


def _built(
    office: Office, folder: Path, cut: str, *former: Release, restate: Mapping[str, frozenset[int]] | None = None
) -> Release:
    folder.mkdir()
    builder = Builder(
        office.settings, office.lake, public_plan(), folder, folder.name, date.fromisoformat(cut), restate or {}, former
    )
    return builder.write(NOW)
