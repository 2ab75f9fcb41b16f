"""The T-SQL script that a database administrator fills in and runs: role, views, login, proofs. Nothing is run here.

Written for sqlcmd (or Management Studio in SQLCMD mode) on SQL Server 2016 SP1 or newer. What only IT knows is left
as something that stops the script: a sqlcmd variable nobody defined, or a column that no table has.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from emtp_assets.access.asked import FIRST_YEAR, View, ViewColumn, views
from emtp_assets.contracts import Contract, Treatment, all_contracts, read_codes
from emtp_assets.settings import PrivacyMode, Settings

PENDING = "POR_COMPLETAR_"
"""What stands before each base column until IT writes its name: no table has it, so that the view is not created."""

LOGIN = "readonly_emtp"
DATABASE = "SIGE_DataMart"
ROLE = "rol_lectura_emtp"

_WIDTH = 116
_CODES_SHOWN = 8

_RIGHTS = ",\n    ".join(
    "HAS_PERMS_BY_NAME(QUOTENAME(SCHEMA_NAME(o.schema_id)) + N'.' + QUOTENAME(o.name), N'OBJECT', "
    f"N'{right}') AS {alias}"
    for right, alias in (("SELECT", "leer"), ("INSERT", "agregar"), ("UPDATE", "cambiar"), ("DELETE", "borrar"))
)


def write(settings: Settings) -> str:
    """The script for this instance: its login, database, schema, view names, privacy mode and first year."""
    server = settings.sqlserver
    return access_script(
        all_contracts(),
        login=server.user or LOGIN,
        database=server.name or DATABASE,
        schema=server.db_schema,
        privacy_mode=settings.privacy_mode,
        first_year=settings.first_year,
        names=server.views,
    )


def access_script(
    contracts: Iterable[Contract],
    *,
    login: str = LOGIN,
    database: str = DATABASE,
    schema: str = "dbo",
    privacy_mode: PrivacyMode = PrivacyMode.AGGREGATES,
    first_year: int = FIRST_YEAR,
    names: Mapping[str, str] | None = None,
) -> str:
    """The whole script, Spanish comments and all; the same arguments give the same text.

    The password is the sqlcmd variable CLAVE, never a literal. The login comes last: while a view cannot be
    created there is nobody to enter.
    """
    asked = views(contracts, privacy_mode=privacy_mode, first_year=first_year, names=names)
    parts = [
        _head(login, database, privacy_mode, asked.values()),
        _guard(database),
        _role(schema),
        *(_view(number, view, schema) for number, view in enumerate(asked.values(), 1)),
        _login(login, database, schema),
        _proofs(login, schema, asked.values()),
    ]
    return "\n".join(parts)


def origin_variable(view: View) -> str:
    """The sqlcmd variable that names the base table of a view, such as ``ORIGEN_MATRICULA``."""
    return f"ORIGEN_{view.contract.dataset.upper()}"


def _head(login: str, database: str, privacy_mode: PrivacyMode, asked: Iterable[View]) -> str:
    variables = "\n".join(
        f"--     export {origin_variable(view)}='dbo.tabla_base'" + " " * 4 + f"# {view.contract.title}"
        for view in asked
    )
    return f"""\
