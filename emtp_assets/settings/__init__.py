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

    @property
    def publishes(self) -> bool:
        """Whether figures may leave the instance: never one that works on persons by name."""
        return self is not PrivacyMode.FULL

    @property
    def gives_microdata(self) -> bool:
        """Whether one row a person may be delivered, to somebody in the ministry."""
        return self is not PrivacyMode.AGGREGATES

    @property
    def in_words(self) -> str:
        """As people see it wherever the mode is shown."""
        return f"{self.value} · {_PRIVACY_MODES[self.value]}"


_PRIVACY_MODES = {
    "A": "sólo cifras agregadas",
    "B": "microdatos seudonimizados para investigación interna",
    "C": "acceso completo, interno: con finalidad y registro de accesos, sin publicación",
}


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
    # The key that is to replace that one: `rotar_clave` rebuilds everything under it.
    pseudonym_key_next_file: Path | None = None

    # With what archive, raw layer, lines set aside and refused files are encrypted.
    storage_key: SecretStr | None = None
    storage_key_file: Path | None = None

    privacy_mode: PrivacyMode = PrivacyMode.AGGREGATES
    # Mode B: persons that share each combination, at least; and one in how many a row is, on average.
    microdata_k: Annotated[int, Field(ge=10)] = 10
    microdata_average_risk: Annotated[float, Field(gt=0, le=0.05)] = 0.01
    # Mode C: for what persons are looked at by name, and who answers for it. Without them nothing starts.
    access_purpose: str | None = None
    access_responsible: str | None = None

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

    @model_validator(mode="after")
    def _full_access_has_a_purpose(self) -> Settings:
        given = {"EMTP_ACCESS_PURPOSE": self.access_purpose, "EMTP_ACCESS_RESPONSIBLE": self.access_responsible}
        if self.privacy_mode.full_access and (lacking := [n for n, v in given.items() if not (v or "").strip()]):
            raise ValueError(
                f"El modo de privacidad C (acceso completo) exige {' y '.join(lacking)}: para qué se accede a datos "
                "con nombre, y quién responde. Defínalas, o vuelva a EMTP_PRIVACY_MODE=A"
            )
        return self

    @property
    def drop(self) -> Path:
        """The drop folder; the ministry may point it at a folder of its own."""
        assert self.drop_dir is not None
        return self.drop_dir

    @property
    def production(self) -> bool:
        return self.mode is Mode.PRODUCTION
