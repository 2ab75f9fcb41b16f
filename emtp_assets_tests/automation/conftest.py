"""A real Dagster instance, a real mail server and the office that uses both, for the tests of the alarms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from emtp_assets_tests.alerts.conftest import instance, mailing
from emtp_assets_tests.automation.office import (
    Office,
)
from emtp_assets_tests.servers.smtp import MailServer


@pytest.fixture
def dagster() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def office(tmp_path: Path, dagster: dg.DagsterInstance, mail_server: MailServer) -> Office:
    return Office(instance(tmp_path, mailing(mail_server, developer_email=("codigo@mineduc.test",))), dagster)
