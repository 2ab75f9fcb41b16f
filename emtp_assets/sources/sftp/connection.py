"""From nothing to an SFTP session: reach, prove the server's key, sign in, open. What is read then is `folder`'s.

No credential leaves before the server has shown a pinned key. There is no agent, no key found by chance, and no
keyboard-interactive: paramiko's fall-back would answer with the password whatever the server asks.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

import paramiko
from paramiko.sftp import (
    SFTP_CONNECTION_LOST,
    SFTP_NO_CONNECTION,
    SFTP_NO_SUCH_FILE,
    SFTP_OP_UNSUPPORTED,
    SFTP_PERMISSION_DENIED,
    SFTPError,
)
from paramiko.ssh_exception import IncompatiblePeer

from emtp_assets.sources.failure import Cause, Nature, SourceFailure
from emtp_assets.sources.sftp import failures
from emtp_assets.sources.sftp.access import Access
from emtp_assets.sources.sftp.known_hosts import PinnedKeys, pinned_keys
from emtp_assets.sources.sftp.session import Session, Status

# CBC lets whoever listens recover text (Albrecht, Paterson and Watson 2009), 3DES has blocks of 64 bits (NIST withdrew
# it after 2023), MD5 and SHA-1 are broken hashes and the -96 ones are cut short. Key exchanges and signatures with
# SHA-1, DSA and groups under 2048 bits are not in paramiko 5 at all (RFC 9142).
WEAK = {
    "ciphers": ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"),
    "macs": ("hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"),
}

# What paramiko logs is not ours to vouch for: file names, a server's words, tracebacks.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)


class Connection:
    """One connection, taken step by step so that `emtp doctor` can tell which one fails. Close it in any case."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._pinned = pinned_keys(access.known_hosts, access.known_as)
        self._key = _private_key(access)
        self._socket: socket.socket | None = None
        self._transport: paramiko.Transport | None = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reach(self) -> None:
        """Open the TCP connection.

        Raises:
            SourceFailure: REFUSED or TIMEOUT, passing; SETTINGS, permanent: there is no such host.
        """
        access = self._access
        try:
            self._socket = socket.create_connection((access.host, access.port), timeout=access.timeout)
        except (OSError, UnicodeError) as error:
            raise failures.unreachable(access.address, error, access.timeout) from None

    def prove_server(self) -> str:
        """Agree on encryption and compare the server's key with the pinned ones; its fingerprint.

        Raises:
            SourceFailure: HOST_KEY, permanent: unknown or changed; ANSWER, permanent: no safe algorithm in common;
                TIMEOUT or CUT, passing.
        """
        access = self._access
        assert self._socket is not None
        transport = self._transport = paramiko.Transport(self._socket, disabled_algorithms=WEAK)
        # Longer than start_client's: its end tells waiting in vain from being hung up on, theirs does not.
        transport.banner_timeout = transport.handshake_timeout = 2 * access.timeout + 5
        transport.auth_timeout = transport.channel_timeout = access.timeout
        options = transport.get_security_options()
        # Like OpenSSH: ask first for a key of a kind that is pinned, or the server would show another one.
        options.key_types = sorted(options.key_types, key=lambda kind: not _pinned_kind(kind, self._pinned))
        with self._told("al acordar el cifrado"):
            transport.start_client(timeout=access.timeout)
            if not transport.initial_kex_done:
                raise TimeoutError
            shown = transport.get_remote_server_key()
        if self._pinned.accept(shown):
            return f"{shown.get_name()} {shown.fingerprint}"
        self.close()
        say = failures.changed_key if self._pinned.contradict(shown) else failures.unknown_key
        raise say(access.address, shown.fingerprint, shown.get_name(), access.known_hosts)

    def sign_in(self) -> str:
        """Enter with the key, or with the password if there is no key; with both where the server wants both.

        A refused key does not make the password leave. What was used is returned, for people.

        Raises:
            SourceFailure: CREDENTIAL, permanent; TIMEOUT or CUT, passing.
        """
        access, transport, key = self._access, self._proven(), self._key
        used = "la contraseña" if key is None else "la clave"
        with self._told("al iniciar sesión"):
            try:
                more = self._password() if key is None else transport.auth_publickey(access.user, key)
                if key is not None and "password" in more and access.password is not None:
                    used = "la clave y la contraseña"
                    more = self._password()
            except paramiko.BadAuthenticationType as error:
                more = error.allowed_types
            except paramiko.AuthenticationException as error:
                if _is_refusal(error):
                    raise failures.refused_credential(access.address, access.user, used) from None
                raise
            if more:
                raise failures.method_not_offered(access.address, access.user, used, more)
        return used

    def open(self) -> Session:
        """The SFTP session.

        Raises:
            SourceFailure: ANSWER, permanent: the account has no SFTP; TIMEOUT or CUT, passing.
        """
        access, transport = self._access, self._proven()
        with self._told("al abrir SFTP"), _at_most(access.timeout, transport):
            try:
                channel = transport.open_session(timeout=access.timeout)
            except paramiko.ChannelException:
                raise failures.not_sftp(access.address, "al abrir SFTP") from None
            channel.settimeout(access.timeout)
            try:
                channel.invoke_subsystem("sftp")
                return Session(channel)
            except paramiko.SSHException:
                # Only the channel was closed: the answer for this account, not the network's. A lost connection
                # is noticed by the transport's thread a moment later.
                transport.join(timeout=0.5)
                if transport.is_active():
                    raise failures.not_sftp(access.address, "al abrir SFTP") from None
                raise

    def close(self) -> None:
        """Hang up and see the transport's thread end. Nothing is raised, whatever the server does."""
        if self._transport is not None:
            with suppress(Exception):
                self._transport.close()
            # paramiko leaves the handshake's timer running when the handshake fails: a thread that holds up an exit.
            self._transport.packetizer.complete_handshake()
        if self._socket is not None:
            self._socket.close()
        if self._transport is not None and self._transport.is_alive():
            self._transport.join(timeout=5)

    def _password(self) -> list[str]:
        return self._proven().auth_password(self._access.user, self._access.password or "", fallback=False)

    @contextmanager
    def _told(self, when: str) -> Iterator[None]:
        with told(self._access, when):
            yield

    def _proven(self) -> paramiko.Transport:
        assert self._transport is not None
        return self._transport


