"""Who is at the other end, and with what we enter: an impostor never hears the password."""

from __future__ import annotations

import logging
import subprocess
import traceback
from pathlib import Path

import asyncssh
import pytest

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Fetched, SourceFailure
from emtp_assets.sources.sftp import SftpSource
from emtp_assets_tests.servers.asyncssh_sftp import AsyncsshSftp
from emtp_assets_tests.servers.sshd import Sshd, new_key
from emtp_assets_tests.sources.sftp.conftest import PASSWORD, USER, Make, configured, delivered, told

MATRICULA = contract_for("matricula")
PASSPHRASE = "frase·de·la·clave 8"


def _refused(source: SftpSource, target: Path) -> SourceFailure:
    with pytest.raises(SourceFailure) as caught:
        source.fetch(MATRICULA, 2025, target)
    assert delivered(target) == []
    return caught.value


def _enters(source: SftpSource, target: Path) -> bool:
    return source.fetch(MATRICULA, 2025, target) is None


@pytest.mark.parametrize(
    "noted", ["", "# nada\n", "otro.mineduc.cl {key}", "127.0.0.1 {key}", "@cert-authority {line}"]
)
def test_a_server_that_nobody_noted_hears_no_password(
    noted: str, server: AsyncsshSftp, source_of: Make, target: Path, tmp_path: Path
) -> None:
    source = source_of(server)
    line = server.known_hosts
    (tmp_path / "known_hosts").write_text(noted.format(key=line.split(" ", 1)[1], line=line))
    failure = _refused(source, target)
    assert told(failure) == ("HOST_KEY", "PERMANENT")
    assert server.fingerprint in failure.explanation.what
    assert "No se le envió ninguna credencial" in failure.explanation.what
    assert "TI esa huella" in failure.explanation.action
    assert (server.seen.passwords, server.seen.users) == ([], [])


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
def test_an_impostor_in_the_servers_place_hears_no_password(
    kind: str, server: AsyncsshSftp, source_of: Make, target: Path, folder: Path
) -> None:
    source = source_of(server)
    assert _enters(source, target)
    server.stop()
    with AsyncsshSftp(
        folder, passwords={USER: PASSWORD}, host_key=asyncssh.generate_private_key(kind), port=server.port
    ) as impostor:
        failure = _refused(source, target)
        assert told(failure) == ("HOST_KEY", "PERMANENT")
        assert impostor.fingerprint in failure.explanation.what
        assert "impostor" in failure.explanation.what
        assert "No la acepte" in failure.explanation.action
        assert (impostor.seen.connections, impostor.seen.passwords, impostor.seen.users) == (1, [], [])


def test_a_revoked_key_is_refused_even_if_it_is_noted(
    server: AsyncsshSftp, source_of: Make, target: Path, tmp_path: Path
) -> None:
    source = source_of(server)
    (tmp_path / "known_hosts").write_text(f"{server.known_hosts}@revoked {server.known_hosts}")
    assert told(_refused(source, target)) == ("HOST_KEY", "PERMANENT")
    assert server.seen.passwords == []


def test_a_change_of_key_can_be_noted_beforehand(
    server: AsyncsshSftp, source_of: Make, target: Path, tmp_path: Path
) -> None:
    source = source_of(server)
    coming = new_key(tmp_path / "otra").with_suffix(".pub").read_text()
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {coming}{server.known_hosts}")
    assert _enters(source, target)


def test_openssh_writes_the_file_that_is_read(sshd: Sshd, source_of: Make, target: Path, tmp_path: Path) -> None:
    """What the message tells to do: ssh-keyscan; and `ssh-keygen -H`, which hides the names."""
    source = source_of(sshd)
    known = tmp_path / "known_hosts"
    scan = subprocess.run(["ssh-keyscan", "-p", str(sshd.port), "127.0.0.1"], capture_output=True, check=True)
    known.write_bytes(scan.stdout)
    (tmp_path / "servidor" / "datos" / "sige").mkdir(parents=True)
    assert _enters(source, target)
    subprocess.run(["ssh-keygen", "-H", "-f", str(known)], capture_output=True, check=True)
    assert "127.0.0.1" not in known.read_text()
    assert _enters(source, target)


