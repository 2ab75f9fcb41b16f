"""Keyed pseudonyms as a SQL function of a DuckDB session. Where the key comes from is known to `keys`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
from pydantic import SecretStr

from emtp_assets.privacy.keys import accepted_key

BLOCK = 64  # bytes of a SHA-256 block, RFC 2104's B
HEX_DIGITS = 32  # 128 bits: 3 million people collide with a chance below 1e-25

_MACRO = f"""
CREATE OR REPLACE TEMP MACRO pseudonym(kind, value) AS
CASE WHEN trim(CAST(value AS VARCHAR)) <> '' THEN
    substr(sha256(getvariable('pseudonym_outer') || unhex(sha256(
        getvariable('pseudonym_inner') || encode(kind || ':' || trim(CAST(value AS VARCHAR)))
    ))), 1, {HEX_DIGITS})
END
"""


def install_pseudonym(connection: duckdb.DuckDBPyConnection, key: SecretStr) -> None:
    """Give a session the macro ``pseudonym(kind, value)``: 32 hex digits of HMAC-SHA-256 of ``kind:value``.

    Surrounding spaces of the value do not count; a null or blank value has no pseudonym. ``kind`` keeps apart
    the pseudonyms of different populations. A ``cursor()`` is a session of its own and needs its own.

    RFC 2104 in SQL: the two padded keys are session variables, set through prepared parameters, so that no
    SQL text, compiled model, log or error holds them. They die with the session. Use the macro in a select
    list: DuckDB's EXPLAIN of a *filter or join* on it would print the variables' values, as constants.

    Raises:
        PseudonymKeyError: the key is too weak to be one.
    """
    secret = accepted_key(key).get_secret_value().encode()
    padded = (hashlib.sha256(secret).digest() if len(secret) > BLOCK else secret).ljust(BLOCK, b"\0")
    connection.execute("SET VARIABLE pseudonym_inner = $1", [bytes(byte ^ 0x36 for byte in padded)])
    connection.execute("SET VARIABLE pseudonym_outer = $1", [bytes(byte ^ 0x5C for byte in padded)])
    connection.execute(_MACRO)


_in_use: list[SecretStr] = []


@contextmanager
def using_key(key: SecretStr) -> Iterator[None]:
    """Hand the key to whatever opens sessions inside the block: no variable, file or environment holds it.

    A plain list and not a context variable: dbt opens its sessions in threads of its own.
    """
    _in_use.append(key)
    try:
        yield
    finally:
        _in_use.pop()


def key_in_use() -> SecretStr | None:
    """The key of the innermost `using_key`, if any."""
    return _in_use[-1] if _in_use else None
