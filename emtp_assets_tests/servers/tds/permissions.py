"""What a login may do, as SQL Server would reckon it from grants and fixed roles; refusing is `translate`'s part."""

from __future__ import annotations

from typing import Final

from emtp_assets_tests.servers.tds.login import Login

_WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE"})
_ALL_OF_DATABASE: Final = frozenset(
    {
        "ALTER",
        "ALTER ANY ROLE",
        "ALTER ANY SCHEMA",
        "ALTER ANY USER",
        "BACKUP DATABASE",
        "CONNECT",
        "CONTROL",
        "CREATE FUNCTION",
        "CREATE PROCEDURE",
        "CREATE SCHEMA",
        "CREATE TABLE",
        "CREATE VIEW",
        "EXECUTE",
        "REFERENCES",
        "SELECT",
        "TAKE OWNERSHIP",
        "UPDATE",
        "INSERT",
        "DELETE",
        "VIEW DATABASE STATE",
        "VIEW DEFINITION",
    }
)
_ALL_OF_SERVER: Final = frozenset(
    {
        "ALTER ANY DATABASE",
        "ALTER ANY LOGIN",
        "ALTER SETTINGS",
        "CONNECT SQL",
        "CONTROL SERVER",
        "CREATE ANY DATABASE",
        "SHUTDOWN",
        "VIEW ANY DATABASE",
        "VIEW SERVER STATE",
    }
)
_ROLES: Final = {
    "db_owner": _ALL_OF_DATABASE,
    "db_datareader": frozenset({"SELECT"}),
    "db_datawriter": _WRITING,
    "db_ddladmin": frozenset(
        {"CREATE FUNCTION", "CREATE PROCEDURE", "CREATE SCHEMA", "CREATE TABLE", "CREATE VIEW", "ALTER"}
    ),
    "db_backupoperator": frozenset({"BACKUP DATABASE"}),
}
DATABASE_ROLES: Final = (
    *_ROLES,
    "db_accessadmin",
    "db_securityadmin",
    "db_denydatareader",
    "db_denydatawriter",
    "public",
)
SERVER_ROLES: Final = (
    "sysadmin",
    "serveradmin",
    "securityadmin",
    "processadmin",
    "setupadmin",
    "bulkadmin",
    "diskadmin",
    "dbcreator",
    "public",
)


class Permissions:
    """The effective permissions of one login."""

    def __init__(self, login: Login) -> None:
        self.server_roles = {role.lower() for role in login.server_roles} | {"public"}
        self.database_roles = {role.lower() for role in login.database_roles} | {"public"}
        self.is_administrator = "sysadmin" in self.server_roles
        whole, parts, server = {"CONNECT"}, {}, {"CONNECT SQL", "VIEW ANY DATABASE"}
        for permission in login.permissions:
            name, _, target = permission.partition(" ON ")
            if target:
                parts.setdefault(_object(target), set()).add(name.strip().upper())
            elif name.strip().upper() in _ALL_OF_SERVER:
                server.add(name.strip().upper())
            else:
                whole.add(name.strip().upper())
        for role in self.database_roles:
            whole |= _ROLES.get(role, frozenset())
        if self.is_administrator or "CONTROL" in whole:
            whole |= _ALL_OF_DATABASE
        self._whole: set[str] = whole
        self._parts: dict[str, set[str]] = parts
        self._server: frozenset[str] = _ALL_OF_SERVER if self.is_administrator else frozenset(server)

    @property
    def of_server(self) -> list[str]:
        """Permissions on the server."""
        return sorted(self._server)

    @property
    def sees_server_state(self) -> bool:
        """Whether the server's state (`sys.dm_...`) is open to the login."""
        return "VIEW SERVER STATE" in self._server

    @property
    def of_database(self) -> list[str]:
        """Permissions on the whole database."""
        return sorted(self._whole)

    def of_object(self, name: str) -> list[str]:
        """Permissions on a table or view, whether its own or the whole database's."""
        wide = self._whole & (_WRITING | {"SELECT", "REFERENCES", "CONTROL", "ALTER", "VIEW DEFINITION"})
        return sorted(wide | self._parts.get(_object(name), set()))

    def allows(self, permission: str, name: str | None = None) -> bool:
        """Whether the login holds a permission on an object, or on the whole database; `ANY` asks for any at all."""
        held = self.of_database if name is None else self.of_object(name)
        return bool(held) if permission.upper() == "ANY" else permission.upper() in held


def _object(name: str) -> str:
    return name.replace("[", "").replace("]", "").rsplit(".", 1)[-1].strip().lower()
