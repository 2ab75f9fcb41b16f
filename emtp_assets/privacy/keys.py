"""The secret key of the pseudonyms: where it comes from, whether it will do, what is derived of it. Its use is
`pseudonyms`; changing it for another is `rotation`."""

from __future__ import annotations

import hmac
import logging
from pathlib import Path

from pydantic import SecretStr

from emtp_assets.settings import Settings
from emtp_assets.storage.secret_files import made_once
from emtp_assets.storage.storage_key import StorageKeyError, refuse_open_to_others

FORM = "v1"
"""Of what a pseudonym is made (`pseudonyms`). Another form gives other pseudonyms with the same key."""

KEY_BYTES = 32
DISTINCT_CHARACTERS = 8
DEMO_KEY = Path(".secrets") / "clave_demo"

log = logging.getLogger(__name__)


class PseudonymKeyError(ValueError):
    """There is no usable key. The message is Spanish, for the operator, and never holds any of the key."""


def pseudonym_key(settings: Settings) -> SecretStr:
    """The instance's key: from the setting, else the file the setting names, else the demonstration's own.

    A demonstration without a key gets a random one, made once into ``<data>/.secrets/clave_demo`` (mode
    0600). Two processes that ask at once get the same one.

    Raises:
        PseudonymKeyError: production without a key, a file that cannot be read or that others can, or a key too weak.
    """
    if settings.pseudonym_key is not None and settings.pseudonym_key.get_secret_value().strip():
        return accepted_key(settings.pseudonym_key)
    if settings.pseudonym_key_file is not None:
        return accepted_key(_read(settings.pseudonym_key_file))
    if settings.production:
        raise PseudonymKeyError(
            "Una instancia de producción necesita su clave de seudónimos: defina EMTP_PSEUDONYM_KEY_FILE (un "
            "archivo que solo lea la cuenta del servicio) o EMTP_PSEUDONYM_KEY. Para crear una: "
            "python -c 'import secrets; print(secrets.token_hex(32))'. Guárdela fuera de los datos."
        )
    demonstration = settings.data_dir / DEMO_KEY
    if made_once(demonstration, KEY_BYTES):
        log.warning(
            "Se creó una clave de seudónimos de demostración en %s. No sirve para datos reales: en "
            "producción defina EMTP_PSEUDONYM_KEY_FILE.",
            demonstration,
        )
    return accepted_key(_read(demonstration))


def accepted_key(key: SecretStr) -> SecretStr:
    """The key, without surrounding blanks, when it can be one: 32 bytes or more, not one character repeated.

    Raises:
        PseudonymKeyError: it is too short or too uniform to withstand guessing.
    """
    text = key.get_secret_value().strip()
    if len(text.encode()) < KEY_BYTES or len(set(text)) < DISTINCT_CHARACTERS:
        raise PseudonymKeyError(
            f"La clave de seudónimos es demasiado débil: necesita {KEY_BYTES} bytes o más, al azar, con al "
            f"menos {DISTINCT_CHARACTERS} caracteres distintos; la recibida tiene {len(text.encode())}. "
            "Para crear una: python -c 'import secrets; print(secrets.token_hex(32))'."
        )
    return SecretStr(text)


def next_key(settings: Settings) -> SecretStr | None:
    """The key that is to replace the instance's, from the file that ``pseudonym_key_next_file`` names; None if none is.

    Raises:
        PseudonymKeyError: the file cannot be read, others can read it, or it holds a key too weak to be one.
    """
    file = settings.pseudonym_key_next_file
    return None if file is None else accepted_key(_read(file))


def key_id(key: SecretStr) -> str:
    """``v1-`` and twelve hex digits: which key, and which form of pseudonym, without giving any of the key away.

    It stands beside whatever holds pseudonyms. Two files can be joined by person only if theirs are the same.
    """
    secret = accepted_key(key).get_secret_value().encode()
    return f"{FORM}-{hmac.new(secret, b'emtp_assets: huella de la clave', 'sha256').hexdigest()[:12]}"


def same_key(one: str, other: str) -> bool:
    """Whether two ids are of one key, whatever the form: before ``v1`` an id was the twelve digits alone."""
    return one.rpartition("-")[2] == other.rpartition("-")[2]


def release_key(key: SecretStr, recipient: str, release: str) -> SecretStr:
    """The key of the pseudonyms that one recipient gets in one release: two who compare theirs find nobody.

    HKDF-SHA256 (RFC 5869) of the internal key, info ``v1|entrega|<recipient>|<release>``: nobody who gets pseudonyms,
    or even this key, learns the internal one or that of another release.

    Raises:
        ValueError: recipient or release is blank, or holds the separator, so that two pairs could share a key.
    """
    for what, name in (("destinatario", recipient), ("entrega", release)):
        if not name.strip() or "|" in name:
            raise ValueError(f"El nombre de {what} {name!r} no sirve para derivar su clave: escriba uno sin «|».")
    return SecretStr(derived(key, f"{FORM}|entrega|{recipient.strip()}|{release.strip()}").hex())


def derived(key: SecretStr, info: str) -> bytes:
    """32 bytes for one purpose alone, by HKDF-SHA256 of a key: what is known of them says nothing of the key."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    secret = accepted_key(key).get_secret_value().encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info.encode()).derive(secret)


def _read(path: Path) -> SecretStr:
    try:
        refuse_open_to_others(path)
        return SecretStr(path.read_text(encoding="utf-8"))
    except StorageKeyError as error:
        raise PseudonymKeyError(str(error)) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no es texto UTF-8"
        raise PseudonymKeyError(f"No se puede leer la clave de seudónimos en {path}: {reason}") from None
