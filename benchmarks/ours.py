"""Measured program: the product as it is, through Dagster with every check, told apart by phase.

One process does what the drop-folder sensor and the run's worker do: receive what was dropped and run the years
it asks for; or, with ``--years``, run a range of years as `emtp backfill` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.instance import read_order, settings_at
from benchmarks.meter import Meter, peak_mb

if TYPE_CHECKING:
    import dagster as dg

    from emtp_assets.settings import Settings

WORK, CHECKS, ORCHESTRATION = "work", "checks", "orchestration"


def main() -> None:
    order = read_order()
    meter = Meter()
    definitions, settings = load(meter, order.data)
    peaks: list[float] = []
    with meter.phase(f"{ORCHESTRATION}: executor"):
        import dagster as dg

        with dg.DagsterInstance.get() as instance:
            if order.first is not None and order.last is not None:
                from emtp_assets.automation.runs import run_years

                run_years(definitions, instance, settings, order.first, order.last, None, say=lambda _: None)
            cursor: str | None = None
            for folder in order.dropped:
                _drop(folder, settings)
                cursor = _process_drop(definitions, instance, settings, cursor)
                peaks.append(peak_mb())
    meter.write(order.report, peaks=peaks)


def load(meter: Meter, data: Path) -> tuple[dg.Definitions, Settings]:
    """Import, each library charged to who asks for it, and build the code location."""
    import_what_the_work_needs(meter)
    meter.watch_import(f"{CHECKS}: importing Great Expectations", "great_expectations")
    settings = settings_at(data)
    with meter.phase(f"{ORCHESTRATION}: definitions"):
        from emtp_assets.definitions import build_definitions

        definitions = build_definitions(settings)
    from emtp_assets.sources.simulated import SimulatedSource

    # A demonstration would rather simulate a year anew than take a simulated file that was dropped; the files are
    # what is measured, so the source has nothing.
    SimulatedSource.fetch = lambda *_, **__: None  # type: ignore[method-assign]
    _watch(meter)
    return definitions, settings


def import_what_the_work_needs(meter: Meter) -> None:
    """The libraries of the work, then Dagster: what it adds to them is what importing it costs."""
    with meter.phase(f"{WORK}: importing libraries"):
        import duckdb  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import open_data_contract_standard  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import pyarrow.parquet  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import pydantic_settings  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import scipy.sparse  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import sqlglot  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import yaml  # noqa: F401  # pyright: ignore[reportUnusedImport]
    with meter.phase(f"{WORK}: importing dbt"):
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: F401  # pyright: ignore[reportUnusedImport]
        from dbt.cli.main import dbtRunner  # noqa: F401  # pyright: ignore[reportUnusedImport]
    with meter.phase(f"{ORCHESTRATION}: importing Dagster"):
        import dagster  # noqa: F401  # pyright: ignore[reportUnusedImport]
        import dagster_duckdb  # noqa: F401  # pyright: ignore[reportUnusedImport]


def _watch(meter: Meter) -> None:
    """Name who spends what. Private names on purpose: these are the seams between work, checks and orchestration."""
    import dagster as dg
    from dagster._core.log_manager import DagsterLogHandler

    from emtp_assets.quality.docs import DataDocs
    from emtp_assets.storage.lake import Lake

    assets, quality, privacy = "emtp_assets.assets", "emtp_assets.quality", "emtp_assets.privacy"
    meter.watch(f"{WORK}: receiving", "emtp_assets.intake.receive:receive")
    meter.watch(f"{WORK}: extracting", "emtp_assets.intake.extraction:extract_raw_years")
    meter.watch(f"{WORK}: dbt models", "emtp_assets.transformation.dbt:run_models")
    meter.watch(f"{WORK}: protecting", f"{assets}.anonymized:_year_result", f"{privacy}.disclosure:protect")
    meter.watch(f"{WORK}: publishing", "emtp_assets.publication.publish:publish", (Lake, "promote"))
    meter.watch(f"{CHECKS}: Great Expectations", f"{quality}.validation:validate_years")
    meter.watch(f"{CHECKS}: Data Docs", (DataDocs, "build"))
    accounts = ("row_accounting", "duplicates_share", "unreadable", "total_reconciled", "structure", "row_change")
    meter.watch(f"{CHECKS}: accounts", *(f"{quality}.accounting:{name}" for name in accounts))
    audit = (f"{assets}.anonymized:_no_identifier", f"{assets}.anonymized:_minimum_kept")
    meter.watch(f"{CHECKS}: disclosure audit", "emtp_assets.audit.attack:recoverable", *audit)
    meter.watch(f"{CHECKS}: results", f"{quality}.outcome:to_check_results")
    meter.watch(f"{ORCHESTRATION}: lineage", f"{assets}.settling:lineage_metadata")
    meter.watch(f"{ORCHESTRATION}: storing events", (dg.DagsterInstance, "handle_new_event"))
    meter.watch(f"{ORCHESTRATION}: logging", (DagsterLogHandler, "emit"))


def _drop(folder: Path, settings: Settings) -> None:
    """What the ministry's copy does; a link, since copying is not ours to measure."""
    settings.drop.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        (settings.drop / path.name).hardlink_to(path)


def _process_drop(
    definitions: dg.Definitions, instance: dg.DagsterInstance, settings: Settings, cursor: str | None
) -> str | None:
    """One tick of the sensor, then each run that it asks for; the sensor's cursor for the next tick.

    Raises:
        SystemExit: it asked for none.
    """
    import dagster as dg

    from emtp_assets.automation.drop_folder import drop_folder_sensor
    from emtp_assets.automation.jobs import EVERYTHING

    asked = drop_folder_sensor(settings)(dg.build_sensor_context(instance=instance, cursor=cursor))
    if not isinstance(asked, dg.SensorResult) or not asked.run_requests:
        raise SystemExit(f"the sensor asked for no run: {asked}")
    for request in asked.run_requests:
        definitions.resolve_job_def(EVERYTHING).execute_in_process(
            instance=instance,
            partition_key=request.partition_key,
            asset_selection=list(request.asset_selection or []),
            tags=dict(request.tags),
        )
    return asked.cursor


if __name__ == "__main__":
    main()
