"""What is written down only for a moment is not found afterwards, not even after a kill."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emtp_assets.storage.temporary import Own, descriptors, sweep, unnamed

SECRET = "JUANA PEREZ SOTO 12.345.678-5"

_KILLED = """
import os, signal, sys
from pathlib import Path
from emtp_assets.storage.temporary import Own, unnamed
folder = Path(sys.argv[1])
with unnamed(folder) as path:
    path.write_text(sys.argv[2])
    assert path.read_text() == sys.argv[2]
    own = Own(folder / "sala")
    (own.path / "derrame").write_text(sys.argv[2])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_is_written_read_and_reached_by_a_child_under_no_name(tmp_path: Path) -> None:
    with unnamed(tmp_path) as path:
        path.write_text(SECRET)
        assert path.read_text() == SECRET
        assert path.stat().st_mode & 0o777 == 0o600
        assert list(tmp_path.iterdir()) == []
        child = subprocess.run(
            [sys.executable, "-c", "import sys; print(open(sys.argv[1]).read())", str(path)],
            pass_fds=descriptors(str(path)),
            capture_output=True,
            text=True,
            check=True,
        )
        assert child.stdout.strip() == SECRET
    assert not path.exists() or path.resolve() != tmp_path


def test_a_kill_leaves_nothing_and_the_next_process_sweeps_what_had_to_have_a_name(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path), SECRET], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left.name == "derrame"
    assert left.parent.stat().st_mode & 0o777 == 0o700
    mine = Own(tmp_path / "sala")
    sweep(tmp_path / "sala")
    assert list((tmp_path / "sala").iterdir()) == [mine.path]
    mine.close()
    assert list((tmp_path / "sala").iterdir()) == []


def test_where_no_file_can_be_without_a_name_it_has_one_only_as_long_as_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def share(path: object, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no aquí")
        return real(path, flags, mode)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(os, "open", share)
    with unnamed(tmp_path) as path:
        assert path.parent == tmp_path
        assert path.stat().st_mode & 0o777 == 0o600
        assert descriptors(str(path)) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_not_taken_for_one_that_has_no_such_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), unnamed(tmp_path / "no existe"):
        pass
