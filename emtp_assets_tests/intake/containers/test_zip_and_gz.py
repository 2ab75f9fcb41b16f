"""Zip and gzip give the one table inside, byte by byte, or say why not."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from emtp_assets.intake.containers import Limits, container_of, repeat
from emtp_assets_tests.intake.containers.conftest import Open, Refused
from emtp_assets_tests.intake.containers.packing import TABLE, Known, deflated, gzipped, raw_zip, zipped


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_the_table_of_a_zip_comes_out_as_it_went_in(opened: Open, folder: Path, method: int) -> None:
    content = opened(zipped({"Matrícula 2024.CSV": TABLE * 5000}, method))
    assert (content.container, content.member) == ("zip", "Matrícula 2024.CSV")
    assert content.path.read_bytes() == TABLE * 5000
    assert list(folder.iterdir()) == [], "a kill leaves nothing of it"
    assert stat.S_IMODE(content.path.stat().st_mode) == 0o600


def test_a_file_in_no_container_is_its_own_content(opened: Open, tmp_path: Path, folder: Path) -> None:
    content = opened(TABLE, name="tabla.zip")
    assert (content.path, content.container, content.member) == (tmp_path / "tabla.zip", "", "")
    assert list(folder.iterdir()) == []


def test_documentation_and_what_systems_leave_behind_are_passed_over(opened: Open) -> None:
    content = opened(
        zipped(
            {
                "ER_Matricula.pdf": b"%PDF",
                "Esquema de registro.docx": b"PK",
                "LEAME.txt": b"x",
                "léame primero.txt": b"x",
                "readme.TXT": b"x",
                "__MACOSX/._tabla.csv": b"x",
                "datos/Thumbs.db": b"x",
                "datos/desktop.ini": b"x",
                "datos/": b"",
                "datos/tabla.csv": TABLE,
            }
        )
    )
    assert content.member == "datos/tabla.csv"
    assert content.path.read_bytes() == TABLE


def test_several_tables_are_refused_by_name_and_at_most_twelve_are_named(refused: Refused) -> None:
    error = refused(zipped({f"tabla_{number:02}.csv": TABLE for number in range(15)}))
    assert error.code == "varios_archivos"
    assert "15 tablas" in error.what
    assert "tabla_00.csv" in error.what and "tabla_11.csv" in error.what and "y 3 más" in error.what
    assert "tabla_12.csv" not in error.what
    assert refused(zipped({"a.csv": TABLE, "b.xlsx": b"x"})).code == "varios_archivos"


def test_no_table_is_refused_with_what_there_is(refused: Refused) -> None:
    error = refused(zipped({"Glosario.pdf": b"%PDF", "base.sav": b"x"}))
    assert error.code == "sin_tabla"
    assert "Glosario.pdf, base.sav" in error.what
    assert refused(zipped({})).code == "sin_tabla"


@pytest.mark.parametrize("name", ["otro.zip", "otro.RAR", "otro.7z", "otro.csv.gz", "otro.tgz", "tabla.csv"])
def test_an_archive_in_an_archive_is_refused_by_name_or_by_bytes(refused: Refused, name: str) -> None:
    inner = zipped({"tabla.csv": TABLE})
    error = refused(zipped({name: inner, "LEAME.txt": b"x"}))
    assert (error.code, error.where) == ("anidado", name)
    assert refused(gzipped(inner)).code == "anidado"
    assert refused(zipped({"a.csv": TABLE, "b.zip": inner})).code == "anidado"


def test_a_tar_in_a_gz_is_an_archive_too(refused: Refused) -> None:
    header = bytearray(512)
    header[:9], header[257:262] = b"tabla.csv", b"ustar"
    assert refused(gzipped(bytes(header), "tabla.tar")).code == "anidado"


def test_a_password_is_told_by_the_flag_whatever_the_method(refused: Refused) -> None:
    for method in (8, 99):
        error = refused(raw_zip(bytes(40), method=method, flags=1, size=20))
        assert (error.code, error.where) == ("con_clave", "tabla.csv")


def test_a_method_that_the_library_lacks_is_not_called_damage(refused: Refused) -> None:
    error = refused(raw_zip(bytes(40), method=9, size=20))
    assert error.code == "compresion_desconocida"
    assert "Deflate64" in error.what


@pytest.mark.parametrize(
    "name",
    ["/etc/tabla.csv", "../tabla.csv", "a/../../tabla.csv", "..\\tabla.csv", "C:\\tabla.csv", "\\\\equipo\\tabla.csv"],
)
def test_a_name_that_leads_elsewhere_is_refused(refused: Refused, name: str) -> None:
    error = refused(raw_zip(deflated(TABLE), name=name.encode(), crc=zlib.crc32(TABLE), size=len(TABLE)))
    assert (error.code, error.where) == ("ruta_peligrosa", name)
    assert refused(gzipped(TABLE).replace(b"tabla.csv", name.encode())).code == "ruta_peligrosa"


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_are_refused(refused: Refused, mode: int) -> None:
    archive = raw_zip(deflated(b"/etc/passwd"), crc=zlib.crc32(b"/etc/passwd"), size=11, mode=mode | 0o777)
    assert refused(archive).code == "ruta_peligrosa"


@pytest.mark.parametrize(
    ("raw", "flags", "shown"),
    [
        ("AÑO.csv".encode("cp850"), 0, "AÑO.csv"),
        ("Matrícula.csv".encode(), 0, "Matrícula.csv"),
        ("Matrícula.csv".encode(), 0x800, "Matrícula.csv"),
        (b"\x80\xff\xfe.csv", 0, "Ç\ufffd■.csv"),
        (b"a\x1b[31m\nb.csv", 0, "a\ufffd[31m\ufffdb.csv"),
    ],
)
def test_names_in_any_encoding_are_shown_and_never_crash(opened: Open, raw: bytes, flags: int, shown: str) -> None:
    archive = raw_zip(deflated(TABLE), name=raw, flags=flags, crc=zlib.crc32(TABLE), size=len(TABLE))
    assert opened(archive).member == shown


def test_a_name_that_breaks_its_own_encoding_is_refused_not_a_crash(refused: Refused) -> None:
    archive = raw_zip(deflated(TABLE), name=b"\xff\xfe.csv", flags=0x800, crc=zlib.crc32(TABLE), size=len(TABLE))
    assert refused(archive).code == "archivo_comprimido_dañado"


def test_a_declared_size_does_not_cut_the_content(refused: Refused) -> None:
    # The checksum is that of the beginning: a reader that believes the size hands it over as the whole.
    part = TABLE[: TABLE.index(b"\n", 20) + 1]
    assert refused(raw_zip(deflated(TABLE), crc=zlib.crc32(part), size=len(part))).code == "archivo_comprimido_dañado"
    assert refused(raw_zip(deflated(TABLE), crc=zlib.crc32(TABLE), size=9999)).code == "archivo_comprimido_dañado"


def test_cut_and_falsified_zips_are_damaged(refused: Refused) -> None:
    whole = zipped({"tabla.csv": TABLE * 100})
    for cut in (30, len(whole) // 2, len(whole) - 1):
        assert refused(whole[:cut]).code == "archivo_comprimido_dañado"
    assert refused(raw_zip(deflated(TABLE), crc=1, size=len(TABLE))).code == "archivo_comprimido_dañado"
    assert refused(raw_zip(deflated(TABLE), crc=zlib.crc32(TABLE), size=len(TABLE), declared=2)).code == (
        "archivo_comprimido_dañado"
    )


def test_two_zips_in_one_file_are_damaged_and_a_remark_or_zeros_behind_are_not(refused: Refused, opened: Open) -> None:
    one, other = zipped({"tabla.csv": TABLE}), zipped({"otra.csv": TABLE * 2})
    for pasted in (one + other, one + other[: len(other) // 2], one + b"basura", one[:-30] + other):
        assert refused(pasted).code == "archivo_comprimido_dañado"
    assert opened(one + bytes(700)).path.read_bytes() == TABLE
    assert opened(one[:-2] + b"\x06\0remark").path.read_bytes() == TABLE


def test_a_zip_of_more_than_four_gigabytes_has_another_end_record(opened: Open, refused: Refused) -> None:
    one = zipped({"tabla.csv": TABLE})
    at = one.rindex(b"PK\5\6")
    entries, directory, offset = struct.unpack_from("<H2L", one, at + 10)
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, entries, entries, directory, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert refused(one + one[:at] + record + locator + end).code == "archivo_comprimido_dañado"
    assert opened(one[:at] + record + locator + end).path.read_bytes() == TABLE


def test_a_part_of_a_zip_in_several_is_a_volume(refused: Refused) -> None:
    assert refused(b"PK\x07\x08" + zipped({"tabla.csv": TABLE * 50})[:100]).code == "volumen"
    assert refused(raw_zip(deflated(TABLE), disk=2)).code == "volumen"


def test_gz_in_several_members_and_filled_with_zeros_is_one_table(opened: Open) -> None:
    content = opened(gzipped(TABLE) + gzipped(TABLE * 9000) + bytes(1000))
    assert (content.container, content.member) == ("gz", "tabla.csv")
    assert content.path.read_bytes() == TABLE * 9001


def test_a_gz_that_says_no_name_has_none(opened: Open) -> None:
    nameless = zlib.compressobj(wbits=31)
    assert opened(nameless.compress(TABLE) + nameless.flush()).member == ""


def test_a_gz_that_is_cut_falsified_or_followed_by_something_is_damaged(refused: Refused) -> None:
    whole = gzipped(TABLE * 3000)
    for bad in (
        whole[:-1],
        whole[:40],
        whole[:3],
        whole + b"basura",
        whole[:-5] + b"\0" + whole[-4:],
        whole[:-1] + b"\xff",
        whole + whole[: len(whole) // 2],
    ):
        assert refused(bad).code == "archivo_comprimido_dañado"


def test_what_a_file_is_is_told_by_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "tabla.csv"
    for content, kind in (
        (TABLE, ""),
        (b"", ""),
        (b"PK", ""),
        (zipped({"tabla.csv": TABLE}), "zip"),
        (gzipped(TABLE), "gz"),
        (zipped({"[Content_Types].xml": b"", "word/document.xml": b""}), ""),
        (zipped({"[Content_Types].xml": b"", "xl/workbook.bin": b""}), ""),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b""}), ""),
        (zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "xlsx"),
        (b"Rar!\x1a\x07\x00", "rar"),
        (b"Rar!\x1a\x07\x01\x00", "rar"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "7z"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), ""),
    ):
        path.write_bytes(content)
        assert container_of(content[:8], path) == kind, content[:20]


@pytest.mark.parametrize("archive", [zipped({"a/tabla.csv": TABLE * 999}), gzipped(TABLE * 999), TABLE])
def test_repeating_gives_the_same_bytes(opened: Open, tmp_path: Path, folder: Path, archive: bytes) -> None:
    content = opened(archive)
    again = repeat(tmp_path / "entrega", folder, Known(), container=content.container, member=content.member)
    assert again.read_bytes() == content.path.read_bytes()


def test_our_own_disk_refusing_is_not_the_files_fault(opened: Open, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        opened(zipped({"tabla.csv": TABLE}), limits=Limits())
