"""The whole way of a dropped file: archive, ledger, out of the drop folder; or refused. Parts elsewhere."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from os import stat_result
from pathlib import Path

from emtp_assets.contracts import Contract, KnownFile, all_contracts, known_files
from emtp_assets.intake.answer import inspect_answer, read_answer_header
from emtp_assets.intake.archive import Archive, Staged, delivered
from emtp_assets.intake.containers import may_be_container
from emtp_assets.intake.dialect import layout_of
from emtp_assets.intake.encoding import readable, recognise_encoding
from emtp_assets.intake.form import PARQUET, Form
from emtp_assets.intake.inspection import inspect
from emtp_assets.intake.leaving import LEAVING, alone, changed, settle, take_away
from emtp_assets.intake.ledger import Delivery, Ledger, Rejection
from emtp_assets.intake.opening import first_opened
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.quarantine import Quarantine, SetAside
from emtp_assets.intake.recognition import refuse_unless_complete
from emtp_assets.intake.rejection import leave, put_aside
from emtp_assets.intake.resting import Snapshot
from emtp_assets.intake.scan import HEAD, refuse_what_is_no_table
from emtp_assets.intake.selection import Selection, Selections
from emtp_assets.partitions import academic_year_of
from emtp_assets.settings import Settings
from emtp_assets.storage.provenance import code_version

SIMULATED_SOURCE = "simulado"
_LEDGER_REFUSED = {
    "SQLITE_FULL": "no queda espacio para el registro de entregas",
    "SQLITE_BUSY": "otro proceso no suelta el registro de entregas",
    "SQLITE_READONLY": "no hay permiso para escribir el registro de entregas",
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AlreadyKnown:
    """Bytes that were received before: the same delivery.

    ``left_in_drop``: the file could not be removed. ``reinstated``: a later delivery had replaced it, and it is in
    force again.
    """

    delivery: Delivery
    left_in_drop: bool = False
    reinstated: bool = False

    @property
    def message(self) -> str:
        return (
            f"Ya se había recibido: es la misma entrega que «{self.delivery.original_name}» del "
            f"{self.delivery.received_at:%d-%m-%Y %H:%M} UTC."
            + (" Vuelve a estar vigente en lugar de la que la había reemplazado." if self.reinstated else "")
        )


Outcome = Delivery | AlreadyKnown | Rejection


@dataclass(frozen=True)
class Asked:
    """What a source was asked for, and the bytes (SHA-256) it gave the last time that it was asked the same."""

    contract: Contract
    year: int
    last: str | None = None


def receive(
    path: Path,
    settings: Settings,
    ledger: Ledger,
    *,
    source: str,
    now: datetime,
    asked: Asked | None = None,
    rested: Snapshot | None = None,
) -> Outcome:
    """Take a file that has finished growing, or refuse it with an explanation.

    Order of effects: bytes into the archive, delivery into the ledger, file out of the folder. Killed
    anywhere, a later call completes it. A file that changes meanwhile stays where it is, to be seen anew.

    ``asked``: the file is the answer of a system, and must be of that dataset and hold that year. Bytes that the
    system gave the last time already are no news, and do not replace what was handed over since. ``rested``: as which
    the file was seen to be finished; one that changed since is not read, for its writer may still be at it.

    Raises:
        ValueError: ``now`` has no time zone.
        OSError: our own disk refused (full), the ledger's too; in Spanish then. The file stays in the drop folder.
    """
    if now.tzinfo is None:
        raise ValueError("`now` needs a time zone")
    try:
        return _received(path, settings, ledger, source=source, now=now, asked=asked, rested=rested)
    except sqlite3.OperationalError as error:
        # Its transaction was undone. Bytes archived just before are no delivery, and the same file the next time.
        name = getattr(error, "sqlite_errorname", "")
        what = _LEDGER_REFUSED.get(name, f"no se pudo escribir el registro de entregas ({name or error})")
        raise OSError(errno.EIO, what, str(ledger.path)) from error


def _received(
    path: Path,
    settings: Settings,
    ledger: Ledger,
    *,
    source: str,
    now: datetime,
    asked: Asked | None,
    rested: Snapshot | None,
) -> Outcome:
    archive = Archive(settings)
    settle_leaving(path.parent, settings, ledger)
    before = path.lstat()
    if rested is not None and (rested.size, rested.mtime_ns) != (before.st_size, before.st_mtime_ns):
        return leave(path, ledger, _still_changing(), source=source, now=now)
    if (problem := _unreadable(path)) is not None:
        return leave(path, ledger, problem, source=source, now=now)
    if (seen := _dealt_with(path.name, before, ledger)) is not None:
        return seen
    with archive.staged(path) as staged:
        if changed(path, before):
            # What was copied may be the half of one version and the half of another, and look right.
            return leave(path, ledger, _still_changing(), source=source, now=now)
        known = ledger.find(staged.facts.sha256)
        try:
            examined = (
                _known(known, staged, settings)
                if known
                else _examined(staged, path.name, settings, source=source, now=now, asked=asked)
            )
            packed = None if known else ledger.with_table(examined.delivery.table_sha256)
            if packed is not None and archive.holds(packed.sha256, packed.size_bytes):
                # The same table, packed in another way.
                known, examined = packed, Examined(packed)
            delivery = examined.delivery
            _refuse_another(delivery, asked)
            _refuse_simulated_in_production(delivery, settings)
        except IntakeError as error:
            sha256 = staged.facts.sha256
            aside = put_aside(path, before, settings, ledger, error, source=source, now=now, sha256=sha256)
            return aside or leave(path, ledger, _still_changing(), source=source, now=now)
        gone = known is not None and not archive.holds(known.sha256, known.size_bytes)
        # Known bytes too: it costs a rename, and heals a copy that lost a bit without changing its size.
        if delivery.sha256 == staged.facts.sha256:
            archive.keep(staged, delivery.form.container)
            Quarantine(settings).keep(delivery.sha256, examined.aside, staged.folder)
            Selections(settings.data_dir).keep(delivery.sha256, examined.selection, staged.folder)
    new = known is None and ledger.record(delivery)
    news = asked is None or asked.last != delivery.sha256
    reinstated = known is not None and news and source != SIMULATED_SOURCE and (gone or not _in_force(known, ledger))
    if reinstated:
        ledger.reinstate(delivery.sha256, now, source=source)
    stays = not remove(path, before, delivery, ledger)
    return delivery if new else AlreadyKnown(known or ledger.find(delivery.sha256) or delivery, stays, reinstated)


def settle_leaving(drop: Path, settings: Settings, ledger: Ledger) -> None:
    """End what a killed process had begun to take out of a drop folder; see `leaving`."""
    if (drop / LEAVING).is_dir():
        archive = Archive(settings)
        with alone(settings.data_dir):
            refused = {r.sha256 for r in ledger.rejections() if r.moved_to is not None and r.moved_to.is_file()}
            settle(drop, lambda sha256: sha256 in refused or archive.path(sha256).is_file())


@dataclass(frozen=True)
class Examined:
    """A file that can be taken, its lines that do not fit, and where its rows in scope are."""

    delivery: Delivery
    aside: tuple[SetAside, ...] = ()
    selection: Selection | None = None


def _known(known: Delivery, staged: Staged, settings: Settings) -> Examined:
    """A delivery handed over again. Lines set aside that were deleted or lost are found again, as its bytes are kept
    again; where another version of the code would find others, the ledger stands."""
    if known.form.quarantined and not Quarantine(settings).path(known.sha256).is_file():
        with suppress(IntakeError):
            again = examine(staged, known.original_name, settings, source=known.source, now=known.received_at)
            if again.delivery.form == known.form:
                return Examined(known, again.aside, again.selection)
    return Examined(known)


def _examined(
    staged: Staged, name: str, settings: Settings, *, source: str, now: datetime, asked: Asked | None
) -> Examined:
    if asked is not None and staged.facts.parquet:
        return examine_answer(staged, name, settings, asked.contract, source=source, now=now)
    return examine(staged, name, settings, source=source, now=now)


def examine_answer(
    staged: Staged, name: str, settings: Settings, contract: Contract, *, source: str, now: datetime
) -> Examined:
    """What a staged query's answer is, without any effect.

    Raises:
        IntakeError: it cannot be taken, and why.
    """
    with delivered(staged.sealed, settings, staged.folder) as answer:
        header = read_answer_header(answer, contract)
        found = inspect_answer(settings, answer, header, last_year=academic_year_of(now) + 1)
    missing = refuse_unless_complete(header, found.years)
    delivery = Delivery(
        sha256=staged.facts.sha256,
        dataset=contract.dataset,
        source=source,
        original_name=name,
        received_at=now,
        size_bytes=staged.facts.size,
        rows=found.rows,
        years=found.years,
        form=Form(PARQUET, separator=""),
        columns=header.names,
        missing_columns=missing,
        unknown_columns=header.unknown,
        simulated=found.simulated or source == SIMULATED_SOURCE,
        code_version=f"emtp-assets {code_version()}; contrato {contract.dataset} {contract.version}",
    )
    return Examined(delivery)


def examine(
    staged: Staged,
    name: str,
    settings: Settings,
    *,
    source: str,
    now: datetime,
    contracts: Sequence[Contract] | None = None,
    known: Sequence[KnownFile] | None = None,
) -> Examined:
    """What a staged file is, without any effect. ``contracts`` and ``known`` default to the registry's.

    Raises:
        IntakeError: it cannot be taken, and why.
    """
    contracts = all_contracts() if contracts is None else contracts
    with ExitStack() as stack:
        path: Path = staged.content
        if may_be_container(staged.facts.head):
            path = stack.enter_context(delivered(staged.sealed, settings, staged.folder))
        content, facts = first_opened(path, staged.facts, contracts, staged.folder)
        refuse_what_is_no_table(facts.head)
        encoding = recognise_encoding(content.path)
        text = stack.enter_context(readable(content.path, encoding, staged.folder))
        layout = layout_of(
            _head(text),
            encoding.codec,
            contracts,
            known_files() if known is None else known,
            last_year=academic_year_of(now) + 1,
            whole=text.stat().st_size <= HEAD,
        )
        found = inspect(text, layout, tolerated=settings.quarantine_share)
    header = layout.header
    missing = refuse_unless_complete(header, found.years)
    contract = header.contract
    delivery = Delivery(
        sha256=staged.facts.sha256,
        dataset=contract.dataset,
        source=source,
        original_name=name,
        received_at=now,
        size_bytes=staged.facts.size,
        rows=found.rows,
        years=found.years,
        form=Form(
            encoding.name,
            header.separator,
            quote=layout.quote,
            quoted=found.quoted,
            header_line=layout.header_line,
            surplus=layout.surplus,
            cr_only=layout.cr_only,
            container=content.container,
            member=content.member,
            content_sha256=facts.sha256 if content.container else "",
            mojibake=encoding.mojibake,
            broken=encoding.broken,
            lines=found.lines or {},
            unknown_codes=found.unknown_codes,
        ),
        columns=header.names,
        missing_columns=missing,
        unknown_columns=header.unknown,
        simulated=found.simulated or source == SIMULATED_SOURCE,
        code_version=f"emtp-assets {code_version()}; contrato {contract.dataset} {contract.version}",
    )
    return Examined(delivery, found.aside, found.selection)


def _head(text: Path) -> bytes:
    with text.open("rb") as handle:
        return handle.read(HEAD)


def remove(path: Path, before: stat_result, delivery: Delivery, ledger: Ledger) -> bool:
    """Take an archived file out of the drop folder, unless it changed since; whether it is gone."""
    try:
        with alone(ledger.path.parent):
            take_away(path, before)
    except OSError as error:
        ledger.leave_behind(path.name, before.st_size, before.st_mtime_ns, before.st_ctime_ns, delivery.sha256)
        _log.warning("%s fue recibido, pero no se pudo quitar de la carpeta: %s", path.name, error.strerror)
        return False
    return not path.exists()


def _in_force(delivery: Delivery, ledger: Ledger) -> bool:
    latest = (ledger.latest(delivery.dataset, year) for year in delivery.years)
    return all(held is not None and held.sha256 == delivery.sha256 for held in latest)


def _unreadable(path: Path) -> IntakeError | None:
    try:
        with path.open("rb") as handle:
            handle.read(1)
    except OSError as error:
        return IntakeError(
            "sin_permiso",
            f"El archivo no se puede leer ({error.strerror}).",
            expected="Permiso de lectura para el usuario que ejecuta la plataforma.",
            action="Dé permiso de lectura sobre el archivo; quedó en la carpeta y se tomará solo.",
        )
    return None


def _dealt_with(name: str, status: stat_result, ledger: Ledger) -> AlreadyKnown | Rejection | None:
    """A file that could not leave the folder and has not changed: its outcome stands, unread."""
    if (delivery := ledger.left_behind(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)) is not None:
        return AlreadyKnown(delivery, left_in_drop=True)
    standing = ledger.standing_rejection(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if standing is not None and standing.code not in {"sin_permiso", "cambiando"}:
        return replace(standing, already_reported=True)
    return None


def _still_changing() -> IntakeError:
    return IntakeError(
        "cambiando",
        "El archivo cambió mientras se leía: aún se está copiando.",
        expected="Un archivo que ya terminó de copiarse.",
        action="No hace falta hacer nada: se leerá de nuevo cuando deje de cambiar.",
    )


def _refuse_another(delivery: Delivery, asked: Asked | None) -> None:
    if asked is None or (delivery.dataset == asked.contract.dataset and asked.year in delivery.years):
        return
    years = ", ".join(map(str, sorted(delivery.years)))
    raise IntakeError(
        "otro_conjunto",
        f"Se pidió {asked.contract.dataset} del año {asked.year}, y llegó {delivery.dataset} de {years}.",
        expected=f"El archivo de «{asked.contract.title}» del año {asked.year}.",
        action="Revise en la fuente qué archivo está con ese nombre; el contrato dice con cuál se busca.",
    )


def _refuse_simulated_in_production(delivery: Delivery, settings: Settings) -> None:
    if settings.production and delivery.simulated:
        raise IntakeError(
            "simulado_en_produccion",
            "El archivo contiene datos simulados (RBD desde 90000 o proyectos SIM-) y esta instancia es de producción.",
            expected="Solo datos reales.",
            action="Use una instancia de demostración para los datos simulados.",
        )
