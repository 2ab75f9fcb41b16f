"""Everything a server and a network do wrong: what it is called, whether it passes, and that nothing half stays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from emtp_assets.contracts import contract_for
from emtp_assets.sources import SourceFailure
from emtp_assets.sources.sftp import SftpSource, failures
from emtp_assets_tests.servers.asyncssh_sftp import AsyncsshSftp, Faults
from emtp_assets_tests.servers.sshd import Sshd, new_key
from emtp_assets_tests.sources.sftp.conftest import PASSWORD, USER, Make, configured, delivered, told

MATRICULA = contract_for("matricula")
SERVERS_WORDS = "secreto del servidor"


def _refused(source: SftpSource, target: Path) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        source.fetch(MATRICULA, 2025, target)
    assert delivered(target) == []
    assert SERVERS_WORDS not in str(caught.value)
    assert caught.value.explanation.action
    return caught.value


@contextmanager
def _listener(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of the loopback where each connection is given to ``answer`` and held until the end."""
    held: list[socket.socket] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in held:
            connection.close()


def _bare(tmp_path: Path, port: int, **changes: object) -> SftpSource:
    (tmp_path / "known_hosts").touch()
    values = {"host": "127.0.0.1", "port": port, "user": USER, "password": PASSWORD, "timeout": 0.5}
    return configured(tmp_path, **{**values, "known_hosts_file": tmp_path / "known_hosts", **changes})


def test_a_closed_port_passes(tmp_path: Path, target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    failure = _refused(_bare(tmp_path, port), target)
    assert told(failure) == ("REFUSED", "PASSING")
    assert f"127.0.0.1:{port} rechazó la conexión" in failure.explanation.what


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(lambda _: None, ("TIMEOUT", "PASSING"), id="never says a word"),
        pytest.param(lambda c: c.sendall(b"SSH-2.0-lento\r\n"), ("TIMEOUT", "PASSING"), id="only its name"),
        pytest.param(lambda c: c.shutdown(socket.SHUT_RDWR), ("CUT", "PASSING"), id="hangs up"),
        pytest.param(lambda c: c.sendall(b"SSH-1.5-viejo\r\n"), ("ANSWER", "PERMANENT"), id="SSH 1"),
    ],
)
def test_a_server_that_is_no_good_from_the_start(
    answer: Callable[[socket.socket], None], expected: tuple[str, str], tmp_path: Path, target: Path
) -> None:
    with _listener(answer) as port:
        assert told(_refused(_bare(tmp_path, port), target)) == expected


@pytest.mark.parametrize(
    ("faults", "expected", "words"),
    [
        (Faults(silent_login=True), ("TIMEOUT", "PASSING"), "no respondió en 0.7 segundos al iniciar sesión"),
        (Faults(silent_read=True), ("TIMEOUT", "PASSING"), "no respondió en 0.7 segundos al leer"),
        (Faults(cut_after=0), ("CUT", "PASSING"), "cortó la conexión al leer /datos/sige/matricula_2025.csv"),
        (Faults(forbid_listing=True), ("PERMISSION", "PERMANENT"), f"no deja a «{USER}» leer /datos/sige."),
        (Faults(forbid_reading=True), ("PERMISSION", "PERMANENT"), "leer /datos/sige/matricula_2025.csv."),
        (Faults(disk_broken=True), ("SERVER", "PASSING"), "error propio al leer"),
    ],
)
def test_a_server_that_fails_later(
    faults: Faults,
    expected: tuple[str, str],
    words: str,
    server: AsyncsshSftp,
    folder: Path,
    source_of: Make,
    target: Path,
) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"x" * 100_000)
    server.faults = faults
    failure = _refused(source_of(server, timeout=0.7), target)
    assert told(failure) == expected
    assert words in failure.explanation.what


@pytest.mark.parametrize("agreed", ["/no/existe", "/datos/sige/un_archivo"])
def test_a_folder_that_is_not_there_is_named(
    agreed: str, server: AsyncsshSftp, folder: Path, source_of: Make, target: Path
) -> None:
    (folder / "un_archivo").touch()
    failure = _refused(source_of(server, folder=agreed), target)
    assert told(failure) == ("SETTINGS", "PERMANENT")
    assert f"La carpeta {agreed} no existe" in failure.explanation.what
    assert "SFTP_FOLDER" in failure.explanation.action


def test_an_account_without_sftp(folder: Path, source_of: Make, target: Path) -> None:
    with AsyncsshSftp(folder.parent.parent, passwords={USER: PASSWORD}, with_sftp=False) as server:
        failure = _refused(source_of(server), target)
        assert told(failure) == ("ANSWER", "PERMANENT")
        assert "habilite SFTP" in failure.explanation.action


class _Mute(paramiko.ServerInterface):
    """Lets anyone in, and then never says whether there is SFTP; paramiko's client waits for that without limit."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        self.over.wait(30)
        return False


def test_a_server_that_never_says_whether_there_is_sftp(tmp_path: Path, target: Path) -> None:
    key, mute, transports = paramiko.ECDSAKey.generate(), _Mute(), list[paramiko.Transport]()

    def answer(connection: socket.socket) -> None:
        transports.append(paramiko.Transport(connection))
        transports[0].add_server_key(key)
        transports[0].start_server(threading.Event(), mute)

    with _listener(answer) as port:
        source = _bare(tmp_path, port, timeout=1)
        (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}")
        failure = _refused(source, target)
        mute.over.set()
        transports[0].close()
    assert told(failure) == ("TIMEOUT", "PASSING")
    assert "no respondió en 1 segundos al abrir SFTP" in failure.explanation.what


@pytest.mark.parametrize(("command", "timeout"), [("/bin/false", 20), ("/bin/sleep 20", 1)])
def test_an_openssh_whose_sftp_does_not_work(
    command: str, timeout: int, tmp_path: Path, folder: Path, source_of: Make, target: Path
) -> None:
    with Sshd(tmp_path / "sshd_roto", configuration=(f"ForceCommand {command}",)) as sshd:
        sshd.authorize(new_key(tmp_path / "clave").with_suffix(".pub"))
        failure = _refused(source_of(sshd, timeout=timeout), target)
    expected = {"/bin/false": ("ANSWER", "PERMANENT"), "/bin/sleep 20": ("TIMEOUT", "PASSING")}
    assert told(failure) == expected[command]


def test_a_listing_without_sizes_and_times_offers_nothing(
    server: AsyncsshSftp, folder: Path, source_of: Make, target: Path
) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"x")
    server.faults.hidden_attributes = True
    assert source_of(server).fetch(MATRICULA, 2025, target) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "x"), ("REFUSED", "PASSING")),
        (socket.gaierror(socket.EAI_NONAME, "x"), ("SETTINGS", "PERMANENT")),
        (OSError(101, "x"), ("REFUSED", "PASSING")),
        (TimeoutError(), ("TIMEOUT", "PASSING")),
    ],
)
def test_what_a_network_says(error: OSError, expected: tuple[str, str]) -> None:
    assert told(failures.unreachable("sftp.mineduc.cl:22", error, 5)) == expected


def test_a_name_that_cannot_be_one(tmp_path: Path, target: Path) -> None:
    failure = _refused(_bare(tmp_path, 22, host="sftp..mineduc.cl"), target)
    assert told(failure) == ("SETTINGS", "PERMANENT")
