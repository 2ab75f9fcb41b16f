"""What people still have when something failed: the figures published last, and the delivery they come from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from emtp_assets.contracts import DATASETS
from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication.record import read_record
from emtp_assets.quality.outcome import number
from emtp_assets.settings import Settings


@dataclass(frozen=True)
class Good:
    """The newest published figures of a dataset's year. Times with zone; ``rows`` are those delivered."""

    dataset: str
    year: int
    published_at: datetime
    delivered_at: datetime | None
    source: str
    file: str
    rows: int

    @property
    def in_words(self) -> str:
        """``2025, publicado el 23-11-2026 06:04 (4.999 filas de «x.csv», carpeta, del 03-09-2026)``."""
        at = f"{self.year}, publicado el {moment(self.published_at)}"
        if self.delivered_at is None:
            return at
        return (
            f"{at} ({number(self.rows)} filas de «{self.file}», fuente {self.source}, "
            f"recibido el {moment(self.delivered_at)})"
        )


def last_good(settings: Settings, dataset: str, years: tuple[int, ...] = ()) -> Good | None:
    """What is published of a dataset: of one of ``years``, or else of its newest year. None: nothing."""
    record = read_record(settings.data_dir / "processed")
    if record is None:
        return None
    published = [
        (int(year), entry)
        for table in record.get("tablas", {}).values()
        if table.get("conjunto_de_datos") == dataset
        for year, entry in table.get("años", {}).items()
    ]
    if not published:
        return None
    wanted = [pair for pair in published if pair[0] in years] or published
    year = max(year for year, _ in wanted)
    hashes = {sha for y, entry in wanted if y == year for sha in entry.get("entregas", ())}
    known = [record.get("entregas", {}).get(sha, {}) for sha in hashes]
    own = [delivery for delivery in known if delivery.get("conjunto_de_datos") == dataset]
    return _good(dataset, year, datetime.fromisoformat(record["generado"]), max(own, key=_received, default={}))


def last_good_of(settings: Settings, dataset: str, years: tuple[int, ...] = ()) -> str:
    """In words: what is published of a dataset, or of all of them when it is none of ours; or that nothing is."""
    if dataset in DATASETS:
        good = last_good(settings, dataset, years)
        return good.in_words if good else f"nunca se ha publicado {dataset}"
    record = read_record(settings.data_dir / "processed")
    if record is None:
        return "nunca se ha publicado"
    return f"conjunto {record['conjunto']}, publicado el {moment(datetime.fromisoformat(record['generado']))}"


def moment(at: datetime) -> str:
    """Day and hour by the clock of Santiago."""
    return f"{at.astimezone(ZoneInfo(TIMEZONE)):%d-%m-%Y %H:%M}"


def _received(delivery: dict[str, Any]) -> str:
    return str(delivery.get("recibida", ""))


def _good(dataset: str, year: int, at: datetime, delivery: dict[str, Any]) -> Good:
    received = delivery.get("recibida")
    rows = delivery.get("años", {}).get(str(year), delivery.get("filas", 0)) if delivery else 0
    return Good(
        dataset,
        year,
        at,
        datetime.fromisoformat(received) if received else None,
        str(delivery.get("fuente", "")),
        str(delivery.get("nombre_original", "")),
        int(rows or 0),
    )
