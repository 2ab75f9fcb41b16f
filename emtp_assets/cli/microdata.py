"""`emtp microdata` and `emtp access-log`: handing over microdata, and who looked at persons. Thin, like the others."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from emtp_assets.cli.door import app, settings_or_exit

microdata_app = typer.Typer(no_args_is_help=True, help="Microdatos k-anónimos para investigación interna (modo B).")
app.add_typer(microdata_app, name="microdata")


@microdata_app.command()
def deliver(
    dataset: Annotated[str, typer.Argument(metavar="CONJUNTO", help="matricula, egresados, titulacion o docentes.")],
    year: Annotated[int, typer.Argument(metavar="AÑO", min=2004, max=2100)],
    recipient: Annotated[str, typer.Option("--destinatario", help="Quién los recibe, p. ej. centro-estudios.")],
    release: Annotated[str, typer.Option("--entrega", help="Nombre de la entrega, p. ej. 2026-05.")],
    who: Annotated[str, typer.Option("--quien", help="Quién autoriza. Queda registrado.")],
    why: Annotated[str, typer.Option("--finalidad", help="Para qué investigación. Queda registrado.")],
    restate: Annotated[bool, typer.Option("--rehacer", help="Aunque los datos de ese año hayan cambiado.")] = False,
) -> None:
    """Hace la tabla de un año, la prueba y la deja en data/microdata/; dice qué se perdió y qué riesgo queda."""
    import dagster as dg

    from emtp_assets.automation.microdata import microdata_request
    from emtp_assets.automation.runs import RunFailedError, execute
    from emtp_assets.definitions import build_definitions
    from emtp_assets.keys import DELIVER_MICRODATA, microdata_key
    from emtp_assets.microdata.plans import MICRODATA_SETS

    settings = settings_or_exit()
    if dataset not in MICRODATA_SETS:
        _stop(f"De {dataset!r} no hay microdatos: hay de {', '.join(MICRODATA_SETS)}.", 2)
    if not settings.privacy_mode.gives_microdata:
        _stop(
            "En el modo de privacidad A no hay microdatos. Quien responde de los datos define EMTP_PRIVACY_MODE=B.", 1
        )
    try:
        with dg.DagsterInstance.get() as instance:
            execute(
                build_definitions(settings).resolve_job_def(DELIVER_MICRODATA),
                instance,
                (year, year),
                "entrega de microdatos en la línea de comandos",
                selection=[microdata_key(dataset)],
                run_config=microdata_request([dataset], recipient, release, who, why, restate),
                say=typer.echo,
            )
    except RunFailedError as failed:
        _stop(str(failed), 1)
    folder = settings.data_dir / "microdata" / recipient / release / f"{dataset}_{year}"
    typer.echo((folder / "LEAME.md").read_text(encoding="utf-8").split("\n## ", 1)[0])
    typer.echo(str(folder))


@microdata_app.command("list")
def list_grants() -> None:
    """Lista qué microdatos se entregaron, a quién, cuándo y para qué."""
    from emtp_assets.microdata.grants import Grants

    given = Grants(settings_or_exit().data_dir).all()
    for each in given:
        typer.echo(
            f"{each.at:%d-%m-%Y %H:%M} UTC  {each.dataset} {each.year}  {each.recipient} ({each.release})  "
            f"{each.rows} filas, {each.left_out} fuera  clave {each.key_id}  {each.who}: {each.why}"
        )
    if not given:
        typer.echo("No se han entregado microdatos.")


@app.command()
def access_log(
    last: Annotated[int, typer.Option("--ultimas", min=1, help="Cuántas líneas mostrar.")] = 50,
) -> None:
    """Muestra quién accedió a datos de personas, cuándo y para qué, y comprueba que el registro esté entero."""
    from emtp_assets.privacy.access_log import FILE, AccessLog

    settings = settings_or_exit()
    if not (settings.data_dir / FILE).is_file():
        typer.echo("Ningún acceso registrado.")
        return
    log = AccessLog(settings.data_dir)
    lines = log.lines()
    for line in lines[-last:]:
        who = f"{line.who} ({line.account})" if line.who else line.account
        typer.echo(
            f"{line.id}  {line.at[:16].replace('T', ' ')} UTC  modo {line.mode}  {who}: {line.what}  {line.purpose}"
        )
    if broken := log.broken_at():
        _stop(
            f"El registro está alterado desde la línea {broken}. Guárdelo como está, restaure aparte el último "
            "respaldo y avise a quien responde de los datos.",
            1,
        )
    typer.echo(f"Registro entero: {len(lines)} líneas" + (f", cadena {lines[-1].chain[:16]}." if lines else "."))


def _stop(message: str, code: int) -> NoReturn:
    typer.secho(message, fg=typer.colors.RED, err=True)
    raise typer.Exit(code)
