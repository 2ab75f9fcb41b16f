"""Runs the chain of a former publication again, in an instance of its own; `rebuild` prepares and compares it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import dagster as dg

from emtp_assets.automation.impact import chain_of
from emtp_assets.automation.jobs import EVERYTHING, PUBLISH
from emtp_assets.automation.runs import execute
from emtp_assets.contracts import DATASETS
from emtp_assets.keys import HANDED_OVER_TAG
from emtp_assets.publication.history import Publication
from emtp_assets.publication.rebuild import (
    Verdict,
    forget_persons,
    made_of,
    overlap,
    prepare,
    published_on,
    put_in_force,
    still_kept,
    verdict,
)
from emtp_assets.settings import Settings

_MOTIVE = "rehacer lo publicado"


def rebuild(
    build: Callable[[Settings], dg.Definitions],
    settings: Settings,
    day: date,
    folder: Path,
    *,
    keep_layers: bool,
    say: Callable[[str], None],
) -> Verdict:
    """Make in ``folder`` what was published when ``day`` ended, from the same deliveries, and compare it.

    The event log is in memory: nothing of this instance is read but its ledger, archive and history, and nothing is
    changed. What holds persons is removed from the folder at the end, whichever it is, unless ``keep_layers``.

    Args:
        build: the definitions of an instance, which this layer must not import.

    Raises:
        RebuildError: nothing was published by then, the bytes are gone, or the folder is in use.
        RunFailedError: a step of the chain failed.
    """
    publication = published_on(settings, day)
    say(f"Lo publicado al terminar el {day:%d-%m-%Y} es el conjunto {publication.set_name}.")
    kept = still_kept(settings, publication)
    say(f"El original todavía está en {kept}." if kept else "El original ya no se conserva: se rehace de sus entregas.")
    rebuilt = prepare(settings, publication, folder)
    try:
        _run(build(rebuilt), publication, rebuilt, say)
        return verdict(publication, rebuilt)
    finally:
        if not keep_layers:
            forget_persons(rebuilt)


def _run(definitions: dg.Definitions, publication: Publication, rebuilt: Settings, say: Callable[[str], None]) -> None:
    everything, publish = (definitions.resolve_job_def(name) for name in (EVERYTHING, PUBLISH))
    # About files that are held: no system is asked.
    tags = {HANDED_OVER_TAG: publication.set_name}
    deliveries = made_of(publication, rebuilt)
    with dg.DagsterInstance.ephemeral() as instance:
        for years, keys in stretches(_keys(publication, deliveries), together=not overlap(rebuilt)):
            say(f"Años {years[0]} a {years[1]}: {', '.join(dict.fromkeys(key.path[0] for key in keys))}")
            put_in_force(rebuilt, [sha for (_, year), sha in deliveries.items() if years[0] <= year <= years[1]])
            execute(everything, instance, years, _MOTIVE, selection=keys, tags=tags, say=say)
        execute(publish, instance, None, _MOTIVE, tags=tags, say=say)


def _keys(publication: Publication, deliveries: Iterable[tuple[str, int]]) -> dict[int, list[dg.AssetKey]]:
    """By academic year, earliest first, what is made of the publication's deliveries."""
    keys: dict[int, list[dg.AssetKey]] = {}
    for dataset, year in sorted(deliveries, key=lambda of: (of[1], DATASETS.index(of[0]))):
        chain = chain_of(dataset)
        # What others only count has no figures of its own: raw and cleaned.
        keys.setdefault(year, []).extend(chain if (dataset, year) in publication.deliveries else chain[:2])
    return keys


def stretches(keys: dict[int, list[dg.AssetKey]], *, together: bool) -> list[tuple[tuple[int, int], list[dg.AssetKey]]]:
    """Years in a row that have the same to do, ``together`` where they may: one run is cheaper than several."""
    found: list[tuple[tuple[int, int], list[dg.AssetKey]]] = []
    for year, wanted in keys.items():
        if together and found and found[-1][0][1] == year - 1 and found[-1][1] == wanted:
            found[-1] = ((found[-1][0][0], year), wanted)
        else:
            found.append(((year, year), wanted))
    return found
