"""What every test may ask for: an instance in a temporary folder, and the official files if they are near."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from ctypes.util import find_library
from pathlib import Path

import pytest

os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

from emtp_assets.settings import (
    HOME,
    AlertSettings,
    Mode,
    RestSettings,
    Settings,
    SftpSettings,
    SharePointSettings,
    SqlServerSettings,
)

SHARED = Path(os.environ.get("EMTP_SHARED", HOME.parent / "shared"))


# A developer's own instance must not lend its settings to the tests, nor the ministry's systems their doors.
_PREFIXES = ("EMTP_", "SIGE_DB_", "SHAREPOINT_", "SFTP_", "FTP_", "MINEDUC_API_")
for part in (Settings, SqlServerSettings, SharePointSettings, SftpSettings, RestSettings, AlertSettings):
    part.model_config["env_file"] = None
for variable in [
    name for name in os.environ if name.startswith(_PREFIXES) and name not in {"EMTP_SHARED", "EMTP_NIGHTLY"}
]:
    del os.environ[variable]


# Real drivers and servers that a machine may lack. By the start of a test's path: what the system must have installed.
_NEEDED = {
    "servers/test_tds": ("unixodbc", "tdsodbc"),
    "sources/sqlserver/": ("unixodbc", "tdsodbc"),
    "access/test_granted": ("unixodbc",),
    "pipeline/test_five_ways": ("unixodbc",),
    "pipeline/test_no_secrets": ("unixodbc",),
    "pipeline/test_source_faults": ("unixodbc",),
    "sources/sftp/": ("openssh-server",),
    "intake/containers/test_libarchive": ("libarchive13",),
}
_INSTALLED: dict[str, Callable[[], bool]] = {
    "unixodbc": lambda: find_library("odbc") is not None,
    "tdsodbc": lambda: any(Path("/usr/lib").glob("*/odbc/libtdsodbc.so")),
    "libarchive13": lambda: find_library("archive") is not None,
    "openssh-server": lambda: shutil.which("sshd", path=f"/usr/sbin:/usr/local/sbin:{os.environ['PATH']}") is not None,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, and say so, what this machine has no part for; continuous integration installs all of them."""
    missing = {package for package, installed in _INSTALLED.items() if not installed()}
    root = Path(__file__).parent
    for item in items:
        at = item.path.relative_to(root).as_posix() if item.path.is_relative_to(root) else ""
        for start, packages in _NEEDED.items():
            if at.startswith(start) and (lacking := sorted(missing.intersection(packages))):
                item.add_marker(pytest.mark.skip(reason=f"falta en el sistema: apt install {' '.join(lacking)}"))


STORAGE_KEY = "".join(f"{byte:02x}" for byte in range(32))


def isolated_settings(**values: object) -> Settings:
    """Settings for a temporary instance that lets dropped files rest but briefly, and has a purpose in mode C; in
    production, with a key."""
    key = {"storage_key": STORAGE_KEY} if values.get("mode") == Mode.PRODUCTION else {}
    # No word of it is part of a secret that tests look for.
    full_access = {"access_purpose": "ensayo", "access_responsible": "quien ensaya"}
    return Settings.model_validate({"drop_rest_seconds": 0.3, **full_access, **key, **values})


@pytest.fixture(scope="session")
def shared_samples() -> Path:
    """The folder of real official files, which are not part of the project."""
    samples = SHARED / "samples"
    if not samples.is_dir():
        pytest.skip(f"los archivos oficiales de muestra no están en {samples} (defina EMTP_SHARED)")
    return samples


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A small demonstration instance that writes nowhere but its temporary folder."""
    return isolated_settings(data_dir=tmp_path / "data", simulated_scale=0.01, simulated_years=3)
