"""Typed settings, read from the environment and `.env`. Nothing here opens a file, a network or a database."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

HOME = Path(os.environ.get("EMTP_HOME", Path(__file__).resolve().parent.parent))


class Mode(StrEnum):
    """What an instance is for: simulated figures to try it out, or the ministry's real ones only."""

    DEMONSTRATION = "demostracion"
    PRODUCTION = "produccion"


class Settings(BaseSettings):
    """Every knob of an instance. Each field is the variable ``EMTP_<FIELD>``; see `.env.example`."""

    model_config = SettingsConfigDict(
        env_prefix="EMTP_", env_file=HOME / ".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    mode: Mode = Mode.DEMONSTRATION
    data_dir: Path = HOME / "data"
    drop_dir: Path | None = None
    dbt_dir: Path = HOME / "dbt_project"

    # The first year that all six datasets have an official file of; titulacion begins in 2013.
    first_year: Annotated[int, Field(ge=2004, le=2100)] = 2013

    simulated_years: Annotated[int, Field(ge=1, le=15)] = 4
    simulated_scale: Annotated[float, Field(gt=0, le=1)] = 0.1
    simulated_seed: int = 20260301

    drop_rest_seconds: Annotated[float, Field(ge=0)] = 10.0
    suppression_minimum: Annotated[int, Field(ge=3)] = 10
    pseudonym_key: SecretStr | None = None
    pseudonym_key_file: Path | None = None

    duckdb_memory_limit: str = "250MB"
    duckdb_threads: Annotated[int, Field(ge=1)] = 2
    published_sets_kept: Annotated[int, Field(ge=1)] = 5

    @model_validator(mode="after")
    def _drop_inside_data_by_default(self) -> Settings:
        if self.drop_dir is None:
            object.__setattr__(self, "drop_dir", self.data_dir / "drop")
        return self

    @property
    def drop(self) -> Path:
        """The drop folder; the ministry may point it at a folder of its own."""
        assert self.drop_dir is not None
        return self.drop_dir

    @property
    def production(self) -> bool:
        return self.mode is Mode.PRODUCTION
