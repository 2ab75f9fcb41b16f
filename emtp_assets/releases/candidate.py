"""From the aggregated layer to a candidate that waits, and from the candidate to a release: a person is in between."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from emtp_assets.contracts.discretion import without_values
from emtp_assets.partitions import TIMEZONE
from emtp_assets.privacy.plans.public import public_plan
from emtp_assets.releases.build import Builder, Restate
from emtp_assets.releases.difference import TableDifference, difference
from emtp_assets.releases.integrity import wrongs
from emtp_assets.releases.manifest import Release, ReleaseError
from emtp_assets.releases.record import ReleaseRecord, ReleaseRecords
from emtp_assets.releases.shelf import Shelf
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Origin, code_version

if TYPE_CHECKING:
    from emtp_assets.audit import AuditReport

STANDS = "No se liberó nada; lo ya liberado sigue como estaba."
AUDIT_REPORT = "auditoria.json"
_ASKED = re.compile(r"(?:(?P<dataset>[a-z_]+):)?(?P<year>\d{4})")


@dataclass(frozen=True)
class Prepared:
    """What was built. ``waiting``: the audit was green and it waits for a person; else it lies where nobody releases
    it from, to be looked at. ``former`` is the release that it was compared with."""

    release: Release
    report: AuditReport
    changes: tuple[TableDifference, ...]
    former: Release | None
    waiting: bool


def prepare(settings: Settings, lake: Lake, *, cut: date, restate: Restate, now: datetime) -> Prepared:
    """Build a candidate of what the aggregated layer holds at the cut, audit it against every release, and let it wait.

    A public year is repeated as it was released, unless ``restate`` names it. A candidate whose audit is red does not
    wait: the one that waited before, if one did, still does.

    Raises:
        ReleaseError: nothing was built, in Spanish.
    """
    _refuse_full_access(settings)
    shelf = Shelf(settings.data_dir)
    with _said_in_spanish(), shelf.exclusive():
        settle(settings, shelf, now)
        _refuse_damaged(settings)
        former = shelf.latest()
        _refuse_cut(cut, former, now)
        with shelf.building() as folder:
            plan, releases = public_plan(), shelf.releases()
            builder = Builder(settings, lake, plan, folder, shelf.next_id(cut), cut, restate, releases)
            built = builder.write(now)
            report = _audited(folder, [release.folder for release in releases], builder.alone)
            changes = tuple(difference(settings, built, former))
            place = shelf.propose if report.passed else shelf.reject
            return Prepared(place(folder), report, changes, former, waiting=report.passed)


def release(
    settings: Settings, *, fingerprint: str, who: str, why: str, run_id: str, now: datetime
) -> tuple[Release, ReleaseRecord]:
    """Make the waiting candidate public, for good, by the word of a person.

    Raises:
        ReleaseError: it is not the one that was approved, or must not leave; in Spanish. Nothing was released.
    """
    _refuse_full_access(settings)
    given = {"huella": fingerprint.strip().lower(), "quien": who.strip(), "motivo": why.strip()}
    if lacking := [name for name, value in given.items() if not value]:
        raise ReleaseError(f"Para aprobar una liberación falta: {', '.join(lacking)}. {STANDS}")
    shelf = Shelf(settings.data_dir)
    with _said_in_spanish(), shelf.exclusive():
        settle(settings, shelf, now)
        _refuse_damaged(settings)
        candidate = shelf.candidate()
        if candidate is None:
            raise ReleaseError(f"No hay ninguna candidata en espera: haga una con emtp release candidate. {STANDS}")
        _refuse_other(candidate, given["huella"], shelf)
        _refuse_simulated(settings, candidate)
        record = ReleaseRecord(
            release_id=candidate.release_id,
            cut=date.fromisoformat(candidate.manifest["corte"]),
            fingerprint=given["huella"],
            approved_at=now,
            who=given["quien"],
            why=given["motivo"],
            run_id=run_id,
            code_version=code_version(),
            what=headline(candidate),
            files=dict(candidate.hashes),
        )
        records = ReleaseRecords(settings.data_dir)
        records.approve(record)
        placed = shelf.admit(candidate)
        records.released(record.release_id, now)
        return placed, record


def settle(settings: Settings, shelf: Shelf, now: datetime) -> None:
    """Finish what a killed process left between the approval and the end of its record. Inside ``exclusive`` alone."""
    if not (settings.data_dir / "releases.sqlite").is_file():
        return
    records = ReleaseRecords(settings.data_dir)
    in_place = {release.folder.name: release for release in shelf.releases()}
    for record in records.all():
        found = in_place.get(record.release_id)
        if record.released_at is None and found is not None and dict(found.hashes) == dict(record.files):
            shelf.seal(found)
            records.released(record.release_id, now)


def restatement(asked: Sequence[str]) -> Restate:
    """``2024`` or ``matricula:2024``, as people write which public years are to be made again.

    Raises:
        ReleaseError: it is written otherwise.
    """
    years: dict[str, set[int]] = {}
    for text in asked:
        match = _ASKED.fullmatch(text.strip())
        if match is None:
            raise ReleaseError(f"No se entiende el año por rehacer {text!r}: escriba 2024, o matricula:2024.")
        years.setdefault(match["dataset"] or "", set()).add(int(match["year"]))
    return {dataset: frozenset(found) for dataset, found in years.items()}


def cut_of(text: str, now: datetime) -> date:
    """A cut as people write it; today in Santiago when they write nothing.

    Raises:
        ReleaseError: it is no date.
    """
    if not text.strip():
        return now.astimezone(ZoneInfo(TIMEZONE)).date()
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ReleaseError(f"El corte {text!r} no es una fecha: escríbalo como 2026-04-30.") from error


def headline(candidate: Release) -> str:
    """A release in a sentence."""
    tables = candidate.manifest["tablas"]
    rows = sum(sum(entry["filas"].values()) for entry in tables)
    years = sorted({year for entry in tables for year in entry["anios"]})
    restated: Mapping[str, Sequence[int]] = candidate.manifest["rehechos"]
    again = "; rehace " + ", ".join(f"{d} {', '.join(map(str, y))}" for d, y in restated.items()) if restated else ""
    return (
        f"{candidate.release_id}: {len(tables)} tablas, {rows} filas, años {years[0]} a {years[-1]}, "
        f"datos de origen {candidate.manifest['origen']}{again}."
    )


def _audited(folder: Path, former: Sequence[Path], alone: Mapping[str, pa.Table]) -> AuditReport:
    """The verdict on what was built, written beside it; ``alone`` is what insiders bring along."""
    from emtp_assets.audit import AuditError, audit
    from emtp_assets.audit.report import write_report

    try:
        report = audit(folder, former, alone=alone)
    except AuditError as error:
        raise ReleaseError(f"No se pudo auditar la candidata. {error}") from error
    write_report(report, folder)
    return report


def _refuse_full_access(settings: Settings) -> None:
    if settings.privacy_mode.full_access:
        raise ReleaseError(
            "Una instancia en modo de acceso completo (C) no libera nada: sus datos son de uso interno. Libere desde "
            f"una instancia en modo A. {STANDS}"
        )


def _refuse_cut(cut: date, former: Release | None, now: datetime) -> None:
    today = now.astimezone(ZoneInfo(TIMEZONE)).date()
    if cut > today:
        raise ReleaseError(f"El corte {cut} todavía no llega: hoy es {today}.")
    if former is not None and cut.isoformat() < former.manifest["corte"]:
        raise ReleaseError(
            f"El corte {cut} es anterior al de la última liberación ({former.release_id}): use ese o uno posterior."
        )


def _refuse_damaged(settings: Settings) -> None:
    """What is public must be known byte by byte, or nothing can be compared with it."""
    if found := wrongs(settings):
        raise ReleaseError(
            f"Las liberaciones no están como se aprobaron: {'; '.join(w.found for w in found[:5])}. "
            "Restáurelas antes de liberar otra (vea emtp doctor)."
        )


def _refuse_other(candidate: Release, fingerprint: str, shelf: Shelf) -> None:
    """Only what the person saw, audited against what is public now.

    The fingerprint is of every byte, the audit's report included, so whatever touched the candidate changed it.
    """
    if candidate.fingerprint != fingerprint:
        raise ReleaseError(
            f"La huella {fingerprint} no es la de la candidata en espera ({candidate.fingerprint}). Mírela de nuevo "
            f"con emtp release show. {STANDS}"
        )
    latest = shelf.latest()
    if candidate.manifest["anterior"] != (latest.release_id if latest else None):
        raise ReleaseError(
            f"La candidata se auditó contra {candidate.manifest['anterior'] or 'ninguna liberación'} y la última es "
            f"ahora {latest.release_id if latest else 'ninguna'}: haga otra candidata. {STANDS}"
        )
    if AUDIT_REPORT not in candidate.hashes:
        raise ReleaseError(f"La candidata no tiene el informe de su auditoría: haga otra. {STANDS}")


def _refuse_simulated(settings: Settings, candidate: Release) -> None:
    if settings.production and candidate.manifest["origen"] != Origin.OFFICIAL:
        raise ReleaseError(
            f"Una instancia de producción no libera datos de origen {candidate.manifest['origen']}. Haga otra "
            f"candidata solo con entregas oficiales. {STANDS}"
        )


@contextmanager
def _said_in_spanish() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ReleaseError(f"El disco no lo permitió (¿está lleno?): {error}. {STANDS}") from error
    except sqlite3.Error as error:
        raise ReleaseError(f"No se pudo usar el registro de liberaciones: {error}. {STANDS}") from error
    except duckdb.Error as error:
        said = without_values(str(error).strip().split("\n", 1)[0])
        raise ReleaseError(f"No se pudo hacer la candidata: {said}. {STANDS}") from error
