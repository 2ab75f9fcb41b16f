"""Commands about what is encrypted: close what an older version left open, and see one file. The key is never shown."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit


@app.command()
def seal() -> None:
    """Cifra lo que una versión anterior dejó en claro y cierra las carpetas; interrumpido, otra vez sigue."""
    from emtp_assets.intake.at_rest import close
    from emtp_assets.storage.storage_key import StorageKeyError, storage_key_fingerprint

    settings = settings_or_exit()
    try:
        typer.echo(f"Clave de almacenamiento: huella {storage_key_fingerprint(settings)}.")
        done = close(settings)
    except StorageKeyError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    for what, files in done.files.items():
        typer.echo(f"  {files} {what}")
    typer.echo("Cifrados." if done.files else "No había nada en claro.")
    for path, reason in done.failed:
        typer.secho(f"{path}: {reason}", fg=typer.colors.RED, err=True)
    if done.failed:
        raise typer.Exit(1)


@app.command()
def unseal(
    file: Annotated[Path, typer.Argument(help="Un archivo .sellado, de rejected/ o del archivo histórico.")],
    into: Annotated[Path, typer.Option("--guardar", help="Dónde dejarlo en claro (archivo nuevo, privado).")],
) -> None:
    """Abre un archivo cifrado para quien deba verlo. Lo que guarda puede tener datos personales."""
    from emtp_assets.intake.at_rest import sealed_key
    from emtp_assets.storage.sealing import SealError, sealed_with, unseal
    from emtp_assets.storage.storage_key import Purpose, StorageKeyError, subkey

    settings = settings_or_exit()
    made = False
    try:
        made_with = sealed_with(file)
        purpose = next((p for p in Purpose if sealed_key(settings, p) == made_with), Purpose.REFUSED)
        key = subkey(settings, purpose)
        descriptor = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        made = True
        with os.fdopen(descriptor, "wb", buffering=0) as target:
            size = unseal(file, key, target)
    except (SealError, StorageKeyError, OSError) as error:
        if made:
            with suppress(OSError):
                into.unlink()
        said = str(error)
        if isinstance(error, OSError):
            why = "ya existe: indique otro nombre" if isinstance(error, FileExistsError) else error.strerror
            said = f"No se pudo abrir {file} o guardar en {into} ({why})."
        typer.secho(said, fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{size} bytes en {into}. Pueden ser datos personales: bórrelo cuando termine.")
