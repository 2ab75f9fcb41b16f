"""What `emtp doctor` says of the server: each step, where it stops, and that it leaves no trace."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from emtp_assets.sources import Probe
from emtp_assets.sources.sftp import SftpSource
from emtp_assets_tests.servers.asyncssh_sftp import AsyncsshSftp
from emtp_assets_tests.servers.sshd import Sshd, new_key
from emtp_assets_tests.sources.sftp.conftest import PASSWORD, USER, Make, configured

STEPS = ["configuración", "conexión", "clave del servidor", "inicio de sesión", "carpeta", "lectura", "sólo lectura"]


def _steps(source: SftpSource) -> tuple[list[str], Probe]:
    probes = list(source.examine())
    assert all(probe.good for probe in probes[:-1])
    assert all(probe.remedy for probe in probes if not probe.good)
    return [probe.what.removeprefix("SFTP: ") for probe in probes], probes[-1]


def test_openssh_in_read_only_mode_is_proven_to_refuse_changes(sshd: Sshd, folder: Path, source_of: Make) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"x" * 10_000)
    before = sorted(folder.parent.rglob("*"))
    names, last = _steps(source_of(sshd))
    assert names == STEPS
    assert last == Probe("SFTP: sólo lectura", True, "el servidor rechaza todo cambio")
    assert sorted(folder.parent.rglob("*")) == before


def test_an_account_that_can_write_is_a_red_line(tmp_path: Path, folder: Path, source_of: Make) -> None:
    with Sshd(tmp_path / "sshd_que_escribe", writable=True) as sshd:
        sshd.authorize(new_key(tmp_path / "clave").with_suffix(".pub"))
        stamp = folder.stat().st_mtime_ns, folder.stat().st_ctime_ns
        names, last = _steps(source_of(sshd))
        assert names == [step for step in STEPS if step != "lectura"]
        assert not last.good
        assert f"dejan a «{getpass.getuser()}» escribir" in last.found
        assert "internal-sftp -R" in last.remedy
        assert (folder.stat().st_mtime_ns, folder.stat().st_ctime_ns) == stamp


def test_permissions_that_let_nobody_else_write_are_shown(server: AsyncsshSftp, folder: Path, source_of: Make) -> None:
    folder.chmod(0o755)
    _, last = _steps(source_of(server))
    assert last.good
    assert "drwxr-xr-x" in last.found
    folder.chmod(0o777)
    server.writable = True
    _, last = _steps(source_of(server))
    assert not last.good
    assert server.seen.changes == ["setstat b'/datos/sige'"]


@pytest.mark.parametrize(
    ("changes", "stops_at"),
    [
        ({"known_hosts_file": None}, "configuración"),
        ({"key_file": "/no/esta"}, "configuración"),
        ({"port": 1}, "conexión"),
        ({"password": "mala"}, "inicio de sesión"),
        ({"folder": "/no/existe"}, "carpeta"),
    ],
)
def test_it_stops_where_the_rest_would_be_pointless(
    changes: dict[str, object], stops_at: str, server: AsyncsshSftp, source_of: Make
) -> None:
    names, last = _steps(source_of(server, **changes))
    assert names == STEPS[: STEPS.index(stops_at) + 1]
    assert not last.good


def test_an_unknown_server_is_shown_with_its_fingerprint(server: AsyncsshSftp, source_of: Make, tmp_path: Path) -> None:
    source = source_of(server)
    (tmp_path / "known_hosts").write_text("")
    names, last = _steps(source)
    assert names[-1] == "clave del servidor"
    assert server.fingerprint in last.found
    assert server.seen.passwords == []


def test_a_file_that_cannot_be_read_is_found(server: AsyncsshSftp, folder: Path, source_of: Make) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"x")
    server.faults.forbid_reading = True
    names, last = _steps(source_of(server))
    assert names[-1] == "lectura"
    assert not last.good


def test_an_error_nobody_foresaw_is_told_without_its_words(tmp_path: Path) -> None:
    nonsense = configured(tmp_path, host="x\0y", user=USER, password=PASSWORD, known_hosts_file=tmp_path)
    assert [probe.good for probe in nonsense.examine()] == [False]
