"""RAR as WinRAR packs it, old and new, gives its table; everything that libarchive would be silent about is refused."""

from __future__ import annotations

import stat
import zlib
from pathlib import Path

import pytest

from emtp_assets.intake.containers import Limits, repeat
from emtp_assets_tests.intake.containers import samples
from emtp_assets_tests.intake.containers.conftest import Open, Refused
from emtp_assets_tests.intake.containers.packing import TABLE, Known, Pack, rar4, rar5


@pytest.mark.parametrize("pack", [rar4, rar5])
def test_the_table_of_a_rar_comes_out_as_it_went_in(opened: Open, tmp_path: Path, folder: Path, pack: Pack) -> None:
    content = opened(pack({"LEAME.txt": b"x", "ER_año.pdf": b"%PDF" * 99, "Matrícula 2024.csv": TABLE * 9000}))
    assert (content.container, content.member) == ("rar", "Matrícula 2024.csv")
    assert content.path.read_bytes() == TABLE * 9000
    assert stat.S_IMODE(content.path.stat().st_mode) == 0o600
    again = repeat(tmp_path / "entrega", folder, Known(), container="rar", member=content.member)
    assert again.read_bytes() == TABLE * 9000


@pytest.mark.parametrize("pack", [rar4, rar5])
def test_two_rars_in_one_file_are_damaged_and_zeros_behind_one_are_not(
    refused: Refused, opened: Open, pack: Pack
) -> None:
    one = pack({"tabla.csv": TABLE})
    for behind in (pack({"otra.csv": TABLE}), b"basura"):
        assert refused(one + behind).code == "archivo_comprimido_dañado"
    assert opened(one + bytes(700)).path.read_bytes() == TABLE


@pytest.mark.parametrize("archive", [samples.RAR4_COMPRESSED, samples.RAR5_COMPRESSED, samples.RAR5_BLAKE])
def test_what_winrar_compressed_is_unpacked(opened: Open, archive: bytes) -> None:
    content = opened(archive)
    assert (content.container, content.member) == ("rar", "stest1.txt")
    assert content.path.read_bytes() == samples.NUMBERS


@pytest.mark.parametrize(
    "archive",
    [samples.RAR4_LOCKED, samples.RAR5_LOCKED, samples.RAR4_LOCKED_HEADERS, samples.RAR5_LOCKED_HEADERS],
)
def test_a_password_on_content_or_on_names_is_told(refused: Refused, archive: bytes) -> None:
    assert refused(archive).code == "con_clave"


@pytest.mark.parametrize(
    "archive",
    [
        samples.RAR4_VOLUME,
        samples.RAR5_VOLUME,
        rar4({"tabla.csv": TABLE}, volume=1),
        rar4({"tabla.csv": TABLE}, split=1),
        rar4({"tabla.csv": TABLE}, split=2),
        rar5({"tabla.csv": TABLE}, volume=1),
        rar5({"tabla.csv": TABLE}, split=0x08),
        rar5({"tabla.csv": TABLE}, split=0x10),
    ],
)
def test_one_part_of_several_is_a_volume_even_when_a_table_in_it_is_whole(refused: Refused, archive: bytes) -> None:
    assert refused(archive).code == "volumen"


@pytest.mark.parametrize(
    "archive",
    [
        samples.RAR5_HARD_LINK,
        samples.RAR5_EVIL_LINK,
        rar4({"tabla.csv": b"/etc/passwd"}, mode=0o120777),
        rar5({"tabla.csv": b"/etc/passwd"}, mode=0o120777),
        rar5({"tabla.csv": b""}, mode=0o020644),
        rar5({"../tabla.csv": TABLE}),
        rar4({"..\\tabla.csv": TABLE}),
        rar4({"C:\\datos\\tabla.csv": TABLE}),
        rar5({"/tabla.csv": TABLE}),
    ],
)
def test_links_devices_and_names_that_lead_elsewhere_are_refused(refused: Refused, archive: bytes) -> None:
    assert refused(archive).code == "ruta_peligrosa"


@pytest.mark.parametrize("pack", [rar4, rar5])
def test_several_none_nested_and_too_many(refused: Refused, pack: Pack) -> None:
    assert refused(pack({"a.csv": TABLE, "b.csv": TABLE})).code == "varios_archivos"
    assert refused(pack({"a.pdf": b"x"})).code == "sin_tabla"
    assert refused(pack({"a.zip": b"x"})).code == "anidado"
    assert refused(pack({"a.csv": pack({"b.csv": TABLE})})).code == "anidado"
    assert refused(pack({f"{number}.pdf": b"" for number in range(1001)})).code == "bomba"
    assert refused(pack({"a.csv": TABLE * 100}), limits=Limits(largest=1000)).code == "bomba"


@pytest.mark.parametrize("pack", [rar4, rar5])
def test_a_wrong_checksum_or_a_cut_is_damage(refused: Refused, pack: Pack) -> None:
    whole = pack({"tabla.csv": TABLE * 10})
    at = whole.index(b"LICEO")
    assert refused(whole[:at] + b"l" + whole[at + 1 :]).code == "archivo_comprimido_dañado"
    for cut in (len(whole) // 2, len(whole) - 3, 12):
        assert refused(whole[:cut]).code == "archivo_comprimido_dañado"


def test_an_end_that_is_missing_is_a_cut(refused: Refused) -> None:
    assert refused(rar5({"tabla.csv": TABLE}, end=False)).code == "archivo_comprimido_dañado"


def test_solid_archives_of_old_rar_are_not_called_damaged(refused: Refused) -> None:
    # The first of two files becomes documentation: the table is the second, which libarchive cannot reach.
    solid = samples.RAR4_SOLID.replace(b"stest1.txt", b"stest1.pdf")
    at = 7 + 13
    size = int.from_bytes(solid[at + 5 : at + 7], "little")
    crc = (zlib.crc32(solid[at + 2 : at + size]) & 0xFFFF).to_bytes(2, "little")
    assert refused(solid[:at] + crc + solid[at + 2 :]).code == "compresion_desconocida"
