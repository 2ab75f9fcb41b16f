"""A drop folder with every kind of file, the process that takes it in, and what is to be seen when it is done."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from emtp_assets.contracts import contract_for
from emtp_assets.intake import Archive, Ledger, extract_raw, receive
from emtp_assets.intake.leaving import LEAVING
from emtp_assets.intake.receive import settle_leaving
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake, Layer
from emtp_assets.storage.restricted import read
from emtp_assets_tests.intake.conftest import NOW
from emtp_assets_tests.intake.tables import enrolment
from emtp_assets_tests.opened import archived_bytes, refused_bytes


def one_bad_row(content: bytes) -> bytes:
    """The same with a field too many in one of its rows: refused, or accepted without that row."""
    lines = content.splitlines(keepends=True)
    lines[40] = lines[40].replace(b";", b";;", 1)
    return b"".join(lines)


FIRST, CORRECTED = enrolment(6), enrolment(7)
FILES = {
    "01_matricula.csv": FIRST,
    "02_los_mismos_bytes.csv": FIRST,
    "03_corregida.csv": CORRECTED,
    "04_otro_año.csv": enrolment(5, year=2023),
    "05_cortada.csv": enrolment(5)[:-7],
    "06_una_fila_mala.csv": one_bad_row(enrolment(150, year=2022)),
    "07_vuelve_la_primera.csv": FIRST,
    "08_no_es_una_tabla.csv": bytes(range(256)) * 40,
}


@dataclass(frozen=True)
class Story:
    """What does not depend on when, or how often, a process had to begin anew."""

    deliveries: Counter[tuple[str, tuple[int, ...]]]
    in_force: dict[int, str]
    archived: dict[str, str]
    raw: dict[str, str]
    waiting: list[str]
    refused: Counter[str]


@dataclass(frozen=True)
class World:
    """An instance with its files dropped, not yet taken in."""

    settings: Settings

    @staticmethod
    def at(folder: Path) -> World:
        world = World(Settings(data_dir=folder / "data", drop_dir=folder / "drop"))
        world.settings.drop.mkdir(parents=True)
        for name, content in FILES.items():
            (world.settings.drop / name).write_bytes(content)
        return world

    def take(self, now: datetime = NOW) -> None:
        """What the sensor and the raw layer do: every file of the folder, then each year in force."""
        ledger = Ledger(self.settings.data_dir)
        settle_leaving(self.settings.drop, self.settings, ledger)
        for turn, path in enumerate(sorted(self.settings.drop.glob("*.csv"))):
            receive(path, self.settings, ledger, source="carpeta", now=now + timedelta(seconds=turn))
        lake, archive = Lake(self.settings.data_dir), Archive(self.settings)
        for year, sha in self._in_force(ledger).items():
            delivery = ledger.find(sha)
            assert delivery is not None
            with lake.staging() as folder:
                staged = folder / "part.parquet"
                contract, path = contract_for(delivery.dataset), archive.path(sha)
                extract_raw(self.settings, contract, delivery, path, year, staged)
                lake.promote(staged, Layer.RAW, delivery.dataset, year)

    def story(self) -> Story:
        data, drop = self.settings.data_dir, self.settings.drop
        ledger = Ledger(data)
        return Story(
            Counter((d.sha256, tuple(d.years)) for d in ledger.deliveries()),
            self._in_force(ledger),
            {p.name[:64]: self._archived(p) for p in (data / "archive").glob("[0-9a-f][0-9a-f]/*")},
            {p.parent.name: str(read(p, self.settings)) for p in (data / "raw").glob("*/*/*")},
            sorted(p.name for p in drop.glob("*.csv")),
            Counter(self._refused(p) for p in (drop / "rejected").glob("*.sellado")),
        )

    def bytes_kept(self) -> set[str]:
        """The SHA-256 of every file that lies in the drop folder, in the archive or in ``rejected/``."""
        data, drop = self.settings.data_dir, self.settings.drop
        return {
            *(_digest(path.read_bytes()) for path in (*drop.glob("*.csv"), *drop.glob(f"{LEAVING}/*/*"))),
            *(self._refused(path) for path in (drop / "rejected").glob("*.sellado")),
            *(self._archived(path) for path in (data / "archive").glob("[0-9a-f][0-9a-f]/*")),
        }

    def _archived(self, path: Path) -> str:
        return _digest(archived_bytes(path.name[:64], self.settings))

    def _refused(self, path: Path) -> str:
        return _digest(refused_bytes(path, self.settings))

    def let_a_day_pass(self) -> None:
        """Whatever lies half done becomes two days old."""
        for folder, _, files in os.walk(self.settings.data_dir.parent):
            for path in (Path(folder), *(Path(folder) / name for name in files)):
                moment = path.lstat().st_mtime - 2 * 24 * 3600
                os.utime(path, (moment, moment))

    def _in_force(self, ledger: Ledger) -> dict[int, str]:
        found = {year: ledger.latest("matricula", year) for year in range(2020, 2026)}
        return {year: delivery.sha256 for year, delivery in found.items() if delivery is not None}


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()
