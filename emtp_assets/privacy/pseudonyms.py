"""Keyed pseudonyms as a SQL function of a DuckDB session. Where the key comes from is known to `keys`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from pydantic import SecretStr

from emtp_assets.privacy.keys import FORM, accepted_key

BLOCK = 64  # bytes of a SHA-256 block, RFC 2104's B
HEX_DIGITS = 32  # 128 bits: 3 million people collide with a chance below 1e-25
FIRST_IPE = 100_000_000
"""A provisional identifier (IPE) has the form of a RUN and begins where RUNs do not reach: 100 million."""

CROSSWALK = "crosswalk"
"""The relation of a session that holds the pairs of `privacy.crosswalk`: ``provisional``, ``definitive``."""

# Modulo 11, weights 2 to 7 from the right. Written out: a list of digits would be made for every row.
_WEIGHTED = " + ".join(f"n // {10**place} % 10 * {place % 6 + 2}" for place in range(9))
_MACROS = f"""
CREATE OR REPLACE TEMP MACRO check_digit_of(n) AS substr('0123456789K', 1 + (11 - ({_WEIGHTED}) % 11) % 11, 1);

CREATE OR REPLACE TEMP MACRO proven_run(body, digit) AS
CASE WHEN check_digit_of(TRY_CAST(body AS BIGINT)) = digit THEN
    CASE WHEN TRY_CAST(body AS BIGINT) >= {FIRST_IPE} THEN 'IPE|' ELSE 'RUN|' END || body || '-' || digit
END;

CREATE OR REPLACE TEMP MACRO bare_number(text) AS ltrim(regexp_replace(upper(text), '[. ]', '', 'g'), '0');

CREATE OR REPLACE TEMP MACRO tagged_person(kind, text, bare) AS
CASE WHEN kind <> 'RUN' AND regexp_full_match(text, '[1-9][0-9]*') THEN kind || '|' || text
     WHEN bare = '' THEN NULL
     WHEN regexp_full_match(bare, '[0-9]{{1,9}}-[0-9K]') THEN proven_run(left(bare, -2), right(bare, 1))
     WHEN kind = 'RUN' AND regexp_full_match(bare, '[0-9]{{1,9}}K|[0-9]{{9,10}}')
     THEN proven_run(left(bare, -1), right(bare, 1))
     WHEN kind = 'RUN' AND regexp_full_match(bare, '[0-9]{{1,8}}')
     THEN 'RUN|' || bare || '-' || check_digit_of(TRY_CAST(bare AS BIGINT))
     WHEN regexp_full_match(bare, '[0-9]+') THEN kind || '|' || bare
     ELSE kind || '|' || text
END;

CREATE OR REPLACE TEMP MACRO pseudonym_message(kind, value) AS
'{FORM}|' || CASE WHEN kind IN ('RUN', 'IPE', 'MRUN')
    THEN tagged_person(kind, trim(CAST(value AS VARCHAR)), bare_number(CAST(value AS VARCHAR)))
    ELSE kind || '|' || nullif(trim(CAST(value AS VARCHAR)), '')
END;

CREATE OR REPLACE TEMP MACRO pseudonym(kind, value) AS
substr(sha256(getvariable('pseudonym_outer') || unhex(sha256(
    getvariable('pseudonym_inner') || encode(pseudonym_message(kind, value))
))), 1, {HEX_DIGITS});
"""


def install_pseudonym(connection: duckdb.DuckDBPyConnection, key: SecretStr) -> None:
    """Give a session the macro ``pseudonym(kind, value)``: 32 hex digits of HMAC-SHA-256 of ``v1|<KIND>|<value>``.

    ``kind`` says what the value is, so that a mask and a RUN of the same digits are two persons:

    - ``MRUN``: the ministry's mask, or whatever a column so called holds: a value with its check digit is a RUN.
    - ``RUN``: digits, dash, check digit in upper case, no points and no zeros before (``v1|RUN|12345678-5``), from
      any of its forms; up to eight digits without a dash are the number alone, and the check digit is worked out.
      From 100 million on it is an ``IPE``.
    - ``IPE``: the provisional identifier, or its mask.
    - any other (``ID_PRACTICA``): the text as it is, without the spaces around it.

    A null or blank value, a zero, and a RUN whose check digit is wrong have no pseudonym: damage is nobody. A
    ``cursor()`` is a session of its own and needs its own.

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
    connection.execute(_MACROS)


@dataclass(frozen=True, repr=False)
class InUse:
    """What sessions opened inside `using_key` are given. ``crosswalk``: see `CROSSWALK`."""

    key: SecretStr
    crosswalk: pa.Table | None


_in_use: list[InUse] = []


@contextmanager
def using_key(key: SecretStr, crosswalk: pa.Table | None = None) -> Iterator[None]:
    """Hand the key, and the pairs if there are any, to whatever opens sessions inside the block: no variable, file or
    environment holds them.

    A plain list and not a context variable: dbt opens its sessions in threads of its own.
    """
    _in_use.append(InUse(key, crosswalk))
    try:
        yield
    finally:
        _in_use.pop()


def in_use() -> InUse | None:
    """What the innermost `using_key` hands over, if any."""
    return _in_use[-1] if _in_use else None
