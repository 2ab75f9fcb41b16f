"""What a session is told about itself and its server: system functions as literals, system tables as VALUES."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from emtp_assets_tests.servers.tds import errors
from emtp_assets_tests.servers.tds.permissions import DATABASE_ROLES, SERVER_ROLES, Permissions
from emtp_assets_tests.servers.tds.tokens import PRODUCT_VERSION

_DATABASES = ("master", "tempdb", "model", "msdb")


@dataclass(frozen=True)
class Scope:
    """Where a query is run: the session's login and the server's properties."""

    server: str
    database: str
    user: str
    host: str
    application: str
    process_id: int
    encrypted: bool
    permissions: Permissions
    updateability: str
    primary_replica: int | None
    in_availability_group: bool
    transactions: int = 0

    def variable(self, name: str) -> object:
        """An @@variable; raises `KeyError` for one this server does not know."""
        return {
            "VERSION": f"Microsoft SQL Server 2022 - {PRODUCT_VERSION} (loopback test server, not SQL Server)",
            "SERVERNAME": self.server,
            "SERVICENAME": "MSSQLSERVER",
            "SPID": self.process_id,
            "TRANCOUNT": self.transactions,
            "ERROR": 0,
            "ROWCOUNT": 0,
            "IDENTITY": None,
            "OPTIONS": 5496,
            "LANGUAGE": "us_english",
            "LOCK_TIMEOUT": -1,
            "MAX_PRECISION": 38,
            "MICROSOFTVERSION": 0x10000000,
        }[name.upper()]

    def function(self, name: str, arguments: Sequence[object]) -> object:
        """A scalar system function of literal arguments; raises `KeyError` for one this server does not know."""
        first = arguments[0] if arguments else None
        match name.upper():
            case "SUSER_SNAME" | "SUSER_NAME" | "ORIGINAL_LOGIN" | "SYSTEM_USER":
                return self.user
            case "USER_NAME" | "CURRENT_USER" | "SESSION_USER" | "USER":
                return "dbo" if self.permissions.is_administrator else self.user
            case "HOST_NAME":
                return self.host
            case "APP_NAME":
                return self.application
            case "DB_NAME":
                return self.database if first in {None, 5} else None
            case "DB_ID":
                names = [*(_DATABASES), self.database.lower()]
                wanted = str(first if first is not None else self.database).lower()
                return names.index(wanted) + 1 if wanted in names else None
            case "SERVERPROPERTY":
                return self._server_properties().get(str(first).lower())
            case "DATABASEPROPERTYEX":
                return self._database_properties(str(first)).get(str(arguments[1]).lower())
            case "IS_SRVROLEMEMBER":
                return _member(str(first), self.permissions.server_roles, SERVER_ROLES)
            case "IS_MEMBER" | "IS_ROLEMEMBER":
                return _member(str(first), self.permissions.database_roles, DATABASE_ROLES)
            case "HAS_PERMS_BY_NAME":
                return self._has(*arguments[:3])
            case "HAS_DBACCESS":
                return int(str(first).lower() in {"master", "tempdb", self.database.lower()})
            case "FN_HADR_IS_PRIMARY_REPLICA":
                self._require_server_state()
                own = str(first).lower() == self.database.lower()
                return None if self.primary_replica is None or not own else bool(self.primary_replica)
            case "CONNECTIONPROPERTY":
                return {"net_transport": "TCP", "protocol_type": "TSQL", "auth_scheme": "SQL"}.get(str(first).lower())
        raise KeyError(name)

    def _has(self, securable: object, kind: object, permission: object) -> int | None:
        asked = str(permission).upper()
        match str(kind).upper() if kind is not None else "SERVER":
            case "SERVER":
                return int(asked in self.permissions.of_server or (asked == "ANY"))
            case "DATABASE":
                other = securable is not None and str(securable).strip("[]").lower() != self.database.lower()
                return 0 if other else int(self.permissions.allows(asked))
            case "OBJECT":
                return int(self.permissions.allows(asked, str(securable)))
            case "SCHEMA":
                return int(self.permissions.allows(asked))
        return None

    def _server_properties(self) -> Mapping[str, object]:
        return {
            "productversion": PRODUCT_VERSION,
            "productlevel": "RTM",
            "productmajorversion": PRODUCT_VERSION.split(".", maxsplit=1)[0],
            "edition": "Loopback test server (64-bit)",
            "engineedition": 3,
            "servername": self.server,
            "machinename": self.server,
            "instancename": None,
            "collation": "Modern_Spanish_CI_AS",
            "ishadrenabled": int(self.in_availability_group),
            "isclustered": 0,
            "isintegratedsecurityonly": 0,
        }

    def _database_properties(self, database: str) -> Mapping[str, object]:
        if database.strip("[]").lower() != self.database.lower():
            return {}
        return {
            "updateability": self.updateability,
            "status": "ONLINE",
            "useraccess": "MULTI_USER",
            "recovery": "FULL",
            "collation": "Modern_Spanish_CI_AS",
            "version": 957,
            "ispublished": 0,
            "issubscribed": 0,
        }

    def table(self, name: str, arguments: Sequence[object]) -> exp.Expr | None:
        """A system table that differs between sessions, as a subquery; `None` for any other."""
        match name.lower():
            case "fn_my_permissions":
                return _values(("entity_name", "subentity_name", "permission_name"), self._my_permissions(arguments))
            case "dm_exec_sessions":
                names = ("session_id", "login_name", "original_login_name", "host_name", "program_name", "status")
                row = (self.process_id, self.user, self.user, self.host, self.application, "running")
                return _values((*names, "is_user_process"), [(*row, True)])
            case "dm_exec_connections":
                self._require_server_state()
                names = ("session_id", "net_transport", "protocol_type", "encrypt_option", "auth_scheme")
                option = "TRUE" if self.encrypted else "FALSE"
                return _values(names, [(self.process_id, "TCP", "TSQL", option, "SQL")])
            case "dm_hadr_database_replica_states" | "dm_hadr_availability_replica_states":
                self._require_server_state()
        return None

    def _require_server_state(self) -> None:
        if not self.permissions.sees_server_state:
            raise errors.server_state_denied()

    def _my_permissions(self, arguments: Sequence[object]) -> list[tuple[object, ...]]:
        securable, kind = arguments[0], str(arguments[1]).upper()
        if kind == "SERVER":
            return [("server", "", permission) for permission in self.permissions.of_server]
        if kind == "DATABASE":
            return [("database", "", permission) for permission in self.permissions.of_database]
        return [(securable, "", permission) for permission in self.permissions.of_object(str(securable))]


def _member(role: str, held: set[str], known: Sequence[str]) -> int | None:
    if role.lower() in held:
        return 1
    return 0 if role.lower() in known else None


def literal(value: object) -> exp.Expr:
    """A Python value as SQL."""
    if value is None:
        return exp.cast(exp.Null(), "varchar")
    if isinstance(value, bool):
        return exp.cast(exp.Literal.number(int(value)), "boolean")
    return exp.convert(value)


def _values(names: Sequence[str], rows: list[tuple[object, ...]]) -> exp.Expr:
    blank = not rows
    shown = rows or [tuple(None for _ in names)]
    selects: list[exp.Query] = [
        exp.select(*(exp.alias_(literal(value), name) for name, value in zip(names, row, strict=True))) for row in shown
    ]
    union = selects[0]
    for select in selects[1:]:
        union = exp.union(union, select, distinct=False)
    query = exp.select("*").from_(exp.Subquery(this=union, alias=exp.TableAlias(this=exp.to_identifier("t"))))
    if blank:
        query = query.where("1 = 0")
    return exp.Subquery(this=query)


def moment(name: str) -> str:
    """The server's clock as text, in the precision of the function asked (SYSDATETIME's or GETDATE's)."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return now.isoformat(" ", "microseconds" if name.upper().startswith("SYS") else "milliseconds")
