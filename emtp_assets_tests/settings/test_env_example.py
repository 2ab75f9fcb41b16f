"""`.env.example` names every variable that the settings have, none that they have not, and shows true defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from emtp_assets.settings import HOME, Settings

EXAMPLE = (HOME / ".env.example").read_text(encoding="utf-8")
SHOWN = dict(re.findall(r"^#([A-Z][A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))

# Defaults that depend on where the instance is installed: the example shows a path of a usual installation.
OF_THE_PLACE = {"EMTP_DATA_DIR", "EMTP_DROP_DIR", "EMTP_DBT_DIR"}


def fields(part: type[BaseSettings] = Settings) -> Iterator[tuple[list[str], FieldInfo]]:
    """Each field with its variables, the usual one first; those of the parts included."""
    for name, field in part.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            yield from fields(field.annotation)
        else:
            yield _variables(part, name, field), field


def _variables(part: type[BaseSettings], name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    if isinstance(alias, str):
        return [alias]
    return [f"{part.model_config.get('env_prefix', '')}{name}".upper()]


FIELDS = list(fields())


def test_there_is_something_to_compare() -> None:
    assert len(FIELDS) > 70
    assert len(SHOWN) > 70


def test_every_setting_is_in_the_example() -> None:
    assert [variables[0] for variables, _ in FIELDS if variables[0] not in SHOWN] == []


def test_every_variable_of_the_example_is_a_setting() -> None:
    known = {variable for variables, _ in FIELDS for variable in variables}
    assert set(SHOWN) - known == set()


def test_no_variable_is_shown_twice_or_active() -> None:
    assert len(re.findall(r"^#[A-Z][A-Z_]+=", EXAMPLE, re.MULTILINE)) == len(SHOWN)
    assert not re.findall(r"^[^#\s]", EXAMPLE, re.MULTILINE)


def test_what_is_shown_is_the_default_where_there_is_one() -> None:
    wrong = []
    for variables, field in FIELDS:
        default = field.get_default(call_default_factory=True, validated_data={})
        if default in (None, "", (), {}) or variables[0] in OF_THE_PLACE:
            continue
        if not _same(SHOWN[variables[0]], default):
            wrong.append((variables[0], SHOWN[variables[0]], default))
    assert wrong == []


def test_no_secret_has_a_value_and_each_may_come_from_a_file() -> None:
    secrets = [variables[0] for variables, field in FIELDS if SecretStr in _types(field)]
    assert len(secrets) >= 8
    assert [name for name in secrets if SHOWN[name]] == []
    assert [name for name in secrets if f"{name}_FILE" not in SHOWN] == []


def test_each_variable_is_explained_above_it() -> None:
    """A comment stands over each group of variables, never two groups in a row without a word."""
    for group in re.split(r"\n\s*\n", EXAMPLE):
        lines = group.splitlines()
        if any(re.match(r"#[A-Z][A-Z_]+=", line) for line in lines):
            assert lines[0].startswith("# "), group


def test_with_everything_uncommented_the_settings_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SHOWN.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.sqlserver.views == {"matricula": "vw_otro_nombre"}
    assert settings.sqlserver.window is not None
    assert settings.alerts.email_to == ("operacion@mineduc.cl", "jefatura.emtp@mineduc.cl")
    parts = (settings.sqlserver, settings.sharepoint, settings.sftp, settings.rest, settings.alerts)
    assert all(part.configured for part in parts)


def _types(field: FieldInfo) -> tuple[Any, ...]:
    return getattr(field.annotation, "__args__", (field.annotation,))


def _same(shown: str, default: object) -> bool:
    if isinstance(default, bool):
        return shown == str(default).lower()
    if isinstance(default, int | float):
        return float(shown) == default
    return shown == str(default)
