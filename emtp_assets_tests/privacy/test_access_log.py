"""Whoever looks at persons leaves a line that cannot be changed, taken out or put in without being seen."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from emtp_assets.doctor import examine
from emtp_assets.privacy.access_log import FILE, Access, AccessLog, full_access_recorded, record_access, verified
from emtp_assets.settings import Settings
from emtp_assets.settings.problems import problems
from emtp_assets_tests.conftest import isolated_settings


@pytest.fixture
def full(tmp_path: Path) -> Settings:
    return isolated_settings(
        data_dir=tmp_path / "data",
        privacy_mode="C",
        access_purpose="validar títulos",
        access_responsible="Ana Pérez, jefa de datos",
    )


def log_of(settings: Settings) -> AccessLog:
    return AccessLog(settings.data_dir)


def tampered(settings: Settings, sql: str) -> None:
    """As somebody with the file in his hands would: past the triggers."""
    with sqlite3.connect(settings.data_dir / FILE) as connection:
        connection.executescript("DROP TRIGGER accesses_stay; DROP TRIGGER accesses_stand;" + sql)


class TestPurpose:
    @pytest.mark.parametrize(
        "given", [{}, {"access_purpose": "x"}, {"access_responsible": "x"}, {"access_purpose": " "}]
    )
    def test_full_access_does_not_start_without_purpose_and_responsible(self, given: dict[str, str]) -> None:
        with pytest.raises(ValidationError) as refused:
            Settings.model_validate({"privacy_mode": "C", **given})
        (said,) = problems(refused.value)
        assert said.startswith("El modo de privacidad C (acceso completo) exige EMTP_ACCESS_")
        assert "EMTP_PRIVACY_MODE=A" in said

    @pytest.mark.parametrize("mode", ["A", "B"])
    def test_the_other_modes_need_neither(self, mode: str) -> None:
        assert Settings.model_validate({"privacy_mode": mode}).access_purpose is None


class TestLog:
    def test_a_line_says_who_when_for_what_and_which(self, full: Settings) -> None:
        record_access(full, Access("matricula/raw [2025]", run_id="r1"))
        (line,) = log_of(full).lines()
        assert (line.mode, line.who, line.purpose) == ("C", "Ana Pérez, jefa de datos", "validar títulos")
        assert (line.what, line.run_id, line.id) == ("matricula/raw [2025]", "r1", 1)
        assert line.account
        assert line.at.endswith("+00:00")

    def test_runs_are_logged_in_full_access_alone(self, full: Settings, tmp_path: Path) -> None:
        told = full_access_recorded(full, "matricula/raw [2025]", "r")
        assert told["registro_de_accesos"].startswith("línea 1, cadena ")
        other = isolated_settings(data_dir=tmp_path / "otra", privacy_mode="B")
        assert full_access_recorded(other, "matricula/raw [2025]", "r") == {}
        assert not (other.data_dir / FILE).exists()

    def test_only_the_account_reads_it(self, full: Settings) -> None:
        record_access(full, Access("x"))
        assert stat.S_IMODE((full.data_dir / FILE).stat().st_mode) == 0o600

    def test_many_at_once_make_one_chain(self, full: Settings) -> None:
        with ThreadPoolExecutor(8) as many:
            list(many.map(lambda i: record_access(full, Access(f"acceso {i}")), range(40)))
        assert [line.id for line in log_of(full).lines()] == list(range(1, 41))
        assert verified(full.data_dir) is None


class TestTampering:
    @pytest.fixture(autouse=True)
    def _five_lines(self, full: Settings) -> None:
        for i in range(5):
            record_access(full, Access(f"acceso {i}"))

    @pytest.mark.parametrize("sql", ["DELETE FROM accesses WHERE id = 2", "UPDATE accesses SET who = 'otro'"])
    def test_the_file_itself_refuses(self, full: Settings, sql: str) -> None:
        with sqlite3.connect(full.data_dir / FILE) as connection, pytest.raises(sqlite3.IntegrityError):
            connection.execute(sql)

    @pytest.mark.parametrize(
        ("sql", "line"),
        [
            ("UPDATE accesses SET what = 'nada' WHERE id = 3", 3),
            ("UPDATE accesses SET at = '2020-01-01' WHERE id = 5", 5),
            ("DELETE FROM accesses WHERE id = 1", 1),
            ("DELETE FROM accesses WHERE id = 4; UPDATE accesses SET id = 4 WHERE id = 5", 4),
            (
                "INSERT INTO accesses SELECT 6, at, account, mode, who, '', what, '', chain FROM accesses WHERE id = 5",
                6,
            ),
        ],
        ids=["changed", "redated", "first-gone", "closed-up", "put-in"],
    )
    def test_what_was_done_past_it_is_seen_and_doctor_says_where(self, full: Settings, sql: str, line: int) -> None:
        assert verified(full.data_dir) is None
        tampered(full, sql)
        assert log_of(full).broken_at() == line
        (found,) = [f for f in examine(full) if f.what == "registro de accesos"]
        assert not found.good
        assert f"línea {line}" in found.found
