"""Where an instance lives, and how every part of its settings is read. What the settings are is each part's."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic_settings import SettingsConfigDict

HOME = Path(os.environ.get("EMTP_HOME", Path(__file__).resolve().parent.parent.parent))
"""The checkout, or the folder that ``EMTP_HOME`` names."""


def read_with(prefix: str) -> SettingsConfigDict:
    """From the variables that begin with ``prefix``, in the environment or in the instance's `.env`.

    Each class needs a dictionary of its own: tests change it.
    """
    return SettingsConfigDict(
        env_prefix=prefix,
        env_file=HOME / ".env",
        env_file_encoding="utf-8",
        # A variable without value is one that is not given: an empty path would be the current folder.
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        # A value that cannot be used may be a secret.
        hide_input_in_errors=True,
    )
