"""Changing the key of the pseudonyms: what stands under which key, what is replaced together, and the record of it.

Pseudonyms of two keys never match, and one cannot be made of the other: everything is made again from raw under the new
key (`automation.rotating` runs that), beside what stands, and takes its place all or none.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr

from emtp_assets.privacy import crosswalk
from emtp_assets.privacy.keys import key_id, next_key, pseudonym_key
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import PART, Lake, Layer
from emtp_assets.storage.provenance import Provenance, code_version
from emtp_assets.storage.records import RecordFile, utc_text
from emtp_assets.storage.restricted import encrypted_copy
from emtp_assets.storage.storage_key import storage_key
from emtp_assets.storage.swapping import made_beside, swap

REBUILT = (Layer.CLEANED, Layer.REJECTED, Layer.AGGREGATED, Layer.ANONYMIZED)
SWAPPED = (*(layer.value for layer in REBUILT), crosswalk.FOLDER)
_STATE = "state.json"
_LEDGER = "ledger.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rotations (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    former TEXT NOT NULL,
    new TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL,
    started_at TEXT NOT NULL,
    outcome TEXT,
    ended_at TEXT,
    what TEXT NOT NULL
) STRICT;
"""


class RotationError(RuntimeError):
    """The key was not changed and everything stands as it was; the message says why, in Spanish, and what to do."""


class Ending(StrEnum):
    DONE = "terminada"
    FAILED = "no se hizo"


@dataclass(frozen=True)
class Rotation:
    """One try to change the key. ``former``: the ids under which the cleaned years stood; ``new``: the one to be.

    ``outcome`` is None from the beginning until it is known how it ended.
    """

    run_id: str
    former: tuple[str, ...]
    new: str
    who: str
    why: str
    started_at: datetime
    outcome: Ending | None = None
    ended_at: datetime | None = None
    what: str = ""
    number: int = 0


