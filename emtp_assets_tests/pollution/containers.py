"""Archives in which a table may come, right and wrong. How they are written byte by byte is in `archives`."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import replace

from emtp_assets_tests.pollution import archives
from emtp_assets_tests.pollution.corpus import CORPUS, Polluted, of_text
from emtp_assets_tests.pollution.official import Official

GROUP = "container"
FORMS = ("matricula_2024", "matricula_2014", "titulacion_2024")
LEAFLET = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
README = "Esquema de registro: véase la página del Ministerio.\r\n".encode("cp1252")


def _add(name: str, spoil: Callable[[Official, bytes], bytes], file: str, **more: object) -> None:
    """``spoil`` is given the form and the plain file's bytes."""

    def made(form: Official) -> Polluted:
        plain = of_text(form, form.wrote())
        return replace(plain, content=spoil(form, plain.content), file=file, **more)  # type: ignore[arg-type]

    CORPUS.add(name, GROUP, made, forms=FORMS)


def _other_year(form: Official) -> bytes:
    """Another delivery of the same dataset."""
    year = form.table.column(form.contract.year_column)
    rows = tuple((*r[:year], str(form.year - 1), *r[year + 1 :]) for r in form.table.rows)
    return form.encoded(form.wrote(replace(form.table, rows=rows)))


NAME = "20240912_Matricula_unica_2024.csv"
_add("zip_deflated", lambda _, b: archives.zipped({NAME: b}), "entrega.zip")
_add("zip_stored", lambda _, b: archives.zipped({NAME: b}, method=zipfile.ZIP_STORED), "entrega.zip")
_add("zip_bzip2", lambda _, b: archives.zipped({NAME: b}, method=zipfile.ZIP_BZIP2), "entrega.zip")
_add("zip_lzma", lambda _, b: archives.zipped({NAME: b}, method=zipfile.ZIP_LZMA), "entrega.zip")
_add("zip_upper_case", lambda _, b: archives.zipped({NAME.upper(): b}), "ENTREGA.ZIP")
_add("zip_in_a_folder", lambda _, b: archives.zipped({f"datos/{NAME}": b}), "entrega.zip")
_add("zip_named_csv", lambda _, b: archives.zipped({NAME: b}), "entrega.csv")
_add("zip_name_with_accents", lambda _, b: archives.zipped({"Matrícula año 2024.csv": b}), "entrega.zip")
_add("zip_with_leaflet", lambda _, b: archives.zipped({"ER_Matricula.pdf": LEAFLET, NAME: b}), "entrega.zip")
_add("zip_with_readme_txt", lambda _, b: archives.zipped({"LEAME.txt": README, NAME: b}), "entrega.zip")
_add(
    "zip_from_a_mac",
    lambda _, b: archives.zipped({NAME: b, f"__MACOSX/._{NAME}": b"\0\5\26\7" + bytes(80), ".DS_Store": bytes(64)}),
    "entrega.zip",
)
_add("zip_same_file_twice", lambda _, b: archives.zipped({NAME: b, f"copia/{NAME}": b}), "entrega.zip")
_add("zip_two_years", lambda f, b: archives.zipped({NAME: b, "2023.csv": _other_year(f)}), "entrega.zip")
_add("zip_empty", lambda _, b: archives.zipped({}), "entrega.zip")
_add("zip_only_leaflet", lambda _, b: archives.zipped({"ER.pdf": LEAFLET}), "entrega.zip")
_add("zip_empty_member", lambda _, b: archives.zipped({NAME: b""}), "entrega.zip")
_add("zip_in_zip", lambda _, b: archives.zipped({"datos.zip": archives.zipped({NAME: b})}), "entrega.zip")
_add("gz_in_zip", lambda _, b: archives.zipped({"datos.csv.gz": gzip.compress(b, mtime=0)}), "entrega.zip")
_add(
    "zip_of_xlsx", lambda _, b: archives.zipped({"datos.xlsx": archives.zipped({"xl/workbook.xml": b"<x/>"})}), "e.zip"
)
_add("zip_password", lambda _, b: archives.zipped_with_password(NAME, b), "entrega.zip")
_add("zip_path_up", lambda _, b: archives.zipped({f"../../{NAME}": b}), "entrega.zip")
_add("zip_absolute_path", lambda _, b: archives.zipped({f"/etc/{NAME}": b}), "entrega.zip")
_add("zip_windows_path", lambda _, b: archives.zipped({f"C:\\datos\\{NAME}": b}), "entrega.zip")
_add("zip_cut", lambda _, b: archives.zipped({NAME: b})[:-60], "entrega.zip")
_add("zip_cut_in_the_data", lambda _, b: archives.zipped({NAME: b})[:200], "entrega.zip")
_add("zip_bomb", lambda _, b: archives.zipped({NAME: b + b"0" * 40_000_000}), "entrega.zip")
_add("zip_after_rubbish", lambda _, b: b"MZ\x90\0" + bytes(200) + archives.zipped({NAME: b}), "entrega.zip")


def _wrong_crc(_: Official, content: bytes) -> bytes:
    """One bit of the stored text is another."""
    whole = bytearray(archives.zipped({NAME: content}, method=zipfile.ZIP_STORED))
    whole[whole.index(content) + len(content) - 9] ^= 1
    return bytes(whole)


