"""An instance whose assets do as they are told, and the sensor's look at it. What it must tell is in the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from emtp_assets.alerts import Notice
from emtp_assets.automation.alerting import look
from emtp_assets.contracts import DATASETS
from emtp_assets.partitions import TIMEZONE, academic_years
from emtp_assets.settings import Settings
from emtp_assets.sources import Attempt, Cause, Journal, Nature, Result
from emtp_assets_tests.servers.smtp import MailServer

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=ZoneInfo(TIMEZONE))
SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
Body = Callable[[], Iterator[Any]]


class Office:
    """A Dagster instance with small assets that do as they are told, and the sensor's look at it."""

    def __init__(self, settings: Settings, dagster: dg.DagsterInstance) -> None:
        self.settings = settings
        self.dagster = dagster
        self.faults: dict[str, Body] = {}
        self.now = datetime.now(UTC)
        years = academic_years(settings)
        assets = [self._asset(f"{dataset}/{layer}", years) for dataset in DATASETS for layer in ("raw", "cleaned")]
        published = self._asset("publicacion/conjunto_publicado", None)
        self.definitions = dg.Definitions(
            assets=[*assets, published],
            jobs=[dg.define_asset_job("actualizar_todo", selection="*", partitions_def=years)],
            executor=dg.in_process_executor,
        )

    def run(self, *keys: str, year: int = 2025) -> str:
        """Run those assets in this process; the run's id."""
        result = self.definitions.resolve_job_def("actualizar_todo").execute_in_process(
            instance=self.dagster,
            partition_key=str(year),
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys],
            raise_on_error=False,
            run_config=SILENT,
        )
        return result.run_id

    def look(self, after: timedelta = timedelta(minutes=1)) -> list[Notice]:
        self.now += after
        return list(look(self.settings, self.dagster, self.now).notices)

    def attempt(self, run_id: str, source: str, dataset: str, result: Result, cause: str = "", **more: Any) -> None:
        said = "sqlserver: La réplica rechazó la contraseña." if cause else "x.csv"
        nature = Nature.PERMANENT.value if cause else ""
        Journal(self.settings.data_dir).attempted(
            Attempt(datetime.now(UTC), run_id, source, dataset, 2025, result, said, cause=cause, nature=nature, **more)
        )

    def fallen_back(self, cause: Cause = Cause.CREDENTIAL, dataset: str = "matricula") -> None:
        """A run in which SQL Server failed and SFTP delivered."""
        run_id = self.run(f"{dataset}/raw")
        self.attempt(run_id, "sqlserver", dataset, Result.FAILED, cause.value)
        self.attempt(run_id, "sftp", dataset, Result.DELIVERED)

    def _asset(self, name: str, years: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
        key = dg.AssetKey(name.split("/"))
        names = ("filas_no_bajan", "clave_unica", "estructura_conocida")

        @dg.asset(
            key=key,
            partitions_def=years,
            backfill_policy=dg.BackfillPolicy.single_run(),
            check_specs=[dg.AssetCheckSpec(check, asset=key) for check in names] if years else [],
        )
        def made() -> Iterator[Any]:
            fault = self.faults.get(name)
            if fault:
                yield from fault()
            checked = [] if fault or years is None else names
            for check in checked:
                yield dg.AssetCheckResult(passed=True, asset_key=key, check_name=check)
            yield dg.MaterializeResult(asset_key=key)

        return made


def newest_year(dataset: str) -> int:
    """The year that is due on that Monday: some files are official only the year after."""
    return 2025 if dataset in ("egresados", "titulacion", "proyectos") else 2026


def fails(error: Exception) -> Body:
    def body() -> Iterator[Any]:
        yield from ()
        raise error

    return body


def does_not_hold(name: str, check: str, *, blocking: bool = True, observed: str = "4.999 filas") -> Body:
    """The check fails; a blocking one fails the step too, as `assets.settling` does it."""

    def body() -> Iterator[Any]:
        severity = dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN
        key = dg.AssetKey(name.split("/"))
        for each in ("filas_no_bajan", "clave_unica", "estructura_conocida"):
            metadata = {"valor_observado": dg.MetadataValue.text(observed)}
            yield dg.AssetCheckResult(
                passed=each != check, asset_key=key, check_name=each, severity=severity, metadata=metadata
            )
        if blocking:
            raise dg.Failure(
                f"{name}: no se reemplazó 2025; lo publicado antes sigue en su lugar.\n- año 2025: {observed}"
            )

    return body


def subjects(server: MailServer) -> list[str]:
    return [mail["Subject"].removeprefix("[EMTP] ") for mail in server.mails]


def text(server: MailServer, number: int = -1) -> str:
    body = server.mails[number].get_body(("plain",))
    assert body is not None
    return body.get_content()
