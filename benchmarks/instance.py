"""The instance that both measured programs work on: same settings, same key, same arguments. It runs nothing."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emtp_assets.settings import Settings

# One key for every measured instance, so that what they publish can be compared byte by byte.
_KEY = "clave de medicion: 0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Order:
    """What to do: take what is dropped and run what it asks for, or run a range of years of what was received.

    ``steps`` are folders of files dropped one after the other, each processed before the next.
    """

    data: Path
    report: Path
    dropped: tuple[Path, ...]
    first: int | None
    last: int | None


def read_order() -> Order:
    """The command line of `benchmarks.ours` and `benchmarks.work`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--dropped", type=Path, nargs="*", default=[])
    parser.add_argument("--years", type=int, nargs=2, default=[None, None])
    given = parser.parse_args()
    return Order(given.data, given.report, tuple(given.dropped), *given.years)


def settings_at(data: Path) -> Settings:
    """The product's defaults, in a folder of the benchmark's own."""
    from emtp_assets.settings import Settings

    return Settings.model_validate(
        {
            "data_dir": data,
            "drop_dir": data / "drop",
            "drop_rest_seconds": 0,
            "pseudonym_key": _KEY,
            # Fifteen years of every dataset: those that titulacion lacks are made from its first.
            "first_year": 2011,
        }
    )
