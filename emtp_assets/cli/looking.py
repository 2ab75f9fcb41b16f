"""Commands that look, and change no data: origins, health, alarms, what to ask IT for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit


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

    settings = settings_or_exit()
    try:
        name = Path(table).stem
        found = trace_table(settings, name, column, year, lineage=official_origins(settings).get(name, {}))
    except TraceError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    typer.echo(found.render())


@app.command()
def doctor(
    every_byte: Annotated[
        bool, typer.Option("--completo", help="Lee además cada byte del archivo histórico y comprueba su huella.")
    ] = False,
) -> None:
    """Revisa que la instancia pueda trabajar y dice qué hacer con cada falla."""
    from emtp_assets.doctor import examine

    findings = examine(settings_or_exit(), every_byte=every_byte)
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

    for line in send_test(settings_or_exit()):
        typer.echo(line)


@app.command()
def alerts(
    close: Annotated[str | None, typer.Option("--cerrar", help="Cierra la causa con esta clave.")] = None,
) -> None:
    """Lista las causas de aviso vigentes, o cierra una que nada va a resolver por sí sola."""
    from emtp_assets.alerts import Outbox

    outbox = Outbox.of(settings_or_exit())
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

    typer.echo(write(settings_or_exit()))
