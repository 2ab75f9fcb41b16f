"""Typed settings, read from the environment and `.env`. Nothing here opens a network or a database.

What concerns one outside system is in `systems`, the alarms' in `alerts`; how a secret is read, in `secrets`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

from emtp_assets.settings.alerts import AlertSettings
from emtp_assets.settings.home import HOME, read_with
from emtp_assets.settings.systems import RestSettings, SftpSettings, SharePointSettings, SqlServerSettings

__all__ = [
    "HOME",
    "AlertSettings",
    "Mode",
    "PrivacyMode",
    "RestSettings",
    "Settings",
    "SftpSettings",
    "SharePointSettings",
    "SqlServerSettings",
]


_Part = TypeVar("_Part", bound=BaseSettings)


def _from_environment(part: type[_Part]) -> Callable[[], _Part]:
    return lambda: part()  # noqa: PLW0108 - the class itself has parameters, which a default factory must not


class Mode(StrEnum):
    """What an instance is for: simulated figures to try it out, or the ministry's real ones only."""

    DEMONSTRATION = "demostracion"
    PRODUCTION = "produccion"


class PrivacyMode(StrEnum):
    """How much of a person an instance may ask a source for: the client's options A, B and C."""

    AGGREGATES = "A"
    PSEUDONYMS = "B"
    FULL = "C"

    @property
    def full_access(self) -> bool:
        """Whether names and dates of birth may be asked for."""
        return self is PrivacyMode.FULL


class Settings(BaseSettings):
    """Every knob of an instance. Each field is the variable ``EMTP_<FIELD>``; see `.env.example`."""

    model_config = read_with("EMTP_")

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
    # Lines of a file that may not fit its header before the whole file is refused; one always may.
    quarantine_share: Annotated[float, Field(ge=0, le=0.5)] = 0.01
    suppression_minimum: Annotated[int, Field(ge=3)] = 10
    pseudonym_key: SecretStr | None = None
    pseudonym_key_file: Path | None = None

    # With what archive, raw layer, lines set aside and refused files are encrypted.
    storage_key: SecretStr | None = None
    storage_key_file: Path | None = None

    privacy_mode: PrivacyMode = PrivacyMode.AGGREGATES

    # The ministry's own certificate authority. Beside the system's list; for the replica, in place of it.
    ca_file: Path | None = None
    retry_attempts: Annotated[int, Field(ge=1, le=10)] = 4
    retry_first_wait: Annotated[float, Field(ge=0)] = 5.0
    retry_longest_wait: Annotated[float, Field(ge=0)] = 120.0

    sqlserver: SqlServerSettings = Field(default_factory=_from_environment(SqlServerSettings))
    sharepoint: SharePointSettings = Field(default_factory=_from_environment(SharePointSettings))
    sftp: SftpSettings = Field(default_factory=_from_environment(SftpSettings))
    rest: RestSettings = Field(default_factory=_from_environment(RestSettings))
    alerts: AlertSettings = Field(default_factory=_from_environment(AlertSettings))

    duckdb_memory_limit: str = "250MB"
    duckdb_threads: Annotated[int, Field(ge=1)] = 2
    published_sets_kept: Annotated[int, Field(ge=1)] = 5

    # From when a changed figure of a published year waits for a person: shares of the figure, and a floor in units.
    restatement_national: Annotated[float, Field(ge=0)] = 0.01
    restatement_region: Annotated[float, Field(ge=0)] = 0.05
    restatement_living: Annotated[float, Field(ge=0)] = 0.10
    restatement_floor: Annotated[int, Field(ge=0)] = 30

    # Days that files which may name persons are kept: all of them, and those that another delivery replaced.
    retention_days: Annotated[int, Field(ge=30)] | None = None
    retention_replaced_days: Annotated[int, Field(ge=30)] | None = None

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
