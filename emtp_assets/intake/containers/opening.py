"""The way from a file to the table packed in it, and the same way again. Each container is opened in its own module."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from emtp_assets.intake.containers.kind import container_of, head_of, is_tar
from emtp_assets.intake.containers.limits import DEFAULT, Limits, Meter, new_file
from emtp_assets.intake.containers.members import Member, chosen
from emtp_assets.intake.containers.rar import rar_members
from emtp_assets.intake.containers.rar_and_7z import blocks, seven_zip_members
from emtp_assets.intake.containers.refusals import dangerous_path, nested
from emtp_assets.intake.containers.sheets import Table, sheet_as_text
from emtp_assets.intake.containers.zipped import gz_blocks, gz_name, zip_blocks, zip_members
from emtp_assets.storage.temporary import Unnamed

_SHEET_OF = "!"


@dataclass(frozen=True)
class Content:
    """A table as bytes of its own. ``path``: the file itself without container, else a new file without a name, on
    the given folder's disk, which lasts as long as this path is held.

    ``container``: "", zip, gz, rar, 7z or xlsx. ``member``: the file inside ("" if a gz does not say), the sheet of a
    workbook, or both (``tabla.xlsx!Hoja1``); "" without container.
    """

    path: Path
    container: str
    member: str


def unpacked(path: Path, folder: Path, table: Table, *, limits: Limits = DEFAULT) -> Content:
    """The one table that a file holds; a file in no container is its own content.

    Nothing is written outside of ``folder``, and nothing stays there if it fails. What is written has mode 0600 and a
    name of ours. Memory: a few MB here; the child that reads 7z and RAR, or a workbook, is held to ``limits.memory``.

    Raises:
        IntakeError: it cannot be opened, there is no table or more than one, or it is a danger; and what to do.
        OSError: our own disk refused.
    """
    return _opened(path, folder, table, limits=limits, container=container_of(head_of(path), path), member=None)


def repeat(
    path: Path,
    folder: Path,
    table: Table,
    *,
    container: str,
    member: str,
    limits: Limits = DEFAULT,
) -> Path:
    """The bytes that `unpacked` gave for the same file, again.

    ``container`` and ``member``: as it told them. The same bytes and the same kinds of columns give the same bytes.

    Raises:
        IntakeError: as `unpacked`; the file is not what it was.
        OSError: our own disk refused.
    """
    if not container:
        return path
    return _opened(path, folder, table, limits=limits, container=container, member=member).path


def _opened(path: Path, folder: Path, table: Table, *, limits: Limits, container: str, member: str | None) -> Content:
    if not container:
        return Content(path, "", "")
    if container == "xlsx":
        text, sheet = sheet_as_text(path, folder, table, limits, wanted=member)
        return Content(text, container, sheet)
    inner, source = _table_of(path, container, limits)
    name = inner.shown
    with closing(source) as stream:
        content = _written(stream, folder, Meter(limits, path.stat().st_size))
    try:
        head = head_of(content)
        kind = "tar" if is_tar(head) else container_of(head, content)
        if kind not in {"", "xlsx"}:
            raise nested(name)
        if not kind:
            return Content(content, container, name)
        wanted = member.removeprefix(name + _SHEET_OF) if member is not None else None
        text, sheet = sheet_as_text(content, folder, table, limits, wanted=wanted)
    except BaseException:
        content.discard()
        raise
    content.discard()
    return Content(text, container, f"{name}{_SHEET_OF}{sheet}")


def _table_of(path: Path, container: str, limits: Limits) -> tuple[Member, Generator[bytes]]:
    """The member that is the table, and its bytes to come."""
    if container == "gz":
        only = Member(0, gz_name(path))
        if only.dangerous:
            raise dangerous_path(only.shown)
        return only, gz_blocks(path)
    if container == "zip":
        only = chosen(zip_members(path, limits), limits)
        return only, zip_blocks(path, only)
    only = chosen(rar_members(path, limits) if container == "rar" else seven_zip_members(path, limits), limits)
    return only, blocks(path, container, only, limits)


def _written(source: Iterable[bytes], folder: Path, meter: Meter) -> Unnamed:
    with new_file(folder) as (path, write):
        for block in source:
            meter.count(len(block))
            write(block)
    return path
