"""A T-SQL batch cut into statements: what only concerns the session is recognised here, queries go to `translate`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from emtp_assets_tests.servers.tds.parameters import Call, Parameter
from emtp_assets_tests.servers.tds.sqltypes import SqlType

_SPACE = re.compile(r"(?:\s+|;|--[^\n]*|/\*.*?\*/)+", re.DOTALL)
_TOKEN = re.compile(r"'(?:[^']|'')*'|\[[^\]]*\]|\"[^\"]*\"|--[^\n]*|/\*.*?\*/|;|[^'\[\"\-/;]+|.", re.DOTALL)
_TRANSACTION_WORDS = r"(?:\s+TRAN(?:SACTION)?|\s+WORK)?(?:\s+(?!BEGIN|COMMIT|ROLLBACK|SELECT|SET|IF)[A-Z_]\w*)?"
_SESSION = (
    (
        "set",
        re.compile(
            r"SET\s+(?:TRANSACTION\s+ISOLATION\s+LEVEL\s+(?:READ\s+UNCOMMITTED|READ\s+COMMITTED|REPEATABLE\s+READ|"
            r"SNAPSHOT|SERIALIZABLE)|(?:TEXTSIZE|ROWCOUNT|LOCK_TIMEOUT|LANGUAGE|DATEFORMAT|DATEFIRST|DEADLOCK_PRIORITY|"
            r"CONTEXT_INFO|QUERY_GOVERNOR_COST_LIMIT)\s+\S+|[A-Z_]+(?:[ ,]+[A-Z_]+)*?\s+(?:ON|OFF)\b)",
            re.IGNORECASE,
        ),
    ),
    ("begin", re.compile(r"BEGIN\s+TRAN(?:SACTION)?(?:\s+(?!SELECT|SET)[A-Z_]\w*)?", re.IGNORECASE)),
    (
        "end",
        re.compile(rf"(?:IF\s+@@TRANCOUNT\s*>\s*0\s+)?(?:COMMIT|ROLLBACK){_TRANSACTION_WORDS}", re.IGNORECASE),
    ),
    ("use", re.compile(r"USE\s+(?:\[(?P<bracketed>[^\]]+)\]|(?P<plain>\w+))", re.IGNORECASE)),
    (
        "call",
        re.compile(r"(?:EXEC(?:UTE)?\s+)?(?:\[?\w+\]?\s*\.\s*)*\[?sp_\w+\]?(?:[^;']|N?'(?:[^']|'')*')*", re.IGNORECASE),
    ),
    ("wait", re.compile(r"WAITFOR\s+DELAY\s+N?'(?P<time>[\d:.]+)'", re.IGNORECASE)),
)

_ARGUMENT = re.compile(r"(?:(?P<name>@\w+)\s*=\s*)?(?:N?'(?P<quoted>(?:[^']|'')*)'|(?P<plain>-?\w+))")


@dataclass(frozen=True)
class Piece:
    """A statement: `kind` is set, begin, end, use, wait, call or query; `text` the database, the delay, the SQL."""

    kind: str
    text: str


def cut(batch: str) -> Iterator[Piece]:
    """The statements of a batch in order."""
    position = 0
    while position < len(batch):
        if space := _SPACE.match(batch, position):
            position = space.end()
            continue
        for kind, pattern in _SESSION:
            if match := pattern.match(batch, position):
                groups = [group for group in match.groupdict().values() if group]
                yield Piece(kind, groups[0] if groups else match[0])
                position = match.end()
                break
        else:
            start = position
            for token in _TOKEN.finditer(batch, position):
                position = token.end()
                if token[0] == ";":
                    break
            yield Piece("query", batch[start:position].rstrip("; \t\r\n"))


def read_call(text: str) -> Call:
    """A procedure called in a batch with literals: `sp_tables N'vw%', @table_owner = 'dbo'`."""
    match = re.match(r"(?:EXEC(?:UTE)?\s+)?(?:[\w\[\]]+\s*\.\s*)*\[?(sp_\w+)\]?", text, re.IGNORECASE)
    if match is None:
        raise ValueError(text)
    parameters: list[Parameter] = []
    for argument in _ARGUMENT.finditer(text, match.end()):
        name, quoted, plain = argument["name"] or "", argument["quoted"], argument["plain"]
        if quoted is not None:
            value = quoted.replace("''", "'")
            parameters.append(Parameter(name, SqlType("nvarchar", length=max(1, len(value))), value))
        else:
            number = re.fullmatch(r"-?\d+", plain)
            parameters.append(Parameter(name, SqlType("int"), int(plain) if number else None))
    return Call(match[1].lower(), tuple(parameters))


def seconds(delay: str) -> float:
    """The length of a WAITFOR DELAY 'hh:mm:ss'."""
    total = 0.0
    for part in delay.split(":"):
        total = total * 60 + float(part)
    return total
