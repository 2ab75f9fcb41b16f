"""What it takes to enter the server, gathered from the settings and checked before any packet is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from emtp_assets.settings import SftpSettings
from emtp_assets.settings.secrets import SecretError
from emtp_assets.sources.failure import Cause, Nature
from emtp_assets.sources.sftp.failures import failure


@dataclass(frozen=True)
class Access:
    """Everything that connecting needs; ``timeout`` in seconds. Its ``repr`` holds no secret."""

    host: str
    port: int
    user: str
    folder: str
    timeout: float
    known_hosts: Path
    key_file: Path | None
    passphrase: str | None = field(repr=False)
    password: str | None = field(repr=False)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def known_as(self) -> str:
        """The server's name in a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


def access_from(settings: SftpSettings) -> Access:
    """The settings, complete.

    Raises:
        SourceFailure: SETTINGS, permanent; names the variable that is missing and what to write in it.
    """
    host, user = settings.host, settings.user
    if not host:
        raise _incomplete("SFTP_HOST no está definida.", "El nombre del servidor SFTP.", "Defina SFTP_HOST en .env.")
    if not user:
        raise _incomplete("SFTP_USER no está definida.", "La cuenta del servicio.", "Defina SFTP_USER en .env.")
    try:
        password, passphrase = settings.secret(), settings.passphrase()
    except SecretError as error:
        raise _incomplete(str(error), "El secreto en ese archivo.", "Corrija .env y vuelva a probar.") from None
    if not password and settings.key_file is None:
        raise _incomplete(
            "No hay con qué iniciar sesión: ni clave ni contraseña.",
            "SFTP_KEY_FILE (preferible) o SFTP_PASS_FILE.",
            "Defina una de las dos en .env con lo que entregó TI.",
        )
    if settings.known_hosts_file is None:
        raise _incomplete(
            "SFTP_KNOWN_HOSTS no está definida: no se puede saber si el servidor es el verdadero.",
            "Un archivo con la clave pública del servidor, comprobada con TI.",
            how_to_pin(host, settings.port, Path("sftp_known_hosts")),
        )
    return Access(
        host, settings.port, user, settings.folder, settings.timeout, settings.known_hosts_file, settings.key_file,
        passphrase, password,
    )  # fmt: skip


def how_to_pin(host: str, port: int, file: Path) -> str:
    """The commands that note a server's key, and the step without which they prove nothing."""
    return (
        f"Ejecute «ssh-keyscan -p {port} {host} >> {file}» y luego «ssh-keygen -lf {file}». Compare por teléfono con "
        f"TI la huella SHA256 que muestra (no por el mismo canal), y defina SFTP_KNOWN_HOSTS={file} en .env."
    )


def _incomplete(what: str, expected: str, action: str) -> Exception:
    return failure(Cause.SETTINGS, Nature.PERMANENT, what, expected, action)
