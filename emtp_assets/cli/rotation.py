"""The command that changes the key of the pseudonyms. The job in the interface does the same."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit

_SHOWN = 10


@app.command()
def rotate_key(
    who: Annotated[str, typer.Option("--quien", help="Quién la cambia.")] = "",
    why: Annotated[str, typer.Option("--motivo", help="Por qué.")] = "",
    withdraw: Annotated[
        bool, typer.Option("--retirar-sin-cruda", help="Retira de la capa limpia los años que no se pueden rehacer.")
    ] = False,
    simulate: Annotated[bool, typer.Option("--simular", help="Solo muestra qué se haría.")] = False,
    give_up: Annotated[bool, typer.Option("--abandonar", help="Borra lo que dejó un intento sin terminar.")] = False,
) -> None:
    """Cambia la clave de los seudónimos: rehace todos los años desde la capa cruda y los pone, todos o ninguno."""
    settings = settings_or_exit()
    if give_up:
        _give_up()
        return
    _show()
    if simulate:
        typer.echo("Simulación: no se cambió nada.")
        return

    import dagster as dg

    from emtp_assets.automation.rotating import rotation_job
    from emtp_assets.automation.runs import PROCESS_TAG, process_identity
    from emtp_assets.definitions import build_definitions

    config = {"quien": who, "motivo": why, "retirar_sin_cruda": withdraw}
    with dg.DagsterInstance.get() as instance:
        result = rotation_job(settings, build_definitions, typer.echo).execute_in_process(
            instance=instance,
            tags={"emtp/motivo": "línea de comandos", PROCESS_TAG: process_identity(os.getpid())},
            run_config={
                "ops": {"rehacer_y_cambiar": {"config": config}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=False,
        )
    if not result.success:
        for event in result.all_events:
            if event.is_step_failure:
                failure = event.step_failure_data
                described = failure.user_failure_data.description if failure.user_failure_data else None
                typer.secho(described or "La corrida falló; vea la interfaz.", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)


def _show() -> None:
    """Under which keys the years stand, which would be made again, and which cannot be: said beforehand."""
    from emtp_assets.automation.rotating import scope_of
    from emtp_assets.privacy.keys import PseudonymKeyError, key_id
    from emtp_assets.privacy.rotation import keys_of, target_key
    from emtp_assets.storage.lake import Lake, Layer

    settings = settings_or_exit()
    lake = Lake(settings.data_dir)
    try:
        typer.echo(f"Clave a la que se cambia: huella {key_id(target_key(settings))}.")
    except PseudonymKeyError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    for key, years in keys_of(lake).items():
        more = f" y {len(years) - _SHOWN} más" if len(years) > _SHOWN else ""
        typer.echo(f"  con {key or 'ninguna huella'}: {', '.join(years[:_SHOWN])}{more}")
    scope = scope_of(lake)
    typer.echo(f"Años por rehacer: {sum(map(len, scope.rebuilt[Layer.CLEANED].values()))}.")
    if scope.lost:
        typer.secho(
            "No se pueden rehacer, porque su capa cruda ya se borró: "
            + ", ".join(f"{dataset} {year}" for dataset, year in scope.lost),
            fg=typer.colors.YELLOW,
        )


def _give_up() -> None:
    from emtp_assets.privacy.keys import PseudonymKeyError
    from emtp_assets.privacy.rotation import Workplace, target_key
    from emtp_assets.storage.lake import Lake

    settings = settings_or_exit()
    # Opening the lake ends what was already being put in place: that is no longer to be given up.
    Lake(settings.data_dir)
    try:
        there = Workplace(settings, target_key(settings)).forget()
    except PseudonymKeyError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
    typer.echo("Se borró lo que había quedado; todo sigue como estaba." if there else "No había nada a medias.")
