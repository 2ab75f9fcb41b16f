"""`emtp release`: public releases from the terminal. What they are is `releases`'; each command calls it and prints."""

from __future__ import annotations

from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit

release_app = typer.Typer(no_args_is_help=True, help="Liberaciones públicas: cortes fijos, auditados y aprobados.")
app.add_typer(release_app, name="release")


@release_app.command()
def candidate(
    cut: Annotated[str, typer.Option("--corte", help="Fecha del corte, como 2026-04-30. Por defecto, hoy.")] = "",
    restate: Annotated[
        list[str] | None, typer.Option("--rehacer", help="Un año ya liberado que se rehace: 2024, o matricula:2024.")
    ] = None,
) -> None:
    """Hace una candidata con la capa agregada, la audita y la deja en espera de una persona."""
    from emtp_assets.automation.jobs import PREPARE_RELEASE, preparation

    _run(PREPARE_RELEASE, preparation(cut, restate or []), "candidata desde la línea de comandos")
    show()


@release_app.command()
def show() -> None:
    """Muestra la candidata en espera: qué cambia, qué encontró la auditoría y cómo aprobarla."""
    from emtp_assets.releases.candidate import headline
    from emtp_assets.releases.difference import difference, markdown
    from emtp_assets.releases.manifest import ReleaseError
    from emtp_assets.releases.shelf import Shelf

    settings = settings_or_exit()
    shelf = Shelf(settings.data_dir)
    try:
        waiting = shelf.candidate()
        if waiting is None:
            typer.echo("No hay ninguna candidata en espera. Haga una con: emtp release candidate")
            return
        typer.echo(headline(waiting))
        for notice in waiting.manifest["avisos"]:
            typer.echo(f"Aviso: {notice}")
        former = shelf.latest()
        typer.echo(markdown(difference(settings, waiting, former), former))
        typer.echo(f"\nAuditoría: {waiting.folder / 'auditoria.md'}")
        typer.echo(f'Para liberarla: emtp release approve {waiting.fingerprint} --quien "…" --motivo "…"')
    except ReleaseError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error


@release_app.command()
def approve(
    fingerprint: Annotated[str, typer.Argument(metavar="HUELLA", help="La de la candidata en espera.")],
    who: Annotated[str, typer.Option("--quien", help="Quién la aprueba. Queda registrado.")],
    why: Annotated[str, typer.Option("--motivo", help="Por qué. Queda registrado.")],
) -> None:
    """Hace pública la candidata, para siempre."""
    from emtp_assets.automation.jobs import RELEASE, releasing

    _run(RELEASE, releasing(fingerprint, who, why), "liberación desde la línea de comandos")


@release_app.command("list")
def list_releases() -> None:
    """Lista las liberaciones: quién aprobó cada una, cuándo y por qué."""
    from emtp_assets.releases.record import ReleaseRecords

    settings = settings_or_exit()
    known = (settings.data_dir / "releases.sqlite").is_file()
    records = ReleaseRecords(settings.data_dir).all() if known else []
    for record in records:
        state = "" if record.released_at else " (aprobada, no llegó a su lugar: apruébela de nuevo)"
        typer.echo(f"{record.release_id}  {record.fingerprint}{state}")
        typer.echo(f"    {record.who}, {record.approved_at:%d-%m-%Y %H:%M} UTC: {record.why}")
        typer.echo(f"    {record.what}")
    if not records:
        typer.echo("Ninguna liberación todavía.")


def _run(job_name: str, run_config: dict[str, object], motive: str) -> None:
    import dagster as dg

    from emtp_assets.automation.runs import RunFailedError, execute
    from emtp_assets.definitions import build_definitions

    job = build_definitions(settings_or_exit()).resolve_job_def(job_name)
    try:
        with dg.DagsterInstance.get() as instance:
            execute(job, instance, None, motive, run_config=run_config, say=typer.echo)
    except RunFailedError as failed:
        typer.secho(str(failed), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from failed
