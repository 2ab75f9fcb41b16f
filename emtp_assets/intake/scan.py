"""The bytes of a file as such: copied, hashed, measured, and known by their first ones for what is no table.

What a container holds belongs to `containers`; encoding, lines and columns to the modules of those names.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emtp_assets.intake.problem import ASK_AGAIN, IntakeError

BLOCK = 1 << 18
HEAD = 1 << 18
CSV_EXPECTED = (
    "Un archivo de texto CSV con encabezado, una fila por línea (solo, o comprimido en ZIP, RAR, 7-Zip o GZIP)."
)

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "un documento antiguo de Office (.xls o .doc)", "Guárdelo como CSV UTF-8."),
    (b"%PDF", "un documento PDF", "Deje en la carpeta el CSV, no su documentación."),
    (b"PAR1", "un archivo Parquet", "Deje en la carpeta el CSV oficial."),
    (b"SQLite format 3", "una base de datos SQLite", "Deje en la carpeta el CSV oficial."),
    (b"PGDMP", "un respaldo de PostgreSQL", "Deje en la carpeta el CSV oficial."),
    (b"BZh", "un archivo comprimido BZIP2", "Descomprímalo y deje en la carpeta el CSV que contiene."),
    (b"\xfd7zXZ\x00", "un archivo comprimido XZ", "Descomprímalo y deje en la carpeta el CSV que contiene."),
    (b"\x28\xb5\x2f\xfd", "un archivo comprimido Zstandard", "Descomprímalo y deje en la carpeta el CSV que contiene."),
    (b"ISc(", "un instalador", "Deje en la carpeta el CSV oficial."),
    (b"\x7fELF", "un programa", "Deje en la carpeta el CSV oficial."),
    (b"MZ\x90", "un programa", "Deje en la carpeta el CSV oficial."),
    (b"\x89PNG", "una imagen", "Deje en la carpeta el CSV oficial."),
    (b"\xff\xd8\xff", "una imagen", "Deje en la carpeta el CSV oficial."),
    (b"PK\x03\x04", "un documento comprimido (.docx, .ods, .xlsb u otro)", "Guárdelo como CSV UTF-8, o como .xlsx."),
    (b"{\\rtf", "un documento RTF", "Guárdelo como CSV UTF-8."),
)
_CONTROLS = bytes(set(range(1, 32)) - set(b"\t\n\r\f\x1a"))
"""Bytes that no text has; NUL is half of a text in UTF-16."""


@dataclass(frozen=True)
class Scan:
    """Facts of a file's bytes. ``head`` are the first `HEAD` ones."""

    sha256: str
    size: int
    head: bytes

    @property
    def parquet(self) -> bool:
        return self.head.startswith(b"PAR1")


def scan(path: Path, *, copy_to: Callable[[bytes], object] | None = None) -> Scan:
    """Read the file once, in constant memory; with ``copy_to``, what is measured is exactly what it was handed.

    Raises:
        OSError: the file cannot be read, or the copy not be written.
    """
    digest = hashlib.sha256()
    size, head = 0, b""
    with path.open("rb", buffering=0) as source:
        while block := source.read(BLOCK):
            digest.update(block)
            if len(head) < HEAD:
                head += block[: HEAD - len(head)]
            size += len(block)
            if copy_to is not None:
                copy_to(block)
    return Scan(digest.hexdigest(), size, head)


def refuse_what_is_no_table(head: bytes) -> None:
    """Refuse, saying what it is, a file that by its first bytes is no text table.

    Raises:
        IntakeError: empty, a document, a database, a web page, a program.
    """
    if not head:
        raise IntakeError("vacio", "El archivo está vacío (0 bytes).", expected=CSV_EXPECTED, action=ASK_AGAIN)
    known = next(((name, action) for magic, name, action in _MAGIC if head.startswith(magic)), None)
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:15].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<table", b"<head", b"<body")):
        known = (
            "una página web o un XML (quizá el aviso de error de la descarga)",
            "Descargue el archivo de nuevo.",
        )
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls * 20 > len(head) and not known:
        raise IntakeError(
            "binario",
            "El archivo contiene bytes que no son texto: es binario, o la copia quedó dañada.",
            expected=CSV_EXPECTED,
            action=ASK_AGAIN,
        )
    if start.startswith((b"{", b"[{", b"[[")):
        known = ("un texto JSON", "Deje en la carpeta el CSV oficial.")
    if known:
        raise IntakeError("no_es_csv", f"El archivo es {known[0]}, no un CSV.", expected=CSV_EXPECTED, action=known[1])
