"""A process of its own for a native library, bounded in memory and time. What it is asked belongs to its script.

C and Rust on bytes from outside can crash, hang or ask for 400 GB (a workbook of two cells, A1 and XFD1048576, does).
Here that ends a child, and the file is refused; the sensor that looked at it lives on.
"""

from __future__ import annotations

import marshal
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from emtp_assets.intake.containers.limits import Limits
from emtp_assets.intake.containers.refusals import (
    damaged,
    locked,
    missing_program,
    too_costly,
    unknown_compression,
)
from emtp_assets.intake.problem import IntakeError
from emtp_assets.storage.temporary import descriptors

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LIBARCHIVE", "SYSTEMROOT", "TMPDIR")
_MISSING = {
    "libarchive": ("la biblioteca libarchive", "apt install libarchive13 (libarchive13t64 en Ubuntu 24.04)"),
    "python_calamine": ("la biblioteca python-calamine", "las dependencias de Python del proyecto (make install)"),
}
_TAKEN_AWAY = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_GREEDY = {signal.SIGXCPU, signal.SIGABRT}


class Apart:
    """A script of this folder, running on ``arguments``; to be used in a ``with``, which ends it.

    Script and caller speak in frames: eight bytes of length, then a value of `marshal`. The last one is ``("fin",)``.
    """

    def __init__(self, script: str, *arguments: str, limits: Limits) -> None:
        # Its own locale: libarchive cannot name members with Ñ in the locale of a bare service.
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"LC_ALL": "C.UTF-8"}
        self._child = subprocess.Popen(  # noqa: S603 - our own script, by our own interpreter
            [
                sys.executable,
                "-I",
                str(Path(__file__).with_name(script)),
                str(limits.memory),
                str(limits.seconds),
                *arguments,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            pass_fds=descriptors(*arguments),
        )

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()

    def frames(self) -> Iterator[Any]:
        """What the child sends, until it has said all.

        Raises:
            IntakeError: it cannot open the file, or came to its limits.
            OSError: somebody else ended it.
        """
        out = self._child.stdout
        assert out is not None
        while len(length := out.read(8)) == 8:
            size = int.from_bytes(length, "little")
            frame = out.read(size)
            if len(frame) != size:
                break
            value = marshal.loads(frame)  # noqa: S302 - written by our own script
            if value == ("fin",):
                return
            if isinstance(value, tuple) and value and value[0] == "error":
                raise _refusal(value[1])
            yield value
        self._explain_end()

    def answer(self, yes: bool) -> None:
        """Tell the child what it waits for."""
        into = self._child.stdin
        assert into is not None
        try:
            into.write(b"1" if yes else b"0")
            into.flush()
        except BrokenPipeError:
            self._explain_end()

    def _explain_end(self) -> NoReturn:
        ended = -self._child.wait()
        if ended in _TAKEN_AWAY:
            raise OSError(f"El proceso que abría el archivo fue terminado desde fuera ({signal.Signals(ended).name})")
        raise too_costly() if ended in _GREEDY else damaged()


def _refusal(cause: str) -> IntakeError:
    if cause in _MISSING:
        return missing_program(*_MISSING[cause])
    causes = {"clave": locked, "metodo": unknown_compression, "memoria": too_costly}
    return causes.get(cause, damaged)()
