"""The source itself: a dataset's year from the SIGE replica as a file, and how it is examined for `emtp doctor`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from emtp_assets.contracts import Contract, all_contracts
from emtp_assets.settings import Settings
from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.journal import Journal
from emtp_assets.sources.protocol import Answer, Fetched, Probe
from emtp_assets.sources.sqlserver import network, proof
from emtp_assets.sources.sqlserver.connection import Session, address_of, open_session, place_of
from emtp_assets.sources.sqlserver.driver import find_driver, load_odbc
from emtp_assets.sources.sqlserver.errors import SOURCE, Place
from emtp_assets.sources.sqlserver.query import select_one, select_year
from emtp_assets.sources.sqlserver.view import Reading, ViewName, match, read_columns, view_of
from emtp_assets.sources.writing import write_answer

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger(__name__)

_TELL_EVERY_SECONDS = 10.0
_TELL_EVERY_ROWS = 100_000


class SqlServerSource:
    """Views of the ministry's SQL Server, read by a login that can do nothing else."""

    name = SOURCE

    def __init__(
        self, settings: Settings, journal: Journal, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._settings = settings
        self._db = settings.sqlserver
        self._journal = journal
        self._now = now

    def fetch(self, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None = None) -> Answer:
        """The dataset's EMTP rows of that year as ``<dataset>_<year>.parquet``, every column as text.

        A query is always asked: its content alone tells whether it is new, hence no mark. None: no view is known for
        the dataset.

        Raises:
            SourceFailure: it could not, or should not: see `Cause`. No file is left under the final name.
        """
        view = view_of(contract, self._db)
        if view is None:
            return None
        began = time.monotonic()
        proof.require_hours(self._db, self._now())
        place = place_of(self._db)
        with open_session(self._settings, self._journal) as session:
            proof.require_read_only(session, place, [view])
            proof.require_replica(session, place, self._db)
            columns = read_columns(session, view, place)
            reading = match(contract, year, view, columns, self._settings.privacy_mode)
            _tell_columns(contract, reading)
            target = target_folder / f"{contract.dataset}_{year}.parquet"
            rows = self._write(session, contract, reading, year, target)
        if rows == 0:
            target.unlink(missing_ok=True)
            raise _no_rows(contract, view, year)
        seconds = time.monotonic() - began
        return Fetched(target, "", f"vista {view} de {place.server}/{place.database}: {rows} filas en {seconds:.0f} s")

    def _write(self, session: Session, contract: Contract, reading: Reading, year: int, target: Path) -> int:
        limit = self._db.max_rows
        asked = select_year(contract, reading, year, max_rows=limit)
        batches = _limited(session.batches(asked), limit, reading.view)
        return write_answer(batches, list(asked.columns), target, progress=Progress(contract, year))

    def examine(self) -> Iterator[Probe]:
        """Settings, driver, port, certificate, login, read-only proof, replica; then each dataset's view."""
        try:
            yield from self._look()
        except SourceFailure as failure:
            told = failure.explanation
            yield Probe(_STEPS.get(failure.cause, "conexión"), good=False, found=told.what, remedy=told.action)

    def _look(self) -> Iterator[Probe]:
        settings, db = self._settings, self._db
        place = place_of(db)
        yield Probe("configuración", good=True, found=f"{place.login} en {place.server}/{place.database}")
        driver = find_driver(db.driver)
        load_odbc()
        yield Probe("driver ODBC", good=True, found=f"{driver.family.value} ({Path(driver.name).name})")
        network.reach(address_of(settings), place)
        yield Probe("puerto", good=True, found=f"{place.server} responde")
        yield self._certificate(place)
        with open_session(settings, self._journal) as session:
            yield Probe("ingreso", good=True, found=f"{place.login} entró, sólo para leer (ApplicationIntent=ReadOnly)")
            views = [(contract, view) for contract in all_contracts() if (view := view_of(contract, db))]
            proof.require_read_only(session, place, [view for _, view in views])
            yield Probe("sólo lectura", good=True, found="el login no puede escribir")
            yield self._replica(session, place)
            for contract, view in views:
                yield self._view(session, place, contract, view)

    def _certificate(self, place: Place) -> Probe:
        if self._db.trust_server_certificate:
            return Probe(
                "certificado",
                good=False,
                found="no se verifica (SIGE_DB_TRUST_SERVER_CERTIFICATE)",
                remedy="Pida a TI el certificado de su autoridad, póngalo en SIGE_DB_CA_FILE y quite esa variable.",
            )
        shown = network.inspect_certificate(address_of(self._settings), place)
        return Probe("certificado", good=True, found=f"{shown.tls}, vigente hasta {shown.until}")

    def _replica(self, session: Session, place: Place) -> Probe:
        found = proof.require_replica(session, place, self._db)
        if found is None:
            return Probe(
                "réplica",
                good=False,
                found="no se comprueba (SIGE_DB_REPLICA=no_comprobar)",
                remedy="Use SIGE_DB_REPLICA=comprobar.",
            )
        return Probe("réplica", good=True, found=found.evidence)

    def _view(self, session: Session, place: Place, contract: Contract, view: ViewName) -> Probe:
        what = f"vista {view}"
        try:
            year = self._now().astimezone(proof.CHILE).year
            columns = read_columns(session, view, place)
            reading = match(contract, year, view, columns, self._settings.privacy_mode)
            rows = session.rows(select_one(reading))
        except SourceFailure as failure:
            return Probe(what, good=False, found=failure.explanation.what, remedy=failure.explanation.action)
        found = f"{len(reading.asked)} columnas; {'se leyó una fila' if rows else 'sin filas'}"
        if reading.unknown:
            found += f"; columnas que no se piden porque el contrato no las describe: {', '.join(reading.unknown)}"
        return Probe(
            what, good=bool(rows), found=found, remedy="" if rows else "Pregunte a TI cuándo se carga la vista."
        )


class Progress:
    """Tells how far a reading is, every 10 seconds or 100,000 rows."""

    def __init__(self, contract: Contract, year: int) -> None:
        self._what = f"{contract.dataset} {year}"
        self._began = self._told = time.monotonic()
        self._told_rows = 0

    def __call__(self, rows: int) -> None:
        now = time.monotonic()
        if rows - self._told_rows >= _TELL_EVERY_ROWS or now - self._told >= _TELL_EVERY_SECONDS:
            _log.info("%s: %d filas leídas en %.0f s.", self._what, rows, now - self._began)
            self._told, self._told_rows = now, rows


_STEPS = {
    Cause.SETTINGS: "configuración",
    Cause.REFUSED: "puerto",
    Cause.TIMEOUT: "conexión",
    Cause.CERTIFICATE: "certificado",
    Cause.CREDENTIAL: "ingreso",
    Cause.PERMISSION: "permisos",
    Cause.WRITABLE: "sólo lectura",
    Cause.NOT_A_REPLICA: "réplica",
}


def _tell_columns(contract: Contract, reading: Reading) -> None:
    for names, why in (
        (reading.unknown, "el contrato no las describe; no se piden"),
        (reading.withheld, "no hacen falta o no corresponden al modo de privacidad; no se piden"),
        (reading.missing, "la vista no las trae; quedan sin dato"),
    ):
        if names:
            _log.info("%s, vista %s: %s (%s).", contract.dataset, reading.view, ", ".join(names), why)


def _limited(batches: Iterator[pa.RecordBatch], limit: int | None, view: ViewName) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        if limit is not None and rows > limit:
            raise SourceFailure(
                SOURCE,
                Cause.ANSWER,
                Nature.PERMANENT,
                Explanation(
                    f"La consulta a {view} tiene más de {limit} filas, el máximo de SIGE_DB_MAX_ROWS.",
                    "Menos filas que ese máximo; las leídas se descartaron.",
                    "Si la cantidad es razonable, acuerde con TI un máximo mayor; si no, pregunte si la vista cambió.",
                ),
            )
        yield batch


def _no_rows(contract: Contract, view: ViewName, year: int) -> SourceFailure:
    return SourceFailure(
        SOURCE,
        Cause.NO_ROWS,
        Nature.PERMANENT,
        Explanation(
            f"La vista {view} no tiene filas EMTP de {year}.",
            f"Las filas de «{contract.title}» de ese año.",
            "Pregunte a TI si la vista ya se cargó con ese año. Lo publicado queda como estaba.",
        ),
    )
