"""Where a file's rows came from, carried in the Parquet footer itself, so that it can never part from them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, SubprocessError, check_output

from emtp_assets.settings import HOME, Settings
from emtp_assets.storage.restricted import metadata

_FOOTER_KEY = "emtp_procedencia"


class Origin(StrEnum):
    """Whose figures these are. ``MIXED`` where simulated and official deliveries met."""

    SIMULATED = "SIMULADO"
    OFFICIAL = "OFICIAL"
    MIXED = "MIXTO"


class MixedKeysError(ValueError):
    """Tables pseudonymised with different keys met."""


@dataclass(frozen=True)
class Provenance:
    """The deliveries behind a file (SHA-256 of each), whether they are real, and the code that made it.

    ``key`` is the id of the pseudonym key and of the pseudonyms' form, None while a file holds no pseudonym: those
    made with two keys, or in two forms, never match, so tables that hold them must never be joined.
    """

    deliveries: tuple[str, ...]
    origin: Origin
    code_version: str
    key: str | None = None

    @staticmethod
    def merge(parts: Iterable[Provenance]) -> Provenance:
        """The provenance of what is made from several files.

        Raises:
            ValueError: nothing to merge: a table made of nothing has no provenance.
            MixedKeysError: the files hold pseudonyms made with different keys.
        """
        known = list(parts)
        if not known:
            raise ValueError("no provenance to merge")
        origins = {p.origin for p in known}
        keys = {p.key for p in known if p.key is not None}
        if len(keys) > 1:
            raise MixedKeysError(
                "Los seudónimos de los años que se cruzan fueron hechos con claves distintas "
                f"({', '.join(sorted(keys))}). "
                "Rehaga todos los años con una sola: «emtp rotate-key»."
            )
        return Provenance(
            deliveries=tuple(sorted({sha for p in known for sha in p.deliveries})),
            origin=origins.pop() if len(origins) == 1 else Origin.MIXED,
            code_version=code_version(),
            key=keys.pop() if keys else None,
        )

    @staticmethod
    def of(path: Path, settings: Settings | None = None) -> Provenance:
        """Read it back from a Parquet file of the lake; ``settings``: whose key opens it, where it may be encrypted.

        Raises:
            KeyError: the file carries none, so it was not written by this product.
            SealError: it is encrypted, and this is not the key, or it is damaged.
        """
        footer = metadata(path, settings).metadata or {}
        stored = json.loads(footer[_FOOTER_KEY.encode()])
        return Provenance(
            tuple(stored["entregas"]), Origin(stored["origen"]), stored["version_codigo"], stored.get("clave")
        )

    def with_key(self, key: str | None) -> Provenance:
        """The same, for a table whose pseudonyms were made with the key of that id, or that has none of any key."""
        return replace(self, key=key, code_version=code_version())

    def without_deliveries(self) -> Provenance:
        """The same, for a file that leaves the house: which deliveries it is made of stands in ``procedencia.json``.

        The same figures are thus the same bytes, whichever way the data came in.
        """
        return replace(self, deliveries=(), key=None)

    @property
    def footer(self) -> dict[str, str]:
        """As Parquet key-value metadata."""
        stored = {
            "entregas": list(self.deliveries),
            "origen": self.origin.value,
            "version_codigo": self.code_version,
            "clave": self.key,
        }
        return {_FOOTER_KEY: json.dumps(stored, ensure_ascii=False, sort_keys=True)}

    @property
    def copy_option(self) -> str:
        """As the option of a DuckDB ``COPY … TO``."""
        pairs = ", ".join(f"{key}: '{value.replace(chr(39), chr(39) * 2)}'" for key, value in self.footer.items())
        return f"KV_METADATA {{{pairs}}}"


@cache
def code_version() -> str:
    """The package's version and, in a git checkout, its commit: which code made a figure."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        released = version("emtp-assets")
    except PackageNotFoundError:
        released = "0"
    try:
        commit = check_output(["git", "rev-parse", "--short=12", "HEAD"], cwd=HOME, stderr=DEVNULL, text=True)  # noqa: S607
    except (OSError, SubprocessError):
        return released
    return f"{released}+{commit.strip()}"
