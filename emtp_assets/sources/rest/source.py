"""The ministry's REST service as a source: a resource's rows of a year, written down as a delivery.

How pages are walked is `paging`'s, what a field means `records`'. Rows keep the server's order: one that gives the
same rows in another order gives another file, which intake takes for another delivery of the same figures.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from emtp_assets.contracts import Contract, all_contracts
from emtp_assets.partitions import academic_year_of
from emtp_assets.settings import Settings
from emtp_assets.settings.secrets import SecretError
from emtp_assets.sources.failure import Cause, Explanation, Nature, SourceFailure
from emtp_assets.sources.http import Service, client, host_of
from emtp_assets.sources.protocol import Answer, Fetched, Probe, Unchanged
from emtp_assets.sources.rest.answer import MalformedAnswer
from emtp_assets.sources.rest.paging import Pages, Walk
from emtp_assets.sources.rest.records import Records, WrongStructure, WrongYear
from emtp_assets.sources.writing import ROWS_A_GROUP, write_answer

_log = logging.getLogger(__name__)


class RestSource:
    """Asks ``<url>/<resource>?ano=<year>`` with a bearer key, page by page."""

    name = "rest"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rest = settings.rest
        self._service = Service(
            source=self.name,
            called="el servicio REST",
            host=host_of(settings.rest.url),
            setting="MINEDUC_API_URL",
            timeout=settings.rest.timeout,
            timeout_setting="MINEDUC_API_TIMEOUT",
            credential="Pida una clave vigente a quien administra el servicio y escríbala en MINEDUC_API_KEY.",
            permission="Pida a quien administra el servicio que la clave pueda leer este recurso.",
            missing="Revise MINEDUC_API_URL y el nombre del recurso en el contrato (locations: rest); pregunte a quien "
            "administra el servicio si le cambió el nombre.",
        )

    def fetch(self, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None = None) -> Answer:
        """Every row of the year as ``<dataset>_<year>.parquet``: text columns under their official names.

        The mark is the first page's ETag, if all rows came in it: an ETag says nothing of other pages. It also
        holds which columns are kept, so that a change of mode fetches again.

        Raises:
            SourceFailure: see `Protocol.fetch`.
            OSError: the disk refused.
        """
        resource = contract.locations.get(self.name)
        if resource is None:
            return None
        key = self._key()
        records = Records(contract, self._settings.privacy_mode, year)
        kept = hashlib.sha256(",".join(records.names).encode()).hexdigest()[:16]
        known, _, known_kept = (known_mark or "").rpartition(" ")
        walk = Walk()
        asked = f"{resource} {year} de {self._service.host}"
        target = target_folder / f"{contract.dataset}_{year}.parquet"
        whole = target.with_name(f".{target.name}.whole")
        try:
            with client(self._service, self._settings.ca_file) as http:
                pages = Pages(self._service, self._rest, http, key)
                chunks = pages.chunks(resource, year, walk, etag=known if known_kept == kept else "")
                rows = write_answer(self._batches(chunks, records), records.names, whole)
            if walk.not_modified:
                return Unchanged(f"{asked}: sin cambios (ETag)")
            if rows == 0:
                raise self._without_rows(resource, year)
            self._say(records, asked)
            write_answer(_columns_of(whole, records.columns), records.columns, target)
        finally:
            whole.unlink(missing_ok=True)
        described = f"{asked}: {rows} filas en {walk.pages} página(s), {len(records.columns)} columnas"
        if records.unknown:
            described += f"; campos no descritos que no se guardan: {', '.join(sorted(records.unknown)[:12])}"
        _log.info("Leídas %d filas de %s.", rows, asked)
        mark = f"{walk.etag} {kept}" if walk.etag and walk.pages == 1 else ""
        return Fetched(target, mark, described)

    def examine(self) -> Iterator[Probe]:
        """Settings, then one row of each dataset's resource, of the running year or else of the one before."""
        step = "configuración"
        try:
            key = self._key()
            yield Probe(step, True, f"{self._service.host}, con clave")
            step = "conexión y clave"
            with client(self._service, self._settings.ca_file) as http:
                yield from self._rows(Pages(self._service, self._rest, http, key))
        except SourceFailure as failure:
            told = failure.explanation
            yield Probe(step, False, told.what, told.action)
            return
        yield Probe("sólo lectura", True, "sólo se hacen consultas GET; que la clave no permita más lo asegura TI")

    def _rows(self, pages: Pages) -> Iterator[Probe]:
        running = academic_year_of(datetime.now(UTC))
        for contract in all_contracts():
            resource = contract.locations.get(self.name)
            if resource is None or self.name not in contract.sources:
                continue
            try:
                for year in (running, running - 1):
                    if (row := pages.first_row(resource, year)) is not None:
                        break
                if row is None:
                    yield Probe(resource, True, f"responde, sin filas de {running - 1} ni de {running}")
                    continue
                records = Records(contract, self._settings.privacy_mode, year)
                next(self._batches(iter([[row]]), records))
            except SourceFailure as failure:
                if failure.cause not in (Cause.MISSING_VIEW, Cause.PERMISSION, Cause.STRUCTURE, Cause.ANSWER):
                    raise
                yield Probe(resource, False, failure.explanation.what, failure.explanation.action)
                continue
            yield Probe(resource, True, f"una fila de {year} leída, {len(records.columns)} columnas reconocidas")

    def _batches(self, chunks: Iterator[list[dict[str, object]]], records: Records) -> Iterator[pa.RecordBatch]:
        checked = False
        for chunk in chunks:
            try:
                batch = records.batch(chunk)
                if not checked:
                    records.refuse_incomplete()
                    checked = True
            except WrongStructure as found:
                raise self._service.failure(
                    Cause.STRUCTURE,
                    f"{self._service.called} envió una respuesta que {found}.",
                    "Las columnas que el contrato del conjunto de datos exige, con un nombre que él conoce.",
                    "Pregunte a quien administra el servicio qué cambió. Si el cambio es definitivo, avise a quien "
                    "mantiene los contratos de datos.",
                ) from None
            except WrongYear:
                raise self._service.unexpected(
                    "envió filas de otro año que el pedido",
                    "Sólo filas del año pedido.",
                    "Revise MINEDUC_API_YEAR_PARAMETER: puede que el servicio no lo entienda y envíe todos los años.",
                ) from None
            except MalformedAnswer as found:
                raise self._service.unexpected(f"envió datos mal formados: {found}", "Un valor por campo.") from None
            yield batch

    def _key(self) -> str:
        try:
            key = self._rest.secret()
        except SecretError as error:
            raise self._unset(str(error), "La clave del servicio.", "Corrija MINEDUC_API_KEY_FILE.") from None
        if not self._service.host:
            raise self._unset(
                "MINEDUC_API_URL no es una dirección https://: la clave viajaría a la vista de todos.",
                "Una dirección https://.",
                "Corrija MINEDUC_API_URL.",
            )
        if not key:
            raise self._unset(
                "Falta la clave del servicio REST.", "MINEDUC_API_KEY o MINEDUC_API_KEY_FILE.", "Escriba la clave."
            )
        return key

    def _unset(self, what: str, expected: str, action: str) -> SourceFailure:
        return SourceFailure(self.name, Cause.SETTINGS, Nature.PERMANENT, Explanation(what, expected, action))

    def _without_rows(self, resource: str, year: int) -> SourceFailure:
        return self._service.failure(
            Cause.NO_ROWS,
            f"{self._service.called} respondió bien, pero sin ninguna fila de {resource} para {year}.",
            "Al menos una fila.",
            "Pregunte a quien administra el servicio si los datos de ese año ya están y si la clave los puede ver.",
        )

    def _say(self, records: Records, asked: str) -> None:
        if records.unknown:
            _log.warning("%s: campos que el contrato no describe: %s.", asked, ", ".join(sorted(records.unknown)))
        if records.withheld:
            mode = self._settings.privacy_mode.value
            _log.info("%s: no se guardan en modo %s: %s.", asked, mode, ", ".join(sorted(records.withheld)))


def _columns_of(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The columns that came: which ones is known only after the last page."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(ROWS_A_GROUP, columns=columns)
