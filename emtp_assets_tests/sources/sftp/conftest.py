"""An SFTP server with the agreed folder, and the source that is configured for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emtp_assets.sources import SourceFailure
from emtp_assets.sources.sftp import SftpSource
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.servers.asyncssh_sftp import AsyncsshSftp
from emtp_assets_tests.servers.sshd import Sshd, new_key

USER = "lector_emtp"
PASSWORD = "Contraseña·muy·secreta·71"

Make = Callable[..., SftpSource]


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The agreed folder as the server's machine sees it; clients of asyncssh see it as /datos/sige."""
    made = tmp_path / "servidor" / "datos" / "sige"
    made.mkdir(parents=True)
    return made


@pytest.fixture
def server(folder: Path) -> Iterator[AsyncsshSftp]:
    with AsyncsshSftp(folder.parent.parent, passwords={USER: PASSWORD}) as running:
        yield running


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with Sshd(tmp_path / "sshd") as running:
        running.authorize(new_key(tmp_path / "clave").with_suffix(".pub"))
        yield running


@pytest.fixture
def source_of(tmp_path: Path) -> Make:
    """A source for a server, its key pinned; keywords change settings of SFTP_."""

    def make(server: AsyncsshSftp | Sshd, **changes: object) -> SftpSource:
        known = tmp_path / "known_hosts"
        known.write_text(server.known_hosts)
        of_server = (
            {"user": server.user, "key_file": tmp_path / "clave", "folder": tmp_path / "servidor" / "datos" / "sige"}
            if isinstance(server, Sshd)
            else {"user": USER, "password": PASSWORD, "folder": "/datos/sige"}
        )
        values = {"host": "127.0.0.1", "port": server.port, "known_hosts_file": known, "timeout": 5, **of_server}
        return configured(tmp_path, **{**values, **changes})

    return make


def configured(tmp_path: Path, **values: object) -> SftpSource:
    sftp = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
    return SftpSource(isolated_settings(data_dir=tmp_path / "data", sftp=sftp))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "bajada"
    made.mkdir()
    return made


def delivered(target: Path) -> list[str]:
    """The names that could be taken for a delivery."""
    return [path.name for path in target.iterdir() if not path.name.startswith(".")]


def told(failure: SourceFailure) -> tuple[str, str]:
    return failure.cause.name, failure.nature.name