@contextmanager
def connected(access: Access) -> Iterator[Session]:
    """A session, closed at the end. Raises what `Connection`'s steps raise."""
    with Connection(access) as connection:
        connection.reach()
        connection.prove_server()
        connection.sign_in()
        yield connection.open()


@contextmanager
def told(access: Access, when: str, path: str = "", *, missing: SourceFailure | None = None) -> Iterator[None]:
    """Turn what paramiko raises into a `SourceFailure`. ``missing``: what to raise when ``path`` does not exist."""
    address = access.address
    try:
        yield
    except SourceFailure:
        raise
    except Status as status:
        if status.code == SFTP_NO_SUCH_FILE and missing is not None:
            raise missing from None
        if status.code == SFTP_PERMISSION_DENIED:
            raise failures.forbidden(address, path, access.user) from None
        if status.code in (SFTP_NO_CONNECTION, SFTP_CONNECTION_LOST):
            raise failures.cut(address, when) from None
        if status.code == SFTP_OP_UNSUPPORTED:
            raise failures.not_sftp(address, when) from None
        raise failures.server_error(address, when, status.code) from None
    except TimeoutError:
        raise failures.silent(address, when, access.timeout) from None
    except IncompatiblePeer:
        raise failures.incompatible(address) from None
    except SFTPError:
        raise failures.not_sftp(address, when) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        # paramiko tells waiting in vain from being hung up on by its words alone.
        if "timeout" in str(error).lower() or "timed out" in str(error).lower():
            raise failures.silent(address, when, access.timeout) from None
        raise failures.cut(address, when) from None
    except ValueError:
        # An answer that does not even decode.
        raise failures.not_sftp(address, when) from None


def _pinned_kind(algorithm: str, pinned: PinnedKeys) -> bool:
    # An RSA key is noted as ssh-rsa and signs as rsa-sha2-256 or -512 (RFC 8332).
    return ("ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm) in pinned.kinds


def _is_refusal(error: paramiko.AuthenticationException) -> bool:
    """Whether the server said no, rather than nothing or good-bye: paramiko has one exception for the three."""
    words = str(error).lower()
    return "timeout" not in words and "shut down" not in words


@contextmanager
def _at_most(seconds: float, transport: paramiko.Transport) -> Iterator[None]:
    # paramiko waits for the answer to a subsystem request without limit: hanging up is what ends that wait.
    late = threading.Event()

    def hang_up() -> None:
        late.set()
        transport.close()

    watch = threading.Timer(seconds, hang_up)
    watch.daemon = True
    watch.start()
    try:
        yield
    except Exception:
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        watch.cancel()
        watch.join()


def _private_key(access: Access) -> paramiko.PKey | None:
    file = access.key_file
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no es texto"
        raise _bad_key(
            f"No se puede leer la clave {file} ({reason}).", "Corrija SFTP_KEY_FILE o sus permisos."
        ) from None
    if "PRIVATE KEY" not in text:
        raise _bad_key(
            f"{file} no es una clave privada.", "Ponga en SFTP_KEY_FILE la clave privada (no la que termina en .pub)."
        )
    # Not PKey.from_path: in 5.1 it takes no text as passphrase.
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(str(file), access.passphrase)
        except paramiko.PasswordRequiredException:
            raise _bad_key(
                f"La clave {file} está protegida con una frase y no se entregó ninguna.",
                "Defina SFTP_KEY_PASSPHRASE_FILE en .env.",
            ) from None
        except (paramiko.SSHException, ValueError):
            continue
    raise _bad_key(
        f"No se pudo abrir la clave {file}: la frase no es la suya, está dañada o no es Ed25519, ECDSA ni RSA.",
        "Pruebe «ssh-keygen -y -f <clave>»; corrija la frase en .env o genere otra clave (ssh-keygen -t ed25519).",
    )


def _bad_key(what: str, action: str) -> SourceFailure:
    return failures.failure(
        Cause.CREDENTIAL,
        Nature.PERMANENT,
        what,
        "Una clave privada Ed25519, ECDSA o RSA en formato OpenSSH o PEM.",
        action,
    )
