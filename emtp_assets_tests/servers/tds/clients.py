"""How each ODBC driver is told of a server of this package: for tests and the demonstration, not for the server.

What was measured of trust (Microsoft's driver 18.6, FreeTDS 1.3). Microsoft's takes its authorities from OpenSSL: from
the file that SSL_CERT_FILE names when it connects. It compares the server's name with the certificate's DNS names only:
with `localhost`, never with 127.0.0.1. FreeTDS reads `ca file` only for a server that freetds.conf names; told of a
host and a port it verifies nothing at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from emtp_assets_tests.servers.tds.login import Login
from emtp_assets_tests.servers.tds.server import TdsServer

FREETDS = Path("/usr/lib/x86_64-linux-gnu/odbc/libtdsodbc.so")
FREETDS_SERVER = "sige"


def microsoft_driver() -> Path:
    """The driver's file in the package that carries it."""
    import mssql_python_odbc

    libraries = Path(str(mssql_python_odbc.__file__)).parent / "libs/linux/debian_ubuntu/x86_64/lib"
    return next(libraries.glob("libmsodbcsql-*.so.*"))


def _text(**keywords: object) -> str:
    return ";".join(f"{name}={value}" for name, value in keywords.items() if value is not None) + ";"


def microsoft(server: TdsServer, login: Login, *, encrypt: str = "yes", host: str = "localhost", **more: object) -> str:
    """A connection string for Microsoft's ODBC Driver 18."""
    return _text(
        DRIVER=microsoft_driver(),
        SERVER=f"{host},{server.port}",
        DATABASE=server.database,
        UID=login.name,
        PWD=login.password,
        Encrypt=encrypt,
        **more,
    )


def freetds(server: TdsServer, login: Login, *, encrypt: str = "request", **more: object) -> str:
    """A connection string for FreeTDS that verifies no certificate."""
    return _text(
        DRIVER=FREETDS,
        SERVER="localhost",
        PORT=server.port,
        TDS_Version="7.4",
        DATABASE=server.database,
        UID=login.name,
        PWD=login.password,
        Encryption=encrypt,
        **more,
    )


def freetds_verified(
    server: TdsServer, login: Login, folder: Path, authority: Path, *, host: str = "localhost", **more: object
) -> tuple[str, Mapping[str, str]]:
    """A connection string for FreeTDS that verifies the certificate, and the environment it needs."""
    settings = folder / "freetds.conf"
    settings.write_text(
        f"[{FREETDS_SERVER}]\nhost = {host}\nport = {server.port}\ntds version = 7.4\nca file = {authority}\n"
        "encryption = require\ncheck certificate hostname = yes\n"
    )
    text = _text(
        DRIVER=FREETDS,
        SERVERNAME=FREETDS_SERVER,
        DATABASE=server.database,
        UID=login.name,
        PWD=login.password,
        **more,
    )
    return text, {"FREETDSCONF": str(settings)}


def ask(connection_string: str, sql: str, *parameters: object, login_seconds: int = 5) -> list[tuple[object, ...]]:
    """Connect, ask one thing with pyodbc and leave; raises `pyodbc.Error`."""
    import pyodbc

    with contextlib.closing(pyodbc.connect(connection_string, timeout=login_seconds)) as connection:
        return [tuple(row) for row in connection.execute(sql, *parameters).fetchall()]


def refusal(connection_string: str, sql: str, *, login_seconds: int = 5) -> tuple[str, str]:
    """The SQLSTATE and the message with which a query is refused; raises `AssertionError` if it is answered."""
    import pyodbc

    try:
        rows = ask(connection_string, sql, login_seconds=login_seconds)
    except pyodbc.Error as error:
        return error.args[0], error.args[1]
    raise AssertionError(f"answered with {len(rows)} rows: {sql}")
