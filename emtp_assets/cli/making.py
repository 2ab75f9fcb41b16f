"""Commands that make data: runs, the demonstration, the server. Looking at what is there belongs to `looking`."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit
from emtp_assets.settings import HOME, Settings

Year = Annotated[int, typer.Argument(help="Año académico (marzo a febrero), p. ej. 2025.")]
Dataset = Annotated[str | None, typer.Option("--conjunto", help="Solo este conjunto, p. ej. matricula.")]


def _run(settings: Settings, first: int, last: int, dataset: str | None) -> None:
    import dagster as dg

    from emtp_assets.automation.runs import RunFailedError, run_years
    from emtp_assets.definitions import build_definitions

    try:
        with dg.DagsterInstance.get() as instance:
            run_years(build_definitions(settings), instance, settings, first, last, dataset, say=typer.echo)
    except RunFailedError as failed:
        typer.secho(str(failed), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from failed


@app.command()
def run(year: Year, dataset: Dataset = None) -> None:
    """Actualiza un año académico y publica."""
    backfill(year, year, dataset)


@app.command()
def backfill(first: Year, last: Year, dataset: Dataset = None) -> None:
    """Actualiza un rango de años en una sola corrida y publica."""
    _run(settings_or_exit(), first, last, dataset)


@app.command()
def weekly() -> None:
    """Ejecuta ahora lo que el calendario ejecuta los lunes: de cada conjunto, el año más nuevo que ya puede existir."""
    settings = settings_or_exit()
    import dagster as dg

    from emtp_assets.automation.runs import RunFailedError, run_weekly
    from emtp_assets.definitions import build_definitions

    try:
        with dg.DagsterInstance.get() as instance:
            run_weekly(build_definitions(settings), instance, settings, datetime.now(UTC), say=typer.echo)
    except RunFailedError as failed:
        typer.secho(str(failed), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from failed


@app.command()
def demo() -> None:
    """Da vida a una instancia nueva: simula los últimos años, los procesa y publica. Si ya los hay, no hace nada."""
    from emtp_assets.partitions import academic_year_of
    from emtp_assets.storage.lake import Lake, Layer

    settings = settings_or_exit()
    if settings.production:
        typer.echo("Instancia de producción: no se simulan datos. Copie archivos oficiales en " + str(settings.drop))
        return
    last = academic_year_of(datetime.now(UTC))
    first = last - settings.simulated_years + 1
    published = (settings.data_dir / "processed" / "procedencia.json").is_file()
    if published and set(range(first, last + 1)) <= set(
        Lake(settings.data_dir).years(Layer.ANONYMIZED, "matricula_completa")
    ):
        typer.echo(f"Ya hay datos publicados de {first} a {last}.")
        return
    typer.secho(f"Datos SIMULADOS de {first} a {last}: no son cifras reales.", fg=typer.colors.YELLOW)
    _run(settings, first, last, None)


@app.command()
def serve(
    port: Annotated[int, typer.Option("--puerto", help="Puerto de la interfaz.")] = 3000,
    host: Annotated[str, typer.Option("--host", help="Dirección en que escucha.")] = "127.0.0.1",
) -> None:
    """Abre la interfaz de Dagster, con el calendario semanal y el sensor de la carpeta en marcha."""
    import dagster as dg

    from emtp_assets.automation.runs import settle_interrupted

    settings_or_exit().drop.mkdir(parents=True, exist_ok=True)
    with dg.DagsterInstance.get() as instance:
        if interrupted := settle_interrupted(instance):
            typer.echo(f"Corridas que habían quedado a medias: {len(interrupted)}. El servidor las intenta de nuevo.")
    command = shutil.which("dagster", path=str(Path(sys.executable).parent)) or "dagster"
    # A shell that starts us in the background hands down SIGINT ignored; Dagster would then never stop.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_DFL)
    typer.echo(f"Interfaz en http://{host}:{port} (Ctrl-C para terminar)")
    sys.stdout.flush()
    os.chdir(HOME)
    os.execv(command, [command, "dev", "-w", str(HOME / "workspace.yaml"), "-h", host, "-p", str(port)])  # noqa: S606


@app.command()
def simulate(
    dataset: Annotated[str, typer.Argument(help="Conjunto, p. ej. matricula.")],
    year: Year,
    folder: Annotated[Path, typer.Option("--carpeta", help="Dónde dejar el archivo.")] = Path(),
    scale: Annotated[float, typer.Option("--escala", help="1 = tamaño nacional.")] = 0.1,
) -> None:
    """Escribe un archivo SIMULADO con la forma exacta del oficial."""
    from emtp_assets.contracts import DATASETS, contract_for
    from emtp_assets.sources.simulated import NothingToSimulateError, generate

    if dataset not in DATASETS:
        typer.secho(f"No existe el conjunto {dataset!r}: hay {', '.join(DATASETS)}.", fg=typer.colors.RED, err=True)
        raise typer.Exit(2)
    try:
        typer.echo(generate(contract_for(dataset), year, folder, scale=scale, seed=settings_or_exit().simulated_seed))
    except NothingToSimulateError as nothing:
        typer.secho(str(nothing), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from nothing


@app.command()
def prepare() -> None:
    """Lee el proyecto dbt y deduce el linaje de columnas; se hace solo la primera vez que hace falta."""
    from emtp_assets.lineage import official_origins

    tables = official_origins(settings_or_exit())
    typer.echo(f"Linaje de {len(tables)} tablas publicadas listo.")
