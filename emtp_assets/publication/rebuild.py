"""A folder in which a former publication can be made again, and whether it came out the same. It runs no chain."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from emtp_assets.intake import Archive, Delivery, Ledger
from emtp_assets.partitions import TIMEZONE
from emtp_assets.publication.history import Publication, PublicationHistory
from emtp_assets.publication.record import read_record
from emtp_assets.publication.sets import SetStore
from emtp_assets.settings import Mode, Settings
from emtp_assets.storage.lake import Layer
from emtp_assets.storage.provenance import code_version
from emtp_assets.storage.storage_key import storage_key

_BY_HAND = "carpeta"
# Named are those that stay: a folder that a later version adds may hold persons.
_MAY_STAY = frozenset({"processed", ".sets", Layer.ANONYMIZED.value, "data_docs"})


class RebuildError(RuntimeError):
    """A former publication cannot be made again; the message says why, in Spanish, and what to do."""


@dataclass(frozen=True)
class Verdict:
    """How a publication that was made again compares with what the history says of it, file by file.

    ``differing``: other bytes, or no file; ``reasons``: in Spanish, what is known to explain it.
    """

    identical: tuple[str, ...]
    differing: tuple[str, ...]
    other_code: bool
    reasons: tuple[str, ...]

    @property
    def same_figures(self) -> bool:
        """Whether every text file is the same: a Parquet file also holds the version of the code in its footer."""
        return not any(name.endswith(".csv") for name in self.differing)


def published_on(settings: Settings, day: date) -> Publication:
    """The set that was published when a day ended in Santiago.

    Raises:
        RebuildError: nothing was.
    """
    history = PublicationHistory(settings.data_dir)
    history.catch_up(SetStore(settings.data_dir))
    found = history.as_of(day)
    if found is not None:
        return found
    every = history.all()
    if not every:
        raise RebuildError("Esta instancia todavía no ha publicado nada.")
    first = min(every, key=lambda publication: publication.at).at.astimezone(ZoneInfo(TIMEZONE))
    raise RebuildError(
        f"Al terminar el {day:%d-%m-%Y} todavía no se había publicado nada: la primera publicación que consta es del "
        f"{first:%d-%m-%Y}. Pida ese día o uno posterior."
    )


def still_kept(settings: Settings, publication: Publication) -> Path | None:
    """The set itself, where it is still among the kept ones."""
    kept = SetStore(settings.data_dir).published()
    return next((folder for folder in kept if folder.name == publication.set_name), None)


def prepare(settings: Settings, publication: Publication, folder: Path) -> Settings:
    """Make an instance in ``folder`` whose ledger knows the deliveries of a publication and nothing else.

    Their bytes are links into the archive of this instance, where they lie read-only.

    Raises:
        RebuildError: the folder is in use, or a delivery or its bytes are gone.
        OSError: the disk refused.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RebuildError(f"{folder} no está vacía. Indique una carpeta nueva o vacía: nada de ella se tocó.")
    deliveries = _deliveries(settings, publication)
    data = folder.resolve() / "data"
    data.mkdir(parents=True, mode=0o700)
    rebuilt = settings.model_copy(
        update={
            "data_dir": data,
            "drop_dir": data / "drop",
            "mode": Mode(publication.mode),
            "suppression_minimum": publication.suppression_minimum,
            # A demonstration's own key lies in its data folder, and the deliveries are sealed with it.
            "storage_key": storage_key(settings),
        }
    )
    source, target, ledger = Archive(settings), Archive(rebuilt), Ledger(data)
    for delivery in deliveries:
        bytes_at = source.path(delivery.sha256).resolve()
        link = target.root / delivery.sha256[:2] / bytes_at.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(bytes_at)
        ledger.record(delivery)
    return rebuilt


def made_of(publication: Publication, rebuilt: Settings) -> dict[tuple[str, int], str]:
    """The delivery of each dataset and academic year: those in force, and those that only entered others' figures."""
    ledger = Ledger(rebuilt.data_dir)
    found = dict(publication.deliveries)
    ruling = set(found.values())
    for sha in sorted({sha for shas in publication.sources.values() for sha in shas} - ruling):
        delivery = ledger.find(sha)
        for year in delivery.years if delivery else ():
            if delivery:
                found.setdefault((delivery.dataset, year), sha)
    return found


