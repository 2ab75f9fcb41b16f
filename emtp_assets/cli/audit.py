"""`emtp audit`: the attack on a published folder, from the terminal. It calls `audit` and prints the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.cli.door import app

MOST_PRINTED = 20


@app.command()
def audit(
    folder: Annotated[Path, typer.Argument(metavar="CARPETA", help="Una carpeta de data/releases/, o una copia.")],
    former: Annotated[
        list[Path] | None, typer.Option("--contra", help="Una publicación anterior. Se puede repetir.")
    ] = None,
    write: Annotated[
        Path | None, typer.Option("--escribir", metavar="DIR", help="Deja allí el informe: JSON, Markdown y SVG.")
    ] = None,
) -> None:
    """Ataca una publicación con solo lo publicado. Termina en 0 si resiste, 1 si no, 2 si no es una publicación.

    Sin saber quién está solo en su celda, prueba con cada una que podría ser de una sola persona, y eso solo avisa.
    """
    from emtp_assets.audit import AuditError
    from emtp_assets.audit import audit as attacked
    from emtp_assets.audit.report import write_report

    try:
        report = attacked(folder, former or [])
    except AuditError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(2) from error
    typer.secho(report.summary(), fg=typer.colors.GREEN if report.passed else typer.colors.RED)
    for finding in (*report.errors, *report.warnings)[:MOST_PRINTED]:
        typer.echo(f"  {finding.severity.value}: {finding.kind.value}: {finding}")
    if (left := len(report.findings) - MOST_PRINTED) > 0:
        typer.echo(f"  … y {left} más; el informe completo, con --escribir")
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        write_report(report, write)
        typer.echo(f"Informe: {write / 'auditoria.md'}")
    if not report.passed:
        raise typer.Exit(1)
