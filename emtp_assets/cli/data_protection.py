"""The command that renews what `docs/proteccion_datos.md` says of the data. Its text is `data_protection`'s."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit


@app.command()
def data_protection(
    instance: Annotated[
        Path | None,
        typer.Option("--instancia", help="Escribe aquí una copia con los valores de esta instancia (.env)."),
    ] = None,
) -> None:
    """Renueva las partes generadas de docs/proteccion_datos.md desde los contratos, los planes y los ajustes."""
    from emtp_assets.data_protection import DOCUMENT, DocumentError, renewed

    settings = settings_or_exit() if instance else None
    try:
        former = DOCUMENT.read_text(encoding="utf-8")
        text = renewed(former, settings)
    except (OSError, DocumentError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    if instance is None and text == former:
        typer.echo(f"{DOCUMENT.name} ya está al día.")
        return
    target = instance or DOCUMENT
    target.write_text(text, encoding="utf-8")
    typer.echo(f"Escrito: {target}")
