"""A passing failure is tried again, with a limit; a permanent one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from emtp_assets.contracts import Contract, contract_for
from emtp_assets.settings import Settings
from emtp_assets.sources import Answer, Cause, Fetched, Nature
from emtp_assets.sources.asking import GaveUp, ask
from emtp_assets_tests.sources.failing import ScriptedSource, failure

CONTRACT = contract_for("proyectos")
SETTINGS = Settings(retry_attempts=4, retry_first_wait=5, retry_longest_wait=120)


def test_a_passing_failure_is_tried_again_after_growing_waits(tmp_path: Path) -> None:
    waited: list[float] = []
    source = ScriptedSource("sftp", failure(), failure(Cause.CUT), b"AGNO;x\n")
    reply = ask(source, CONTRACT, 2025, tmp_path, SETTINGS, sleep=waited.append)
    assert isinstance(reply.answer, Fetched)
    assert reply.tries == 3
    assert len(waited) == 2
    assert all(5 <= wait <= 120 for wait in waited)


def test_there_is_a_limit(tmp_path: Path) -> None:
    source = ScriptedSource("sftp", failure())
    with pytest.raises(GaveUp) as gave_up:
        ask(source, CONTRACT, 2025, tmp_path, SETTINGS, sleep=lambda _: None)
    assert gave_up.value.tries == 4
    assert gave_up.value.failure.cause is Cause.TIMEOUT


def test_a_permanent_failure_is_not_tried_again(tmp_path: Path) -> None:
    source = ScriptedSource("sftp", failure(Cause.CREDENTIAL, Nature.PERMANENT), b"AGNO;x\n")
    with pytest.raises(GaveUp) as gave_up:
        ask(source, CONTRACT, 2025, tmp_path, SETTINGS, sleep=lambda _: pytest.fail("waited"))
    assert gave_up.value.tries == 1
    assert len(source.asked) == 1


def test_the_wait_is_the_one_the_server_asked_for(tmp_path: Path) -> None:
    waited: list[float] = []
    source = ScriptedSource("rest", failure(Cause.THROTTLED, after=17), b"AGNO;x\n")
    ask(source, CONTRACT, 2025, tmp_path, SETTINGS, sleep=waited.append)
    assert waited == [17]


def test_a_server_that_asks_for_no_wait_is_not_hammered(tmp_path: Path) -> None:
    waited: list[float] = []
    source = ScriptedSource("rest", failure(Cause.THROTTLED, after=0), b"AGNO;x\n")
    ask(source, CONTRACT, 2025, tmp_path, SETTINGS, sleep=waited.append)
    assert all(wait >= 5 for wait in waited)
    assert len(waited) == 1


def test_a_server_that_asks_for_too_long_is_left_alone(tmp_path: Path) -> None:
    source = ScriptedSource("rest", failure(Cause.THROTTLED, after=3600), b"AGNO;x\n")
    with pytest.raises(GaveUp):
        ask(source, CONTRACT, 2025, tmp_path, SETTINGS, sleep=lambda _: pytest.fail("waited"))


def test_a_failure_says_what_happened_what_was_expected_and_what_to_do() -> None:
    assert str(failure()) == "sftp: No respondió. Se esperaba: Una respuesta. Qué hacer: Avise a TI."


class Broken(ScriptedSource):
    """A source with a fault of its own, in whose text is what nobody may read."""

    error: Exception = KeyError("clave-secreta")

    def fetch(self, contract: Contract, year: int, target_folder: Path, *, known_mark: str | None = None) -> Answer:
        raise self.error


def test_an_error_that_the_source_did_not_sort_is_a_failure_like_any_other(tmp_path: Path) -> None:
    with pytest.raises(GaveUp) as gave_up:
        ask(Broken("sftp", None), CONTRACT, 2025, tmp_path, SETTINGS, sleep=lambda _: pytest.fail("waited"))
    told = gave_up.value.failure
    assert (told.cause, told.nature) == (Cause.ANSWER, Nature.PERMANENT)
    assert "error imprevisto (KeyError en asking.py, línea" in str(told)
    assert "clave-secreta" not in str(told)
    assert gave_up.value.__cause__ is None


def test_our_own_disk_is_no_fault_of_the_source(tmp_path: Path) -> None:
    full = Broken("sftp", None)
    full.error = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        ask(full, CONTRACT, 2025, tmp_path, SETTINGS)