def test_without_noted_keys_nothing_is_even_tried(server: AsyncsshSftp, source_of: Make, target: Path) -> None:
    failure = _refused(source_of(server, known_hosts_file=None), target)
    assert told(failure) == ("SETTINGS", "PERMANENT")
    assert f"ssh-keyscan -p {server.port} 127.0.0.1" in failure.explanation.action
    assert "ssh-keygen -lf" in failure.explanation.action
    assert "SFTP_KNOWN_HOSTS=" in failure.explanation.action
    assert server.seen.connections == 0


@pytest.mark.parametrize("damage", ["no_esta", "AAAA", "no es base64", ""])
def test_a_damaged_file_of_keys_is_named(
    damage: str, server: AsyncsshSftp, source_of: Make, target: Path, tmp_path: Path
) -> None:
    source = source_of(server)
    known = tmp_path / "known_hosts"
    known.unlink()
    if damage != "no_esta":
        known.write_text(f"# claves\n[127.0.0.1]:{server.port} ssh-ed25519 {damage}")
    failure = _refused(source, target)
    assert told(failure) == ("SETTINGS", "PERMANENT")
    assert str(known) in failure.explanation.what
    assert "línea 2" in failure.explanation.what or damage == "no_esta"
    assert server.seen.connections == 0


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_key_with_passphrase_enters(
    kind: str, sshd: Sshd, folder: Path, source_of: Make, target: Path, tmp_path: Path
) -> None:
    sshd.authorize(new_key(tmp_path / "propia", kind, PASSPHRASE).with_suffix(".pub"))
    assert _enters(source_of(sshd, key_file=tmp_path / "propia", key_passphrase=PASSPHRASE), target)


def test_a_password_from_a_file_enters(server: AsyncsshSftp, source_of: Make, folder: Path, target: Path) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"x")
    secret = target.parent / "secreto"
    secret.write_text(f"{PASSWORD}\n")
    assert isinstance(source_of(server, password=None, password_file=secret).fetch(MATRICULA, 2025, target), Fetched)
    assert server.seen.passwords == [(USER, PASSWORD)]


def test_with_a_key_the_password_stays_at_home(folder: Path, source_of: Make, target: Path, tmp_path: Path) -> None:
    key = new_key(tmp_path / "propia")
    with AsyncsshSftp(
        folder.parent.parent, passwords={USER: PASSWORD}, keys={USER: key.with_suffix(".pub").read_text()}
    ) as server:
        assert _enters(source_of(server, key_file=key), target)
        failure = _refused(source_of(server, key_file=new_key(tmp_path / "ajena")), target)
        assert told(failure) == ("CREDENTIAL", "PERMANENT")
        assert "con la clave." in failure.explanation.what
        assert server.seen.passwords == []


def test_a_server_that_wants_key_and_password_gets_both(
    tmp_path: Path, folder: Path, source_of: Make, target: Path
) -> None:
    both = ("PasswordAuthentication yes", "AuthenticationMethods publickey,password")
    with Sshd(tmp_path / "sshd_exigente", configuration=both) as sshd:
        sshd.authorize(new_key(tmp_path / "clave").with_suffix(".pub"))
        failure = _refused(source_of(sshd), target)
        assert told(failure) == ("CREDENTIAL", "PERMANENT")
        assert "con la clave: sólo con password" in failure.explanation.what
        # OpenSSH knows no password of the tests' account: that it asked for it is what can be shown.
        failure = _refused(source_of(sshd, password=PASSWORD), target)
        assert told(failure) == ("CREDENTIAL", "PERMANENT")
        assert "con la clave y la contraseña." in failure.explanation.what


def test_a_refused_password_is_tried_once(server: AsyncsshSftp, source_of: Make, target: Path) -> None:
    failure = _refused(source_of(server, password="otra-clave-9"), target)
    assert told(failure) == ("CREDENTIAL", "PERMANENT")
    assert f"«{USER}» con la contraseña" in failure.explanation.what
    assert server.seen.passwords == [(USER, "otra-clave-9")]


def test_a_refused_key_is_said_to_be_the_key(sshd: Sshd, source_of: Make, target: Path, tmp_path: Path) -> None:
    failure = _refused(source_of(sshd, key_file=new_key(tmp_path / "ajena")), target)
    assert told(failure) == ("CREDENTIAL", "PERMANENT")
    assert "con la clave" in failure.explanation.what


