"""Each fault of each system through the whole: run, message, retry or not, alarm; nothing lost, nothing half published.

The faults are data in `source_faults`. That each source tells its faults apart by itself is proven in `sources`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import dagster as dg
import pytest

from emtp_assets.alerts import Event, Kind
from emtp_assets.alerts.alert import Severity
from emtp_assets.automation.alerting import look
from emtp_assets.automation.jobs import job_of
from emtp_assets.automation.runs import RunFailedError
from emtp_assets.keys import key_of
from emtp_assets.sources import Nature, Result
from emtp_assets.storage.lake import Layer
from emtp_assets_tests.pipeline.breaking import DATASET, OTHER, YEAR, tds
from emtp_assets_tests.pipeline.conftest import Instance, instance_at
from emtp_assets_tests.pipeline.source_faults import CASES, Case, Delivers, Fails, Keeps
from emtp_assets_tests.pipeline.watch import DEVELOPERS, OPERATORS, Office, Watch
from emtp_assets_tests.servers.ministry import Ministry
from emtp_assets_tests.servers.smtp import MailServer
from emtp_assets_tests.servers.systems import Systems

pytestmark = pytest.mark.pipeline

Published = dict[str, bytes]
YEARS = {DATASET: [YEAR], OTHER: [YEAR]}
_SILENT = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# The one that the contract names later; after REST there is none.
_SECOND = {"sqlserver": "sftp", "sharepoint": "rest", "sftp": "rest"}
# One fault of each cause that a person must mend.
FALLING_BACK = {
    (case.system, case.outcome.cause): case
    for case in CASES
    if isinstance(case.outcome, Fails) and case.outcome.nature is Nature.PERMANENT and case.system in _SECOND
}
# What a library would have said.
_NOT_FOR_PEOPLE = ("Traceback", "Errno", "[SSL", "Exception", "Error:", "httpx", "paramiko", "msal")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("oficina")
    ministries = (Ministry(folder / week, YEARS, scale=1.0, seed=seed) for week, seed in (("antes", 7), ("ahora", 8)))
    before, now = (Systems(each, folder / f"sistemas_{each.seed}") for each in ministries)
    with before, now, MailServer() as mail:
        yield Office(before, now, mail, folder / "data")


@pytest.fixture(scope="module")
def published(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The data of an instance that published last week what a system gave it, and that has told what was to tell."""

    @cache
    def made(system: str) -> Path:
        data = tmp_path_factory.mktemp(system) / "data"
        with dg.DagsterInstance.ephemeral() as dagster:
            instance_at(data, dagster, **office.before.settings(system)).run(YEAR, YEAR, DATASET)
            look(instance_at(data, dagster, **office.settings(system)).settings, dagster, datetime.now(UTC))
        return data

    return made


