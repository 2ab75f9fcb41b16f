"""The journal remembers versions, attempts and queries across processes, and counts failures in a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from emtp_assets.sources import Attempt, Journal, Mark, Query, Result

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FAILED = Attempt(
    NOW, "corrida-1", "sftp", "matricula", 2026, Result.FAILED, "sftp: no respondió.", cause="tiempo_agotado", tries=4
)


def test_a_version_is_remembered_for_its_source_dataset_and_year(tmp_path: Path) -> None:
    Journal(tmp_path).remember("sftp", "matricula", 2026, Mark("v1", "aa"), NOW)
    Journal(tmp_path).remember("sftp", "matricula", 2026, Mark("v2", "bb"), NOW)
    assert Journal(tmp_path).mark("sftp", "matricula", 2026) == Mark("v2", "bb")
    assert Journal(tmp_path).mark("sftp", "matricula", 2025) is None
    assert Journal(tmp_path).mark("rest", "matricula", 2026) is None


def test_attempts_come_back_as_they_were(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.attempted(FAILED)
    journal.attempted(replace(FAILED, run_id="corrida-2", source="rest"))
    first, second = journal.attempts()
    assert replace(first, id=0) == FAILED
    assert journal.attempts(after=first.id) == [second]
    assert journal.attempts(source="rest") == [second]
    assert journal.attempts_of_run("corrida-1") == [first]


def test_failures_in_a_row_end_with_an_answer(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.attempted(FAILED)
    journal.attempted(replace(FAILED, result=Result.DELIVERED))
    assert journal.failures_in_a_row("sftp") == []
    for _ in range(4):
        journal.attempted(FAILED)
    journal.attempted(replace(FAILED, result=Result.REJECTED))
    assert len(journal.failures_in_a_row("sftp")) == 5
    journal.attempted(replace(FAILED, result=Result.NOTHING))
    assert journal.failures_in_a_row("sftp") == []


def test_what_was_not_really_asked_is_no_failure_in_a_row(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.attempted(FAILED)
    journal.attempted(replace(FAILED, dataset="docentes", tries=0))
    assert len(journal.failures_in_a_row("sftp")) == 1


def test_queries_are_written_down(tmp_path: Path) -> None:
    query = Query(NOW, "readonly_emtp", "SQL-SIGE-REPLICA/SIGE", "dbo.vw", "AGNO, RBD", "AGNO = 2026", 12, 0.4, "bien")
    Journal(tmp_path).queried(query)
    assert Journal(tmp_path).queries() == [query]


def test_only_the_account_reads_it(tmp_path: Path) -> None:
    assert Journal(tmp_path).path.stat().st_mode & 0o077 == 0
