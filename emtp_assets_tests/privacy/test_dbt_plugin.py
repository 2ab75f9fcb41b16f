"""dbt computes pseudonyms in process, time after time, with the key of the moment, and writes it nowhere."""

from __future__ import annotations

import hmac
from pathlib import Path

import duckdb
import pytest
from pydantic import SecretStr

from emtp_assets.privacy.pseudonyms import using_key

FIRST = "first-test-key-0123456789-abcdefghijkl"
SECOND = "second-test-key-0123456789-abcdefghijk"

PROJECT = """
name: pseudonyms
profile: pseudonyms
flags: {send_anonymous_usage_stats: false}
"""
PROFILE = """
pseudonyms:
  target: memory
  outputs:
    memory:
      type: duckdb
      path: ":memory:"
      threads: 2
      plugins: [{module: emtp_assets.privacy.dbt_plugin}]
"""
MODEL = """
{{ config(materialized='external', location=var('folder') ~ '/' ~ this.name ~ '.parquet') }}
select pseudonym('estudiante', '12345678') as id_estudiante
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "dbt_project.yml").write_text(PROJECT)
    (tmp_path / "profiles.yml").write_text(PROFILE)
    for name in ("one", "two", "three"):
        (tmp_path / "models" / f"{name}.sql").write_text(MODEL)
    monkeypatch.setenv("EMTP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    return tmp_path


def run(project: Path) -> set[str]:
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke(
        [
            "--quiet",
            "run",
            "--log-level-file",
            "debug",
            "--project-dir",
            str(project),
            "--profiles-dir",
            str(project),
            "--target-path",
            str(project / "target"),
            "--log-path",
            str(project / "logs"),
            "--vars",
            f"{{folder: '{project / 'out'}'}}",
        ]
    )
    assert result.success, result.exception
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT id_estudiante FROM '{project}/out/*.parquet'").fetchall()
    assert len(rows) == 3
    return {row[0] for row in rows}


def expected(key: str) -> set[str]:
    return {hmac.new(key.encode(), b"v1|estudiante|12345678", "sha256").hexdigest()[:32]}


def test_every_session_of_every_run_has_the_key_of_the_moment_and_no_file_has_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMTP_PSEUDONYM_KEY", FIRST)
    assert run(project) == expected(FIRST)
    monkeypatch.setenv("EMTP_PSEUDONYM_KEY", SECOND)
    assert run(project) == expected(SECOND)
    with using_key(SecretStr(FIRST)):
        assert run(project) == expected(FIRST)

    secrets = [bytes(byte ^ pad for byte in key.encode())[:12] for key in (FIRST, SECOND) for pad in (0, 0x36, 0x5C)]
    written = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert any(path.suffix == ".log" for path in written)
    assert not [path for path, content in written.items() for secret in secrets if secret in content]
