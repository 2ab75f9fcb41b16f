"""The command about lines set aside: which they are, and their bytes for whoever may see them. It changes nothing."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit


@app.command()
def quarantine(
    delivery: Annotated[str | None, typer.Argument(help="Comienzo de la huella SHA-256 de una entrega.")] = None,
    into: Annotated[
        Path | None, typer.Option("--guardar", help="Guarda las líneas tal como llegaron en este archivo (privado).")
    ] = None,
) -> None:
    """Lista las líneas apartadas porque no calzaron: de todas las entregas, o de una con el motivo de cada línea."""
    from emtp_assets.intake import Ledger
    from emtp_assets.intake.quarantine import Quarantine

    settings = settings_or_exit()
    kept = Quarantine(settings)
    found = [d for d in Ledger(settings.data_dir).deliveries() if kept.path(d.sha256).is_file()]
    if delivery is None:
        for each in found:
            reasons = Counter(aside.code for aside in kept.rows(each.sha256))
            told = ", ".join(f"{count} {code}" for code, count in reasons.most_common())
            years = ", ".join(map(str, each.years))
            typer.echo(f"{each.sha256[:12]}  {each.dataset} {years}  {each.original_name}: {told}")
        if not found:
            typer.echo("Ninguna entrega tiene líneas apartadas.")
        return
    chosen = [d for d in found if d.sha256.startswith(delivery.lower())]
    if len(chosen) != 1:
        which = "ninguna entrega con líneas apartadas" if not chosen else f"{len(chosen)} entregas"
        typer.secho(f"La huella {delivery!r} corresponde a {which}.", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)
    from emtp_assets.privacy.access_log import Access, record_access

    what = "líneas apartadas" + (f", guardadas en {into}" if into else "")
    record_access(settings, Access(f"{what} de {chosen[0].dataset}, entrega {chosen[0].sha256[:12]}"))
    rows = kept.rows(chosen[0].sha256)
    for aside in rows:
        typer.echo(f"línea {aside.line}  {aside.code}: {aside.what}")
    if into is not None:
        try:
            descriptor = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"".join(aside.raw.removesuffix(b"\r") + b"\n" for aside in rows))
        except OSError as error:
            why = "ya existe: indique otro nombre" if isinstance(error, FileExistsError) else error.strerror
            typer.secho(f"No se pudo guardar en {into} ({why}).", fg=typer.colors.RED, err=True)
            raise typer.Exit(1) from error
        typer.echo(f"Guardadas en {into}. Pueden contener datos personales: bórrelo cuando termine.")