class Rotations:
    """``<data>/key_rotations.sqlite``: every try, with its ending. No key is in it, but their ids."""

    def __init__(self, data_dir: Path) -> None:
        self._file = RecordFile(data_dir / "key_rotations.sqlite", _SCHEMA)

    def begin(self, rotation: Rotation) -> int:
        """Write down that one begins; its number."""
        with self._file.transaction() as db:
            row = asdict(rotation) | {
                "former": json.dumps(rotation.former),
                "started_at": utc_text(rotation.started_at),
            }
            for name in ("number", "outcome", "ended_at"):
                del row[name]
            names = ", ".join(row)
            cursor = db.execute(f"INSERT INTO rotations ({names}) VALUES ({', '.join(':' + n for n in row)})", row)
            return int(cursor.lastrowid or 0)

    def end(self, number: int, outcome: Ending, what: str, now: datetime) -> None:
        """Write down how it ended, in a sentence."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE rotations SET outcome = ?, what = ?, ended_at = ? WHERE number = ?",
                (outcome, what, utc_text(now), number),
            )

    def heal(self, lake: Lake, now: datetime) -> None:
        """Say of those that a killed process left without an ending how they ended: the lake knows."""
        standing = set(keys_of(lake))
        for each in self.all():
            if each.outcome is None:
                done = standing == {each.new}
                said = "El proceso murió; " + ("todo quedó con la clave nueva." if done else "todo quedó como estaba.")
                self.end(each.number, Ending.DONE if done else Ending.FAILED, said, now)

    def all(self) -> list[Rotation]:
        """Every try, oldest first."""
        with self._file.transaction() as db:
            return [_rotation(row) for row in db.execute("SELECT * FROM rotations ORDER BY number")]


def target_key(settings: Settings) -> SecretStr:
    """The key under which everything is to stand: the next one where it is given, else the one in force, under which
    years of another key or of a former form of pseudonym are made again.

    Raises:
        PseudonymKeyError: it cannot be read, or is too weak.
    """
    return next_key(settings) or pseudonym_key(settings)


def keys_of(lake: Lake) -> dict[str, list[str]]:
    """By key id, the cleaned years that stand under it, as ``matricula 2025``; "" for a file that names none."""
    found: dict[str, list[str]] = {}
    for dataset, year, path in parts_of(lake, Layer.CLEANED):
        found.setdefault(Provenance.of(path).key or "", []).append(f"{dataset} {year}")
    return found


def parts_of(lake: Lake, layer: Layer) -> Iterator[tuple[str, int, Path]]:
    """Table, academic year and file of every year of a layer."""
    for path in sorted((lake.data_dir / layer).glob(f"*/academic_year=*/{PART}")):
        yield path.parent.parent.name, int(path.parent.name.partition("=")[2]), path


class Workplace:
    """The folder in which the layers are made again: an instance of its own that sees this one's raw layer.

    What a killed process made in it is used again as long as nothing that it was made of has changed.
    """

    def __init__(self, settings: Settings, key: SecretStr) -> None:
        self._settings, self._key = settings, key
        self.folder = made_beside(settings.data_dir)

    def prepare(self) -> tuple[Settings, bool]:
        """The settings of the instance in it, and whether work of a former try is used again.

        Raises:
            OSError: the disk refused.
        """
        state = {"key": key_id(self._key), "code": code_version(), "files": self._marks()}
        noted = self.folder / _STATE
        again = noted.is_file() and json.loads(noted.read_text(encoding="utf-8")) == state
        if not again:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True, mode=0o700)
            (self.folder / Layer.RAW).symlink_to(self._settings.data_dir.resolve() / Layer.RAW)
            self._copy_ledger()
            noted.write_text(json.dumps(state), encoding="utf-8")
        # A demonstration's own storage key lies in its data folder, and raw is encrypted with it.
        closed_with = {"storage_key": storage_key(self._settings)}
        inside = {"data_dir": self.folder, "drop_dir": self.folder / "drop", **closed_with}
        under = {"pseudonym_key": self._key, "pseudonym_key_file": None, "pseudonym_key_next_file": None}
        return self._settings.model_copy(update=inside | under), again

    def keep(self, layer: Layer, table: str, year: int) -> None:
        """Take a year over as it stands: one that holds no pseudonym and cannot be made again. It names no key then.

        Raises:
            SealError: what was rejected was encrypted with another key, or is damaged.
            OSError: the disk refused.
        """
        source = Lake(self._settings.data_dir).part(layer, table, year)
        target = Lake(self.folder).part(layer, table, year)
        target.parent.mkdir(parents=True, exist_ok=True)
        of = Provenance.of(source, self._settings)
        anonymous = Provenance(of.deliveries, of.origin, of.code_version)
        draft = target.with_name(".kept")
        if layer is Layer.REJECTED:
            encrypted_copy(source, draft, self._settings, footer=anonymous.footer)
        else:
            _copied(source, draft, anonymous)
        draft.replace(target)

    def put_in_place(self) -> None:
        """Replace all layers by those made here, all or none.

        Raises:
            RotationError: something of what they were made of, or of what stands, changed meanwhile.
            OSError: the disk refused.
        """
        before = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))["files"]

        def unchanged() -> None:
            now = self._marks()
            if changed := sorted({f for f in before.keys() | now.keys() if before.get(f) != now.get(f)}):
                raise RotationError(
                    f"Mientras se rehacían los años, otra corrida cambió {len(changed)} archivos (el primero: "
                    f"{changed[0]}). No se cambió la clave. Ejecute de nuevo, con el servicio detenido."
                )

        swap(self._settings.data_dir, SWAPPED, unchanged)

    def forget(self) -> bool:
        """Remove what a try left behind; whether there was anything."""
        there = self.folder.exists()
        shutil.rmtree(self.folder, ignore_errors=True)
        return there

    def _marks(self) -> dict[str, list[int]]:
        """Which file is at each place of the layers: its number, when it was written and its size."""
        data = self._settings.data_dir
        found = {}
        for layer in (Layer.RAW, *REBUILT):
            for _, _, path in parts_of(Lake(data), layer):
                status = path.stat()
                found[str(path.relative_to(data))] = [status.st_ino, status.st_mtime_ns, status.st_size]
        return found

    def _copy_ledger(self) -> None:
        """Checks look a delivery's header up. A copy: nothing that is done here is the instance's."""
        source = self._settings.data_dir / _LEDGER
        if source.is_file():
            with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(self.folder / _LEDGER)) as written:
                read.backup(written)


def _copied(source: Path, target: Path, provenance: Provenance) -> None:
    import duckdb

    from emtp_assets.storage.duck import literal

    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            f"copy (select * from read_parquet({literal(source)}, hive_partitioning = false)) to {literal(target)} "
            f"(format parquet, compression zstd, {provenance.copy_option})"
        )


def changed_figures(former: Path, new: Path) -> int:
    """Rows of an anonymized year that are not in the other file: 0 when a reader sees the same figures."""
    import duckdb

    from emtp_assets.storage.duck import literal

    one, two = (f"(select * from read_parquet({literal(path)}, hive_partitioning = false))" for path in (former, new))
    with duckdb.connect(config={"threads": 1}) as connection:
        if connection.sql(f"describe {one}").fetchall() != connection.sql(f"describe {two}").fetchall():
            return -1
        row = connection.sql(f"select count(*) from (({one} except all {two}) union all ({two} except all {one}))")
        return int((row.fetchone() or (0,))[0])


def what_to_do(settings: Settings, former: Mapping[str, list[str]], new: str) -> str:
    """What the person has to do with the settings once the key was changed; nothing when they say so already."""
    if key_id(pseudonym_key(settings)) == new:
        return "La clave vigente ya es esa: no hay nada que cambiar en la configuración."
    return (
        f"1. Ponga en EMTP_PSEUDONYM_KEY_FILE el archivo {settings.pseudonym_key_next_file} (y quite "
        "EMTP_PSEUDONYM_KEY, si la usa). "
        "2. Quite EMTP_PSEUDONYM_KEY_NEXT_FILE. "
        "3. Reinicie el servicio: hasta entonces toda corrida se niega a mezclar las dos claves. "
        f"4. «emtp doctor» debe mostrar la huella {new}. "
        f"5. Destruya la clave anterior ({', '.join(sorted(filter(None, former)))}). Los respaldos de la capa limpia "
        "hechos con ella, y lo que otros recibieron con seudónimos, no se cruzan con lo nuevo."
    )


def _rotation(row: sqlite3.Row) -> Rotation:
    fields = dict(row)
    fields["former"] = tuple(json.loads(fields["former"]))
    fields["outcome"] = Ending(fields["outcome"]) if fields["outcome"] else None
    for name in ("started_at", "ended_at"):
        fields[name] = datetime.fromisoformat(fields[name]).astimezone(UTC) if fields[name] else None
    return Rotation(**fields)
