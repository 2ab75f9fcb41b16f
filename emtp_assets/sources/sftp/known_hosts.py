"""The server keys that IT vouched for: a known_hosts file, read as sshd(8) describes it. It trusts nobody by itself.

paramiko's own reader keeps one key of a kind for a host, so that a planned change of key looks like an impostor, and
passes over ``@revoked``. Patterns (``*``, ``?``, ``!``) and ``@cert-authority`` pin no key: here they match nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from paramiko import PKey, SSHException
from paramiko.pkey import UnknownKeyType

from emtp_assets.sources.failure import Cause, Nature
from emtp_assets.sources.sftp.failures import failure


@dataclass(frozen=True)
class PinnedKeys:
    """The keys noted for one server. ``revoked``: never to be accepted again, whatever else the file says."""

    keys: tuple[PKey, ...]
    revoked: tuple[PKey, ...]

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(key.get_name() for key in self.keys)

    def accept(self, presented: PKey) -> bool:
        """Whether the server showed one of its keys."""
        return _among(presented, self.keys) and not _among(presented, self.revoked)

    def contradict(self, presented: PKey) -> bool:
        """Whether another key than the server's was shown, rather than a key of a server nobody noted."""
        return bool(self.keys) or _among(presented, self.revoked)


def pinned_keys(file: Path, known_as: str) -> PinnedKeys:
    """The keys that ``file`` notes for the server ``known_as`` (host, or ``[host]:port`` when it is not port 22).

    Raises:
        SourceFailure: SETTINGS, permanent: the file cannot be read, or the server's line in it is damaged.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no es texto UTF-8"
        raise failure(
            Cause.SETTINGS,
            Nature.PERMANENT,
            f"No se puede leer {file}, el archivo de claves de servidores ({reason}).",
            "Un archivo known_hosts que la cuenta del servicio pueda leer.",
            "Corrija SFTP_KNOWN_HOSTS en .env o los permisos del archivo.",
        ) from None
    keys: list[PKey] = []
    revoked: list[PKey] = []
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if marker not in ("", "@revoked") or not fields or not _names(fields[0], known_as):
            continue
        try:
            key = PKey.from_type_string(fields[1], base64.b64decode(fields[2], validate=True))
        except UnknownKeyType:
            # Kinds that this client would not accept from a server anyway (ssh-dss, sk-…).
            continue
        except (IndexError, binascii.Error, SSHException, ValueError):
            raise failure(
                Cause.SETTINGS,
                Nature.PERMANENT,
                f"La línea {number} de {file}, la de {known_as}, está dañada.",
                "Servidor, tipo de clave y clave en base64, separados por espacios.",
                "Vuelva a obtener la línea con ssh-keyscan y compruebe su huella con TI.",
            ) from None
        (revoked if marker else keys).append(key)
    return PinnedKeys(tuple(keys), tuple(revoked))


def _among(key: PKey, keys: tuple[PKey, ...]) -> bool:
    return any(key.asbytes() == each.asbytes() for each in keys)


def _names(field: str, known_as: str) -> bool:
    wanted = known_as.lower()
    return any(_hashes(name, wanted) if name.startswith("|1|") else name.lower() == wanted for name in field.split(","))


def _hashes(hashed: str, wanted: str) -> bool:
    """``|1|salt|HMAC-SHA-1 of the name``, both in base64: ssh-keygen -H."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed.split("|")[2:])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, wanted.encode(), hashlib.sha1).digest(), digest)
