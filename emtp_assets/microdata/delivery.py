"""From a cleaned year to a folder that is handed to one recipient: asked for, made, proven, and only then put in place.

What the files say of themselves is `documents`'s; how the table is made, `table`'s; what it must be, `lattice`'s.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

from emtp_assets.microdata import evidence
from emtp_assets.microdata.documents import Facts, write_documents
from emtp_assets.microdata.grants import Grant, Grants
from emtp_assets.microdata.lattice import Demand, NoAdmissibleTableError, Node
from emtp_assets.microdata.plans import MicrodataPlan
from emtp_assets.microdata.table import PERSON, TABLE, Made, make_table
from emtp_assets.privacy.keys import key_id, pseudonym_key, release_key, same_key
from emtp_assets.settings import PrivacyMode, Settings
from emtp_assets.storage.duck import literal, parquet, session
from emtp_assets.storage.lake import keep_private, sync
from emtp_assets.storage.provenance import Provenance

FOLDER = "microdata"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


class MicrodataError(RuntimeError):
    """Nothing is delivered; the message says in Spanish why, and what to do."""


@dataclass(frozen=True)
class Request:
    """What a person asks for. ``release`` names the delivery; ``restate``: that a year already delivered may be
    delivered again although its data are others."""

    recipient: str
    release: str
    who: str
    why: str
    restate: bool = False

    def check(self) -> None:
        """Refuse what is blank or cannot be a folder's name.

        Raises:
            MicrodataError: with what is missing.
        """
        given = {"destinatario": self.recipient, "entrega": self.release, "quien": self.who, "finalidad": self.why}
        if lacking := [name for name, value in given.items() if not value.strip()]:
            raise MicrodataError(
                f"Para entregar microdatos falta: {', '.join(lacking)}. Use emtp microdata deliver, o los cuatro datos "
                "en «Open launchpad». No se entregó nada."
            )
        for what in ("destinatario", "entrega"):
            if not _NAME.fullmatch(given[what]):
                raise MicrodataError(
                    f"El nombre de {what} {given[what]!r} no sirve: use de 2 a 64 minúsculas sin acento, dígitos, "
                    "guion o punto, por ejemplo «centro-estudios» o «2026-05»."
                )


@dataclass(frozen=True)
class Staged:
    """A delivery that is made and proven, and not yet in place; ``commit`` puts it there and records it."""

    facts: Facts
    commit: Callable[[], Path]


def stage(
    settings: Settings,
    plan: MicrodataPlan,
    cleaned: Path,
    year: int,
    request: Request,
    staging: Path,
    *,
    now: datetime,
    run_id: str,
) -> Staged:
    """Make a year's delivery in ``staging``, count it again and attack it. Whether it may go out, `Facts` says.

    Raises:
        MicrodataError: the mode or the request does not allow it, or the data do not.
    """
    if settings.privacy_mode is PrivacyMode.AGGREGATES:
        raise MicrodataError(
            "En el modo de privacidad A no hay microdatos: sólo cifras agregadas. Para investigación interna, quien "
            "responde de los datos define EMTP_PRIVACY_MODE=B."
        )
    request.check()
    target = settings.data_dir / FOLDER / request.recipient / request.release / f"{plan.dataset}_{year}"
    if target.exists():
        raise MicrodataError(
            f"{request.recipient} ya tiene {plan.dataset} {year} en la entrega {request.release}: una entrega no se "
            "reescribe. Dé otro nombre a la nueva."
        )
    key = pseudonym_key(settings)
    source = Provenance.of(cleaned)
    if source.key is None or not same_key(source.key, key_id(key)):
        raise MicrodataError(
            f"Los seudónimos de {plan.dataset} {year} (clave {source.key or 'ninguna'}) no son los de la clave vigente "
            f"({key_id(key)}). Rehaga la capa limpia de ese año, o restituya la clave."
        )
    # The year and the dataset are part of the name that the key is derived from: a person has another pseudonym in
    # each, so that no trajectory can be put together and no two tables can be joined by person.
    delivered_key = release_key(key, request.recipient, f"{request.release}/{plan.dataset}/{year}")
    former = Grants(settings.data_dir).of_year(plan.dataset, year)
    node = _former_levels(plan, year, former, source, request)
    folder = staging / f"{plan.dataset}_{year}"
    folder.mkdir(mode=0o700)
    mode = settings.privacy_mode.in_words
    demand = Demand(k=settings.microdata_k, average_risk=settings.microdata_average_risk)
    with session(settings) as connection:
        try:
            made = make_table(connection, plan, cleaned, year, demand, delivered_key, node)
        except NoAdmissibleTableError as error:
            raise MicrodataError(str(error)) from error
        provenance = replace(source.without_deliveries(), key=key_id(delivered_key))
        csv = _write(connection, folder, f"{plan.dataset}_{year}", provenance)
    # A session of its own: what judges the files knows nothing but them, the plan and the register.
    with session(settings) as connection:
        facts = _facts(connection, plan, year, made, demand, cleaned, csv, provenance, request, now, mode)
    write_documents(folder, plan, facts)

    def commit() -> Path:
        return _put(settings, folder, target, facts, source, request, now, run_id)

    return Staged(facts, commit)


def _former_levels(
    plan: MicrodataPlan, year: int, grants: Sequence[Grant], source: Provenance, request: Request
) -> Node | None:
    """The levels at which the year was delivered first, if it was: two generalisations of the same persons, laid one
    over the other, would tell more than either."""
    if not grants:
        return None
    first, last = grants[0], grants[-1]
    if last.inputs != source.deliveries and not request.restate:
        raise MicrodataError(
            f"{plan.dataset} {year} ya se entregó a {last.recipient} ({last.release}), y desde entonces llegaron otros "
            "datos: la diferencia entre las dos versiones señalaría a quienes cambiaron. Si de todos modos debe "
            "entregarse, repita con --rehacer y el motivo en la finalidad."
        )
    levels = [
        next((i for i, level in enumerate(q.levels) if level.name == first.levels.get(q.name)), len(q.levels))
        for q in plan.quasi
    ]
    named = {q.name: _name(plan, i, level) for i, (q, level) in enumerate(zip(plan.quasi, levels, strict=True))}
    if named != first.levels:
        raise MicrodataError(
            f"{plan.dataset} {year} ya se entregó con otro plan de microdatos: dos formas de generalizar a las mismas "
            "personas, una sobre otra, dicen más que cada una. No se entrega de nuevo ese año."
        )
    return tuple(levels)


def _name(plan: MicrodataPlan, position: int, level: int) -> str | None:
    levels = plan.quasi[position].levels
    return levels[level].name if level < len(levels) else None


def _write(connection: duckdb.DuckDBPyConnection, folder: Path, name: str, provenance: Provenance) -> Path:
    csv = folder / f"{name}.csv"
    connection.execute(f"copy {TABLE} to {literal(csv)} (format csv, delimiter ';', header true, nullstr '\\N')")
    with csv.open("rb") as plain:
        bare = plain.read()
    csv.write_bytes(b"\xef\xbb\xbf" + bare)
    to = literal(folder / f"{name}.parquet")
    connection.execute(f"copy {TABLE} to {to} (format parquet, compression zstd, {provenance.copy_option})")
    return csv


def _facts(
    connection: duckdb.DuckDBPyConnection,
    plan: MicrodataPlan,
    year: int,
    made: Made,
    demand: Demand,
    cleaned: Path,
    csv: Path,
    provenance: Provenance,
    request: Request,
    now: datetime,
    mode: str,
) -> Facts:
    levels = {q.name: _name(plan, i, made.found.node[i]) for i, q in enumerate(plan.quasi)}
    evidence.read_delivered(connection, csv)
    published = {name: level for name, level in levels.items() if level is not None}
    return Facts(
        mode=mode,
        dataset=plan.dataset,
        year=year,
        recipient=request.recipient,
        release=request.release,
        why=request.why,
        at=now,
        origin=provenance.origin.value,
        key_id=provenance.key or "",
        demand=demand,
        made=made,
        levels=levels,
        recount=evidence.recount(connection, made.quasi, PERSON),
        knowing_the_sensitive=evidence.recount(connection, (*made.quasi, *made.sensitive), PERSON),
        diversity=tuple(evidence.diversity(connection, made.quasi, made.sensitive)),
        linkage=evidence.link(connection, plan, published, parquet(cleaned)),
        csv=csv.name,
        csv_sha256=hashlib.sha256(csv.read_bytes()).hexdigest(),
        parquet_sha256=hashlib.sha256(csv.with_suffix(".parquet").read_bytes()).hexdigest(),
    )


def _put(
    settings: Settings,
    folder: Path,
    target: Path,
    facts: Facts,
    source: Provenance,
    request: Request,
    now: datetime,
    run_id: str,
) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    keep_private(settings.data_dir / FOLDER)
    for file in folder.iterdir():
        sync(file)
        file.chmod(0o400)
    # Recorded first: a delivery that nobody knows of is worse than a record whose folder is missing.
    Grants(settings.data_dir).record(
        Grant(
            at=now,
            who=request.who,
            why=request.why,
            recipient=request.recipient,
            release=request.release,
            dataset=facts.dataset,
            year=facts.year,
            levels=dict(facts.levels),
            inputs=source.deliveries,
            key_id=facts.key_id,
            rows=facts.recount.rows,
            left_out=facts.made.found.left_out,
            csv_sha256=facts.csv_sha256,
            run_id=run_id,
        )
    )
    folder.replace(target)
    sync(target.parent)
    return target