def _lied_size(_: Official, content: bytes) -> bytes:
    """A member shorter than the directory says, as a copy that skipped blocks."""
    whole = archives.zipped({NAME: content}, method=zipfile.ZIP_STORED)
    at = whole.index(content)
    return whole[: at + 300] + whole[at + 400 :]


_add("zip_then_another", lambda f, b: archives.zipped({NAME: b}) + archives.zipped({NAME: _other_year(f)}), "e.zip")
_add("zip_then_zeros", lambda _, b: archives.zipped({NAME: b}) + bytes(512), "e.zip")
_add("zip_wrong_bit", _wrong_crc, "entrega.zip")
_add("zip_hole", _lied_size, "entrega.zip")

_add("gz", lambda _, b: gzip.compress(b, mtime=0), "entrega.csv.gz")
_add("gz_stored", lambda _, b: gzip.compress(b, 0, mtime=0), "entrega.gz")
_add("gz_named_csv", lambda _, b: gzip.compress(b, mtime=0), "entrega.csv")
_add("gz_two_members", lambda _, b: gzip.compress(b[:700], mtime=0) + gzip.compress(b[700:], mtime=0), "entrega.csv.gz")
_add("gz_cut", lambda _, b: gzip.compress(b, mtime=0)[:-40], "entrega.csv.gz")
_add("gz_without_trailer", lambda _, b: gzip.compress(b, mtime=0)[:-8], "entrega.csv.gz")
_add("gz_wrong_crc", lambda _, b: (g := gzip.compress(b, mtime=0))[:-8] + b"\1\2\3\4" + g[-4:], "entrega.csv.gz")
_add("gz_then_rubbish", lambda _, b: gzip.compress(b, mtime=0) + b"basura", "entrega.csv.gz")
_add("gz_then_zeros", lambda _, b: gzip.compress(b, mtime=0) + bytes(512), "entrega.csv.gz")
_add("gz_of_nothing", lambda _, b: gzip.compress(b"", mtime=0), "entrega.csv.gz")
_add("gz_of_gz", lambda _, b: gzip.compress(gzip.compress(b, mtime=0), mtime=0), "entrega.csv.gz")
_add("tar_gz", lambda _, b: gzip.compress(archives.tarred({NAME: b}), mtime=0), "entrega.tar.gz")
_add("tar", lambda _, b: archives.tarred({NAME: b}), "entrega.tar")
_add("bz2", lambda _, b: bz2.compress(b), "entrega.csv.bz2")
_add("xz", lambda _, b: lzma.compress(b), "entrega.csv.xz")

_add("7z", lambda _, b: archives.seven_zipped({NAME: b}), "entrega.7z")
_add("7z_stored", lambda _, b: archives.seven_zipped({NAME: b}, stored=True), "entrega.7z")
_add("7z_with_leaflet", lambda _, b: archives.seven_zipped({"ER.pdf": LEAFLET, NAME: b}), "entrega.7z")
_add("7z_two_years", lambda f, b: archives.seven_zipped({NAME: b, "2023.csv": _other_year(f)}), "entrega.7z")
_add("7z_cut", lambda _, b: archives.seven_zipped({NAME: b})[:-30], "entrega.7z")
_add(
    "7z_then_another",
    lambda f, b: archives.seven_zipped({NAME: b}) + archives.seven_zipped({NAME: _other_year(f)}),
    "e",
)
_add("7z_wrong_bit", lambda _, b: (s := archives.seven_zipped({NAME: b}))[:60] + bytes([s[60] ^ 4]) + s[61:], "e.7z")

_add("rar4", lambda _, b: archives.rar4({NAME: b}), "entrega.rar")
_add("rar5", lambda _, b: archives.rar5({NAME: b}), "entrega.rar")
_add("rar4_then_another", lambda f, b: archives.rar4({NAME: b}) + archives.rar4({NAME: _other_year(f)}), "e.rar")
_add("rar5_then_another", lambda f, b: archives.rar5({NAME: b}) + archives.rar5({NAME: _other_year(f)}), "e.rar")
_add("rar_named_csv", lambda _, b: archives.rar5({NAME: b}), "entrega.csv")
_add("rar_two_years", lambda f, b: archives.rar5({NAME: b, "2023.csv": _other_year(f)}), "entrega.rar")
_add("rar4_password", lambda _, b: archives.rar4({NAME: b}, encrypted=True), "entrega.rar")
_add("rar4_cut", lambda _, b: archives.rar4({NAME: b})[:-400], "entrega.rar")
_add("rar5_cut", lambda _, b: archives.rar5({NAME: b})[:-400], "entrega.rar")
_add(
    "rar4_wrong_bit", lambda _, b: (s := archives.rar4({NAME: b}))[:-50] + bytes([s[-50] ^ 1]) + s[-49:], "entrega.rar"
)
_add(
    "rar5_wrong_bit", lambda _, b: (s := archives.rar5({NAME: b}))[:-50] + bytes([s[-50] ^ 1]) + s[-49:], "entrega.rar"
)

_add("csv_named_zip", lambda _, b: b, "entrega.zip")
_add("csv_named_gz", lambda _, b: b, "entrega.csv.gz")
_add("csv_named_xlsx", lambda _, b: b, "entrega.xlsx")
_add("csv_named_rar", lambda _, b: b, "entrega.rar")
_add("ole_document", lambda _, b: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + b, "entrega.xls")
