"""What every command of `emtp` shares: the application, its environment, its settings. No command is here."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

import typer
from pydantic import ValidationError

from emtp_assets.settings import HOME, Settings
from emtp_assets.settings.problems import problems
from emtp_assets.storage.lake import keep_private

# Locals in a traceback could hold a secret.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    help="Plataforma de datos EMTP.",
)


@app.callback()
def _environment() -> None:
    """Everything an instance writes stays in the checkout, and nothing is reported to anybody."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(HOME / "dagster_home")))
    if home.is_dir():
        with suppress(OSError):  # another account's: `emtp doctor` says so
            keep_private(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)


def settings_or_exit() -> Settings:
    """The instance's settings, or a clear word on what is wrong with them."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in problems(error):
            typer.secho(problem, fg=typer.colors.RED, err=True)
        typer.secho("Corrija el archivo .env (véase .env.example).", err=True)
        raise typer.Exit(2) from error
    # To the error stream: what a command answers may be read by a program.
    typer.secho(f"Modo de privacidad {settings.privacy_mode.in_words}.", fg=typer.colors.BRIGHT_BLACK, err=True)
    return settings
