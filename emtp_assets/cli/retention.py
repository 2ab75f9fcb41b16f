"""The command that deletes what the retention limit reached, or shows it. The schedule does the same each Monday."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit


@app.command()
def retain(
    simulate: Annotated[bool, typer.Option("--simular", help="Solo muestra qué se borraría.")] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmar", help="Borra aunque el reloj o el registro parezcan mal: alguien los revisó.")
    ] = False,
) -> None:
    """Borra los archivos con identificadores que cumplieron el plazo de conservación, con un registro de cada uno."""
    from emtp_assets.automation.retention import summary
    from emtp_assets.intake.caution import doubt
    from emtp_assets.intake.retention import due, setting_in_words

    settings = settings_or_exit()
    typer.echo(f"Plazo: {setting_in_words(settings)}.")
    now = datetime.now(UTC)
    waiting = due(settings, now)
    for row in summary(waiting):
        typer.echo(
            f"  {row['qué']:<36} {row['conjunto']:<18} {row['años']:<14} {row['archivos']:>6} archivos "
            f"{int(row['bytes']) / 1e6:>10.1f} MB  {row['por_qué']}"
        )
    if not waiting:
        typer.echo("Nada cumplió el plazo.")
    if simulate:
        if against := doubt(settings, waiting, now):
            typer.secho(f"{against.what} {against.action}", fg=typer.colors.YELLOW)
        typer.echo("Simulación: no se borró nada.")
        return

    import dagster as dg

    from emtp_assets.automation.retention import confirmation, retention_job
    from emtp_assets.automation.runs import PROCESS_TAG, process_identity

    with dg.DagsterInstance.get() as instance:
        result = retention_job(settings).execute_in_process(
            instance=instance,
            tags={"emtp/motivo": "línea de comandos", PROCESS_TAG: process_identity(os.getpid())},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **confirmation(confirmed)},
            raise_on_error=False,
        )
    if not result.success:
        for event in result.all_events:
            if event.is_step_failure:
                failure = event.step_failure_data
                described = failure.user_failure_data.description if failure.user_failure_data else None
                typer.secho(described or "La corrida falló; vea la interfaz.", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
    typer.echo(f"Listo: corrida {result.run_id[:8]}, con el detalle en la interfaz.")
