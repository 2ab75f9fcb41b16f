"""``python -m emtp_assets.cli``. Nothing else belongs here."""

from emtp_assets.cli import app

app()
