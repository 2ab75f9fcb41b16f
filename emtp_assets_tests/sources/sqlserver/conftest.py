"""A replica on the loopback with the client's own views, and settings that reach it with either driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emtp_assets.settings import Settings
from emtp_assets.sources.journal import Journal
from emtp_assets.sources.sqlserver import SqlServerSource
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.tds import Faults, Login, TdsServer, View

MICROSOFT, FREETDS = None, "FreeTDS"
DATABASE = "SIGE_DataMart"
LOGIN = "readonly_emtp"
# Every character that has a meaning in a connection string and that both drivers can carry.
PASSWORD = "cl{av}e;=1 'de' \"prueba\"?@&"
VIEW = "vw_sige_matricula_emtp_ano"
WRITERS = {
    "escritor_rol": Login("escritor_rol", PASSWORD, {"SELECT"}, database_roles={"db_datawriter"}),
    "escritor_vista": Login("escritor_vista", PASSWORD, {"SELECT", f"INSERT ON dbo.{VIEW}"}),
    "escritor_otra": Login("escritor_otra", PASSWORD, {"SELECT", "UPDATE ON dbo.tabla_de_otros"}),
    "escritor_base": Login("escritor_base", PASSWORD, {"SELECT", "CREATE TABLE"}),
    "dueno": Login("dueno", PASSWORD, database_roles={"db_owner"}),
    "administrador": Login("administrador", PASSWORD, server_roles={"sysadmin"}),
}

# The columns of the client's own query, under the view's names. Of every eight rows one is not EMTP (310), one is of
# another year, and one has no especialidad; codes are padded text, as in some views.
ROWS = """
SELECT 10000 + n % 7 AS "RBD", CAST(n % 10 AS VARCHAR) AS "DV_RBD",
  'Liceo Ñuñoa "B" ' || n % 7 AS "NOMBRE_ESTABLECIMIENTO",
  'Región de Aysén' AS "REGION", 'COYHAIQUE' AS "COMUNA", CAST(90000000 - n AS VARCHAR) AS "MRUN",
  'NOMBRE SECRETO' AS "NOMBRES", 'PATERNO SECRETO' AS "APELLIDO_PATERNO", 'MATERNO SECRETO' AS "APELLIDO_MATERNO",
  DATE '2008-03-01' + CAST(n % 1000 AS INTEGER) AS "FECHA_NACIMIENTO", 1 + n % 2 AS "SEXO",
  CASE WHEN n % 8 = 0 THEN '310' WHEN n % 8 = 1 THEN '0410' ELSE ' 510' END AS "CODIGO_ENSENANZA",
  'Enseñanza Media T-P' AS "NOMBRE_ENSENANZA", 1 + n % 4 AS "GRADO", 'A' AS "LETRA_CURSO",
  CASE WHEN n % 8 = 3 THEN NULL ELSE 51001 END AS "ESPECIALIDAD",
  CASE WHEN n % 8 = 2 THEN 2024 ELSE 2025 END AS "ANO_LECTIVO", 'ACTIVO' AS "ESTADO_MATRICULA"
FROM range({rows}) AS t(n)
"""
TYPES = {
    "RBD": "int",
    "DV_RBD": "char(3)",
    "NOMBRE_ESTABLECIMIENTO": "nvarchar(100)",
    "MRUN": "varchar(12)",
    "FECHA_NACIMIENTO": "datetime",
    "SEXO": "tinyint",
    "CODIGO_ENSENANZA": "varchar(5)",
    "GRADO": "smallint",
    "ESPECIALIDAD": "decimal(6,0)",
    "ANO_LECTIVO": "int",
    "ESTADO_MATRICULA": "varchar(10)",
}
COUNT = 80

Configure = Callable[..., Settings]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def shared_replica(authority: Authority) -> Iterator[TdsServer]:
    proyectos = """SELECT 2025 AS "AÑO", 'P-' || n AS "ID_PROYECTO", 'Maule' AS "REGION",
      'Equipamiento' AS "TIPO_PROYECTO", 1000000.50 + n AS "MONTO_ASIGNADO", 7 AS "COLUMNA_NUEVA"
      FROM range(3) AS t(n)"""
    server = TdsServer(
        {
            VIEW: View(ROWS.format(rows=COUNT), types=TYPES),
            "vw_sige_proyectos_emtp": View(proyectos, types={"MONTO_ASIGNADO": "money"}),
            "tabla_de_otros": "SELECT 1 AS n",
        },
        logins=[Login(LOGIN, PASSWORD, {"SELECT"}), *WRITERS.values()],
        database=DATABASE,
        certificate=authority.issue("replica"),
        encryption="required",
    )
    with server:
        yield server


@pytest.fixture
def replica(shared_replica: TdsServer) -> Iterator[TdsServer]:
    """The replica in good health, that has seen nobody yet."""
    shared_replica.queries.clear()
    shared_replica.logins.clear()
    yield shared_replica
    shared_replica.faults.clear()


@pytest.fixture(params=[MICROSOFT, FREETDS], ids=["microsoft", "freetds"])
def driver(request: pytest.FixtureRequest) -> str | None:
    return request.param


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "data")


def settings_for(server: TdsServer, authority: Authority, data_dir: Path, **sqlserver: object) -> Settings:
    """Settings that reach the server with Microsoft's driver; ``privacy_mode`` is the instance's."""
    mode = sqlserver.pop("privacy_mode", "A")
    reach = {"host": "localhost", "port": server.port, "name": server.database, "user": LOGIN, "password": PASSWORD}
    limits = {"connect_timeout": 5, "query_timeout": 10, "batch_rows": 100}
    return isolated_settings(
        data_dir=data_dir,
        ca_file=authority.ca_file,
        privacy_mode=mode,
        sqlserver={**reach, **limits, **sqlserver},
    )


@pytest.fixture
def configure(replica: TdsServer, authority: Authority, tmp_path: Path) -> Configure:
    return lambda **sqlserver: settings_for(replica, authority, tmp_path / "data", **sqlserver)


@pytest.fixture
def source(configure: Configure, journal: Journal, driver: str | None) -> SqlServerSource:
    return SqlServerSource(configure(driver=driver), journal)


@pytest.fixture
def faults(replica: TdsServer) -> Faults:
    return replica.faults


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder
