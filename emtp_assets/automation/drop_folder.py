"""The drop-folder sensor: files that stopped growing become deliveries, and deliveries become runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from emtp_assets.automation.impact import affected
from emtp_assets.automation.jobs import EVERYTHING
from emtp_assets.contracts import DATASETS
from emtp_assets.intake import AlreadyKnown, Delivery, Ledger, Outcome, Rejection, Snapshot, receive, resting
from emtp_assets.intake.resting import from_json, to_json
from emtp_assets.keys import DROP_FOLDER, HANDED_OVER_TAG
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
        memory = _Memory.read(context.cursor)
        ready, seen = resting(settings.drop, memory.seen, time.time(), settings.drop_rest_seconds)
        events: list[dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation] = []
        taken = list(_received(ready, settings))
        for path, outcome in taken:
            context.log.info(_sentence(path, outcome))
            if not (isinstance(outcome, Rejection) and outcome.already_reported):
                events.append(
                    dg.AssetObservation(DROP_FOLDER, description=_sentence(path, outcome), metadata=_facts(outcome))
                )
        # Asked of the ledger and not of what was just received: a process killed after it took a file, and
        # before its runs were asked for, still owes them. While files of the same batch are still to be taken nothing
        # is asked for: what one dataset counts of another is known only when both are there.
        all_taken = len(taken) == len(ready)
        owed = Ledger(settings.data_dir).handed_over_since(memory.requested_until, source=SOURCE) if all_taken else []
        requests = [
            request
            for delivery, at in sorted(owed, key=lambda each: DATASETS.index(each[0].dataset))
            for request in run_requests(delivery, at, Lake(settings.data_dir))
        ]
        until = owed[-1][1] if owed else memory.requested_until
        return dg.SensorResult(
            run_requests=requests,
            cursor=_Memory(seen, until).written,
            asset_events=events,
            skip_reason=None if requests else f"{len(seen)} archivos en espera en {settings.drop}.",
        )

    return watch


@dataclass(frozen=True)
class _Memory:
    """The sensor's cursor: files seen and since when, and until when deliveries have had their runs asked for."""

    seen: dict[str, Snapshot]
    requested_until: datetime | None

    @staticmethod
    def read(cursor: str | None) -> _Memory:
        if not cursor:
            return _Memory({}, None)
        stored = json.loads(cursor)
        until = stored["pedidas_hasta"]
        return _Memory(from_json(stored["vistos"]), datetime.fromisoformat(until) if until else None)

    @property
    def written(self) -> str:
        until = self.requested_until.isoformat() if self.requested_until else None
        return json.dumps({"vistos": to_json(self.seen), "pedidas_hasta": until})


def run_requests(delivery: Delivery, in_force_at: datetime, lake: Lake) -> list[dg.RunRequest]:
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
        for year, keys in affected(delivery.dataset, delivery.years, lake).items()
    ]


def _received(ready: list[Path], settings: Settings) -> Iterator[tuple[Path, Outcome]]:
    ledger = Ledger(settings.data_dir)
    began = time.monotonic()
    for path in ready:
        if time.monotonic() - began > _TICK_SECONDS:
            return
        yield path, receive(path, settings, ledger, source=SOURCE, now=datetime.now(UTC))


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
