"""Putting a refused file aside: its bytes sealed in ``rejected/``, beside an explanation in Spanish. Why it is
refused is decided elsewhere in this room."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from os import stat_result
from pathlib import Path
from zoneinfo import ZoneInfo

from emtp_assets.intake.archive import put_in_place
from emtp_assets.intake.leaving import alone, changed, take_away
from emtp_assets.intake.ledger import Ledger, Rejection
from emtp_assets.intake.problem import IntakeError
from emtp_assets.intake.scan import BLOCK
from emtp_assets.partitions import TIMEZONE
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import sync
from emtp_assets.storage.sealing import SEALED, Sealer
from emtp_assets.storage.storage_key import Purpose, subkey

REJECTED = "rejected"
_LONGEST_NAME = 180


def put_aside(
    path: Path,
    before: stat_result,
    settings: Settings,
    ledger: Ledger,
    problem: IntakeError,
    *,
    source: str,
    now: datetime,
    sha256: str | None,
) -> Rejection | None:
    """Explain, write down and seal a refused file away; its bytes are never lost.

    The explanation and the ledger come first: a process killed in between leaves the file in the drop folder,
    to be refused again. When it cannot be moved it stays there, and ``moved_to`` is None. One process at a time: two
    that refuse the same file are one refusal. None: the file that was refused (``before``) is no longer there, and
    what is there now, if anything is, stays there.

    Raises:
        FileNotFoundError: another process was quicker.
    """
    rejection = _rejection(path, before, problem, source=source, now=now, sha256=sha256)
    with alone(ledger.path.parent):
        path.lstat()
        if changed(path, before):
            return None
        target = _free_place(settings.drop / REJECTED, path.name, now)
        beside = target.with_name(target.name + ".explicacion.txt")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(beside, explanation(replace(rejection, moved_to=target)))
            rejection = replace(rejection, explanation=beside)
        except OSError:
            # A drop folder that can't be written to: the ledger and the caller still carry the explanation.
            return _stays(ledger, rejection)
        try:
            number = ledger.record_rejection(replace(rejection, moved_to=target))
        except sqlite3.Error:
            # It will be tried again every few seconds, and each time would leave one more.
            beside.unlink(missing_ok=True)
            raise
        key = subkey(settings, Purpose.REFUSED)
        try:
            gone = take_away(path, before, first=lambda leaving: seal_away(leaving, target, key))
        except OSError:
            ledger.amend_rejection(number, None)
            with suppress(OSError):
                _write(beside, explanation(rejection))
            return rejection
        if not gone:
            # Another file was put there in the last instant: it has not been read yet.
            beside.unlink(missing_ok=True)
            ledger.amend_rejection(number, None)
            return None
        return replace(rejection, moved_to=target)


def leave(path: Path, ledger: Ledger, problem: IntakeError, *, source: str, now: datetime) -> Rejection:
    """Refuse a file that cannot even be read: it stays where it is, and is reported once.

    A file of the same name, size and time that was reported before comes back as ``already_reported``.
    """
    status = path.lstat()
    before = ledger.standing_rejection(path.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if before is not None and before.code == problem.code:
        return replace(before, already_reported=True)
    return _stays(ledger, _rejection(path, status, problem, source=source, now=now, sha256=None))


def _rejection(
    path: Path, status: stat_result, problem: IntakeError, *, source: str, now: datetime, sha256: str | None
) -> Rejection:
    return Rejection(
        original_name=path.name,
        source=source,
        rejected_at=now,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        sha256=sha256,
        code=problem.code,
        what=problem.what,
        where=problem.where,
        expected=problem.expected,
        action=problem.action,
    )


def explanation(rejection: Rejection) -> str:
    """The text that lies beside a refused file."""
    when = rejection.rejected_at.astimezone(ZoneInfo(TIMEZONE)).strftime("%d-%m-%Y %H:%M:%S")
    parts = [
        "ESTE ARCHIVO NO FUE ACEPTADO. Nada de su contenido entró a los datos.",
        f"Archivo: {rejection.original_name} ({rejection.size_bytes} bytes)",
        f"Cuándo: {when} (hora de Santiago)",
        f"Qué está mal: {rejection.what}",
        f"Dónde: {rejection.where or 'en el archivo completo'}",
        f"Qué se esperaba: {rejection.expected}",
        f"Qué hacer: {rejection.action}",
        f"Código: {rejection.code} (véase la sección 6 del manual de mantenimiento)",
        f"Huella SHA-256: {rejection.sha256 or 'no calculada'}",
    ]
    if rejection.moved_to is not None:
        parts.append(
            "El archivo quedó cifrado en esta carpeta, porque puede tener datos de personas. Para verlo, en el "
            f"servidor: emtp unseal '{rejection.moved_to}' --guardar DESTINO"
        )
    return "\n\n".join(parts) + "\n"


def seal_away(path: Path, target: Path, key: bytes) -> None:
    """A sealed copy of a file at ``target``, durably and at one stroke.

    Raises:
        OSError: the disk refused; there is nothing at ``target`` then.
    """
    partial = target.with_name(target.name + ".part")
    try:
        with (
            path.open("rb", buffering=0) as source,
            partial.open("wb", buffering=0) as file,
            Sealer(file, key) as sealer,
        ):
            while block := source.read(BLOCK):
                sealer.write(block)
        put_in_place(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _stays(ledger: Ledger, rejection: Rejection) -> Rejection:
    ledger.record_rejection(rejection)
    return rejection


def _free_place(folder: Path, name: str, now: datetime) -> Path:
    stamp = now.astimezone(ZoneInfo(TIMEZONE)).strftime("%Y%m%dT%H%M%S")
    short = name.encode()[-_LONGEST_NAME:].decode(errors="ignore")
    place, turn = folder / f"{stamp}_{short}{SEALED}", 1
    while place.exists():
        turn += 1
        place = folder / f"{stamp}-{turn}_{short}{SEALED}"
    return place


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8-sig", newline="\r\n")  # the ministry reads it in Notepad
    sync(partial)
    partial.replace(path)
