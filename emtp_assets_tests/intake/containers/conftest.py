"""A file on disk and the folder that it is unpacked into, for every test of this room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emtp_assets.intake.containers import Content, Limits, unpacked
from emtp_assets.intake.problem import IntakeError
from emtp_assets_tests.intake.containers.packing import Known

Open = Callable[..., Content]
Refused = Callable[..., IntakeError]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where what is unpacked goes."""
    into = tmp_path / "adentro"
    into.mkdir()
    return into


@pytest.fixture
def opened(tmp_path: Path, folder: Path) -> Open:
    """Opens bytes, or a file, that somebody handed over."""

    def open_it(given: bytes | Path, *, name: str = "entrega", limits: Limits = Limits()) -> Content:  # noqa: B008
        path = given if isinstance(given, Path) else tmp_path / name
        if isinstance(given, bytes):
            path.write_bytes(given)
        return unpacked(path, folder, Known(), limits=limits)

    return open_it


@pytest.fixture
def refused(opened: Open, folder: Path) -> Refused:
    """Why bytes, or a file, are refused; and nothing stays behind."""

    def refuse(given: bytes | Path, *, name: str = "entrega", limits: Limits = Limits()) -> IntakeError:  # noqa: B008
        with pytest.raises(IntakeError) as caught:
            opened(given, name=name, limits=limits)
        assert list(folder.iterdir()) == [], "something stayed behind"
        error = caught.value
        assert error.what and error.expected and error.action
        return error

    return refuse
