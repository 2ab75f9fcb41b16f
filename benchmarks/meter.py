"""Attributes a process's CPU seconds to named phases, each second to one phase only. It knows no phase by name."""

from __future__ import annotations

import builtins
import functools
import importlib
import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REST = "the rest"


class Meter:
    """CPU seconds of the whole process (all threads) by phase; a phase inside another is taken out of it.

    Only the main thread opens phases: what other threads burn meanwhile belongs to the phase that waits for them.
    """

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._open = [REST]
        self._mark = 0.0  # the clock starts with the process, so the interpreter's start is in the rest

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self._charge()
        self._open.append(name)
        self.calls[name] = self.calls.get(name, 0) + 1
        try:
            yield
        finally:
            self._charge()
            self._open.pop()

    def watch(self, name: str, *functions: str | tuple[type, str], package: str = "emtp_assets") -> None:
        """Charge every call of these to the phase from now on.

        A function is named ``module:function`` where it is defined, and found wherever ``package`` has imported
        it since; a method is its class and name.

        Raises:
            AttributeError: there is no such function any more; the breakdown must be brought up to date.
        """
        for function in functions:
            if isinstance(function, tuple):
                owner, attribute = function
                setattr(owner, attribute, self._watched(name, getattr(owner, attribute)))
                continue
            module, _, attribute = function.partition(":")
            original = getattr(importlib.import_module(module), attribute)
            watched = self._watched(name, original)
            holders = [m for key, m in sys.modules.items() if key.partition(".")[0] == package]
            for holder in holders:
                for bound in [key for key, value in vars(holder).items() if value is original]:
                    setattr(holder, bound, watched)

    def watch_import(self, name: str, package: str) -> None:
        """Charge the first import of a package to the phase, whenever and wherever it is asked for.

        Importing it at once instead would move its memory to a time when the product does not hold it.
        """
        original = builtins.__import__

        def watched(module: str, *arguments: Any, **named: Any) -> Any:
            if module.partition(".")[0] != package or package in sys.modules:
                return original(module, *arguments, **named)
            with self.phase(name):
                return original(module, *arguments, **named)

        builtins.__import__ = watched

    def write(self, path: Path, **more: Any) -> None:
        """The phases, the process's own total and peak memory (MB), as JSON."""
        self._charge()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        said = {
            "phases": {name: round(spent, 3) for name, spent in self.spent.items()},
            "calls": self.calls,
            "own_cpu": round(usage.ru_utime + usage.ru_stime, 3),
            **more,
        }
        path.write_text(json.dumps(said, indent=1), encoding="utf-8")

    def _charge(self) -> None:
        now = time.process_time()
        phase = self._open[-1]
        self.spent[phase] = self.spent.get(phase, 0.0) + now - self._mark
        self._mark = now

    def _watched(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*arguments: Any, **named: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                return function(*arguments, **named)
            with self.phase(name):
                return function(*arguments, **named)

        return watched


def peak_mb() -> float:
    """The most memory that this process has held so far, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
