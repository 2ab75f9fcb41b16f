"""Whether ledger, archive, lines set aside and ``rejected/`` tell the same story. It looks, and mends nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from emtp_assets.intake.archive import Archive
from emtp_assets.intake.disposals import Disposals, Ending, Kind
from emtp_assets.intake.form import FOOTER
from emtp_assets.intake.ledger import Delivery, Ledger
from emtp_assets.intake.places import ABANDONED_AFTER, archived_files, leftovers, older, set_aside_files, size_of
from emtp_assets.intake.quarantine import Quarantine
from emtp_assets.settings import Settings

_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """Something that does not agree, or agrees only because of what is said with it (``grave`` is false then).

    ``found`` names deliveries by the beginning of their hash and files by their name: never what they hold.
    """

    code: str
    grave: bool
    found: str
    remedy: str


def agreement(settings: Settings, now: datetime, *, every_byte: bool = False) -> list[Finding]:
    """What ledger and disk say differently; an empty list is agreement.

    Fast: names and sizes, and the number of lines set aside. ``every_byte`` reads the whole archive and compares
    hashes. What a process at work may be about to settle (an archived file whose delivery is not written down yet) is
    grave only when a day old; what was deleted by the time limit, or taken away from ``rejected/`` by a person, is
    no disagreement.

    Raises:
        sqlite3.Error: the ledger cannot be read.
    """
    ledger = Ledger(settings.data_dir)
    deliveries = ledger.deliveries()
    archived, aside = archived_files(settings), set_aside_files(settings)
    # Read again after the disk was: what was recorded while we looked is no stranger.
    known = {each.sha256 for each in ledger.deliveries()}
    return [
        *_bytes(settings, ledger, deliveries, every_byte=every_byte),
        *_lines_set_aside(settings, deliveries, aside),
        *_strangers("archivado_sin_entrega", "copias históricas", archived, known, now),
        *_strangers("apartado_sin_entrega", "archivos de líneas apartadas", aside, known, now),
        *_refusals(settings, ledger),
        *_half_done(settings, now),
    ]


def _bytes(
    settings: Settings, ledger: Ledger, deliveries: Sequence[Delivery], *, every_byte: bool
) -> Iterator[Finding]:
    deleted = Disposals(settings.data_dir).standing(Kind.ARCHIVED)
    put, archive = ledger.put_in_force(), Archive(settings)
    missing, wrong = [], []
    for delivery in deliveries:
        sha, path = delivery.sha256, archive.path(delivery.sha256)
        if not path.is_file():
            decided = deleted[sha].decided_at if sha in deleted else None
            if decided is None or decided < put[sha][0]:
                missing.append(sha)
        elif not archive.holds(sha, delivery.size_bytes) or (every_byte and not archive.verify(sha)):
            wrong.append(sha)
    remedy = (
        "Vuelva a dejar el archivo original en la carpeta de entrega: se repone solo. O restaure data/archive desde el "
        "último respaldo. Si era la respuesta de un sistema, ejecute de nuevo el año."
    )
    if missing:
        yield Finding("sin_bytes", True, f"{len(missing)} entregas sin su copia histórica: {_hashes(missing)}", remedy)
    if wrong:
        found = f"{len(wrong)} copias históricas que no son los bytes que se recibieron: {_hashes(wrong)}"
        yield Finding("bytes_distintos", True, found, remedy)


def _lines_set_aside(
    settings: Settings, deliveries: Iterable[Delivery], aside: Mapping[str, Path]
) -> Iterator[Finding]:
    deleted, kept = Disposals(settings.data_dir).standing(Kind.SET_ASIDE), Quarantine(settings)
    differ = [
        each.sha256
        for each in deliveries
        if kept.lines(each.sha256) != each.form.quarantined + each.form.lines.get(FOOTER, 0)
        and not (each.sha256 in deleted and each.sha256 not in aside)
    ]
    if differ:
        yield Finding(
            "apartadas_distintas",
            True,
            f"{len(differ)} entregas con otro número de líneas apartadas que el del registro: {_hashes(differ)}",
            "Restaure data/quarantine desde el último respaldo. Las cifras no cambian: esas líneas no están en ellas.",
        )


def _strangers(code: str, what: str, files: Mapping[str, Path], known: set[str], now: datetime) -> Iterator[Finding]:
    unknown = {sha: path for sha, path in files.items() if sha not in known}
    if not unknown:
        return
    old = [sha for sha, path in unknown.items() if older(path, now, ABANDONED_AFTER)]
    if old:
        yield Finding(
            code,
            True,
            f"{len(old)} {what} sin entrega en el registro: {_hashes(old)}",
            "Son de una recepción que se interrumpió. Vuelva a dejar el archivo en la carpeta de entrega; si ya no se "
            "necesita, lo borra el plazo de conservación, o bórrelo a mano. Si son muchas, el registro es más antiguo "
            "que los archivos: restaure ambos del mismo respaldo.",
        )
    if recent := sorted(set(unknown) - set(old)):
        yield Finding(code, False, f"{len(recent)} {what} de una recepción en curso, o recién interrumpida", "")


def _refusals(settings: Settings, ledger: Ledger) -> Iterator[Finding]:
    """A refused file that is not where it was put: deleted, refused again after a kill, or taken away by a person."""
    rejections = ledger.rejections()
    deleted = {d.place for d in Disposals(settings.data_dir).all() if d.outcome is not Ending.KEPT}
    lying = {r.sha256 for r in rejections if r.moved_to is not None and r.moved_to.is_file()}
    waiting = {
        (r.original_name, r.size_bytes) for r in rejections if _waits(settings.drop / r.original_name, r.size_bytes)
    }
    absent = [
        r.moved_to
        for r in rejections
        if r.moved_to is not None
        and not r.moved_to.is_file()
        and str(r.moved_to.absolute()) not in deleted
        and r.sha256 not in lying
        and (r.original_name, r.size_bytes) not in waiting
    ]
    if absent:
        found = f"{len(absent)} archivos rechazados ya no están en rejected/: alguien los quitó"
        yield Finding("rechazados_quitados", False, found, "")


def _waits(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _half_done(settings: Settings, now: datetime) -> Iterator[Finding]:
    if left := leftovers(settings, now):
        yield Finding(
            "restos",
            True,
            f"{len(left)} restos de procesos interrumpidos hace más de un día ({_megabytes(left)})",
            "Pueden contener identificadores. Bórrelos con `emtp retain`; la próxima entrega también los borra.",
        )
    pending = [
        d for d in Disposals(settings.data_dir).pending() if d.decided_at and now - d.decided_at > ABANDONED_AFTER
    ]
    if pending:
        yield Finding(
            "borrado_a_medias",
            True,
            f"{len(pending)} archivos cuyo borrado se decidió hace más de un día y no se terminó",
            "Ejecute `emtp retain`: termina lo que quedó a medias, o dice por qué no puede.",
        )


def _hashes(found: Sequence[str]) -> str:
    more = f" y {len(found) - _SHOWN} más" if len(found) > _SHOWN else ""
    return ", ".join(sha[:12] for sha in sorted(found)[:_SHOWN]) + more


def _megabytes(paths: Iterable[Path]) -> str:
    total = 0
    for path in paths:
        try:
            total += size_of(path)
        except FileNotFoundError:
            continue
    return f"{total / 1e6:.1f} MB"
