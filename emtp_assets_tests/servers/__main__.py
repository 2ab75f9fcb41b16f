"""The five ways in without a ministry: `make demo-sources`. Starts the systems, shows each way, opens the UI.

What the systems are is in `systems`; everything runs on this machine, with simulated data and passwords of the day.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from emtp_assets.contracts import DATASETS, contract_for
from emtp_assets.partitions import academic_year_of
from emtp_assets.settings import HOME
from emtp_assets.sources.simulated import can_generate
from emtp_assets_tests.servers.ministry import Ministry
from emtp_assets_tests.servers.systems import NAMES, Systems

EMTP = Path(sys.executable).with_name("emtp")
FOLDER = HOME / "data" / "demo_sources"


def main(
    port: Annotated[int, typer.Option("--puerto", help="Puerto de la interfaz.")] = 3000,
    down: Annotated[list[str], typer.Option("--sin", help="Un sistema que no responde; se puede repetir.")] = [],  # noqa: B006
    tour: Annotated[
        bool, typer.Option("--recorrido/--sin-recorrido", help="Mostrar antes cada vía por sí sola.")
    ] = True,
    serve: Annotated[bool, typer.Option("--interfaz/--sin-interfaz", help="Abrir la interfaz al final.")] = True,
) -> None:
    """Muestra las cinco vías por las que entran los datos, con sistemas de prueba en esta máquina."""
    if unknown := sorted(set(down or ()) - set(NAMES)):
        typer.secho(f"No existe {', '.join(unknown)}: hay {', '.join(NAMES)}.", fg=typer.colors.RED, err=True)
        raise typer.Exit(2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    up = [name for name in NAMES if name not in (down or ())]
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    FOLDER.chmod(0o700)
    typer.secho("Datos SIMULADOS: ni las escuelas ni las personas existen.", fg=typer.colors.YELLOW)
    systems = Systems(Ministry(FOLDER / "ministerio", _years(), scale=0.02), FOLDER / "sistemas")
    systems.start(up)
    try:
        if tour:
            _show_each(systems, up)
        _together(systems, port, serve=serve)
    finally:
        systems.stop()


def _years() -> dict[str, list[int]]:
    """The running year and the one before, where there can be a file."""
    running = academic_year_of(datetime.now(UTC))
    return {d: [y for y in (running - 1, running) if can_generate(contract_for(d), y)] for d in DATASETS}


def _show_each(systems: Systems, names: list[str]) -> None:
    """A weekly update by each way alone, each into an instance of its own, and the fingerprint of what it published."""
    fingerprints = {}
    for name in names:
        instance = FOLDER / "recorrido" / name
        typer.secho(f"\n── Solo {name} ", bold=True)
        environment = _environment(instance, systems.environment(name))
        _emtp(environment, "doctor")
        _emtp(environment, "weekly")
        fingerprints[name] = _fingerprint(instance / "data" / "processed")
    typer.secho("\n── Lo publicado, byte por byte", bold=True)
    for name, fingerprint in fingerprints.items():
        typer.echo(f"{name:<12} {fingerprint}")
    if len(set(fingerprints.values())) > 1:
        typer.secho("Las vías no publicaron lo mismo.", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)


def _together(systems: Systems, port: int, *, serve: bool) -> None:
    """One instance that knows all four, asks them in order and falls back; and the drop folder, the fifth way."""
    instance = FOLDER / "instancia"
    environment = _environment(instance, systems.environment(*NAMES))
    typer.secho("\n── Los cuatro sistemas y la carpeta", bold=True)
    _emtp(environment, "weekly", must=False)
    typer.echo(
        f"La quinta vía: copie un archivo de {systems.ministry.folder / 'oficiales'} en {instance / 'data' / 'drop'}"
    )
    if serve:
        _emtp(environment, "serve", "--puerto", str(port), must=False)


def _environment(instance: Path, systems: dict[str, str]) -> dict[str, str]:
    home = instance / "dagster_home"
    home.mkdir(parents=True)
    shutil.copy(HOME / "dagster_home" / "dagster.yaml", home)
    return {
        **os.environ,
        **systems,
        "EMTP_DATA_DIR": str(instance / "data"),
        "DAGSTER_HOME": str(home),
        "EMTP_RETRY_FIRST_WAIT": "0.2",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def _emtp(environment: dict[str, str], *arguments: str, must: bool = True) -> None:
    sys.stdout.flush()
    process = subprocess.Popen([EMTP, *arguments], env=environment, cwd=HOME)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # Ctrl-C reached it too: it ends by itself.
        process.wait()
        raise typer.Exit(0) from None
    except SystemExit:
        # A signal to this process alone would leave a whole Dagster behind.
        process.terminate()
        process.wait()
        raise
    if code and must:
        raise typer.Exit(code)


def _fingerprint(processed: Path) -> str:
    """Of every table published, the documents that carry times aside."""
    digest = hashlib.sha256()
    tables = sorted(p for p in processed.iterdir() if p.suffix in {".csv", ".parquet"})
    for path in tables:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return f"{digest.hexdigest()[:16]}  ({len(tables)} archivos)"


if __name__ == "__main__":
    typer.run(main)
