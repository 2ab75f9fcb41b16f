"""The generator streams: a file many times larger takes no more memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from emtp_assets.contracts import contract_for
from emtp_assets.sources.simulated import generate
generate(contract_for("matricula"), 2025, Path(sys.argv[1]), scale=float(sys.argv[2]), seed=1).unlink()
# Not getrusage: its maximum is inherited from the large process that started this one.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024)
"""


def peak_megabytes(folder: Path, scale: float) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(scale)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    small, large = peak_megabytes(tmp_path, 0.04), peak_megabytes(tmp_path, 0.4)
    assert large < 400
    assert large - small < 120, f"ten times the rows took {large} MB instead of {small} MB"
