"""How a secret is read, and how a text is kept free of secrets. Which secrets there are, each settings class says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr

_SHORTEST_MASKED = 4


class SecretError(ValueError):
    """A secret that is not given, or whose file cannot be read; the message names the variable, never a value."""


def secret(value: SecretStr | None, file: Path | None, variable: str) -> str | None:
    """The secret itself, from the variable or else from the file that ``<variable>_FILE`` names; None if neither.

    A line end after the secret in the file is not part of it, nor is the mark that Notepad puts before it.

    Raises:
        SecretError: the file cannot be read, or holds nothing.
    """
    if value is not None and value.get_secret_value():
        return value.get_secret_value()
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no es texto UTF-8"
        raise SecretError(
            f"No se puede leer el archivo {file} que nombra {variable}_FILE ({reason}). "
            "Corrija la ruta o dé permiso de lectura a la cuenta del servicio."
        ) from None
    if not text:
        raise SecretError(f"El archivo {file} que nombra {variable}_FILE está vacío. Escriba en él el secreto.")
    return text


def secrets_of(settings: BaseModel) -> Iterator[str]:
    """Every secret that the settings hold, in variables or in readable files, for `redacted`."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from secrets_of(value)
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, Path) and holds_secret(name):
            try:
                yield value.read_text(encoding="utf-8-sig").strip()
            except (OSError, UnicodeDecodeError):
                continue


def redacted(text: str, secrets: Iterable[str]) -> str:
    """``text`` with every secret replaced: the last gate before a text leaves, never the only one."""
    for each in sorted({s for s in secrets if len(s) >= _SHORTEST_MASKED}, key=len, reverse=True):
        text = text.replace(each, "•••")
    return text


def holds_secret(field: str) -> bool:
    """Whether a setting of that name is the path of a file that nobody else should read."""
    return field.endswith("_file") and field not in {"ca_file", "known_hosts_file", "certificate_file"}
