"""An archive that grows without measure is let go while it grows, and nothing of it stays."""

from __future__ import annotations

import resource
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

from emtp_assets.intake.containers import Limits, container_of
from emtp_assets_tests.intake.containers.conftest import Open, Refused
from emtp_assets_tests.intake.containers.packing import (
    TABLE,
    deflated_zeros,
    gzipped,
    raw_zip,
    workbook,
    zipped,
)

_GB_OF_ZEROS = 64


def test_ten_gigabytes_of_zeros_are_let_go_early_and_without_memory(refused: Refused) -> None:
    # Ten times less than the default ratio, so that it is let go at 0.2 GB and not at 2.
    bomb = raw_zip(deflated_zeros(10 * _GB_OF_ZEROS), size=10_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    error = refused(bomb, limits=Limits(ratio=20))
    assert (error.code, "20 veces" in error.what) == ("bomba", True)
    assert time.process_time() - begin < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_by_default_a_gigabyte_in_a_megabyte_is_too_much(refused: Refused) -> None:
    assert refused(deflated_zeros(_GB_OF_ZEROS, wbits=31)).code == "bomba"


def test_the_size_is_judged_by_what_comes_out(refused: Refused, opened: Open) -> None:
    noise = bytes(range(256)) * 40
    assert refused(zipped({"tabla.csv": noise}), limits=Limits(largest=10_239)).code == "bomba"
    assert refused(gzipped(noise), limits=Limits(largest=10_239)).code == "bomba"
    assert opened(zipped({"tabla.csv": noise}), limits=Limits(largest=10_240)).path.stat().st_size == 10_240


def test_a_table_that_repeats_itself_is_no_bomb_while_it_is_small(opened: Open) -> None:
    assert opened(zipped({"tabla.csv": TABLE * 500_000})).path.stat().st_size == len(TABLE) * 500_000


def test_an_archive_of_archives_of_archives_is_opened_once(refused: Refused) -> None:
    bomb = zipped({"0.csv": bytes(1_000_000)})
    for level in range(5):
        bomb = zipped({f"{level}{number}.zip": bomb for number in range(16)})
    assert refused(bomb).code == "anidado"


def test_thousands_of_members_are_not_even_listed(refused: Refused) -> None:
    error = refused(zipped({f"{number}.pdf": b"" for number in range(1001)}))
    assert (error.code, "1000 archivos" in error.what) == ("bomba", True)
    many = zipped({f"{number:0200}.csv": b"" for number in range(12_000)})
    assert refused(many).code == "bomba"
    # A directory that declares little and goes on and on.
    at = many.rindex(b"PK\5\6")
    assert refused(many[: at + 8] + b"\1\0\1\0" + many[at + 12 :]).code == "bomba"


def test_a_directory_without_measure_is_not_taken_into_memory(tmp_path: Path) -> None:
    entry = struct.pack("<4sBB5HLLL5HLL", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    path = tmp_path / "entrega.zip"
    path.write_bytes(b"PK\3\4" + entry * 300_000 + struct.pack("<4s4HLLH", b"PK\5\6", 0, 0, 1, 1, 47 * 300_000, 4, 0))
    tracemalloc.start()
    try:
        assert container_of(path.read_bytes()[:8], path) == "zip"
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()


def test_a_workbook_is_measured_before_calamine_sees_it(refused: Refused, tmp_path: Path) -> None:
    path = workbook(tmp_path / "libro.xlsx", {"Datos": [["AGNO", "RBD"], [2024, 1]]})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet9.xml", bytes(60_000_000))
    assert refused(path).code == "bomba"
    assert refused(path, limits=Limits(largest=1_000_000, ratio=1e9)).code == "bomba"


def test_two_cells_that_ask_for_all_the_memory_there_is_end_a_child_and_not_us(
    refused: Refused, tmp_path: Path
) -> None:
    def far(book: Any) -> None:
        book["Datos"]["XFD1048575"] = "x"

    path = workbook(tmp_path / "libro.xlsx", {"Datos": [["AGNO", "RBD"], [2024, 1]]}, far)
    assert path.stat().st_size < 10_000
    error = refused(path)
    assert (error.code, "memoria" in error.what) == ("bomba", True)