-- Acceso de solo lectura de la plataforma de datos EMTP a la réplica o DataMart del SIGE.
-- Generado desde los contratos de datos (emtp access-request). Modo de privacidad {privacy_mode.value}.
--
-- Qué hace: un rol que solo puede leer seis vistas, las seis vistas, y el inicio de sesión {login}.
-- Requiere SQL Server 2016 SP1 o posterior. Se puede ejecutar las veces que haga falta: deja siempre lo mismo.
--
-- Qué completar antes de ejecutarlo (solo TI lo sabe). A medio completar se detiene sin crear el inicio de sesión:
--   1. La tabla base de cada vista: variables ORIGEN_…, abajo. Es un «esquema.tabla» o, si hay que cruzar varias, una
--      vista intermedia. Debe tener el mismo dueño que estas vistas: si no, la cuenta no podrá leerlas.
--   2. La columna base de cada columna: reemplace {PENDING}X por el nombre real. Si la base ya usa los nombres
--      oficiales, basta borrar {PENDING} en todo el archivo. Una columna opcional que la base no tiene se borra
--      de la vista (con su coma); una obligatoria, no.
--   3. Una vista que no se pueda entregar: borre su bloque y sus líneas de la parte 4. Las demás sirven igual.
--
-- Cómo ejecutarlo, sin que la contraseña quede escrita en ninguna parte:
--     read -rs CLAVE && export CLAVE
{variables}
--     sqlcmd -S SERVIDOR -d {database} -E -i acceso_emtp.sql
--
-- Dónde: en la base donde se pueden crear vistas. Si la réplica es de solo lectura (Always On), las partes 1 y 2 y el
-- usuario van en la base primaria y llegan solos a la réplica; el inicio de sesión se crea también en el servidor de la
-- réplica, con el mismo SID (vea la parte 3).
:on error exit
:setvar MODO_SQLCMD "si"
GO
SET NOCOUNT ON;
SET XACT_ABORT ON;
SET ANSI_NULLS ON;
SET QUOTED_IDENTIFIER ON;
GO
"""


def _guard(database: str) -> str:
    return f"""\
IF N'$(MODO_SQLCMD)' <> N'si'
BEGIN
    RAISERROR (N'Ejecute este archivo con sqlcmd, o active el modo SQLCMD en Management Studio.', 16, 1);
    SET NOEXEC ON;
END
GO
USE {_name(database)};
GO
IF DATABASEPROPERTYEX(DB_NAME(), N'Updateability') = N'READ_ONLY'
BEGIN
    RAISERROR (N'Esta base es una réplica de solo lectura: ejecute las partes 1 y 2 en la base primaria.', 16, 1);
    SET NOEXEC ON;
END
GO
"""


def _role(schema: str) -> str:
    return f"""\
-- 1. Rol -------------------------------------------------------------------------------------------------------------
-- Lee las vistas que se le otorgan en la parte 2, y nada más. Las negaciones valen aunque otro rol otorgue el permiso.
-- VIEW DEFINITION no hace falta: quien puede leer una vista ve sus columnas (INFORMATION_SCHEMA.COLUMNS).
-- EXECUTE se niega en el esquema y no en toda la base: ahí alcanzaría a los procedimientos del sistema
-- (sp_executesql, sp_prepexec) con que los controladores ODBC hacen cualquier consulta con parámetros.
IF DATABASE_PRINCIPAL_ID(N'{_text(ROLE)}') IS NULL
    CREATE ROLE {_name(ROLE)} AUTHORIZATION [dbo];
