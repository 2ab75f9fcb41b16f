"""The `emtp` command: what people do outside the UI. Thin: each command calls one room and prints its answer."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from emtp_assets.settings import HOME, Settings
from emtp_assets.settings.problems import problems

# Locals in a traceback could hold a secret.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Plataforma de datos EMTP.",
)

Year = Annotated[int, typer.Argument(help="Año académico (marzo a febrero), p. ej. 2025.")]
Dataset = Annotated[str | None, typer.Option("--conjunto", help="Solo este conjunto, p. ej. matricula.")]


@app.callback()
def _environment() -> None:
    """Everything an instance writes stays in the checkout, and nothing is reported to anybody."""
    os.environ.setdefault("DAGSTER_HOME", str(HOME / "dagster_home"))
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)


def _settings() -> Settings:
    """The instance's settings, or a clear word on what is wrong with them."""
    try:
        return Settings()
    except ValidationError as error:
        for problem in problems(error):
            typer.secho(problem, fg=typer.colors.RED, err=True)
        typer.secho("Corrija el archivo .env (véase .env.example).", err=True)
        raise typer.Exit(2) from error


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
    _run(_settings(), first, last, dataset)


@app.command()
def weekly() -> None:
    """Ejecuta ahora lo que el calendario ejecuta los lunes: de cada conjunto, el año más nuevo que ya puede existir."""
    settings = _settings()
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

    settings = _settings()
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

    _settings().drop.mkdir(parents=True, exist_ok=True)
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
def trace(
    table: Annotated[str, typer.Argument(help="Tabla publicada, p. ej. matricula_completa.")],
    column: Annotated[str | None, typer.Option("--columna", help="Solo esta columna.")] = None,
    year: Annotated[int | None, typer.Option("--anio", help="Solo este año académico.")] = None,
) -> None:
    """Dice de qué entregas y de qué columnas oficiales viene una cifra publicada."""
    from emtp_assets.lineage import official_origins
    from emtp_assets.publication.trace import TraceError
    from emtp_assets.publication.trace import trace as trace_table

    settings = _settings()
    try:
        name = Path(table).stem
        found = trace_table(settings, name, column, year, lineage=official_origins(settings).get(name, {}))
    except TraceError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    typer.echo(found.render())


@app.command()
def doctor() -> None:
    """Revisa que la instancia pueda trabajar y dice qué hacer con cada falla."""
    from emtp_assets.doctor import examine

    findings = examine(_settings())
    width = max(len(f.what) for f in findings)
    for finding in findings:
        mark = (
            typer.style("bien ", fg=typer.colors.GREEN) if finding.good else typer.style("FALLA", fg=typer.colors.RED)
        )
        typer.echo(f"{mark}  {finding.what:<{width}}  {finding.found}")
        if not finding.good:
            typer.echo(f"       → {finding.remedy}")
    if not all(f.good for f in findings):
        raise typer.Exit(1)


@app.command()
def test_alert() -> None:
    """Manda un aviso de prueba por cada canal configurado, y dice cómo le fue a cada uno."""
    from emtp_assets.alerts import send_test

    for line in send_test(_settings()):
        typer.echo(line)


@app.command()
def alerts(
    close: Annotated[str | None, typer.Option("--cerrar", help="Cierra la causa con esta clave.")] = None,
) -> None:
    """Lista las causas de aviso vigentes, o cierra una que nada va a resolver por sí sola."""
    from emtp_assets.alerts import Outbox

    outbox = Outbox.of(_settings())
    if close is not None:
        if not outbox.dismiss(close, datetime.now(UTC)):
            typer.secho(f"No hay una causa vigente con la clave {close!r}.", fg=typer.colors.RED, err=True)
            raise typer.Exit(1)
        typer.echo(f"Cerrada: {close}")
        return
    standing = outbox.standing()
    for cause in standing:
        about = f"{cause.alert.about}: " if cause.alert.about else ""
        typer.echo(f"{cause.alert.severity}  {about}{cause.alert.title}")
        typer.echo(f"    {cause.alert.cause}")
        typer.echo(f"    Qué hacer: {cause.alert.action}")
        typer.echo(f"    Desde {cause.opened_at:%d-%m-%Y %H:%M} UTC. Clave: {cause.alert.key}")
    if not standing:
        typer.echo("Ninguna causa vigente.")


@app.command()
def access_request() -> None:
    """Escribe el script T-SQL que TI ejecuta para dar acceso a la réplica (véase docs/solicitud_acceso.md)."""
    from emtp_assets.access import write

    typer.echo(write(_settings()))


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
        typer.echo(generate(contract_for(dataset), year, folder, scale=scale, seed=_settings().simulated_seed))
    except NothingToSimulateError as nothing:
        typer.secho(str(nothing), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from nothing


@app.command()
def prepare() -> None:
    """Lee el proyecto dbt y deduce el linaje de columnas; se hace solo la primera vez que hace falta."""
    from emtp_assets.lineage import official_origins

    tables = official_origins(_settings())
    typer.echo(f"Linaje de {len(tables)} tablas publicadas listo.")


if __name__ == "__main__":
    app()
