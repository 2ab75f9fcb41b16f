"""What must be true before a row is read: the hour, a login that cannot write, a server that is not the primary.

Each is asked of the session that will read the rows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from emtp_assets.partitions import TIMEZONE
from emtp_assets.settings import SqlServerSettings
from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.sqlserver.connection import Asked, Session
from emtp_assets.sources.sqlserver.errors import SOURCE, Place
from emtp_assets.sources.sqlserver.query import object_literal
from emtp_assets.sources.sqlserver.view import ViewName

CHILE = ZoneInfo(TIMEZONE)
_MOST_LOOKED_AT = 200
_log = logging.getLogger(__name__)

# First words of permissions that change data, objects or rights (Microsoft, "Permissions", database engine). EXECUTE
# on the whole database counts: procedures write with their owner's rights.
_WRITING = frozenset(
    {
        "ADMINISTER",
        "ALTER",
        "AUTHENTICATE",
        "BACKUP",
        "CHECKPOINT",
        "CONTROL",
        "CREATE",
        "DELETE",
        "EXECUTE",
        "EXTERNAL",
        "IMPERSONATE",
        "INSERT",
        "KILL",
        "RESTORE",
        "SHUTDOWN",
        "TAKE",
        "UNSAFE",
        "UPDATE",
    }
)
_DATABASE_ROLES = (
    "db_owner",
    "db_datawriter",
    "db_ddladmin",
    "db_securityadmin",
    "db_accessadmin",
    "db_backupoperator",
)
_SERVER_ROLES = ("sysadmin", "serveradmin", "securityadmin", "processadmin", "setupadmin", "bulkadmin", "dbcreator")


@dataclass(frozen=True)
class Standing:
    """Whether the database is a copy: known to be, known not to be, or not known (None); and by what."""

    replica: bool | None
    evidence: str


def require_hours(db: SqlServerSettings, now: datetime) -> None:
    """See that IT allows queries at this hour of Chile. The first minute is inside, the last one is not.

    Raises:
        SourceFailure: it does not.
    """
    window = db.window
    if window is None:
        return
    first, last = window
    clock = now.astimezone(CHILE).time()
    if first <= clock < last if first <= last else clock >= first or clock < last:
        return
    raise SourceFailure(
        SOURCE,
        Cause.HOURS,
        Nature.PERMANENT,
        Explanation(
            f"Son las {clock:%H:%M} en Chile y TI permite consultas sólo entre {db.hours}.",
            "Ejecutarse dentro del horario de SIGE_DB_HOURS.",
            "Mueva la hora del trabajo semanal o vuelva a ejecutarlo dentro del horario; si TI lo cambió, corrija "
            "SIGE_DB_HOURS.",
        ),
    )


def require_read_only(session: Session, place: Place, views: Iterable[ViewName] = ()) -> None:
    """See that the login can change nothing: by its roles, on the server, the database and all that it sees in it.

    A login sees the tables and views on which it has a permission, and no others (Microsoft's "Metadata visibility
    configuration"): what it may write is among them. ``views`` are looked at even if the database does not list them.

    Raises:
        SourceFailure: it can, and which right makes it so; or the server did not say.
    """
    able = [f"rol {name}" for name in _roles(session)]
    seen = dict.fromkeys([*views, *_visible(session)])
    for where, securable, kind in (
        ("el servidor", "NULL", "SERVER"),
        ("la base", "NULL", "DATABASE"),
        *((str(name), object_literal(name), "OBJECT") for name in seen),
    ):
        able += [f"{name} en {where}" for name in _permissions(session, securable, kind) if _writes(name)]
    if not able:
        return
    shown = ", ".join(able[:5]) + (f" y {len(able) - 5} más" if len(able) > 5 else "")
    raise SourceFailure(
        SOURCE,
        Cause.WRITABLE,
        Nature.PERMANENT,
        Explanation(
            f"El usuario «{place.login}» puede escribir en {place.server}/{place.database} ({shown}). No se leyó nada.",
            "Un login de sólo lectura: SELECT sobre las vistas, y nada más.",
            "Pida a TI quitar esos permisos o entregar otro login (docs/solicitud_acceso.md trae el script).",
        ),
    )


def standing(session: Session) -> Standing:
    """Whether the session's database is a copy.

    Known by: a database that takes no changes (readable secondary, log shipping, snapshot); the availability
    group's role (`sys.fn_hadr_is_primary_replica`, which needs VIEW SERVER STATE: without it nothing is concluded);
    a database of a group that takes changes is its primary; a published one is the source of a replication; one
    with the subscriber's own table (`MSreplication_subscriptions`) is a copy.
    """
    (state,) = session.rows(
        Asked(
            """SELECT CONVERT(nvarchar(20), DATABASEPROPERTYEX(DB_NAME(), 'Updateability')) AS updateability,
  CASE WHEN replica_id IS NULL THEN 0 ELSE 1 END AS in_group,
  CAST(is_published AS int) + CAST(is_merge_published AS int) AS published,
  CASE WHEN OBJECT_ID('dbo.MSreplication_subscriptions') IS NULL THEN 0 ELSE 1 END AS subscriber
FROM sys.databases WHERE name = DB_NAME()""",
            (),
            "sys.databases",
            ("Updateability", "replica_id", "is_published", "is_merge_published", "MSreplication_subscriptions"),
            "la base de la conexión",
        )
    ) or [{"updateability": None, "in_group": 0, "published": 0, "subscriber": 0}]
    primary = _primary(session)
    known = (
        (primary is True, False, "es la réplica primaria de su grupo de disponibilidad"),
        (state["updateability"] == "READ_ONLY", True, "la base es de sólo lectura"),
        (primary is False, True, "es una réplica secundaria de su grupo de disponibilidad"),
        (state["in_group"], False, "está en un grupo de disponibilidad y admite cambios: es la primaria"),
        (state["published"], False, "está publicada: es el origen de una replicación"),
        (state["subscriber"], True, "es suscriptora de una replicación"),
    )
    unknown = Standing(replica=None, evidence="la base admite cambios y nada dice que sea una copia")
    return next((Standing(replica, evidence) for holds, replica, evidence in known if holds), unknown)


def require_replica(session: Session, place: Place, db: SqlServerSettings) -> Standing | None:
    """See that the database is not the one that SIGE works on, as far as the setting ``replica`` asks.

    Raises:
        SourceFailure: it is known not to be a copy; or that cannot be known and the setting demands it.
    """
    if db.replica == "no_comprobar":
        return None
    found = standing(session)
    if found.replica or (found.replica is None and db.replica == "comprobar"):
        return found
    known = found.replica is False
    raise SourceFailure(
        SOURCE,
        Cause.NOT_A_REPLICA,
        Nature.PERMANENT,
        Explanation(
            f"{place.server}/{place.database} {'no es' if known else 'no se puede saber si es'} una réplica: "
            f"{found.evidence}. No se leyó nada.",
            "La réplica o el DataMart del SIGE, nunca el servidor transaccional.",
            "Pida a TI la dirección de la réplica y corrija SIGE_DB_HOST."
            + ("" if known else " Si TI confirma que lo es, use SIGE_DB_REPLICA=comprobar."),
        ),
    )


def _primary(session: Session) -> bool | None:
    asked = Asked(
        "SELECT CAST(sys.fn_hadr_is_primary_replica(DB_NAME()) AS int) AS is_primary",
        (),
        "sys.fn_hadr_is_primary_replica",
        ("is_primary",),
        "la base de la conexión",
    )
    try:
        (row,) = session.rows(asked)
    except SourceFailure as failure:
        if failure.passing and failure.cause is not Cause.SERVER:
            raise
        return None
    return None if row["is_primary"] is None else bool(row["is_primary"])


def _roles(session: Session) -> list[str]:
    """The writing roles that the login has; a role that the server does not know is none."""
    tests = [("IS_ROLEMEMBER", name) for name in _DATABASE_ROLES] + [("IS_SRVROLEMEMBER", n) for n in _SERVER_ROLES]
    columns = ", ".join(f"{function}('{name}') AS [{name}]" for function, name in tests)
    names = tuple(name for _, name in tests)
    (row,) = session.rows(Asked(f"SELECT {columns}", (), "IS_ROLEMEMBER, IS_SRVROLEMEMBER", names))
    return [name for name in names if row[name] == 1]


def _visible(session: Session) -> list[ViewName]:
    """The tables and views that the login sees, `_MOST_LOOKED_AT` of them at most."""
    rows = session.rows(
        Asked(
            f"SELECT TOP ({_MOST_LOOKED_AT}) TABLE_SCHEMA AS owner, TABLE_NAME AS name FROM INFORMATION_SCHEMA.TABLES"
            " ORDER BY TABLE_SCHEMA, TABLE_NAME",
            (),
            "INFORMATION_SCHEMA.TABLES",
            ("TABLE_SCHEMA", "TABLE_NAME"),
        )
    )
    if len(rows) == _MOST_LOOKED_AT:
        _log.warning("El login ve %d objetos o más; solo se revisaron los permisos de esos.", _MOST_LOOKED_AT)
    return [ViewName(row["owner"], row["name"]) for row in rows]


def _permissions(session: Session, securable: str, kind: str) -> list[str]:
    rows: list[dict[str, Any]] = session.rows(
        Asked(
            f"SELECT permission_name FROM sys.fn_my_permissions({securable}, '{kind}')",
            (),
            "sys.fn_my_permissions",
            ("permission_name",),
            f"{kind} {securable}".removesuffix(" NULL"),
        )
    )
    return sorted({row["permission_name"] for row in rows})


def _writes(permission: str) -> bool:
    return permission.upper().partition(" ")[0] in _WRITING
