"""The drop-folder sensor: files that stopped growing become deliveries, and deliveries become runs."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from emtp_assets.automation.impact import affected, publication_of
from emtp_assets.automation.jobs import EVERYTHING
from emtp_assets.contracts import DATASETS
from emtp_assets.intake import AlreadyKnown, Delivery, Ledger, Outcome, Rejection, Snapshot, receive, resting
from emtp_assets.intake.receive import settle_leaving
from emtp_assets.intake.resting import from_json, to_json
from emtp_assets.keys import DROP_FOLDER, HANDED_OVER_TAG, PUBLICATION
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake

NAME = "carpeta_de_entrega"
SOURCE = "carpeta"
# A tick must end before the daemon gives up on it (60 s); a national file takes some 10 s, what is left waits.
_TICK_SECONDS = 25.0


def drop_folder_sensor(settings: Settings) -> dg.SensorDefinition:
    """Watches the drop folder. Identity lives in the ledger: the same bytes twice are one delivery and one run."""

    @dg.sensor(
        name=NAME,
        job_name=EVERYTHING,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Toma los archivos que se copian en {settings.drop} cuando terminan de crecer, reconoce conjunto y "
            "año por su contenido y procesa el año que corresponde. Lo que no sirve queda en `rejected/` junto a "
            "una explicación."
        ),
    )
    def watch(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        settings.drop.mkdir(parents=True, exist_ok=True)
        settle_leaving(settings.drop, settings, Ledger(settings.data_dir))
        memory = _Memory.read(context.cursor)
        ready, seen = resting(settings.drop, memory.seen, time.time(), settings.drop_rest_seconds)
        events: list[dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation] = []
        taken, untaken = _received({path: seen[path.name] for path in ready}, settings)
        # What another process was quicker with is no trouble.
        trouble = {path: error for path, error in untaken if path.exists()}
        for path, error in trouble.items():
            context.log.error(_trouble(path, error))
            if path.name not in memory.troubled:
                events.append(dg.AssetObservation(DROP_FOLDER, description=_trouble(path, error)))
        for path, outcome in taken:
            context.log.info(_sentence(path, outcome))
            if not (isinstance(outcome, Rejection) and outcome.already_reported):
                events.append(
                    dg.AssetObservation(DROP_FOLDER, description=_sentence(path, outcome), metadata=_facts(outcome))
                )
        # Asked of the ledger and not of what was just received: a process killed after it took a file, and
        # before its runs were asked for, still owes them. While files of the same batch are still to be taken nothing
        # is asked for: what one dataset counts of another is known only when both are there.
        all_taken = len(taken) + len(untaken) == len(ready)
        owed = _owed(Ledger(settings.data_dir), memory.requested_until) if all_taken else []
        requests = [
            request
            for delivery, at in sorted(owed, key=lambda each: DATASETS.index(each[0].dataset))
            for request in run_requests(delivery, at, Lake(settings.data_dir), publication_of(settings))
        ]
        until = owed[-1][1] if owed else memory.requested_until
        return dg.SensorResult(
            run_requests=requests,
            cursor=_Memory(seen, until, tuple(path.name for path in trouble)).written,
            asset_events=events,
            skip_reason=None if requests else f"{len(seen)} archivos en espera en {settings.drop}.",
        )

    return watch


@dataclass(frozen=True)
class _Memory:
    """The sensor's cursor: files seen and since when, until when deliveries have had their runs asked for, and which
    files the disk would not let us take the last time, which has been said."""

    seen: dict[str, Snapshot]
    requested_until: datetime | None
    troubled: tuple[str, ...] = ()

    @staticmethod
    def read(cursor: str | None) -> _Memory:
        """Back from the cursor; an empty or foreign one begins anew, for a tick that fails would never replace it."""
        try:
            stored = json.loads(cursor or "")
            until = datetime.fromisoformat(stored["pedidas_hasta"]) if stored["pedidas_hasta"] else None
            troubled = tuple(str(name) for name in stored.get("con_problema", ()))
            return _Memory(from_json(stored["vistos"]), until if until and until.tzinfo else None, troubled)
        except (ValueError, TypeError, KeyError, AttributeError):
            return _Memory({}, None)

    @property
    def written(self) -> str:
        until = self.requested_until.isoformat() if self.requested_until else None
        return json.dumps({"vistos": to_json(self.seen), "pedidas_hasta": until, "con_problema": self.troubled})


def _owed(ledger: Ledger, until: datetime | None) -> list[tuple[Delivery, datetime]]:
    """What was handed over and has had no run asked for, as far as the cursor knows.

    A cursor that names a moment at which this ledger took nothing is another's (the ledger was restored from a backup):
    then all of it is asked for, and Dagster starts no second run of a key that it knows.
    """
    if until is None:
        return ledger.handed_over_since(None, source=SOURCE)
    found = ledger.handed_over_since(until - timedelta(microseconds=1), source=SOURCE)
    if not found or found[0][1] != until:
        return ledger.handed_over_since(None, source=SOURCE)
    return [(delivery, at) for delivery, at in found if at > until]


def run_requests(
    delivery: Delivery, in_force_at: datetime, lake: Lake, publication: Sequence[dg.AssetKey] = PUBLICATION
) -> list[dg.RunRequest]:
    """One run a year that the delivery touches, earliest first."""
    return [
        dg.RunRequest(
            run_key=f"{delivery.sha256}:{year}:{in_force_at.isoformat()}",
            partition_key=str(year),
            asset_selection=keys,
            tags={
                "emtp/motivo": "entrega en la carpeta",
                HANDED_OVER_TAG: delivery.sha256[:12],
                "emtp/archivo": delivery.original_name[:200],
            },
        )
        for year, keys in affected(delivery.dataset, delivery.years, lake, publication).items()
    ]


def _received(
    ready: Mapping[Path, Snapshot], settings: Settings
) -> tuple[list[tuple[Path, Outcome]], list[tuple[Path, Exception]]]:
    """What became of each file that there was time for, and those that could not be taken, which keep none waiting."""
    ledger = Ledger(settings.data_dir)
    began = time.monotonic()
    taken: list[tuple[Path, Outcome]] = []
    untaken: list[tuple[Path, Exception]] = []
    for path, rested in ready.items():
        if time.monotonic() - began > _TICK_SECONDS:
            break
        try:
            now = datetime.now(UTC)
            taken.append((path, receive(path, settings, ledger, source=SOURCE, now=now, rested=rested)))
        except Exception as error:
            untaken.append((path, error))
    return taken, untaken


def _trouble(path: Path, error: Exception) -> str:
    if not isinstance(error, (OSError, sqlite3.OperationalError)):
        # Its text may quote what the file holds.
        return (
            f"NO SE PUDO TOMAR {path.name}: el programa falló al leerlo ({type(error).__name__}), lo que no "
            "debería ocurrir con ninguno. Sigue en la carpeta; los demás no esperan. Avise a quien mantiene esto, "
            "con el archivo; mientras tanto, saque el archivo de la carpeta."
        )
    reason = getattr(error, "strerror", None) or str(error)
    return (
        f"NO SE PUDO TOMAR {path.name}: el disco no lo permitió ({reason}). Sigue en "
        "la carpeta y se intentará de nuevo. Revise con `emtp doctor` el espacio en disco y los permisos de la carpeta "
        "de datos; si el que falla es este archivo, cópielo otra vez."
    )


def _sentence(path: Path, outcome: Outcome) -> str:
    match outcome:
        case Rejection():
            return f"RECHAZADO {outcome.message}"
        case AlreadyKnown():
            return f"{path.name}: {outcome.message}"
        case _:
            years = ", ".join(f"{year} ({rows} filas)" for year, rows in outcome.years.items())
            return f"RECIBIDO {path.name}: {outcome.dataset}, {years}."


def _facts(outcome: Outcome) -> dict[str, str | int]:
    match outcome:
        case Rejection():
            return {
                "resultado": "rechazado",
                "motivo": outcome.what,
                "dónde": outcome.where,
                "qué_hacer": outcome.action,
            }
        case AlreadyKnown(delivery=delivery):
            return {"resultado": "ya recibido", "entrega": delivery.sha256}
        case _:
            return {
                "resultado": "recibido",
                "conjunto": outcome.dataset,
                "años": ", ".join(map(str, outcome.years)),
                "filas": outcome.rows,
                "entrega": outcome.sha256,
            }
