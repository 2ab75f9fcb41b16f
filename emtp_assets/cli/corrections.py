"""Commands about figures that change after they were published: approving a correction, redoing a former set."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit

_SHOWN = 12


@app.command()
def approve(
    fingerprint: Annotated[str | None, typer.Argument(metavar="HUELLA", help="La de la corrección que espera.")] = None,
    who: Annotated[str, typer.Option("--quien", help="Quién la aprueba.")] = "",
    why: Annotated[str, typer.Option("--motivo", help="Por qué se acepta.")] = "",
) -> None:
    """Aprueba una corrección de años ya publicados, y publica. Sin huella, muestra la que espera."""
    import dagster as dg

    from emtp_assets.automation.jobs import APPROVE, approval
    from emtp_assets.automation.runs import RunFailedError, execute
    from emtp_assets.definitions import build_definitions

    settings = settings_or_exit()
    if fingerprint is None:
        _show()
        return
    job = build_definitions(settings).resolve_job_def(APPROVE)
    try:
        with dg.DagsterInstance.get() as instance:
            execute(
                job,
                instance,
                None,
                "aprobación en la línea de comandos",
                run_config=approval(fingerprint, who, why),
                say=typer.echo,
            )
    except RunFailedError as failed:
        typer.secho(str(failed), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from failed


def _show() -> None:
    """What the next publication would change, and what waits."""
    from emtp_assets.assets.published import describer
    from emtp_assets.publication.gate import pending
    from emtp_assets.publication.sets import PublicationError
    from emtp_assets.publication.told import markdown
    from emtp_assets.storage.lake import Lake

    settings = settings_or_exit()
    try:
        restated = pending(settings, Lake(settings.data_dir), describe=describer(settings), now=datetime.now(UTC))
    except PublicationError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    typer.echo(markdown(restated))
    if restated.waits:
        typer.echo(f'Para aprobarla: emtp approve {restated.fingerprint} --quien "…" --motivo "…"')


@app.command()
def as_of(
    day: Annotated[datetime, typer.Argument(metavar="DÍA", formats=["%Y-%m-%d"], help="Por ejemplo 2026-05-03.")],
    folder: Annotated[Path, typer.Option("--carpeta", help="Dónde rehacerlo: una carpeta nueva o vacía.")],
    keep_layers: Annotated[
        bool, typer.Option("--conservar-capas", help="Deja también las capas con datos de personas.")
    ] = False,
) -> None:
    """Rehace en otra carpeta lo que estaba publicado al terminar un día, y dice si salió idéntico."""
    from emtp_assets.automation.rebuilding import rebuild
    from emtp_assets.automation.runs import RunFailedError
    from emtp_assets.definitions import build_definitions
    from emtp_assets.publication.rebuild import RebuildError

    settings = settings_or_exit()
    try:
        found = rebuild(build_definitions, settings, day.date(), folder, keep_layers=keep_layers, say=typer.echo)
    except (RebuildError, RunFailedError, OSError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    total = len(found.identical) + len(found.differing)
    typer.echo(f"Rehecho en {folder.resolve() / 'data' / 'processed'}.")
    if not found.differing:
        typer.secho(f"Idénticos los {total} archivos de datos, byte por byte.", fg=typer.colors.GREEN)
        return
    typer.echo(f"Idénticos {len(found.identical)} de {total} archivos de datos. Cambian: " + ", ".join(found.differing))
    for reason in found.reasons[:_SHOWN] or ["No se conoce la causa: avise a quien mantiene el código."]:
        typer.echo(f"- {reason}")
    if not (found.other_code and found.same_figures):
        raise typer.Exit(1)
    typer.secho("Todas las cifras son las mismas: los CSV son idénticos.", fg=typer.colors.GREEN)
