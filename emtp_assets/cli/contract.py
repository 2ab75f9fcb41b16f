"""`emtp contract`: for whoever keeps the contracts. What is proposed is `contracts.proposal`'s business."""

from __future__ import annotations

import csv
import tempfile
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.cli.door import app, settings_or_exit
from emtp_assets.contracts import Contract, all_contracts, known_files
from emtp_assets.contracts.proposal import Sample, propose
from emtp_assets.contracts.registry import FOLDER
from emtp_assets.intake import IntakeError, Ledger
from emtp_assets.intake.dialect import layout_of
from emtp_assets.intake.encoding import readable, recognise_encoding
from emtp_assets.intake.layout import Layout
from emtp_assets.intake.opening import first_opened
from emtp_assets.intake.recognition import Header
from emtp_assets.intake.scan import HEAD, refuse_what_is_no_table, scan
from emtp_assets.partitions import academic_year_of
from emtp_assets.settings import HOME

contract_app = typer.Typer(no_args_is_help=True, help="Los contratos de datos y lo que conviene cambiarles.")
app.add_typer(contract_app, name="contract")

_ROWS = 2000


@contract_app.command("propose")
def contract_propose(
    file: Annotated[Path, typer.Argument(help="Un archivo CSV tal como llegó.", exists=True, dir_okay=False)],
) -> None:
    """Propone, como diff listo para `git apply`, lo que el encabezado de un archivo pide cambiar a su contrato.

    El diff sale por la salida estándar y lo demás por la de errores. No muestra ningún valor del archivo.
    """
    try:
        header, sample = _beginning(file)
    except IntakeError as error:
        typer.secho(f"{file.name}: {error.what} {error.action}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    contract = header.contract
    path = FOLDER / f"{contract.dataset}.yaml"
    former = path.read_text(encoding="utf-8")
    proposal = propose(contract, former, header.names, sample, newest=_newest(contract))
    years = ", ".join(map(str, sample.years))
    typer.echo(f"{file.name}: {contract.title}, {years} ({len(header.names)} columnas).", err=True)
    for line in [*proposal.changes, *(f"Atención: {remark}" for remark in proposal.remarks)]:
        typer.echo(f"- {line}", err=True)
    diff = proposal.diff(former, path.relative_to(HOME).as_posix())
    if not diff:
        typer.echo("Nada que proponer: el contrato ya describe estas columnas.", err=True)
        return
    typer.echo("Revise y aplique con: emtp contract propose ARCHIVO | git apply", err=True)
    typer.echo(diff, nl=False)


def _newest(contract: Contract) -> int | None:
    """The newest year of which this instance has a delivery."""
    data_dir = settings_or_exit().data_dir
    if not (data_dir / "ledger.sqlite").is_file():
        return None
    return max((year for d in Ledger(data_dir).deliveries(contract.dataset) for year in d.years), default=None)


def _beginning(file: Path) -> tuple[Header, Sample]:
    """The header of a file and its first rows, read as the door reads them: out of its container, in its encoding.

    Raises:
        IntakeError: it is no file of ours, and why.
    """
    contracts = all_contracts()
    with tempfile.TemporaryDirectory(prefix="emtp-propuesta-") as folder:
        content, facts = first_opened(file, scan(file), contracts, Path(folder))
        refuse_what_is_no_table(facts.head)
        encoding = recognise_encoding(content.path)
        with readable(content.path, encoding, Path(folder)) as text:
            layout = layout_of(
                _head(text),
                encoding.codec,
                contracts,
                known_files(),
                last_year=academic_year_of(datetime.now(UTC)) + 1,
                whole=text.stat().st_size <= HEAD,
            )
            return layout.header, _sample(text, layout)


def _head(text: Path) -> bytes:
    with text.open("rb") as handle:
        return handle.read(HEAD)


def _sample(text: Path, layout: Layout) -> Sample:
    """The first rows that fit.

    Raises:
        IntakeError: none of them says its year.
    """
    with text.open(encoding=layout.codec, errors="replace", newline=None) as handle:
        lines = islice(handle, layout.header_line, layout.header_line + _ROWS)
        try:
            rows = list(csv.reader(lines, delimiter=layout.separator, quotechar=layout.quote))
        except csv.Error:
            raise IntakeError(
                "ilegible",
                f"Alguna de las primeras {_ROWS} filas no se puede leer: unas comillas no se cierran, o un valor es "
                "demasiado largo.",
                expected="Filas con las columnas del encabezado.",
                action="Use el archivo oficial, sin editar.",
            ) from None
    header = layout.header
    whole = [row for row in rows if len(row) == layout.width]
    years = sorted({int(row[layout.year_at]) for row in whole if layout.is_year(row[layout.year_at])})
    if not years:
        raise IntakeError(
            "sin_anio",
            f"Ninguna de las primeras filas dice su año en {header.contract.year_column}.",
            where=f"filas 1 a {len(rows)}",
            expected="El año académico en cada fila.",
            action="Use el archivo oficial completo, con sus filas.",
        )
    return Sample({name: [row[at] for row in whole] for at, name in enumerate(header.names)}, years)
