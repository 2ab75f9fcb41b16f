"""The real OpenSSH server, one process a connection, on a port of the loopback that the system chose.

sshd's inetd mode (`sshd -i`) is given a connection that was accepted here: no port is guessed, every session can be
killed. Keys only: passwords need PAM and root's accounts.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType

_PRIVILEGE_SEPARATION = Path("/run/sshd")


class Sshd:
    """Serves the whole file system to the account that runs it, read-only unless ``writable``.

    ``configuration``: lines of sshd_config(5) put before the others, the first of a name counts.
    """

    def __init__(self, folder: Path, *, writable: bool = False, configuration: tuple[str, ...] = ()) -> None:
        binary = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if binary is None:
            raise FileNotFoundError("sshd: instale openssh-server")
        self._binary = binary
        self._folder = folder
        self._configuration = configuration
        self._mode = "" if writable else " -R"
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.authorized_keys = folder / "authorized_keys"
        self.host_key = folder / "host_key"
        self.port = 0
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._sessions: list[subprocess.Popen[bytes]] = []
        self._made_folder = False

    def __enter__(self) -> Sshd:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def known_hosts(self) -> str:
        """The server's line for a known_hosts file."""
        kind, key = self.host_key.with_suffix(".pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new_key(self.host_key)
        self.authorized_keys.touch(mode=0o600)
        if os.getuid() == 0 and not _PRIVILEGE_SEPARATION.exists():
            # What Debian's service makes before it starts sshd; as root it does not run without.
            _PRIVILEGE_SEPARATION.mkdir(mode=0o755)
            self._made_folder = True
        (self._folder / "sshd_config").write_text(
            "\n".join(
                [
                    *self._configuration,
                    f"HostKey {self.host_key}",
                    f"AuthorizedKeysFile {self.authorized_keys}",
                    "PidFile none",
                    "StrictModes no",
                    "UsePAM no",
                    "PermitRootLogin prohibit-password",
                    "PasswordAuthentication no",
                    "KbdInteractiveAuthentication no",
                    f"Subsystem sftp internal-sftp{self._mode}",
                    "",
                ]
            )
        )
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(self._listener,), name="sshd", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._listener is not None:
            # shutdown, not only close: it is what wakes a thread in accept().
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        if self._thread is not None:
            self._thread.join()
        self.cut()
        if self._made_folder:
            _PRIVILEGE_SEPARATION.rmdir()

    def cut(self) -> None:
        """Kill every session, as a server that is restarted or loses power does."""
        for session in self._sessions:
            session.kill()
            session.wait()
        self._sessions.clear()

    def authorize(self, public_key: Path) -> None:
        with self.authorized_keys.open("a") as file:
            file.write(public_key.read_text())

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, (self._folder / "sshd.log").open("ab") as log:
                self._sessions.append(
                    subprocess.Popen(
                        [self._binary, "-i", "-e", "-f", str(self._folder / "sshd_config")],
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=log,
                    )
                )


def new_key(file: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    """A new key made by ssh-keygen, the public half beside it as ``.pub``; its file."""
    file.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", str(file)], check=True)
    return file
