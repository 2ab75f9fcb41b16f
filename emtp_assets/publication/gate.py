"""The gate before a publication: what it would restate, and whether somebody approved that. It writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from emtp_assets.publication.approvals import Approval, Approvals
from emtp_assets.publication.history import PublicationHistory
from emtp_assets.publication.inputs import Inputs
from emtp_assets.publication.record import Describe, read_record
from emtp_assets.publication.restatement import Restatement, Thresholds, Version, of_inputs, restatement
from emtp_assets.publication.sets import PublicationError, SetStore
from emtp_assets.publication.told import Named, must_approve
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import session
from emtp_assets.storage.lake import Lake

NOTHING_LEAVES = (
    "El modo de privacidad C (acceso completo) es de uso interno: no se publica ni se libera nada. Publique desde una "
    "instancia en modo A o B (EMTP_PRIVACY_MODE). El conjunto publicado anterior sigue vigente"
)


def refuse_full_access(settings: Settings) -> None:
    """Let nothing be published from an instance that works on persons by name.

    Raises:
        PublicationError: privacy mode C, with the reason in Spanish.
    """
    if not settings.privacy_mode.publishes:
        raise PublicationError(NOTHING_LEAVES)


class NotApprovedError(PublicationError):
    """The set would restate published figures beyond the thresholds, and nobody has approved exactly that."""

    def __init__(self, restated: Restatement, message: str) -> None:
        super().__init__(message)
        self.restatement = restated


def pending(settings: Settings, lake: Lake, *, describe: Describe, now: datetime) -> Restatement:
    """What a publication of the lake as it is would restate. Reads the current set and the anonymized layer alone.

    Raises:
        PublicationError: the anonymized layer is not fit to be published.
        OSError, duckdb.Error, sqlite3.Error: something could not be read.
    """
    refuse_full_access(settings)
    store = SetStore(settings.data_dir)
    # Nobody swaps nor prunes the set that is being read.
    with store.exclusive(), lake.staging() as folder, session(settings) as connection:
        current = store.current()
        inputs = Inputs(lake, folder)
        inputs.read(connection)
        record = read_record(current) if current else None
        return _compared(connection, settings, current, record, of_inputs(inputs), describe, now)


def written(
    settings: Settings,
    inputs: Inputs,
    folder: Path,
    current: Path | None,
    former: Mapping[str, Any] | None,
    describe: Describe,
    now: datetime,
) -> Restatement:
    """The same of a set that is written already but not in place, from its own files."""
    with session(settings) as connection:
        return _compared(connection, settings, current, former, of_inputs(inputs, folder), describe, now)


def admitted(settings: Settings, restated: Restatement, named: Named) -> Approval | None:
    """The approval that a restatement was given; None when it needs none.

    Raises:
        NotApprovedError: it needs one and has none; the message says, in Spanish, what changes and what to do.
    """
    if not restated.waits:
        return None
    approval = Approvals(settings.data_dir).find(restated.fingerprint)
    if approval is None:
        raise NotApprovedError(restated, must_approve(restated, named))
    return approval


def names(former: Mapping[str, Any] | None, describe: Describe) -> Named:
    """What to call a delivery: its file's name as the ledger, or the present set's record, knows it."""
    known = (former or {}).get("entregas") or {}

    def named(sha: str) -> str:
        described = describe(sha) or {}
        return str(described.get("original_name") or (known.get(sha) or {}).get("nombre_original") or "sin nombre")

    return named


def _compared(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    current: Path | None,
    record: Mapping[str, Any] | None,
    new: Version,
    describe: Describe,
    now: datetime,
) -> Restatement:
    if current is not None:
        return restatement(connection, settings, current, record, new, describe, now)
    every = PublicationHistory(settings.data_dir).all()
    # Without the set that was published there is nothing to hold the new one against: that must not open the gate.
    lost = f"El conjunto publicado {every[-1].set_name} ya no está; no se pudo comparar con él." if every else ""
    return Restatement(None, Thresholds.of(settings), unread=(lost,) if lost else ())