GO
DENY INSERT, UPDATE, DELETE, ALTER TO {_name(ROLE)};
DENY EXECUTE ON SCHEMA::{_name(schema)} TO {_name(ROLE)};
GO
-- Carga (opcional, decisión de TI). La plataforma hace una consulta por vista y año, los lunes a las 06:00, con un
-- plazo de 15 s para conectar y de 900 s por consulta (SIGE_DB_QUERY_TIMEOUT). Con Resource Governor se la puede
-- limitar además en el servidor: un grupo de trabajo con REQUEST_MAX_CPU_TIME_SEC = 600, MAX_DOP = 2 y
-- GROUP_MAX_REQUESTS = 2, y una función clasificadora que devuelva ese grupo para este inicio de sesión.
"""


def _view(number: int, view: View, schema: str) -> str:
    contract = view.contract
    full_name = _qualified(view, schema)
    heading = f"-- 2.{number} {contract.title} ".ljust(_WIDTH + 3, "-")
    lines = [
        heading,
        *_comment(f"{contract.grain}. {len(view.columns)} columnas; año: {contract.year_column}.", ""),
        *_comment(_withheld(view), ""),
        *_comment(f"Sin filtro de año (la plataforma pide un {contract.year_column} por consulta) ni de estado.", ""),
        f"CREATE OR ALTER VIEW {full_name}",
        "AS",
        "SELECT",
        *_select_list(view.columns),
        f"FROM $({origin_variable(view)}) AS origen",
    ]
    if view.codes:
        lines += _where(view)
    else:
        lines[-1] += ";"
    lines += ["GO", f"GRANT SELECT ON OBJECT::{full_name} TO {_name(ROLE)};", "GO", ""]
    return "\n".join(lines)


def _select_list(columns: tuple[ViewColumn, ...]) -> Iterator[str]:
    for place, column in enumerate(columns, 1):
        yield from _comment(_meaning(column), "    ")
        comma = "," if place < len(columns) else ""
        yield f"    origen.{_name(PENDING + column.name)} AS {_name(column.name)}{comma}"


def _where(view: View) -> list[str]:
    codes = textwrap.wrap(", ".join(str(code) for code in view.codes), _WIDTH - 8)
    inside = "\n        ".join(codes)
    tests = [f"origen.{_name(PENDING + name)} IN (\n        {inside}\n    )" for name in view.scope]
    return [
        "-- Solo enseñanza media técnico-profesional, de jóvenes y adultos. El 310 es humanístico-científica: no va.",
        f"WHERE {' OR '.join(tests)};",
    ]


def _meaning(asked: ViewColumn) -> str:
    column = asked.column
    said = [f"{column.description.rstrip('.')}.", f"{asked.type};"]
    if column.treatment is Treatment.PSEUDONYM:
        said.append("la plataforma lo reemplaza al limpiar por un seudónimo con clave;")
    said.append("obligatoria." if column.required else "opcional.")
    if column.type == "year_month":
        said.append("Solo año y mes (AAAAMM): el día no se pide.")
    if column.code_list:
        said.append(_codes(column.code_list))
    return " ".join(said)


def _codes(name: str) -> str:
    codes = read_codes(name)
    if len(codes) > _CODES_SHOWN:
        return f"Códigos oficiales, lista «{name}» ({len(codes)})."
    return f"Códigos: {', '.join(f'{code} = {meaning}' for code, meaning in codes.items())}."


def _withheld(view: View) -> str:
    if not view.withheld:
        return "Se piden todas las columnas del conjunto."
    guarded = [c.official for c in view.withheld if c.full_access_only]
    rest = [c.official for c in view.withheld if not c.full_access_only]
    said = ["No agregue otras columnas. Ley 21.719, proporcionalidad: se pide solo lo que la finalidad necesita."]
    if guarded:
        said.append(f"Nombres y fechas de nacimiento no se piden: {', '.join(guarded)}.")
    if rest:
        said.append(f"Tampoco se usan: {_some(rest)}.")
    return " ".join(said)


def _some(names: list[str]) -> str:
    shown = 24
    return ", ".join(names[:shown]) + (f" y otras {len(names) - shown}" if len(names) > shown else "")


def _login(login: str, database: str, schema: str) -> str:
    return f"""\
-- 3. Inicio de sesión y usuario ------------------------------------------------------------------------------------
-- Una cuenta institucional, de servicio, para esta plataforma sola. La contraseña cumple la política de Windows y no
-- vence sola (sería un lunes a las 06:00): se cambia según la política institucional, con la línea «Rotación».
-- Si la cuenta ya existe, su contraseña no se toca.
IF SUSER_ID(N'{_text(login)}') IS NULL
    CREATE LOGIN {_name(login)} WITH PASSWORD = N'$(CLAVE)', DEFAULT_DATABASE = {_name(database)},
        CHECK_POLICY = ON, CHECK_EXPIRATION = OFF;
GO
IF DATABASE_PRINCIPAL_ID(N'{_text(login)}') IS NULL
    CREATE USER {_name(login)} FOR LOGIN {_name(login)} WITH DEFAULT_SCHEMA = {_name(schema)};
