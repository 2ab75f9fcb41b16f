"""Settings of the ministry's systems: where each is and with what it is entered. How one is asked is `sources`'.

The variables are those of the client's own document (``SIGE_DB_HOST``, ``SHAREPOINT_CLIENT_ID``, ``FTP_HOST``,
``MINEDUC_API_KEY``…). A system is configured when its address is given; the rest has defaults.
"""

from __future__ import annotations

import json
import re
from datetime import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, model_validator
from pydantic.functional_validators import AfterValidator, BeforeValidator
from pydantic_settings import BaseSettings, NoDecode

from emtp_assets.settings.home import read_with
from emtp_assets.settings.secrets import secret

Seconds = Annotated[float, Field(gt=0)]
_HOURS = re.compile(r"(\d{2}:\d{2})-(\d{2}:\d{2})")


def _hours(value: str) -> str:
    found = _HOURS.fullmatch(value)
    try:
        first, last = (time.fromisoformat(part) for part in found.groups()) if found else (None, None)
    except ValueError:
        first = last = None
    if value and first == last:
        raise ValueError("se esperan dos horas distintas entre 00:00 y 23:59, como 22:00-07:00")
    return value


def _named_views(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('se espera JSON en una línea, como {"matricula": "vw_otro_nombre"}') from None


Hours = Annotated[str, AfterValidator(_hours)]
"""``22:00-07:00``; empty: any."""

Views = Annotated[dict[str, str], NoDecode, BeforeValidator(_named_views)]
"""``{"matricula": "vw_otro_nombre"}``."""


class SqlServerSettings(BaseSettings):
    """The SIGE replica. Each field is the variable ``SIGE_DB_<FIELD>``; the password is ``SIGE_DB_PASS``."""

    model_config = read_with("SIGE_DB_")

    host: str | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 1433
    name: str | None = None
    user: str | None = None
    password: SecretStr | None = Field(None, validation_alias=AliasChoices("SIGE_DB_PASS", "SIGE_DB_PASSWORD"))
    password_file: Path | None = Field(None, validation_alias="SIGE_DB_PASS_FILE")

    # None: Microsoft's driver that comes with the installation. Else a driver's name in odbcinst.ini, or a path.
    driver: str | None = None
    encrypt: Literal["yes", "strict"] = "yes"
    trust_server_certificate: bool = False
    certificate_host: str | None = None
    ca_file: Path | None = None

    db_schema: str = Field("dbo", validation_alias="SIGE_DB_SCHEMA")
    # Only where IT named a view other than the contract does: {"matricula": "vw_otro_nombre"}.
    views: Views = Field(default_factory=dict)
    # comprobar: refuse what is known not to be a replica; exigir: refuse also what cannot be known.
    replica: Literal["comprobar", "exigir", "no_comprobar"] = "comprobar"
    # Hours in which IT allows queries, Chile's time: "22:00-07:00". Empty: any.
    hours: Hours = ""
    max_rows: Annotated[int, Field(ge=1)] | None = None
    connect_timeout: Seconds = 15
    query_timeout: Seconds = 900
    batch_rows: Annotated[int, Field(ge=100)] = 20_000

    @property
    def configured(self) -> bool:
        return bool(self.host)

    def secret(self) -> str | None:
        return secret(self.password, self.password_file, "SIGE_DB_PASS")

    @property
    def window(self) -> tuple[time, time] | None:
        """First and last moment of the day in which queries are allowed; it may span midnight. None: any."""
        if not self.hours:
            return None
        first, last = (time.fromisoformat(part) for part in self.hours.split("-"))
        return first, last


class SharePointSettings(BaseSettings):
    """A document library, by Microsoft Graph. Each field is the variable ``SHAREPOINT_<FIELD>``."""

    model_config = read_with("SHAREPOINT_")

    site_url: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    # PEM: the certificate registered with the Entra application, and its private key (None: in the same file).
    certificate_file: Path | None = None
    private_key_file: Path | None = None
    # None: the site's default document library.
    library: str | None = None
    folder: str = "Datos"
    graph_url: str = "https://graph.microsoft.com/v1.0"
    authority_url: str = "https://login.microsoftonline.com"
    timeout: Seconds = 60

    @model_validator(mode="after")
    def _key_beside_its_certificate(self) -> SharePointSettings:
        # A file that holds the key is a secret under whatever name: see `holds_secret`.
        if self.private_key_file is None:
            object.__setattr__(self, "private_key_file", self.certificate_file)
        return self

    @property
    def configured(self) -> bool:
        return bool(self.site_url)

    def secret(self) -> str | None:
        return secret(self.client_secret, self.client_secret_file, "SHAREPOINT_CLIENT_SECRET")


class SftpSettings(BaseSettings):
    """A file server by SFTP. ``SFTP_<FIELD>``; the client's ``FTP_HOST``, ``FTP_USER`` and ``FTP_PASS`` do as well."""

    model_config = read_with("SFTP_")

    host: str | None = Field(None, validation_alias=AliasChoices("SFTP_HOST", "FTP_HOST"))
    port: Annotated[int, Field(ge=1, le=65535)] = Field(22, validation_alias=AliasChoices("SFTP_PORT", "FTP_PORT"))
    user: str | None = Field(None, validation_alias=AliasChoices("SFTP_USER", "FTP_USER"))
    password: SecretStr | None = Field(None, validation_alias=AliasChoices("SFTP_PASS", "FTP_PASS"))
    password_file: Path | None = Field(None, validation_alias=AliasChoices("SFTP_PASS_FILE", "FTP_PASS_FILE"))
    key_file: Path | None = None
    key_passphrase: SecretStr | None = None
    key_passphrase_file: Path | None = None
    known_hosts_file: Path | None = Field(None, validation_alias="SFTP_KNOWN_HOSTS")
    folder: str = "/datos/sige"
    timeout: Seconds = 30

    @property
    def configured(self) -> bool:
        return bool(self.host)

    def secret(self) -> str | None:
        return secret(self.password, self.password_file, "SFTP_PASS")

    def passphrase(self) -> str | None:
        return secret(self.key_passphrase, self.key_passphrase_file, "SFTP_KEY_PASSPHRASE")


class RestSettings(BaseSettings):
    """The ministry's REST service, should there be one. Each field is the variable ``MINEDUC_API_<FIELD>``."""

    model_config = read_with("MINEDUC_API_")

    url: str | None = None
    key: SecretStr | None = None
    key_file: Path | None = None
    year_parameter: str = "ano"
    # Where a page's rows and the next page are in the answer; the defaults are those of the client's document.
    records_field: str = "records"
    next_field: str = "next"
    total_field: str = "total"
    page_parameter: str = "page"
    size_parameter: str = "page_size"
    page_size: Annotated[int, Field(ge=1)] = 5_000
    timeout: Seconds = 60

    @property
    def configured(self) -> bool:
        return bool(self.url)

    def secret(self) -> str | None:
        return secret(self.key, self.key_file, "MINEDUC_API_KEY")
