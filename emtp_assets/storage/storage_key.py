"""The key that closes what is kept of persons: where it comes from, whether it will do, one subkey a purpose.

Its use on bytes is `sealing`'s, on Parquet `restricted`'s. The key of the pseudonyms is another, and not known here.
"""

from __future__ import annotations

import hmac
import logging
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr

from emtp_assets.settings import Settings
from emtp_assets.storage.secret_files import made_once

KEY_BYTES = 32
DISTINCT_CHARACTERS = 8
DEMO_KEY = Path(".secrets") / "clave_almacenamiento_demo"
HOW_TO_MAKE_ONE = (
    "Para crear una, con la cuenta del servicio: "
    "(umask 077; python3 -c 'import secrets; print(secrets.token_hex(32))' > /etc/emtp/clave_almacenamiento). "
    "Guarde una copia donde no estén los datos ni sus respaldos: sin ella no se pueden leer."
)
_KEY_ID = b"emtp_assets: huella de la clave de almacenamiento"

_log = logging.getLogger(__name__)


class Purpose(StrEnum):
    """What a subkey is for: whoever learns one of them opens nothing else."""

    RAW = "raw"
    ARCHIVE = "archivo"
    QUARANTINE = "cuarentena"
    REFUSED = "rechazados"


class StorageKeyError(ValueError):
    """There is no usable key. The message is Spanish, for the operator, and never holds any of the key."""


def storage_key(settings: Settings) -> SecretStr:
    """The instance's key: from the setting, else the file that the setting names, else the demonstration's own.

    A demonstration without a key gets a random one, made once into ``<data>/.secrets`` (mode 0600). Two processes that
    ask at once get the same one.

    Raises:
        StorageKeyError: production without a key; a file that others can read, or cannot be read; a key too weak.
    """
    if settings.storage_key is not None and settings.storage_key.get_secret_value().strip():
        return _accepted(settings.storage_key.get_secret_value())
    if settings.storage_key_file is not None:
        return _accepted(_read(settings.storage_key_file))
    if settings.production:
        raise StorageKeyError(
            "Una instancia de producción necesita la clave con que se cifra lo que guarda de las personas: defina "
            "EMTP_STORAGE_KEY_FILE (un archivo que solo lea la cuenta del servicio, fuera de la carpeta de datos) o "
            f"EMTP_STORAGE_KEY. {HOW_TO_MAKE_ONE}"
        )
    demonstration = settings.data_dir / DEMO_KEY
    if made_once(demonstration, KEY_BYTES):
        _log.warning(
            "Se creó una clave de almacenamiento de demostración en %s. Está junto a lo que cierra, así que no "
            "protege datos reales: en producción defina EMTP_STORAGE_KEY_FILE.",
            demonstration,
        )
    return _accepted(_read(demonstration))


def subkey(settings: Settings, purpose: Purpose) -> bytes:
    """The 32 bytes that close what is kept for one purpose: HKDF-SHA256 (RFC 5869) of the instance's key.

    Raises:
        StorageKeyError: as `storage_key`.
    """
    return derived(storage_key(settings).get_secret_value().encode(), f"v1|{purpose}")


def derived(secret: bytes, info: str, salt: bytes | None = None) -> bytes:
    """32 bytes of HKDF-SHA256, for one use named by ``info``."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt, info.encode()).derive(secret)


def key_id(key: bytes) -> bytes:
    """Eight bytes that tell subkeys apart and give nothing away of them."""
    return hmac.digest(key, _KEY_ID, "sha256")[:8]


def storage_key_fingerprint(settings: Settings) -> str:
    """Twelve hex digits by which people know which key an instance has.

    Raises:
        StorageKeyError: as `storage_key`.
    """
    return hmac.digest(storage_key(settings).get_secret_value().encode(), _KEY_ID, "sha256").hex()[:12]


def refuse_open_to_others(path: Path) -> None:
    """Refuse a secret's file that any other account of the machine can read or write.

    Raises:
        StorageKeyError: its mode is wider than 0600; with the command that mends it.
        OSError: it cannot be looked at.
    """
    if path.stat().st_mode & 0o177:
        raise StorageKeyError(
            f"Otras cuentas de la máquina pueden leer la clave {path}: se espera modo 0400 o 0600. "
            f"Ejecute, con la cuenta dueña: chmod 600 {path}. Si alguien pudo haberla leído, cámbiela."
        )


def _accepted(text: str) -> SecretStr:
    key = text.strip()
    if len(key.encode()) < KEY_BYTES or len(set(key)) < DISTINCT_CHARACTERS:
        raise StorageKeyError(
            f"La clave de almacenamiento es demasiado débil: necesita {KEY_BYTES} bytes o más, al azar, con al menos "
            f"{DISTINCT_CHARACTERS} caracteres distintos; la recibida tiene {len(key.encode())}. {HOW_TO_MAKE_ONE}"
        )
    return SecretStr(key)


def _read(path: Path) -> str:
    try:
        refuse_open_to_others(path)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no es texto UTF-8"
        raise StorageKeyError(
            f"No se puede leer la clave de almacenamiento en {path} ({reason}). Corrija EMTP_STORAGE_KEY_FILE, o dé el "
            "archivo a la cuenta del servicio."
        ) from None
