"""Which provisional identifier (IPE) became which RUN, as pairs of pseudonyms, kept encrypted. Where the pairs are
applied is cleaning's SQL (`dbt_project/macros/cleaning.sql`).

A student who comes without a RUN is enrolled under an IPE and gets a RUN later: two identifiers, one trajectory. The
restricted files (PUBL) tell it, in the rows that have both. A pair says that two pseudonyms are one person, and joins
what the pseudonyms were to keep apart: it is as personal as they are, and is read with the internal key alone.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from pydantic import SecretStr

from emtp_assets.contracts import Column, Contract, Treatment
from emtp_assets.contracts.values import IdentifierForm
from emtp_assets.privacy.keys import FORM, derived, key_id
from emtp_assets.privacy.pseudonyms import install_pseudonym
from emtp_assets.storage.duck import parquet
from emtp_assets.storage.lake import keep_private, sync

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FOLDER = "crosswalk"
"""Below the data folder. A folder of its own, that a rotation swaps together with the layers."""

_FILE = "ipe_run.sealed"
_MAGIC = b"EMTP-CORRESPONDENCIA-1\n"
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2: 96 bits, at random for each writing
PAIRS = pa.schema([("provisional", pa.string()), ("definitive", pa.string())])


class CrosswalkError(RuntimeError):
    """The pairs cannot be read. The message is Spanish and holds neither key nor pseudonym."""


class Crosswalk:
    """``<data>/crosswalk/ipe_run.sealed``: Arrow's IPC bytes under AES-256-GCM, key by HKDF of the internal one.

    The head names the key (its id) and is authenticated with the rest. Pairs that contradict one another are kept, so
    that later evidence cannot make them look sure, and not used.
    """

    def __init__(self, data_dir: Path, key: SecretStr) -> None:
        self.path = data_dir / FOLDER / _FILE
        self._head = _MAGIC + key_id(key).encode() + b"\n"
        self._key = key

    def pairs(self) -> pa.Table:
        """Every pair ever told, `PAIRS`.

        Raises:
            CrosswalkError: another key encrypted them, or the file is damaged.
        """
        from cryptography.exceptions import InvalidTag

        try:
            sealed = self.path.read_bytes()
        except FileNotFoundError:
            return PAIRS.empty_table()
        if not sealed.startswith(self._head):
            raise CrosswalkError(self._other_key(sealed))
        rest = sealed[len(self._head) :]
        try:
            opened = self._cipher().decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], self._head)
        except (InvalidTag, ValueError):
            raise CrosswalkError(
                f"La correspondencia de identificadores {self.path} está dañada: no es lo que se escribió. Repóngala "
                "de un respaldo, o bórrela: se aprende de nuevo de la capa cruda al actualizar todos los años."
            ) from None
        return pa.ipc.open_stream(opened).read_all()

    def add(self, told: pa.Table) -> None:
        """Keep these pairs too, durably and at one stroke; nothing is written where all of them are known.

        Raises:
            CrosswalkError: see `pairs`.
            OSError: the disk refused; the former file stands.
        """
        if not told.num_rows:
            return
        with self._alone():
            known = self.pairs()
            every = _distinct([known, told])
            if every.num_rows > known.num_rows:
                self._write(every)

    def unknown(self, told: Iterable[pa.Table]) -> pa.Table:
        """Of the pairs that a run has been told, those that were not known before.

        Raises:
            CrosswalkError: see `pairs`.
        """
        known = self.pairs()
        return _distinct(list(told)).join(known, PAIRS.names, join_type="left anti").select(PAIRS.names)

    def usable(self, told: Iterable[pa.Table] = ()) -> pa.Table | None:
        """The pairs known, and those that a run has just been told, without the provisional identifiers of which two
        different things are said; None when there is none.

        Raises:
            CrosswalkError: see `pairs`.
        """
        every = _distinct([self.pairs(), *told])
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.register("every", every)
            sure = connection.sql(
                "select provisional, min(definitive) as definitive from every group by 1 having count(*) = 1 order by 1"
            ).to_arrow_table()
        return sure if sure.num_rows else None

    def _write(self, pairs: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, PAIRS) as stream:
            stream.write_table(pairs)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._head + nonce + self._cipher().encrypt(nonce, sink.getvalue().to_pybytes(), self._head)
        draft = self.path.with_name(f".{_FILE}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(sealed)
        sync(draft)
        draft.replace(self.path)
        sync(self.path.parent)

    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(derived(self._key, f"{FORM}|correspondencia"))

    def _other_key(self, sealed: bytes) -> str:
        named = sealed[len(_MAGIC) :].partition(b"\n")[0].decode("ascii", "replace")
        mine = self._head[len(_MAGIC) :].strip().decode()
        if not sealed.startswith(_MAGIC) or len(named) > len(mine):
            return f"{self.path} no es una correspondencia de identificadores. Repóngala de un respaldo, o bórrela."
        return (
            f"La correspondencia de identificadores {self.path} se cifró con la clave de huella {named}, y la vigente "
            f"es {mine}. Restituya esa clave, o cambie de clave con «emtp rotate-key». Si se perdió, borre el archivo: "
            "se aprende de nuevo de la capa cruda al actualizar todos los años."
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        keep_private(self.path.parent)
        with (self.path.parent / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def person_columns(contract: Contract) -> list[Column]:
    """The columns by which a contract's persons are known, that a pair may concern."""
    return [c for c in contract.columns if c.treatment is Treatment.PSEUDONYM and c.identifier is IdentifierForm.NUMBER]


