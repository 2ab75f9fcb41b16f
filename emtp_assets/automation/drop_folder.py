"""The drop-folder sensor: files that stopped growing become deliveries, and deliveries become runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from emtp_assets.automation.impact import affected
from emtp_assets.automation.jobs import EVERYTHING
from emtp_assets.intake import AlreadyKnown, Delivery, Ledger, Outcome, Rejection, receive, resting
from emtp_assets.intake.resting import from_json, to_json
from emtp_assets.keys import DROP_FOLDER
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake

NAME = "carpeta_de_entrega"
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
        ready, seen = resting(settings.drop, from_json(context.cursor), time.time(), settings.drop_rest_seconds)
        requests: list[dg.RunRequest] = []
        events: list[dg.AssetMaterialization | dg.AssetObservation | dg.AssetCheckEvaluation] = []
        for path, outcome in _received(ready, settings):
            context.log.info(_sentence(path, outcome))
            if isinstance(outcome, Rejection) and outcome.already_reported:
                continue
            events.append(
                dg.AssetObservation(DROP_FOLDER, description=_sentence(path, outcome), metadata=_facts(outcome))
            )
            if not isinstance(outcome, Rejection):
                delivery = outcome.delivery if isinstance(outcome, AlreadyKnown) else outcome
                requests += run_requests(delivery, Lake(settings.data_dir))
        return dg.SensorResult(
            run_requests=requests,
            cursor=to_json(seen),
            asset_events=events,
            skip_reason=None if requests else f"{len(seen)} archivos en espera en {settings.drop}.",
        )

    return watch


def run_requests(delivery: Delivery, lake: Lake) -> list[dg.RunRequest]:
    """One run a year that the delivery touches, earliest first."""
    return [
        dg.RunRequest(
            run_key=f"{delivery.sha256}:{year}",
            partition_key=str(year),
            asset_selection=keys,
            tags={
                "emtp/motivo": "entrega en la carpeta",
                "emtp/entrega": delivery.sha256[:12],
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
        yield path, receive(path, settings, ledger, source="carpeta", now=datetime.now(UTC))


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