@pytest.fixture(scope="module")
def new_figures(
    office: Office, published: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Published:
    """What this week's data become when nothing goes wrong."""
    data = tmp_path_factory.mktemp("sin_falla") / "data"
    shutil.copytree(published("rest"), data, symlinks=True)
    with dg.DagsterInstance.ephemeral() as dagster:
        instance = instance_at(data, dagster, **office.settings("rest"))
        instance.run(YEAR, YEAR, DATASET)
        return instance.published_bytes()


@pytest.fixture
def watched(office: Office, published: Callable[[str], Path]) -> Iterator[Callable[..., Watch]]:
    """An instance of its own that published last week from the first of these systems."""
    with dg.DagsterInstance.ephemeral() as dagster:

        def make(*systems: str) -> Watch:
            shutil.copytree(published(systems[0]), office.data, symlinks=True)
            return Watch(office, dagster, *systems)

        yield make
    shutil.rmtree(office.data, ignore_errors=True)


def run(instance: Instance, *, raw_only: bool = False) -> str:
    """What the run of the dataset's chain said when it failed; empty when it did not."""
    if raw_only:
        job = instance.definitions.resolve_job_def(job_of(DATASET))
        raw = [key_of(Layer.RAW, DATASET)]
        job.execute_in_process(
            instance=instance.dagster, partition_key=str(YEAR), asset_selection=raw, run_config=_SILENT
        )
        return ""
    try:
        instance.run(YEAR, YEAR, DATASET)
    except RunFailedError as failed:
        return str(failed)
    return ""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_fault_of_a_system(case: Case, office: Office, watched: Callable[..., Watch], new_figures: Published) -> None:
    watch = watched(case.system)
    before, published_before = watch.kept(), watch.instance.published_bytes()
    with case.breaking(office.now):
        said = run(watch.impatient(case.impatience))
    match case.outcome:
        case Delivers(tries, waits):
            assert said == ""
            (attempt,) = watch.attempts()
            assert (attempt.source, attempt.result, attempt.tries) == (case.system, Result.DELIVERED, tries)
            assert attempt.seconds >= waits
            assert watch.instance.published_bytes() == new_figures != published_before
            assert watch.look() == []
        case Keeps():
            assert said == ""
            assert [a.result for a in watch.attempts()] == [Result.NOTHING]
            assert watch.ledger.deliveries() == before[0]
            assert watch.instance.published_bytes() == published_before
            assert watch.look() == []
        case Fails() as expected:
            assert_told(watch, case, expected, said)
            assert watch.kept() == before, "what was published, archived and prepared before is untouched"
            assert_alarmed_once(watch, expected)
    assert watch.half_made == []
    watch.tells_no_secret(said)
    assert watch.mails() == []
    if not isinstance(case.outcome, Delivers):
        assert_delivers_when_healed(watch, case)


def assert_told(watch: Watch, case: Case, expected: Fails, said: str) -> None:
    """The run failed, and says in Spanish what happened and what to do; the journal has how it was asked."""
    (attempt,) = watch.attempts()
    assert (attempt.cause, attempt.nature, attempt.tries) == (expected.cause, expected.nature, expected.tries)
    assert f"Ninguna fuente entregó {DATASET} del año {YEAR}. Lo publicado no cambió. Última entrega:" in said
    assert f"- {case.system}: {attempt.result} ({expected.cause}, {expected.nature})" in said
    assert expected.says in said
    # A file that is no delivery is laid aside with its explanation; why it is refused is told in intake's own form.
    aside = {path.name[16:] for path in (watch.instance.settings.drop / "rejected").glob("*")}
    name = f"{DATASET}_{YEAR}_semana.csv.sellado"
    assert aside == ({name, f"{name}.explicacion.txt"} if attempt.result is Result.REJECTED else set())
    assert "Qué hacer: " in said or attempt.result is Result.REJECTED
    assert "copie el archivo oficial en" in said
    assert [word for word in _NOT_FOR_PEOPLE if word in said] == []


def assert_alarmed_once(watch: Watch, expected: Fails) -> None:
    """One cause stands and one mail went out; looking again sends nothing."""
    (notice,) = watch.look()
    assert (notice.event, notice.alert.kind, notice.alert.dataset) == (Event.NEW, Kind.RUN, DATASET)
    assert watch.standing() == [Kind.RUN]
    (mail,) = watch.mails()
    assert mail.to == ([OPERATORS, DEVELOPERS] if expected.concerns_developers else [OPERATORS])
    assert mail.subject == f"[EMTP] FALLA {DATASET} {YEAR}: ninguna fuente entregó"
    assert expected.says in mail.text
    assert f"Último dato bueno: {YEAR}, publicado el" in mail.text
    watch.tells_no_secret(mail.text)
    assert watch.look() == []
    assert watch.mails() == []


def assert_delivers_when_healed(watch: Watch, case: Case) -> None:
    """The next run has the new figures, and the cause is told to be over. What is published of them is proven above."""
    assert run(watch.instance, raw_only=True) == ""
    assert [(a.source, a.result, a.tries) for a in watch.attempts()] == [(case.system, Result.DELIVERED, 1)]
    resolved = [notice.event for notice in watch.look()]
    assert resolved == ([Event.RESOLVED] if isinstance(case.outcome, Fails) else [])
    assert watch.standing() == []


@pytest.mark.parametrize("case", FALLING_BACK.values(), ids=lambda case: case.id)
def test_another_source_delivers_and_the_fault_is_told(
    case: Case, office: Office, watched: Callable[..., Watch]
) -> None:
    """What a person must mend at the first source warns, and costs nobody a figure: the second has it.

    Only the raw layer is run here: what becomes of it is the same whoever delivered.
    """
    assert isinstance(case.outcome, Fails)
    second = _SECOND[case.system]
    watch = watched(case.system, second)
    with case.breaking(office.now):
        assert run(watch.impatient(case.impatience), raw_only=True) == ""
    first_try, second_try = watch.attempts()
    assert (first_try.source, first_try.cause, first_try.tries) == (case.system, case.outcome.cause, 1)
    assert (second_try.source, second_try.result) == (second, Result.DELIVERED)
    assert watch.ledger.latest(DATASET, YEAR).source == second  # pyright: ignore[reportOptionalMemberAccess]
    (notice,) = watch.look()
    structural = case.outcome.concerns_developers
    assert notice.alert.kind is (Kind.STRUCTURE if structural else Kind.SOURCE)
    assert notice.alert.severity is (Severity.FAILURE if structural else Severity.WARNING)
    (mail,) = watch.mails()
    assert mail.to == ([OPERATORS, DEVELOPERS] if structural else [OPERATORS])
    assert case.outcome.says in mail.text
    watch.tells_no_secret(mail.text)
    assert watch.look() == []
    assert run(watch.instance, raw_only=True) == ""
    assert [notice.event for notice in watch.look()] == [Event.RESOLVED]


def test_a_source_that_keeps_failing_is_told_to_the_developers(office: Office, watched: Callable[..., Watch]) -> None:
    """Three failures in a row are the operators' business; with the fourth who maintains the code hears of it."""
    watch = watched("sqlserver")
    with tds(refuse_login=True)(office.now):
        for time in range(1, 6):
            assert "credencial" in run(watch.instance)
            watch.look()
            mails = watch.mails()
            if time == 1:
                assert [mail.to for mail in mails] == [[OPERATORS]]
            elif time == 4:
                (mail,) = mails
                assert mail.to == [OPERATORS, DEVELOPERS]
                assert mail.subject == f"[EMTP] FALLA {DATASET} {YEAR}: la fuente sqlserver falló 4 veces seguidas"
                watch.tells_no_secret(mail.text)
            else:
                assert mails == [], "the same cause is not told again"
    assert sorted(watch.standing()) == [Kind.RUN, Kind.SOURCE]
    assert run(watch.instance) == ""
    assert [notice.event for notice in watch.look()] == [Event.RESOLVED, Event.RESOLVED]
    assert [mail.to for mail in watch.mails()] == [[OPERATORS], [OPERATORS, DEVELOPERS]]
