"""No secret reaches a log, an event, an exception or a file, in a run where every way in fails.

The instance is the operator's own: the `emtp` command in processes of its own, settings in the environment and in
files, every logger at its most talkative; then every byte written or printed is searched.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from emtp_assets.settings import HOME
from emtp_assets_tests.servers.ministry import Ministry
from emtp_assets_tests.servers.smtp import MailServer
from emtp_assets_tests.servers.systems import NAMES, Systems
from emtp_assets_tests.servers.webhook import WebhookServer

pytestmark = pytest.mark.pipeline

# Everything that Python can be made to say, before the product's first import.
_TALKATIVE = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
logging.getLogger().setLevel(logging.DEBUG)
"""


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    folder = tmp_path_factory.mktemp("ministerio")
    with Systems(Ministry(folder / "datos", {"proyectos": [2025]}, scale=0.01), folder / "sistemas") as running:
        yield running


class Instance:
    """An instance in a folder, known to the `emtp` command by its environment alone."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.said = b""
        home = folder / "dagster_home"
        home.mkdir(parents=True)
        shutil.copy(HOME / "dagster_home" / "dagster.yaml", home)
        talkative = folder / "talkative"
        talkative.mkdir()
        (talkative / "sitecustomize.py").write_text(_TALKATIVE)
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
        self.environment = {
            **kept,
            "PYTHONPATH": str(talkative),
            "DAGSTER_HOME": str(home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "EMTP_DATA_DIR": str(folder / "data"),
            "EMTP_RETRY_ATTEMPTS": "2",
            "EMTP_RETRY_FIRST_WAIT": "0.01",
            "NO_PROXY": "localhost,127.0.0.1",
            **environment,
        }

    def emtp(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = Path(sys.executable).with_name("emtp")
        done = subprocess.run(
            [command, *arguments], env=self.environment, capture_output=True, check=False, timeout=120, cwd=HOME
        )
        self.said += done.stdout + done.stderr
        return done

    def alarms(self) -> None:
        """A tick of the alarm sensor, in a process of its own."""
        program = (
            "import dagster as dg\n"
            "from datetime import datetime, UTC\n"
            "from emtp_assets.automation.alerting import look\n"
            "from emtp_assets.settings import Settings\n"
            "with dg.DagsterInstance.get() as instance:\n"
            "    print(look(Settings(), instance, datetime.now(UTC)))\n"
        )
        done = subprocess.run([sys.executable, "-c", program], env=self.environment, capture_output=True, check=True)
        self.said += done.stdout + done.stderr

    def written(self) -> Iterator[tuple[str, bytes]]:
        """Every file under the instance, and all that its commands printed."""
        yield "lo que dijo la línea de comandos", self.said
        for path in self.folder.rglob("*"):
            if path.is_file() and "talkative" not in path.parts:
                yield str(path.relative_to(self.folder)), path.read_bytes()


def forms(secret: str) -> set[bytes]:
    """A secret as it may be spelt where texts are quoted, escaped or encoded."""
    plain = secret.encode()
    return {
        plain,
        secret.encode("latin-1"),
        secret.encode("utf-16-le"),
        base64.b64encode(plain).rstrip(b"="),
        json.dumps(secret)[1:-1].encode(),
        repr(secret)[1:-1].encode(),
        quote(secret).encode(),
        quote_plus(secret).encode(),
        secret.replace("}", "}}").encode(),
    }


def leaks(instance: Instance, secrets: dict[str, str]) -> list[str]:
    wanted = {name: forms(secret) for name, secret in secrets.items()}
    return [
        f"{name} en {where}"
        for where, content in instance.written()
        for name, spelt in wanted.items()
        if any(form in content for form in spelt)
    ]


def test_the_search_finds_what_it_is_to_find(tmp_path: Path) -> None:
    """The control: a secret that is there, whichever way it is spelt, is found."""
    secret = "ab;}Ñ'cd"
    for number, form in enumerate(sorted(forms(secret))):
        instance = Instance(tmp_path / str(number), {})
        (instance.folder / "data").mkdir()
        (instance.folder / "data" / "log").write_bytes(b"Server=x;PWD=" + form + b";")
        assert leaks(instance, {"clave": secret}) == ["clave en data/log"]


def test_a_run_in_which_every_way_fails_tells_no_secret(systems: Systems, tmp_path: Path) -> None:
    secrets = {name: f"equivocada-{systems.passwords[name]}" for name in NAMES}
    secrets |= {
        "smtp": "clave-del-correo-3f9c",
        "webhook": "/hooks/clave-del-webhook-77aa",
        "seudonimos": "0123456789abcdef" * 4,
    }
    (tmp_path / "clave_sftp").write_text(secrets["sftp"])
    (tmp_path / "clave_seudonimos").write_text(secrets["seudonimos"])
    (tmp_path / "clave_seudonimos").chmod(0o600)
    with (
        MailServer(
            user="emtp", password="otra", security="starttls", certificate=systems.authority.issue("correo")
        ) as mail,
        WebhookServer(path="/otra") as webhook,
    ):
        environment = systems.environment(*NAMES) | {
            "SIGE_DB_PASS": secrets["sqlserver"],
            "SHAREPOINT_CLIENT_SECRET": secrets["sharepoint"],
            "SFTP_PASS_FILE": str(tmp_path / "clave_sftp"),
            "MINEDUC_API_KEY": secrets["rest"],
            "EMTP_PSEUDONYM_KEY_FILE": str(tmp_path / "clave_seudonimos"),
            "EMTP_ALERT_SMTP_HOST": "localhost",
            "EMTP_ALERT_SMTP_PORT": str(mail.port),
            "EMTP_ALERT_SMTP_USER": "emtp",
            "EMTP_ALERT_SMTP_PASSWORD": secrets["smtp"],
            "EMTP_ALERT_EMAIL_TO": "analista@mineduc.example",
            "EMTP_ALERT_WEBHOOK_URL": webhook.url.removesuffix("/otra") + secrets["webhook"],
        }
        del environment["SFTP_PASS"]
        instance = Instance(tmp_path / "instancia", environment)
        run = instance.emtp("run", "2025", "--conjunto", "proyectos")
        doctor = instance.emtp("doctor")
        instance.emtp("test-alert")
        instance.alarms()
    assert run.returncode == 1
    said = run.stderr.decode()
    assert all(f"{name}: falló (credencial, permanente)" in said for name in NAMES), said
    assert doctor.returncode == 1
    assert b"DEBUG:" in instance.said, "the loggers must have been talkative"
    assert leaks(instance, secrets) == []


def test_a_run_that_delivers_tells_no_secret(systems: Systems, tmp_path: Path) -> None:
    """Tokens and pre-authenticated addresses are secrets that only a run that goes well ever sees."""
    for name in ("sqlserver", "sharepoint"):
        instance = Instance(tmp_path / name, systems.environment(name))
        run = instance.emtp("run", "2025", "--conjunto", "proyectos")
        assert run.returncode == 0, run.stderr.decode()
        secrets = dict(systems.passwords)
        secrets |= {f"token {n}": token for n, token in enumerate(systems.sharepoint.tokens)}
        secrets |= {f"dirección {n}": link for n, link in enumerate(systems.sharepoint.links)}
        assert leaks(instance, secrets) == []
    assert systems.sharepoint.tokens
    assert systems.sharepoint.links
