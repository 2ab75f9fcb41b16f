"""The four systems of a ministry at once, all serving the same data, with the settings that lead to each.

What each server does is in its own module; what the data are, in `ministry`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from emtp_assets.contracts import contract_for
from emtp_assets.settings import RestSettings, SftpSettings, SharePointSettings, SqlServerSettings
from emtp_assets_tests.servers.asyncssh_sftp import AsyncsshSftp
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.graph import GraphServer
from emtp_assets_tests.servers.ministry import Ministry
from emtp_assets_tests.servers.rest import RestServer
from emtp_assets_tests.servers.tds import Login, TdsServer

NAMES = ("sqlserver", "sharepoint", "sftp", "rest")
DATABASE = "SIGE_DataMart"
USER = "readonly_emtp"
_CLOSED = 1
_PARTS: dict[str, type[BaseSettings]] = {
    "sqlserver": SqlServerSettings,
    "sharepoint": SharePointSettings,
    "sftp": SftpSettings,
    "rest": RestSettings,
}


def _secret() -> str:
    """A password of the day, with what connection strings and shells stumble over."""
    return f"{secrets.token_hex(12)};}}Ñ'"


@dataclass
class Systems:
    """Running servers for a ministry's data. ``password``: the one secret of each system."""

    ministry: Ministry
    folder: Path
    passwords: dict[str, str] = field(default_factory=lambda: {name: _secret() for name in NAMES}, repr=False)

    def __post_init__(self) -> None:
        self.passwords["rest"] = secrets.token_urlsafe(24)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority.create(self.folder / "ca")
        shelves = self.folder / "estantes"
        self.ministry.shelve(shelves / "sharepoint" / "Documentos" / "Datos", "sharepoint")
        self.ministry.shelve(shelves / "sftp" / "datos" / "sige", "sftp")
        self.sqlserver = TdsServer(
            self.ministry.views(),
            logins=[Login(USER, self.passwords["sqlserver"], permissions={"SELECT"})],
            database=DATABASE,
            certificate=self.authority.issue("sqlserver"),
            encryption="required",
        )
        self.sharepoint = GraphServer(
            self.authority.issue("sharepoint"), shelves / "sharepoint", secret=self.passwords["sharepoint"]
        )
        self.sftp = AsyncsshSftp(shelves / "sftp", passwords={USER: self.passwords["sftp"]})
        self.rest = RestServer(self.authority.issue("rest"), self._tables(), key=self.passwords["rest"], largest=2_000)
        self._running = ExitStack()

    def start(self, names: Iterable[str] = NAMES) -> Self:
        """Start the named systems; the settings of the others lead to closed doors."""
        for name in names:
            self._running.enter_context(getattr(self, name))
        if self.sftp.port:
            (self.folder / "known_hosts").write_text(self.sftp.known_hosts)
        return self

    def stop(self) -> None:
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def settings(self, *names: str) -> dict[str, Any]:
        """The parts of `Settings` by which an instance knows these systems."""
        parts: dict[str, dict[str, Any]] = {
            "sqlserver": {
                "host": "localhost",
                "port": self.sqlserver.port or _CLOSED,
                "name": DATABASE,
                "user": USER,
                "password": self.passwords["sqlserver"],
            },
            "sharepoint": {**self.sharepoint.settings, "client_secret": self.passwords["sharepoint"]},
            "sftp": {
                "host": "127.0.0.1",
                "port": self.sftp.port or _CLOSED,
                "user": USER,
                "password": self.passwords["sftp"],
                "known_hosts_file": self.folder / "known_hosts",
            },
            "rest": {"url": self.rest.url, "key": self.passwords["rest"]},
        }
        return {"ca_file": self.authority.ca_file, **{name: parts[name] for name in names}}

    def environment(self, *names: str) -> dict[str, str]:
        """The same as the variables that a person would write in `.env`."""
        made = {"EMTP_CA_FILE": str(self.authority.ca_file)}
        for name, part in self.settings(*names).items():
            if isinstance(part, Mapping):
                made |= {_variable(name, key): str(value) for key, value in part.items()}
        return made

    def _tables(self) -> dict[str, dict[int, list[dict[str, Any]]]]:
        tables: dict[str, dict[int, list[dict[str, Any]]]] = {}
        for dataset, years in self.ministry.years.items():
            resource = contract_for(dataset).locations["rest"]
            tables[resource] = {year: self.ministry.records(dataset, year) for year in years}
        return tables


def _variable(system: str, key: str) -> str:
    part = _PARTS[system]
    alias = part.model_fields[key].validation_alias
    if isinstance(alias, AliasChoices):
        return str(alias.choices[0])
    return alias if isinstance(alias, str) else f"{part.model_config.get('env_prefix', '')}{key.upper()}"
