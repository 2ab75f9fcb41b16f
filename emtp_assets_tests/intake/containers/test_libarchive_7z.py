"""7z gives its table, or says why not; the library runs apart, and its ways to end are told from one another."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from emtp_assets.intake.containers import Limits, repeat
from emtp_assets.intake.containers.apart import Apart
from emtp_assets.intake.problem import IntakeError
from emtp_assets_tests.intake.containers import samples
from emtp_assets_tests.intake.containers.conftest import Open, Refused
from emtp_assets_tests.intake.containers.packing import TABLE, Known, rar5, seven_zip


def test_the_table_of_a_7z_comes_out_as_it_went_in(opened: Open, tmp_path: Path, folder: Path) -> None:
    path = seven_zip(tmp_path / "a.7z", {"LEAME.txt": b"x", "Ñandú/Matrícula.csv": TABLE * 9000, "er.pdf": b"%PDF"})
    content = opened(path)
    assert (content.container, content.member) == ("7z", "Ñandú/Matrícula.csv")
    assert content.path.read_bytes() == TABLE * 9000
    assert repeat(path, folder, Known(), container="7z", member=content.member).read_bytes() == TABLE * 9000


def test_two_7z_in_one_file_are_damaged_and_zeros_behind_one_are_not(
    refused: Refused, opened: Open, tmp_path: Path
) -> None:
    one = seven_zip(tmp_path / "a.7z", {"tabla.csv": TABLE}).read_bytes()
    assert refused(one + one).code == "archivo_comprimido_dañado"
    assert opened(one + bytes(700)).path.read_bytes() == TABLE


def test_names_do_not_depend_on_the_locale_of_the_service(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    assert opened(seven_zip(tmp_path / "a.7z", {"AÑO.csv": TABLE})).member == "AÑO.csv"


def test_passwords_several_none_nested_and_paths(refused: Refused, tmp_path: Path) -> None:
    assert refused(samples.SEVEN_ZIP_LOCKED).code == "con_clave"
    assert refused(samples.SEVEN_ZIP_LOCKED_HEADERS).code == "con_clave"
    for members, code in (
        ({"a.csv": TABLE, "b.csv": TABLE}, "varios_archivos"),
        ({"a.pdf": b"x"}, "sin_tabla"),
        ({"a.rar": b"x"}, "anidado"),
        ({"../a.csv": TABLE}, "ruta_peligrosa"),
        ({"/a.csv": TABLE}, "ruta_peligrosa"),
        ({f"{number}.pdf": b"" for number in range(1002)}, "bomba"),
    ):
        assert refused(seven_zip(tmp_path / "a.7z", members)).code == code


def test_a_bomb_is_let_go_while_it_grows(refused: Refused, tmp_path: Path) -> None:
    bomb = seven_zip(tmp_path / "a.7z", {"tabla.csv": bytes(52_000_000)})
    assert bomb.stat().st_size < 20_000
    assert refused(bomb).code == "bomba"
    assert refused(bomb, limits=Limits(largest=1_000_000)).code == "bomba"


def test_a_cut_one_is_damaged_and_a_first_volume_is_called_so(refused: Refused, tmp_path: Path) -> None:
    whole = seven_zip(tmp_path / "a.7z", {"tabla.csv": TABLE * 999}).read_bytes()
    assert refused(whole[:-10]).code == "archivo_comprimido_dañado"
    assert refused(whole[: len(whole) // 2], name="tabla.7z.001").code == "volumen"
    middle = len(whole) // 3
    assert refused(whole[:middle] + b"\xff\xff" + whole[middle + 2 :]).code == "archivo_comprimido_dañado"


def test_a_machine_without_the_library_says_what_to_install(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBARCHIVE", "/nonexistent/libarchive.so")
    error = refused(rar5({"tabla.csv": TABLE}))
    assert error.code == "falta_programa"
    assert "apt install libarchive13" in error.action


@pytest.mark.parametrize(("ending", "code"), [(signal.SIGSEGV, "archivo_comprimido_dañado"), (signal.SIGXCPU, "bomba")])
def test_a_child_that_crashes_is_told_by_how_it_ended(tmp_path: Path, ending: int, code: str) -> None:
    with pytest.raises(IntakeError) as caught, _busy(tmp_path) as child:
        frames = child.frames()
        next(frames)
        os.kill(_pid(child), ending)
        list(frames)
    assert caught.value.code == code


def test_a_child_that_somebody_ended_is_not_the_files_fault(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="SIGKILL"), _busy(tmp_path) as child:
        frames = child.frames()
        next(frames)
        os.kill(_pid(child), signal.SIGKILL)
        list(frames)


def _busy(tmp_path: Path) -> Apart:
    """A child that has far more to say than a pipe holds."""
    archive = tmp_path / "a.rar"
    archive.write_bytes(rar5({"tabla.csv": bytes(20_000_000)}))
    return Apart("entries_child.py", "read", str(archive), "rar5", "0", limits=Limits())


def _pid(child: Apart) -> int:
    return child._child.pid
