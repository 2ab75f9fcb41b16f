"""Each command that `emtp --help` lists stands in the README's table and in the manual's; and none that it does not."""

from __future__ import annotations

import re

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from emtp_assets.cli import app
from emtp_assets.settings import HOME


def commands() -> set[str]:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return set(group.commands)


@pytest.mark.parametrize("document", ["README.md", "docs/MANUAL_MANTENIMIENTO.md"])
def test_every_command_is_in_the_table_and_every_line_of_the_table_is_a_command(document: str) -> None:
    rows = re.findall(r"^\| (`emtp [^|]*)\|", (HOME / document).read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`emtp ([a-z-]+)", row)}
    assert named == commands()
