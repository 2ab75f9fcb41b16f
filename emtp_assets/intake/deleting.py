"""Deleting what the time limit reached, so that the record stays true whatever is killed or handed over meanwhile. What
is due is `retention`'s to say."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from emtp_assets.intake.caution import doubt
from emtp_assets.intake.disposals import Disposal, Disposals, Ending, Kind
from emtp_assets.intake.places import archived_files, going_place, mark_of, set_aside_files
from emtp_assets.intake.retention import due
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import sync


@dataclass
class Disposed:
    """What a run did. ``renewed``: another file was put in its place by then; ``failed``: with the system's reason."""

    deleted: list[Disposal] = field(default_factory=list)
    renewed: list[Disposal] = field(default_factory=list)
    failed: list[tuple[Disposal, str]] = field(default_factory=list)


def dispose(settings: Settings, now: datetime, run_id: str, *, confirmed: bool = False) -> Disposed:
    """Delete what is due, with a record of each file.

    Order: the decision into the ledger, the file out of its place, the file removed, the ending into the ledger.
    Killed anywhere, the next run ends what was decided. A file that was put in the place of the decided one since is
    never taken for it. One run at a time; a second waits.

    ``confirmed``: a person has looked, and it is to be done whatever speaks against it (`caution`).

    Raises:
        IntakeError: something speaks against it; nothing was decided, and what had been before was ended.
        OSError, sqlite3.Error: the ledger could not be written; of a file that could not be deleted, see ``failed``.
    """
    disposals = Disposals(settings.data_dir)
    done = Disposed()
    with _alone(settings):
        for pending in disposals.pending():
            _end(pending, disposals, now, done)
        _note_what_was_handed_over_anew(settings, disposals, now)
        found = due(settings, now)
        if not confirmed and (against := doubt(settings, found, now)) is not None:
            raise against
        disposals.reviewed(run_id, now)
        for decided in disposals.decide(found, run_id, now):
            with suppress(OSError):
                # At one stroke out of its place, and only then looked at: the same bytes may be handed over, and be put
                # there, between looking and removing.
                decided.path.rename(going_place(decided.path, decided.number))
                sync(decided.path.parent)
            _end(decided, disposals, now, done)
    return done


def _end(decided: Disposal, disposals: Disposals, now: datetime, done: Disposed) -> None:
    """Remove what was taken out of its place, unless it is another file than was decided on, and record the ending."""
    try:
        outcome = _removed(decided)
    except OSError as error:
        done.failed.append((decided, error.strerror or type(error).__name__))
        return
    disposals.end(decided.number, outcome, now)
    if outcome is Ending.DELETED:
        done.deleted.append(decided)
    elif outcome is Ending.RENEWED:
        done.renewed.append(decided)
    elif decided.decided_at == now:
        done.failed.append((decided, "el sistema no permitió borrarlo"))


def _removed(decided: Disposal) -> Ending:
    place, going = decided.path, going_place(decided.path, decided.number)
    if os.path.lexists(going):
        if mark_of(going) != decided.mark and not os.path.lexists(place):
            going.rename(place)
        elif going.is_dir():
            shutil.rmtree(going)
        else:
            going.unlink()
        sync(place.parent)
    if not os.path.lexists(place):
        return Ending.DELETED
    return Ending.KEPT if mark_of(place) == decided.mark else Ending.RENEWED


def _note_what_was_handed_over_anew(settings: Settings, disposals: Disposals, now: datetime) -> None:
    kept = {Kind.ARCHIVED: archived_files(settings), Kind.SET_ASIDE: set_aside_files(settings)}
    for kind, files in kept.items():
        for sha256, disposal in disposals.standing(kind).items():
            if sha256 in files and disposal.outcome is Ending.DELETED:
                disposals.end(disposal.number, Ending.RENEWED, now)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock: Path = settings.data_dir / "retention.lock"
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
