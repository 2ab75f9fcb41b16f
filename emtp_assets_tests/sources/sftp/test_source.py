"""A file of the server becomes a delivery: the newest that fits, whole, once, and nothing that is not in the folder."""

from __future__ import annotations

import os
import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Fetched, Source, SourceFailure, Unchanged
from emtp_assets.sources.sftp.access import access_from
from emtp_assets.sources.sftp.connection import connected
from emtp_assets.sources.sftp.folder import SftpFolder
from emtp_assets_tests.servers.asyncssh_sftp import AsyncsshSftp
from emtp_assets_tests.servers.sshd import Sshd
from emtp_assets_tests.sources.sftp.conftest import Make, delivered, told

MATRICULA = contract_for("matricula")
BIG = os.urandom(3_000_000)


def _fetch(source: Source, target: Path, known_mark: str | None = None) -> Fetched:
    answer = source.fetch(MATRICULA, 2025, target, known_mark=known_mark)
    assert isinstance(answer, Fetched)
    return answer


@pytest.mark.parametrize("kind", ["server", "sshd"])
def test_both_servers_deliver_the_newest_fitting_file_as_it_is(
    kind: str, request: pytest.FixtureRequest, folder: Path, source_of: Make, target: Path
) -> None:
    (folder / "matricula_2025_v1.csv").write_bytes(b"viejo")
    os.utime(folder / "matricula_2025_v1.csv", (1_700_000_000, 1_700_000_000))
    (folder / "Matricula_2025_v2.CSV").write_bytes(BIG)
    (folder / "matricula_2024.csv").write_bytes(b"otro ano")
    (folder / "matricula_2025_carpeta.csv").mkdir()
    source = source_of(request.getfixturevalue(kind))
    answer = _fetch(source, target)
    assert isinstance(source, Source)
    assert answer.path == target / "Matricula_2025_v2.CSV"
    assert answer.path.read_bytes() == BIG
    assert "Matricula_2025_v2.CSV (3000000 bytes, modificado " in answer.described
    assert delivered(target) == ["Matricula_2025_v2.CSV"]
    assert source.fetch(MATRICULA, 2025, target, known_mark=answer.mark) == Unchanged(answer.described)


def test_what_is_known_is_not_read_again_until_it_changes(
    server: AsyncsshSftp, folder: Path, source_of: Make, target: Path
) -> None:
    file = folder / "matricula_2025.csv"
    file.write_bytes(b"uno")
    source = source_of(server)
    first = _fetch(source, target)
    server.seen.reads.clear()
    assert isinstance(source.fetch(MATRICULA, 2025, target, known_mark=first.mark), Unchanged)
    assert server.seen.reads == []
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert _fetch(source, target, first.mark).mark != first.mark


def test_a_file_that_is_not_there_yet_is_no_failure(server: AsyncsshSftp, source_of: Make, target: Path) -> None:
    assert source_of(server).fetch(MATRICULA, 2025, target) is None
    elsewhere = replace(MATRICULA, locations={"sftp": "2025/matricula_{year}*.csv"})
    assert source_of(server).fetch(elsewhere, 2025, target) is None


def test_a_folder_below_is_looked_into(server: AsyncsshSftp, folder: Path, source_of: Make, target: Path) -> None:
    (folder / "entregas").mkdir()
    (folder / "entregas" / "matricula_2025.csv").write_bytes(b"abajo")
    below = replace(MATRICULA, locations={"sftp": "entregas/matricula_{year}*.csv"})
    answer = source_of(server).fetch(below, 2025, target)
    assert isinstance(answer, Fetched)
    assert answer.path.read_bytes() == b"abajo"


def test_a_download_that_was_cut_goes_on_where_it_ended(
    server: AsyncsshSftp, folder: Path, source_of: Make, target: Path
) -> None:
    (folder / "matricula_2025.csv").write_bytes(BIG)
    source = source_of(server)
    server.faults.cut_after = 1_000_000
    with pytest.raises(SourceFailure, match="cortó la conexión al leer") as caught:
        _fetch(source, target)
    assert told(caught.value) == ("CUT", "PASSING")
    assert delivered(target) == []
    have = next(target.iterdir()).stat().st_size
    assert 0 < have <= 1_000_000 + 32_768
    server.faults.cut_after = None
    server.seen.reads.clear()
    assert _fetch(source, target).path.read_bytes() == BIG
    assert min(offset for _, offset in server.seen.reads) == have


def test_openssh_killed_in_the_middle_costs_nothing_but_a_second_try(
    sshd: Sshd, folder: Path, source_of: Make, target: Path
) -> None:
    whole = os.urandom(40_000_000)
    (folder / "matricula_2025.csv").write_bytes(whole)

    def kill_when_begun() -> None:
        last = time.monotonic() + 20
        while time.monotonic() < last and not any(part.stat().st_size for part in target.glob(".*.part")):
            time.sleep(0.002)
        sshd.cut()

    killer = threading.Thread(target=kill_when_begun)
    killer.start()
    with pytest.raises(SourceFailure) as caught:
        _fetch(source_of(sshd), target)
    killer.join()
    assert told(caught.value) == ("CUT", "PASSING")
    assert delivered(target) == []
    assert 0 < next(target.iterdir()).stat().st_size < len(whole)
    assert _fetch(source_of(sshd), target).path.read_bytes() == whole


