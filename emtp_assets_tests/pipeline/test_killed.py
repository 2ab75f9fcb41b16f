"""A run that is killed loses nothing: running again publishes the very bytes of a run that was never killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emtp_assets_tests.pipeline.conftest import YEARS, Instance

pytestmark = pytest.mark.pipeline
# Where in a run of some 25 seconds the process dies: in raw, in cleaned, among the aggregates, while publishing.
MOMENTS = ("matricula/raw", "egresados/cleaned", "docentes/aggregated", "establecimientos/anonymized")


def emtp(folder: Path, *words: str) -> subprocess.Popen[str]:
    """The command as an operator gives it, in an instance of its own."""
    (folder / "dagster").mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "DAGSTER_HOME": str(folder / "dagster"),
        "EMTP_DATA_DIR": str(folder / "data"),
        "EMTP_SIMULATED_SCALE": "0.02",
        "PYTHONUNBUFFERED": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "emtp_assets.cli", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill_when(process: subprocess.Popen[str], said: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if said in line:
            time.sleep(0.05)
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"


@pytest.mark.timeout(600)
def test_killed_again_and_again_then_left_alone_it_publishes_the_same_bytes(demo: Instance, tmp_path: Path) -> None:
    years = (str(YEARS[0]), str(YEARS[-1]))
    for moment in MOMENTS:
        kill_when(emtp(tmp_path, "backfill", *years), moment)
        processed = tmp_path / "data" / "processed"
        assert not processed.exists() or (processed / "procedencia.json").is_file(), "a set is whole or absent"
    undisturbed = emtp(tmp_path, "backfill", *years)
    output, _ = undisturbed.communicate()
    assert undisturbed.returncode == 0, output
    published = {
        path.name: path.read_bytes()
        for path in sorted((tmp_path / "data" / "processed").iterdir())
        if path.suffix == ".csv"
    }
    assert published == {name: data for name, data in demo.published_bytes().items() if name.endswith(".csv")}