def told_by(connection: duckdb.DuckDBPyConnection, key: SecretStr, contract: Contract, raw: Path) -> pa.Table:
    """The pairs that a year of raw tells: rows that have a person's identifier and the provisional one, `PAIRS`.

    Only values that need no repair are believed. The session is given the pseudonym macro.
    """
    install_pseudonym(connection, key)
    found = []
    for column in person_columns(contract):
        if column.provisional is None:
            continue
        # What tells the two apart is looked at in the message, which holds no key: see `install_pseudonym`.
        found.append(
            connection.sql(
                f"""
                select distinct pseudonym('IPE', provisional) as provisional, pseudonym('{column.official}', definitive)
                    as definitive
                from (
                    select trim("{column.provisional}") as provisional, trim("{column.official}") as definitive
                    from {parquet(raw)}
                )
                where regexp_full_match(provisional, '[0-9.]*[1-9][0-9.]*(?:-[0-9Kk])?')
                    and regexp_full_match(definitive, '[0-9.]*[1-9][0-9.]*(?:-[0-9Kk])?')
                    and pseudonym_message('IPE', provisional) is not null
                    and not starts_with(pseudonym_message('{column.official}', definitive), '{FORM}|IPE|')
                """
            ).to_arrow_table()
        )
    return _distinct(found)


@dataclass(frozen=True)
class Split:
    """A year of the cleaned layer in which some persons still stand under a provisional pseudonym."""

    dataset: str
    year: int
    persons: int


def split_trajectories(
    connection: duckdb.DuckDBPyConnection, contract: Contract, cleaned: Mapping[int, Path], pairs: pa.Table
) -> list[Split]:
    """The years of which pairs say that they are behind: made before the pair was known."""
    connection.register("told", pairs)
    found = []
    for year, path in sorted(cleaned.items()):
        for column in person_columns(contract):
            row = connection.sql(
                f'select count(distinct "{column.name}") from {parquet(path)}'
                f' where "{column.name}" in (select provisional from told)'
            ).fetchone()
            if row and row[0]:
                found.append(Split(contract.dataset, year, row[0]))
    return found


def _distinct(tables: list[pa.Table]) -> pa.Table:
    every = pa.concat_tables([PAIRS.empty_table(), *(table.cast(PAIRS) for table in tables)])
    return every.group_by(PAIRS.names).aggregate([])
