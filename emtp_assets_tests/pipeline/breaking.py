"""Ways of breaking the ministry's systems while they run. Each is a context: inside it the system is broken, after it
the system is as it was. What must follow of each is data in `source_faults`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import asyncssh

from emtp_assets.contracts import contract_for
from emtp_assets_tests.servers.asyncssh_sftp import AsyncsshSftp
from emtp_assets_tests.servers.certificates import Authority
from emtp_assets_tests.servers.https import Certificate, Reply, Spoiling, cut
from emtp_assets_tests.servers.systems import Systems

DATASET, YEAR = "proyectos", 2025
OTHER = "establecimientos"
CONTRACT = contract_for(DATASET)

Breaking = Callable[[Systems], AbstractContextManager[None]]


def changed(what: str, **values: object) -> Breaking:
    """Attributes of a part of the systems (``sqlserver.faults``) have other values."""

    @contextmanager
    def breaking(systems: Systems) -> Iterator[None]:
        part = attrgetter(what)(systems)
        before = {name: getattr(part, name) for name in values}
        for name, value in values.items():
            setattr(part, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(part, name, value)

    return breaking


def tds(**faults: object) -> Breaking:
    """Faults of the SQL server, by their names there."""

    @contextmanager
    def breaking(systems: Systems) -> Iterator[None]:
        for name, value in faults.items():
            setattr(systems.sqlserver.faults, name, value)
        try:
            yield
        finally:
            systems.sqlserver.faults.clear()

    return breaking


def spoilt(server: str, spoil: Spoiling, *, times: int | None = None, path: str = "", skip: int = 0) -> Breaking:
    """Answers of an HTTPS server are spoilt."""

    @contextmanager
    def breaking(systems: Systems) -> Iterator[None]:
        spoiling = attrgetter(server)(systems)
        spoiling.fail(spoil, times=times, path=path, skip=skip)
        try:
            yield
        finally:
            spoiling.heal()

    return breaking


def closed(server: str) -> Breaking:
    """The port refuses connections."""
    return lambda systems: attrgetter(server)(systems).closed()


def wrong_certificate(server: str, issued: Callable[[Systems], Certificate]) -> Breaking:
    """The server shows a certificate that must not be believed, and hears nothing from who does not believe it."""

    @contextmanager
    def breaking(systems: Systems) -> Iterator[None]:
        if server == "sqlserver":
            with tds(certificate=issued(systems))(systems):
                before = len(systems.sqlserver.logins)
                yield
                assert len(systems.sqlserver.logins) == before
            return
        presenting = attrgetter(server)(systems)
        with presenting.presenting(issued(systems)):
            before = len(presenting.requests)
            yield
            assert len(presenting.requests) == before

    return breaking


def of_another_authority(systems: Systems) -> Certificate:
    return Authority.create(systems.folder / "otra_autoridad").issue("ajeno")


def expired(systems: Systems) -> Certificate:
    return systems.authority.issue("vencido", expired=True)


def of_another_name(systems: Systems) -> Certificate:
    return systems.authority.issue("otro_nombre", hosts=("otro.example",))


@contextmanager
def token_revoked_at_once(systems: Systems) -> Iterator[None]:
    """The first token is no longer good when it is used."""

    def revoke(reply: Reply) -> Reply:
        systems.sharepoint.expire_tokens()
        return reply

    with spoilt("sharepoint.login", revoke, times=1, path="/token")(systems):
        yield


@contextmanager
def sftp_cut_once(systems: Systems) -> Iterator[None]:
    """The connection drops after the first third of the file; the next one goes on from there."""
    faults, seen = systems.sftp.faults, systems.sftp.seen
    first = len(seen.reads)
    faults.short_reads, faults.cut_after, faults.cuts = True, seen.bytes_read + 1, 1
    try:
        yield
    finally:
        faults.short_reads, faults.cut_after, faults.cuts = False, None, None
    offsets = [offset for _, offset in seen.reads[first:]]
    assert offsets[0] == 0
    assert 0 not in offsets[1:], "what had come was not fetched again"


@contextmanager
def sharepoint_cut_once(systems: Systems) -> Iterator[None]:
    """The download drops after 9,000 bytes; the next one goes on from there."""
    with spoilt("sharepoint.content", cut(9_000), times=1)(systems):
        yield
    assert systems.sharepoint.content.requests[-1].headers["range"] == "bytes=9000-"


@contextmanager
def impostor(systems: Systems) -> Iterator[None]:
    """Another server in the place of the SFTP server, which would take the password gladly."""
    with (
        systems.sftp.closed(),
        AsyncsshSftp(
            systems.sftp.root,
            passwords=systems.sftp.passwords,
            host_key=asyncssh.generate_private_key("ssh-ed25519"),
            port=systems.sftp.port,
        ) as other,
    ):
        yield
        assert other.seen.connections
        assert (other.seen.users, other.seen.passwords) == ([], []), "the password must never reach an impostor"


@contextmanager
def unknown_host(systems: Systems) -> Iterator[None]:
    """Nobody noted the server's key."""
    known_hosts = systems.folder / "known_hosts"
    before, heard = known_hosts.read_text(), len(systems.sftp.seen.passwords)
    known_hosts.write_text("")
    try:
        yield
    finally:
        known_hosts.write_text(before)
    assert len(systems.sftp.seen.passwords) == heard, "the password must not reach who is not known"


def shelf_of(systems: Systems, system: str) -> Path:
    """Where a system that holds files has the dataset's."""
    root = {
        "sharepoint": systems.sharepoint.root / "Documentos" / "Datos",
        "sftp": systems.sftp.root / "datos" / "sige",
    }[system]
    return root / CONTRACT.locations[system].format(year=YEAR).replace("*", "_semana")


def on_the_shelf(system: str, instead: Callable[[Systems, bytes], bytes | None]) -> Breaking:
    """Another file, or none, where the dataset's should be."""

    @contextmanager
    def breaking(systems: Systems) -> Iterator[None]:
        file = shelf_of(systems, system)
        before = file.read_bytes()
        content = instead(systems, before)
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        try:
            yield
        finally:
            file.write_bytes(before)

    return breaking


def torn(_: Systems, content: bytes) -> bytes:
    """Cut in the middle of a row by whoever put it there."""
    return content[: content.index(b"\n", len(content) // 2) + 20]


def of_another_dataset(systems: Systems, _: bytes) -> bytes:
    return systems.ministry.files[OTHER, YEAR].read_bytes()


def missing(_systems: Systems, _: bytes) -> None:
    return None


def rest_rows(change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Breaking:
    """The REST service has other rows; those that become None are not there."""

    @contextmanager
    def breaking(systems: Systems) -> Iterator[None]:
        before = systems.rest.tables
        rows = [changed for row in before[DATASET][YEAR] if (changed := change(dict(row))) is not None]
        systems.rest.tables = {**before, DATASET: {YEAR: rows}}
        try:
            yield
        finally:
            systems.rest.tables = before

    return breaking


def without(column: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: {name: value for name, value in row.items() if name != column}


def announcing_one_more(reply: Reply) -> Reply:
    document = json.loads(reply.body)
    return replace(reply, body=json.dumps({**document, "total": document["total"] + 1}).encode())