GO
ALTER ROLE {_name(ROLE)} ADD MEMBER {_name(login)};
GO
-- Réplica Always On de solo lectura: en el servidor de la réplica, con el SID que muestra esta consulta en el primario,
-- ejecute allá el mismo CREATE LOGIN, con la misma contraseña y agregando SID = ese valor.
SELECT name AS inicio_de_sesion, sid FROM sys.server_principals WHERE name = N'{_text(login)}';
GO
-- Rotación: ALTER LOGIN {_name(login)} WITH PASSWORD = la nueva, entre comillas.
-- Retiro:   DROP USER {_name(login)}; DROP LOGIN {_name(login)};
"""


def _proofs(login: str, schema: str, asked: Iterable[View]) -> str:
    counts = "\nUNION ALL\n".join(
        f"SELECT N'{_text(view.name)}' AS vista, {_name(view.contract.year_column)} AS anio, COUNT_BIG(*) AS filas\n"
        f"FROM {_qualified(view, schema)} GROUP BY {_name(view.contract.year_column)}"
        for view in asked
    )
    return f"""\
-- 4. Comprobación: lo que verá la plataforma -----------------------------------------------------------------------
-- 4.1 Filas por vista y año académico. Una vista sin filas, o sin el año en curso, la plataforma la informa como falla.
{counts};
GO
-- 4.2 Qué puede hacer la cuenta en la base. Se espera CONNECT y, según la versión, algún VIEW ANY …; nunca INSERT,
--     UPDATE, DELETE, ALTER, CONTROL ni CREATE: la plataforma lo revisa y se niega a trabajar con quien puede escribir.
EXECUTE AS USER = '{_text(login)}';
SELECT permission_name AS permiso_en_la_base FROM sys.fn_my_permissions(NULL, N'DATABASE') ORDER BY permission_name;
-- 4.3 Todas las tablas y vistas que alcanza, por el rol o por cualquier otro camino (PUBLIC incluido). Se esperan
--     solo las vistas de la parte 2, con 1 en «leer» y 0 en lo demás.
SELECT SCHEMA_NAME(o.schema_id) AS esquema, o.name AS objeto,
    {_RIGHTS}
FROM sys.objects AS o
WHERE o.type IN (N'U', N'V')
ORDER BY esquema, objeto;
REVERT;
GO
-- 4.4 Permisos escritos para el rol y la cuenta. Se espera SELECT en las vistas, CONNECT y lo negado en la parte 1.
SELECT quien.name AS quien, permiso.state_desc AS estado, permiso.permission_name AS permiso,
    OBJECT_NAME(permiso.major_id) AS objeto
FROM sys.database_permissions AS permiso
INNER JOIN sys.database_principals AS quien ON quien.principal_id = permiso.grantee_principal_id
WHERE quien.name IN (N'{_text(ROLE)}', N'{_text(login)}')
ORDER BY quien.name, permiso.permission_name;
GO
-- 4.5 En el servidor que consultará la plataforma: READ_ONLY si es una réplica de solo lectura. Con READ_WRITE solo
--     rechaza la primaria de un grupo de disponibilidad y el origen de una replicación.
SELECT DB_NAME() AS base, DATABASEPROPERTYEX(DB_NAME(), N'Updateability') AS admite;
GO
SET NOEXEC OFF;
GO
"""


def _comment(text: str, indent: str) -> Iterator[str]:
    # sqlcmd replaces variables in comments too, and stops at one that is not defined.
    told = " ".join(text.split()).replace("$(", "$ (")
    for line in textwrap.wrap(told, _WIDTH - len(indent)):
        yield f"{indent}-- {line}"


def _qualified(view: View, schema: str) -> str:
    """The view's name; one that settings give as ``esquema.vista`` has a schema of its own."""
    own, dot, bare = view.name.rpartition(".")
    return f"{_name(own if dot else schema)}.{_name(bare)}"


def _name(identifier: str) -> str:
    return f"[{identifier.replace(']', ']]')}]"


def _text(value: str) -> str:
    return value.replace("'", "''")
