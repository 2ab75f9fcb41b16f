"""The secret key of the pseudonyms: where it comes from, whether it will do. Its use is `pseudonyms`."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from emtp_assets.settings import Settings

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
        PseudonymKeyError: production without a key, an unreadable file, or a key too weak to be one.
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
    return accepted_key(_demo_key(settings.data_dir / DEMO_KEY))


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


def key_fingerprint(key: SecretStr) -> str:
    """Twelve hex digits that tell keys apart and give nothing away: pseudonyms of two keys never mix."""
    secret = accepted_key(key).get_secret_value().encode()
    return hmac.new(secret, b"emtp_assets: huella de la clave", "sha256").hexdigest()[:12]


def _read(path: Path) -> SecretStr:
    try:
        if path.stat().st_mode & 0o077:
            log.warning("La clave de seudónimos %s la pueden leer otras cuentas; use chmod 600.", path)
        return SecretStr(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no es texto UTF-8"
        raise PseudonymKeyError(f"No se puede leer la clave de seudónimos en {path}: {reason}") from None


def _demo_key(path: Path) -> SecretStr:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written whole under a name of its own and then linked: nobody sees half a key, the first one stays.
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as handle:
                handle.write(secrets.token_hex(KEY_BYTES) + "\n")
                handle.flush()
                os.fsync(handle.fileno())
            os.link(draft, path)
        except FileExistsError:
            pass
        else:
            log.warning(
                "Se creó una clave de seudónimos de demostración en %s. No sirve para datos reales: en "
                "producción defina EMTP_PSEUDONYM_KEY_FILE.",
                path,
            )
        finally:
            draft.unlink()
    return _read(path)
