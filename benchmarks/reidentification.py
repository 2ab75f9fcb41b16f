"""Every RUN that there can be, tried against every file of an instance, as somebody would who has the files and not the
key. ``python -m benchmarks.reidentification --datos data`` prints what was found; nothing here is used by the product.

What is tried: SHA-256 and HMAC-SHA-256 with keys that are not the instance's, of each RUN with its check digit in five
text forms (and of the mask, tagged as the product tags it). A match is the first 128 bits of a hash, in hexadecimal,
anywhere in a file: a whole SHA-256 is found too. The control is RUNs hashed without a key, that must all be found, or
the search proves nothing; and pseudonyms of the product, that the right key must find.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import resource
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
from pydantic import SecretStr

from emtp_assets.settings import Settings
from emtp_assets.storage.restricted import is_encrypted, opened
from emtp_assets.storage.storage_key import Purpose

ALL = 30_000_000
UNSALTED = "SHA-256"
HEX = 32
_BLOCK = 64
_CONTROL = 100_000
_READ_AT_ONCE = 1 << 24
_TOKEN = re.compile(rb"[0-9a-fA-F]{32,}")

_DOTTED = """CASE WHEN n < 1000 THEN n::varchar
    WHEN n < 1000000 THEN (n // 1000) || '.' || lpad((n % 1000)::varchar, 3, '0')
    ELSE (n // 1000000) || '.' || lpad((n // 1000 % 1000)::varchar, 3, '0') || '.' || lpad((n % 1000)::varchar, 3, '0')
END"""
TAGGED = "v1|RUN|12345678-5"
# Of `n` and its check digit `d`.
FORMS = {
    "12345678-5": "n || '-' || d",
    "12.345.678-5": f"{_DOTTED} || '-' || d",
    "123456785": "n || d",
    "012345678-5": "lpad(n::varchar, 9, '0') || '-' || d",
    TAGGED: "'v1|RUN|' || n || '-' || d",
    "v1|MRUN|12345678": "'v1|MRUN|' || n",
}
_CHECK_DIGIT = (
    "substr('0123456789K', 1 + (11 - ("
    + " + ".join(f"n // {10**place} % 10 * {place % 6 + 2}" for place in range(9))
    + ") % 11) % 11, 1)"
)


@dataclass(frozen=True)
class Found:
    """How many different hashes of each source one way of hashing one form found."""

    way: str
    form: str
    matches: Mapping[str, int]


def tokens_of(folder: Path, settings: Settings | None = None) -> tuple[pa.Table, int]:
    """Every hexadecimal text of 128 bits or more of every file below a folder (its first 128), by the part of the
    folder that it is in; and how many files were read. ``settings``: whose storage key opens what is encrypted, so that
    the search leans on nothing but the pseudonyms themselves; without it, of such a file only its bytes are seen."""
    tokens: set[tuple[str, str]] = set()
    read = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        part = path.relative_to(folder).parts[0]
        found = _of_parquet(path, settings) if path.suffix == ".parquet" else _of_bytes(path)
        tokens.update((part, token) for token in found)
        read += 1
    sources, values = zip(*sorted(tokens), strict=True) if tokens else ((), ())
    return pa.table({"source": pa.array(sources, pa.string()), "token": pa.array(values, pa.string())}), read


def _of_parquet(path: Path, settings: Settings | None) -> set[str]:
    found = _of_bytes(path)
    if settings is None and is_encrypted(path):
        return found
    purpose = Purpose.QUARANTINE if "quarantine" in path.parts else Purpose.RAW
    with opened(path, settings, purpose) as file, duckdb.connect(config={"threads": 1}) as connection:
        names = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
        for batch in file.iter_batches(columns=names, use_threads=False) if names else ():
            connection.register("batch", batch)
            for name in names:
                rows = connection.execute(
                    f"""select distinct left(unnest(regexp_extract_all(lower("{name}"), '[0-9a-f]{{32,}}')), {HEX})
                    from batch"""
                ).fetchall()
                found.update(token for (token,) in rows)
    return found


def _of_bytes(path: Path) -> set[str]:
    found: set[str] = set()
    with path.open("rb") as file:
        tail = b""
        while block := file.read(_READ_AT_ONCE):
            found.update(m.group()[:HEX].decode().lower() for m in _TOKEN.finditer(tail + block))
            tail = block[-128:]
    return found


def ways(keys: Mapping[str, bytes]) -> dict[str, str]:
    """SQL of ``text``'s first 128 bits: without a key, and by RFC 2104 with each of some."""
    found = {UNSALTED: f"substr(sha256(text), 1, {HEX})"}
    for name, key in keys.items():
        padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        inner, outer = (bytes(b ^ pad for b in padded).hex() for pad in (0x36, 0x5C))
        found[name] = f"substr(sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(text)))), 1, {HEX})"
    return found


def search(
    tokens: pa.Table,
    how: Mapping[str, str],
    *,
    first: int,
    last: int,
    forms: Mapping[str, str] = FORMS,
    chunk: int = 3_000_000,
    threads: int = 1,
) -> Iterator[Found]:
    """Hash every number of the range in every form and way, and count the tokens that come out. A chunk at a time: the
    memory does not grow with the range."""
    with duckdb.connect(config={"threads": threads, "memory_limit": "1GB"}) as connection:
        connection.register("given", tokens)
        connection.execute("create temp table tokens as select distinct source, token from given")
        for way, hashed in how.items():
            for form, text in forms.items():
                matches: dict[str, int] = {}
                for begin in range(first, last, chunk):
                    end = min(begin + chunk, last)
                    rows = connection.execute(
                        f"""
                        select source, count(*) from (
                            select {hashed} as token from (
                                select {text} as text from (
                                    select n, {_CHECK_DIGIT} as d from range({begin}, {end}) as t(n)
                                )
                            )
                        ) join tokens using (token) group by source
                        """
                    ).fetchall()
                    for source, n in rows:
                        matches[source] = matches.get(source, 0) + n
                yield Found(way, form, matches)


def control(folder: Path, numbers: Sequence[int]) -> pa.Table:
    """RUNs hashed without a key, in each of the forms, published in a CSV as the seed's option B does; its tokens."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("people", pa.table({"n": pa.array(numbers, pa.int64())}))
        for at, text in enumerate(FORMS.values()):
            connection.execute(
                f"copy (select sha256({text}) as id from (select n, {_CHECK_DIGIT} as d from people))"
                f" to '{folder}/control_{at}.csv' (format csv)"
            )
    tokens, _ = tokens_of(folder)
    return tokens.set_column(0, "source", pa.array(["control"] * tokens.num_rows, pa.string()))


def pseudonyms(key: SecretStr, numbers: Sequence[int]) -> pa.Table:
    """What the product makes of RUNs, as tokens: what the right key must find."""
    from emtp_assets.privacy.pseudonyms import install_pseudonym

    with duckdb.connect(config={"threads": 1}) as connection:
        install_pseudonym(connection, key)
        connection.register("people", pa.table({"n": pa.array(numbers, pa.int64())}))
        return connection.sql(
            "select 'pseudonyms' as source, pseudonym('RUN', n || '-' || check_digit_of(n)) as token from people"
        ).to_arrow_table()


def main() -> int:
    """Returns 0 when no file was opened and every control was."""
    parser = argparse.ArgumentParser(prog="benchmarks.reidentification", description=__doc__)
    parser.add_argument("--datos", type=Path, default=Path("data"), help="the data folder of an instance")
    parser.add_argument("--hasta", type=int, default=ALL, help="the first RUN that is not tried")
    parser.add_argument("--hilos", type=int, default=1)
    given = parser.parse_args()
    began, cpu = time.perf_counter(), time.process_time()
    tokens, files = tokens_of(given.datos, Settings(data_dir=given.datos))
    parts = Counter(tokens["source"].to_pylist())
    _say(f"{files} files, {tokens.num_rows:,} hexadecimal texts of 128 bits or more: {dict(parts)}")
    numbers = range(1, given.hasta, max(given.hasta // _CONTROL, 1))
    right = SecretStr(secrets.token_hex(32))
    mine = pseudonyms(right, numbers)
    with tempfile.TemporaryDirectory() as folder:
        every = pa.concat_tables([tokens, control(Path(folder), numbers), mine])
    keys = {"HMAC, no key": b"", "HMAC, another key": secrets.token_hex(32).encode()}
    good = True
    _say("\n| Way | Form | RUNs tried | In the instance | Control | Pseudonyms of ours |\n|---|---|---|---|---|---|")
    for found in search(every, ways(keys), first=1, last=given.hasta, threads=given.hilos):
        matches = Counter(found.matches)
        known, opened = matches.pop("control", 0), matches.pop("pseudonyms", 0)
        expected = len(numbers) if found.way == UNSALTED else 0
        good &= not matches and not opened and known == expected
        _say(
            f"| {found.way} | `{found.form}` | {given.hasta - 1:,} | {dict(matches) or 0} | {known:,} of {expected:,} "
            f"| {opened} |"
        )
    how = ways({"right": right.get_secret_value().encode()})
    del how[UNSALTED]
    (by_right,) = search(mine, how, first=1, last=given.hasta, forms={TAGGED: FORMS[TAGGED]}, threads=given.hilos)
    recovered = by_right.matches.get("pseudonyms", 0)
    good &= recovered == len(numbers)
    _say(f"\nWith the right key the same search finds {recovered:,} of {len(numbers):,} pseudonyms.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _say(f"{time.process_time() - cpu:,.0f} CPU-s, {time.perf_counter() - began:,.0f} s, peak {peak:,.0f} MiB")
    return 0 if good else 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