def overlap(rebuilt: Settings) -> bool:
    """Whether two deliveries hold the same year of a dataset: then each year has to be made by itself."""
    years = [(d.dataset, year) for d in Ledger(rebuilt.data_dir).deliveries() for year in d.years]
    return len(years) > len(set(years))


def put_in_force(rebuilt: Settings, wanted: Iterable[str]) -> None:
    """Let these deliveries rule whatever else holds their years: what is made next is made of them."""
    ledger = Ledger(rebuilt.data_dir)
    # Whatever this machine's clock said when they came, and however fast the years follow one another.
    moments = [d.received_at for d in ledger.deliveries()]
    moments += [at for _, at in ledger.handed_over_since(None, source=_BY_HAND)]
    at = max([datetime.now(UTC), *(moment + timedelta(seconds=1) for moment in moments)])
    for sha in wanted:
        ledger.reinstate(sha, at, source=_BY_HAND)


def verdict(publication: Publication, rebuilt: Settings) -> Verdict:
    """Compare what was made in the prepared instance with the history, by the SHA-256 of each data file.

    Raises:
        RebuildError: it published nothing.
    """
    made = SetStore(rebuilt.data_dir).current()
    record = read_record(made) if made else None
    if made is None or record is None:
        raise RebuildError("La carpeta no llegó a publicar; vea arriba en qué paso falló.")
    identical = tuple(name for name, sha in publication.files.items() if _digest(made / name) == sha)
    differing = tuple(name for name in publication.files if name not in identical)
    other_code = publication.code_version != code_version()
    return Verdict(identical, differing, other_code, tuple(_reasons(publication, Publication.of_record(record))))


def forget_persons(rebuilt: Settings) -> None:
    """Remove from a prepared instance all that holds persons; the published set, its ledger and its record stay."""
    for folder in rebuilt.data_dir.iterdir():
        if folder.name not in _MAY_STAY and folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def _deliveries(settings: Settings, publication: Publication) -> list[Delivery]:
    ledger, archive = Ledger(settings.data_dir), Archive(settings)
    wanted = {sha for shas in publication.sources.values() for sha in shas} | set(publication.deliveries.values())
    found = [delivery for delivery in ledger.deliveries() if delivery.sha256 in wanted]
    if unknown := sorted(wanted - {delivery.sha256 for delivery in found}):
        listed = ", ".join(sha[:12] for sha in unknown)
        raise RebuildError(
            f"El registro de entregas no conoce {len(unknown)} de las que se publicaron ({listed}). Recupere "
            "ledger.sqlite de un respaldo de esa fecha o posterior."
        )
    gone = [d for d in found if not (os.path.lexists(archive.path(d.sha256)) and archive.path(d.sha256).is_file())]
    if gone:
        raise RebuildError(
            f"No se puede rehacer el conjunto {publication.set_name}: el archivo histórico ya no tiene los bytes de "
            f"{len(gone)} de sus {len(found)} entregas, borrados al vencer su plazo o perdidos:\n"
            + "\n".join(f"- {d.dataset} {_years(d.years)}: «{d.original_name}» ({d.sha256[:12]})" for d in gone)
            + "\nSi alguien conserva esos mismos archivos, cópielos en la carpeta de entrega: vuelven al archivo "
            "histórico. Si se borraron por plazo, esa publicación solo queda en sus copias."
        )
    return found


def _reasons(then: Publication, now: Publication) -> list[str]:
    said = []
    if then.code_version != now.code_version:
        said.append(
            f"Se publicó con el código {then.code_version} y se rehízo con {now.code_version}. Los Parquet llevan esa "
            "versión escrita, así que sus bytes cambian aunque las cifras sean iguales; compare los CSV. Para "
            "rehacerlo idéntico, instale esa versión del código y repita."
        )
    every = sorted(then.sources.keys() | now.sources.keys())
    return said + [
        f"{key[0]} {key[1]} se había calculado con otras entregas ({_shas(then.sources, key)}) que las que rigen para "
        f"el conjunto entero ({_shas(now.sources, key)}): ese año no se volvió a procesar entonces."
        for key in every
        if then.sources.get(key) != now.sources.get(key)
    ]


def _shas(sources: Mapping[tuple[str, int], frozenset[str]], key: tuple[str, int]) -> str:
    return ", ".join(sha[:12] for sha in sorted(sources.get(key, ()))) or "ninguna"


def _years(years: Iterable[int]) -> str:
    return ", ".join(str(year) for year in sorted(years))


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