def test_memory_does_not_grow_with_the_file(sshd: Sshd, folder: Path, source_of: Make, target: Path) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"\0" * 24_000_000)
    source = source_of(sshd)
    source.fetch(MATRICULA, 2024, target)
    tracemalloc.start()
    _fetch(source, target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


def test_a_file_that_changes_while_it_is_read_is_no_delivery(
    server: AsyncsshSftp, folder: Path, source_of: Make, target: Path
) -> None:
    file = folder / "matricula_2025.csv"
    file.write_bytes(BIG)
    os.utime(file, (1_700_000_000, 1_700_000_000))

    def grow(served: int) -> None:
        if served > 1_000_000 and file.stat().st_size == len(BIG):
            with file.open("ab") as growing:
                growing.write(b"sigue")

    server.faults.before_read = grow
    with pytest.raises(SourceFailure, match="cambió mientras se descargaba") as caught:
        _fetch(source_of(server), target)
    assert told(caught.value) == ("CUT", "PASSING")
    assert list(target.iterdir()) == []
    assert _fetch(source_of(server), target).path.read_bytes() == BIG + b"sigue"


def test_a_server_that_gives_less_than_it_lists(
    server: AsyncsshSftp, folder: Path, source_of: Make, target: Path
) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"0123456789")
    server.faults.promised_more = 90
    for _ in range(2):
        with pytest.raises(SourceFailure, match=r"Llegaron 10 bytes .* y el servidor anuncia 100") as caught:
            _fetch(source_of(server), target)
        assert told(caught.value) == ("TRUNCATED", "PASSING")
        assert delivered(target) == []


def test_a_server_that_answers_in_small_pieces_gives_the_same_bytes(
    server: AsyncsshSftp, folder: Path, source_of: Make, target: Path
) -> None:
    (folder / "matricula_2025.csv").write_bytes(BIG[:500_001])
    server.faults.short_reads = True
    assert _fetch(source_of(server), target).path.read_bytes() == BIG[:500_001]


def test_a_slow_server_is_waited_for(server: AsyncsshSftp, folder: Path, source_of: Make, target: Path) -> None:
    (folder / "matricula_2025.csv").write_bytes(BIG[:200_000])
    server.faults.slow = 0.1
    assert _fetch(source_of(server, timeout=0.6), target).path.read_bytes() == BIG[:200_000]


def test_links_are_not_followed(server: AsyncsshSftp, folder: Path, source_of: Make, target: Path) -> None:
    outside = folder.parent / "reservado"
    outside.mkdir()
    (outside / "matricula_2025.csv").write_bytes(b"no es para la plataforma")
    (folder / "matricula_2025.csv").symlink_to(outside / "matricula_2025.csv")
    (folder / "atajo").symlink_to(outside)
    assert source_of(server).fetch(MATRICULA, 2025, target) is None
    for location in ("atajo/matricula_{year}.csv", "../reservado/matricula_{year}.csv"):
        through = replace(MATRICULA, locations={"sftp": location})
        with pytest.raises(SourceFailure, match="no es un archivo o carpeta corriente") as caught:
            source_of(server).fetch(through, 2025, target)
        assert told(caught.value) == ("STRUCTURE", "PERMANENT")
    assert server.seen.reads == []


def test_a_file_that_becomes_a_link_after_it_was_listed_is_not_read(sshd: Sshd, folder: Path, source_of: Make) -> None:
    (folder.parent / "reservado.csv").write_bytes(b"1234567")
    file = folder / "matricula_2025.csv"
    file.write_bytes(b"7654321")
    access = access_from(source_of(sshd).settings)
    with connected(access) as session:
        agreed = SftpFolder(session, access)
        (listed,) = agreed.files("")
        file.unlink()
        file.symlink_to(folder.parent / "reservado.csv")
        with pytest.raises(SourceFailure) as caught:
            list(agreed.read(listed, 0))
    assert told(caught.value) == ("STRUCTURE", "PERMANENT")


def test_names_that_are_no_plain_names_are_passed_over(
    server: AsyncsshSftp, folder: Path, source_of: Make, target: Path
) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"bueno")
    server.faults.invented = (
        b"../../matricula_2025.csv",
        b"/etc/matricula_2025.csv",
        b"..\\matricula_2025.csv",
        b"matricula_2025\n.csv",
        "matricula_2025_matrícula.csv".encode("latin-1"),
    )
    assert _fetch(source_of(server), target).path.read_bytes() == b"bueno"
    assert delivered(target) == ["matricula_2025.csv"]


def test_nothing_is_ever_asked_that_could_change_the_server(folder: Path, source_of: Make, target: Path) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"bueno")
    with AsyncsshSftp(folder.parent.parent, passwords={"lector_emtp": "x"}, writable=True) as server:
        _fetch(source_of(server, password="x"), target)
        assert server.seen.changes == []
