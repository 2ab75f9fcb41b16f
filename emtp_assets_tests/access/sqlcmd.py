"""A reader of sqlcmd scripts for the tests: variables, batches, statements. Running T-SQL is not its business.

https://learn.microsoft.com/sql/tools/sqlcmd/sqlcmd-use-scripting-variables: ``$(name)`` is replaced everywhere,
comments included, and a variable that nobody defined is a fatal error; ``GO`` alone on a line ends a batch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

COMMENT = re.compile(r"--[^\n]*")


class FatalScriptingError(Exception):
    """What sqlcmd says before it stops: ``'X' scripting variable not defined.``"""


def batches(script: str, variables: Mapping[str, str]) -> list[str]:
    """The batches that a server would receive, in order."""
    known = dict(variables)
    done: list[str] = []
    lines: list[str] = []
    for line in script.splitlines():
        if setting := re.fullmatch(r':setvar (\w+) "([^"]*)"', line):
            known[setting[1]] = setting[2]
        elif line.startswith(":"):
            assert line == ":on error exit", line
        elif line.strip().upper() == "GO":
            done.append("\n".join(lines))
            lines = []
        else:
            lines.append(_replaced(line, known))
    assert not "".join(lines).strip(), "the last batch has no GO"
    return done


def code(batch: str) -> str:
    """The batch without comments and outer blanks."""
    return COMMENT.sub("", batch).strip()


def _replaced(line: str, known: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise FatalScriptingError(f"'{found[1]}' scripting variable not defined.")
        return known[found[1]]

    return re.sub(r"\$\((\w+)\)", value, line)
