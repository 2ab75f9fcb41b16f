"""Which ODBC driver speaks to the server: Microsoft's that comes with the installation, or a configured one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.sqlserver.errors import SOURCE

_SETTING = "SIGE_DB_DRIVER"
_INSTALL = (
    "Instale el administrador ODBC: `sudo apt install unixodbc`. El driver de Microsoft viene con la instalación; "
    f"para usar FreeTDS, `sudo apt install tdsodbc` y {_SETTING}=FreeTDS."
)


class Family(Enum):
    """Drivers differ in their connection keywords and in how they are told whom to trust."""

    MICROSOFT = "Microsoft ODBC Driver"
    FREETDS = "FreeTDS"


@dataclass(frozen=True)
class Driver:
    """What stands after ``Driver=``: a path, or a name that `odbcinst.ini` explains."""

    name: str
    family: Family


def find_driver(configured: str | None) -> Driver:
    """The configured driver by name or path; Microsoft's driver 18 of the package ``mssql-python-odbc`` if none is.

    Raises:
        SourceFailure: there is no such file, or the package brings no driver for this system.
    """
    if not configured:
        return Driver(str(_packaged()), Family.MICROSOFT)
    if "/" in configured and not Path(configured).is_file():
        raise _unusable(f"No existe el driver ODBC {configured} que nombra {_SETTING}.")
    freetds = "freetds" in configured.lower() or "tdsodbc" in configured.lower()
    return Driver(configured, Family.FREETDS if freetds else Family.MICROSOFT)


def load_odbc() -> None:
    """Import the ODBC library, so that its absence is told as what it is.

    Raises:
        SourceFailure: unixODBC is not installed.
    """
    try:
        import arrow_odbc  # noqa: F401
    except (ImportError, OSError):
        raise _unusable("Falta el administrador de drivers ODBC (unixODBC, libodbc.so.2).") from None


def cannot_load(driver: str) -> SourceFailure:
    """The driver manager has no such driver, or cannot load it."""
    return _unusable(f"El administrador ODBC no puede cargar el driver «{driver}».")


def _packaged() -> Path:
    spec = find_spec("mssql_python_odbc")
    if spec is None or spec.origin is None:
        raise _unusable("Falta el paquete mssql-python-odbc, que trae el driver de Microsoft.")
    import platform

    folder = Path(spec.origin).parent / "libs" / "linux"
    pattern = f"{package_folder(_release())}/{platform.machine()}/lib/libmsodbcsql-18.*.so.*"
    found = sorted(folder.glob(pattern))
    if not found:
        raise _unusable(f"El paquete mssql-python-odbc no trae driver para este sistema ({platform.platform()}).")
    return found[-1]


def package_folder(release: dict[str, str]) -> str:
    """The package's folder for a Linux, by what `/etc/os-release` (freedesktop.org) says it is, or is like."""
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    for folder, names in (
        ("alpine", {"alpine"}),
        ("suse", {"suse", "opensuse", "sles"}),
        ("rhel", {"rhel", "fedora", "centos", "rocky", "almalinux", "amzn", "ol"}),
    ):
        if family & names:
            return folder
    return "debian_ubuntu"


def _release() -> dict[str, str]:
    import platform

    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _unusable(what: str) -> SourceFailure:
    return SourceFailure(
        SOURCE,
        Cause.SETTINGS,
        Nature.PERMANENT,
        Explanation(what, "unixODBC y un driver ODBC para SQL Server.", _INSTALL),
    )
