"""Whom a driver trusts while it connects: each is told in its own way. Signing in is `connection`'s."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emtp_assets.settings import SqlServerSettings
from emtp_assets.sources.sqlserver import network
from emtp_assets.sources.sqlserver.driver import Driver, Family

FREETDS_SERVER = "emtp"
"""The section of the configuration file that a FreeTDS connection string names."""

# Drivers are told by variables of the process, so only one connection is opened at a time.
_opening = threading.Lock()


@contextmanager
def trusting(db: SqlServerSettings, driver: Driver, address: network.Address) -> Iterator[None]:
    """Make the driver verify the server against the configured authority, and it alone.

    Microsoft's driver has no keyword for an authority (``ServerCertificate`` pins one certificate, in strict mode
    only): OpenSSL's own variables name it. FreeTDS verifies nothing unless its configuration file says so.

    Raises:
        SourceFailure: the authority's certificate cannot be read.
    """
    if address.ca_file is not None and not os.access(address.ca_file, os.R_OK):
        raise network.unreadable_authority(address.ca_file)
    with _opening, tempfile.TemporaryDirectory(prefix="emtp-odbc-") as folder:
        if driver.family is Family.FREETDS:
            file = Path(folder) / "freetds.conf"
            file.write_text(_freetds_configuration(db, address), encoding="utf-8")
            variables = {"FREETDSCONF": str(file)}
        elif address.ca_file is not None:
            variables = {"SSL_CERT_FILE": str(address.ca_file), "SSL_CERT_DIR": folder}
        else:
            variables = {}
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _freetds_configuration(db: SqlServerSettings, address: network.Address) -> str:
    """``freetds.conf`` (5): hosts and files only, nothing secret."""
    trust = [] if db.trust_server_certificate else [f"ca file = {address.ca_file or 'system'}"]
    return "\n".join(
        [
            f"[{FREETDS_SERVER}]",
            f"host = {address.host}",
            f"port = {address.port}",
            "tds version = 7.4",
            "client charset = UTF-8",
            "encryption = require",
            "enable tls v1 = no",
            *trust,
            f"check certificate hostname = {'no' if db.trust_server_certificate else 'yes'}",
            f"connect timeout = {max(1, round(db.connect_timeout))}",
            f"timeout = {max(1, round(db.query_timeout))}",
            "text size = 2147483647",
            "",
        ]
    )