def test_keys_that_lie_about_are_not_tried(
    sshd: Sshd, source_of: Make, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    sshd.authorize(new_key(tmp_path / ".ssh" / "id_ed25519").with_suffix(".pub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    failure = _refused(source_of(sshd, key_file=None, password=PASSWORD), target)
    assert told(failure) == ("CREDENTIAL", "PERMANENT")
    assert "publickey" in failure.explanation.what


def test_a_server_that_asks_in_its_own_words_is_not_answered(folder: Path, source_of: Make, target: Path) -> None:
    with AsyncsshSftp(folder.parent.parent, passwords={USER: PASSWORD}, interactive_only=True) as server:
        failure = _refused(source_of(server), target)
        assert told(failure) == ("CREDENTIAL", "PERMANENT")
        assert "keyboard-interactive" in failure.explanation.what
        assert server.seen.passwords == []


@pytest.mark.parametrize(
    "weak",
    [
        {"encryption_algs": ["aes256-cbc", "3des-cbc"]},
        {"mac_algs": ["hmac-sha1", "hmac-md5"], "encryption_algs": ["aes128-ctr"]},
        {"kex_algs": ["diffie-hellman-group14-sha1"]},
    ],
)
def test_weak_encryption_is_not_agreed_to(
    weak: dict[str, list[str]], folder: Path, source_of: Make, target: Path
) -> None:
    with AsyncsshSftp(folder.parent.parent, passwords={USER: PASSWORD}, algorithms=weak) as server:
        failure = _refused(source_of(server), target)
        assert told(failure) == ("ANSWER", "PERMANENT")
        assert "ya no son seguros" in failure.explanation.what
        assert server.seen.passwords == []


def test_a_key_that_cannot_be_opened_says_why(server: AsyncsshSftp, source_of: Make, target: Path) -> None:
    key = new_key(target.parent / "propia", passphrase=PASSPHRASE)
    for file, passphrase, words in (
        (target.parent / "no_esta", None, "No se puede leer la clave"),
        (key.with_suffix(".pub"), None, "no es una clave privada"),
        (key, None, "está protegida con una frase"),
        (key, "otra frase", "la frase no es la suya"),
    ):
        failure = _refused(source_of(server, password=None, key_file=file, key_passphrase=passphrase), target)
        assert told(failure) == ("CREDENTIAL", "PERMANENT")
        assert words in failure.explanation.what
    assert server.seen.connections == 0


@pytest.mark.parametrize(
    ("missing", "variable"),
    [("host", "SFTP_HOST"), ("user", "SFTP_USER"), ("password", "SFTP_KEY_FILE")],
)
def test_incomplete_settings_name_the_variable(missing: str, variable: str, tmp_path: Path, target: Path) -> None:
    whole = {"host": "x", "user": USER, "password": PASSWORD, "known_hosts_file": tmp_path / "known_hosts"}
    failure = _refused(configured(tmp_path, **{**whole, missing: None}), target)
    assert told(failure) == ("SETTINGS", "PERMANENT")
    assert variable in str(failure)


def test_no_secret_is_in_any_log_error_or_repr(
    server: AsyncsshSftp,
    sshd: Sshd,
    folder: Path,
    source_of: Make,
    target: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (folder / "matricula_2025.csv").write_bytes(b"x" * 100_000)
    key = new_key(tmp_path / "propia", passphrase=PASSPHRASE)
    sshd.authorize(key.with_suffix(".pub"))
    written: list[str] = []
    caplog.set_level(logging.DEBUG)
    keyed = {"key_file": key, "key_passphrase": PASSPHRASE}
    server.faults.cut_after = 50_000
    for served, changes in (
        (server, {}),
        (server, {"password": f"{PASSWORD}-mala"}),
        (server, {**keyed}),
        (sshd, {**keyed}),
        (sshd, {"key_file": key, "key_passphrase": f"{PASSPHRASE}-mala"}),
        (sshd, {"password": PASSWORD, **keyed, "user": "nadie"}),
        (server, {"known_hosts_file": None}),
    ):
        source = source_of(served, **changes)
        written.append(repr(source) + repr(source.settings) + str(source.settings))
        written.extend(repr(probe) for probe in source.examine())
        try:
            source.fetch(MATRICULA, 2025, target)
        except SourceFailure as failure:
            written += [str(failure), repr(failure), "".join(traceback.format_exception(failure))]
    everything = "\n".join([*written, *(record.getMessage() + str(record.exc_text) for record in caplog.records)])
    assert "se descarga" in everything
    for secret in (PASSWORD, PASSPHRASE, *key.read_text().splitlines()[1:-1]):
        assert secret not in everything
    assert not [record.name for record in caplog.records if record.name.startswith(("paramiko", "asyncssh"))]
