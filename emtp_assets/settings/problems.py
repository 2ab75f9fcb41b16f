"""What is wrong with the settings, in words that name the variable. The value is shown only where it is no secret."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings

from emtp_assets.settings import (
    AlertSettings,
    RestSettings,
    Settings,
    SftpSettings,
    SharePointSettings,
    SqlServerSettings,
)

_PARTS: tuple[type[BaseSettings], ...] = (
    Settings,
    SqlServerSettings,
    SharePointSettings,
    SftpSettings,
    RestSettings,
    AlertSettings,
)


def problems(error: ValidationError) -> list[str]:
    """One line for each variable that cannot be used."""
    part = next((each for each in _PARTS if each.__name__ == error.title), Settings)
    return [_told(part, problem) for problem in error.errors(include_url=False)]


def _told(part: type[BaseSettings], problem: Any) -> str:
    if not problem["loc"]:
        # What several variables break together says itself which ones.
        return f"{problem['msg'].removeprefix('Value error, ')}."
    at = str(problem["loc"][0])
    field = part.model_fields.get(at)
    prefix = str(part.model_config.get("env_prefix", ""))
    variable = at if at.isupper() or field is None else prefix + at.upper()
    shown = "" if field is None or SecretStr in _types(field.annotation) else f"={problem['input']!r}"
    return f"{variable}{shown} no sirve: {problem['msg']}."


def _types(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *getattr(annotation, "__args__", ()))
