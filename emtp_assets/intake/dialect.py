"""The form of a file's bytes: hash, encoding, line ends, quotes, in one streaming pass. What the columns mean
belongs to `recognition`; whether every line is whole, to `inspection`."""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emtp_assets.intake.problem import ASK_AGAIN, IntakeError

BLOCK = 1 << 20
LONGEST_HEADER = 1 << 18
LINE_MARK, NULL_MARK = "\x01", "\x02"
"""Control bytes that DuckDB is told to split lines and spell NULL by; a file that holds them is refused."""

UTF8, UTF8_BOM, WINDOWS_1252 = "utf-8", "utf-8-sig", "windows-1252"
CSV_EXPECTED = "Un archivo de texto CSV con encabezado, separado por «;», en UTF-8 o Windows-1252, una fila por línea."

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"Rar!", "un archivo comprimido RAR", "Descomprímalo y deje en la carpeta el CSV que contiene."),
    (b"7z\xbc\xaf", "un archivo comprimido 7-Zip", "Descomprímalo y deje en la carpeta el CSV que contiene."),
    (b"\x1f\x8b", "un archivo comprimido GZIP", "Descomprímalo y deje en la carpeta el CSV que contiene."),
    (b"\xd0\xcf\x11\xe0", "un documento antiguo de Office (.xls o .doc)", "Guárdelo como CSV UTF-8."),
    (b"%PDF", "un documento PDF", "Deje en la carpeta el CSV, no su documentación."),
    (b"PAR1", "un archivo Parquet", "Deje en la carpeta el CSV oficial."),
    (b"SQLite format 3", "una base de datos SQLite", "Deje en la carpeta el CSV oficial."),
)
_ASCII = bytes(range(128))
_NOT_1252_ONLY = bytes(range(0x80)) + bytes(range(0xA0, 0x100))
_FOREIGN_LEADS = bytes(range(0xC6, 0xE0))
"""Bytes that open a UTF-8 character of no script used here, and are accented capitals in Windows-1252."""
_NO_LEAD = bytes(range(0xC2)) + bytes(range(0xE0, 0xE2)) + bytes(range(0xE3, 0x100))
_UNDEFINED_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_FEW = 0.05
"""Share of valid UTF-8 sequences among a file's accents under which they are chance (Windows-1252 "Ñ»")."""


@dataclass(frozen=True)
class Scan:
    """Facts of a file's bytes. ``lines`` counts line feeds, the header's included."""

    sha256: str
    size: int
    head: bytes
    lines: int
    carriage_returns: int
    ends_with_newline: bool
    has_quotes: bool
    has_nul: bool
    has_marks: bool
    utf8: bool

    @property
    def bom(self) -> bool:
        return self.head.startswith(codecs.BOM_UTF8)

    @property
    def parquet(self) -> bool:
        return self.head.startswith(b"PAR1")

    @property
    def header_bytes(self) -> bytes:
        """The first line without BOM nor line end."""
        line = self.head.removeprefix(codecs.BOM_UTF8).partition(b"\n")[0]
        return line.removesuffix(b"\r")


def scan(path: Path) -> Scan:
    """Read the file once, in constant memory.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    size = lines = returns = 0
    head = last = b""
    quotes = nul = marks = False
    utf8 = True
    line_mark, null_mark = LINE_MARK.encode(), NULL_MARK.encode()
    with path.open("rb", buffering=0) as handle:
        while block := handle.read(BLOCK):
            digest.update(block)
            head = head or block[:LONGEST_HEADER]
            size += len(block)
            lines += block.count(b"\n")
            returns += block.count(b"\r")
            quotes = quotes or b'"' in block
            nul = nul or b"\0" in block
            marks = marks or line_mark in block or null_mark in block
            utf8 = utf8 and _decodes(decoder, block)
            last = block[-1:]
    utf8 = utf8 and _decodes(decoder, b"", final=True)
    return Scan(digest.hexdigest(), size, head, lines, returns, last == b"\n", quotes, nul, marks, utf8)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def refuse_unless_text(facts: Scan) -> None:
    """Refuse what is no whole text table, saying what it is.

    Raises:
        IntakeError: empty, an archive, a workbook, a web page, binary, UTF-16, no line end at its end.
    """
    if not facts.size:
        raise IntakeError("vacio", "El archivo está vacío (0 bytes).", expected=CSV_EXPECTED, action=ASK_AGAIN)
    if known := _what_it_is(facts.head):
        raise IntakeError("no_es_csv", f"El archivo es {known[0]}, no un CSV.", expected=CSV_EXPECTED, action=known[1])
    if facts.has_nul or facts.has_marks:
        raise IntakeError(
            "binario",
            "El archivo contiene bytes que no son texto (nulos o caracteres de control): es binario, "
            "o la copia quedó dañada.",
            expected=CSV_EXPECTED,
            action=ASK_AGAIN,
        )
    if not facts.lines and not facts.carriage_returns:
        raise IntakeError(
            "sin_lineas",
            "El archivo no tiene ninguna línea completa: no hay ningún fin de línea.",
            expected=CSV_EXPECTED,
            action=ASK_AGAIN,
        )
    if b"\n" not in facts.head and facts.lines:
        raise IntakeError(
            "sin_encabezado",
            f"La primera línea tiene más de {LONGEST_HEADER} bytes: no es un encabezado.",
            where="línea 1",
            expected=CSV_EXPECTED,
            action=ASK_AGAIN,
        )


def refuse_unless_whole(facts: Scan, path: Path) -> None:
    """Refuse line ends that leave doubt about where a row ends.

    Raises:
        IntakeError: the last line has no end (a cut copy), or CRLF, LF and CR are mixed.
    """
    if facts.carriage_returns and facts.carriage_returns != facts.lines:
        raise IntakeError(
            "fines_de_linea",
            f"El archivo mezcla fines de línea: {facts.lines} LF y {facts.carriage_returns} CR.",
            where=first_odd_line_end(path, crlf=facts.carriage_returns * 2 > facts.lines),
            expected="Un mismo fin de línea en todo el archivo (CRLF o LF).",
            action="Suele pasar al editar archivos a mano, o por un salto de línea dentro de un texto. " + ASK_AGAIN,
        )
    if not facts.ends_with_newline:
        raise IntakeError(
            "cortado",
            "El archivo está cortado: su última línea no termina en fin de línea.",
            where=f"línea {facts.lines + 1} (la última)",
            expected="Que la última fila esté completa y termine en fin de línea.",
            action="Seguramente la copia o la descarga se interrumpió. " + ASK_AGAIN,
        )


def encoding_of(facts: Scan, path: Path) -> str:
    """``utf-8``, ``utf-8-sig`` or ``windows-1252`` (official files before 2018).

    A file that could be both is not guessed: "Ñ°" in Windows-1252 is, in UTF-8, a Cyrillic letter.
    A file that is almost UTF-8 is damaged, not Windows-1252: read so, its accents would change in silence.

    Raises:
        IntakeError: UTF-8 with broken characters, bytes that Windows-1252 does not define, or either one.
    """
    if facts.utf8:
        if not facts.bom:
            _refuse_if_either(path)
        return UTF8_BOM if facts.bom else UTF8
    accents = sequences = 0
    undefined = False
    with path.open("rb", buffering=0) as handle:
        while block := handle.read(BLOCK):
            high = block.translate(None, _ASCII)
            accents += len(high)
            undefined = undefined or _UNDEFINED_1252.search(high) is not None
            sequences += _beginnings(block)
    if facts.bom or undefined or sequences > _FEW * accents:
        raise IntakeError(
            "codificacion",
            "El texto no es UTF-8 válido ni Windows-1252: hay caracteres dañados.",
            where=_first_broken_line(path),
            expected="UTF-8 en todo el archivo, o Windows-1252 en todo el archivo.",
            action="No lo abra y guarde con otro programa: los acentos cambiarían. " + ASK_AGAIN,
        )
    return WINDOWS_1252


@contextmanager
def as_utf8(path: Path, encoding: str, folder: Path) -> Iterator[Path]:
    """A path to the same text in UTF-8: the file itself, or a copy in ``folder`` removed at the end.

    DuckDB reads Windows-1252 by an extension only, and none may be downloaded at run time.
    """
    if encoding != WINDOWS_1252:
        yield path
        return
    copy = folder / "utf8.csv"
    try:
        with path.open("rb", buffering=0) as source, copy.open("wb") as target:
            while block := source.read(BLOCK):
                target.write(_utf8_of(block))
        yield copy
    finally:
        copy.unlink(missing_ok=True)


@contextmanager
def as_plain(path: Path, encoding: str, separator: str, folder: Path, *, quoted: bool) -> Iterator[tuple[Path, str]]:
    """A path to the same table in UTF-8 without quotes, and its separator: a copy when it has quotes.

    DuckDB's parallel reader loses rows where a block begins inside a quoted field; Python's reads them.

    Raises:
        csv.Error, UnicodeDecodeError: bytes that `inspection` would have refused.
    """
    with as_utf8(path, encoding, folder) as text:
        if not quoted:
            yield text, separator
            return
        copy = folder / "plain.csv"
        try:
            with text.open("rb") as source, copy.open("wb") as target:
                header = source.readline()
                target.write(b"encabezado" + header[len(header.rstrip(b"\r\n")) :])
                while chunk := source.read(BLOCK // 8) + source.readline():
                    target.write(_unquoted(chunk, separator))
            yield copy, LINE_MARK
        finally:
            copy.unlink(missing_ok=True)


def _unquoted(chunk: bytes, separator: str) -> bytes:
    """Whole lines with their separator replaced; only those with quotes are parsed one by one."""
    if b'"' not in chunk:
        return chunk.replace(separator.encode(), LINE_MARK.encode())
    parts = []
    for line in chunk.split(b"\n"):
        if b'"' in line:
            body = line.removesuffix(b"\r")
            (fields,) = csv.reader([body.decode("utf-8")], delimiter=separator, strict=True)
            parts.append(LINE_MARK.join(fields).encode() + line[len(body) :])
        else:
            parts.append(line.replace(separator.encode(), LINE_MARK.encode()))
    return b"\n".join(parts)


def _utf8_of(block: bytes) -> bytes:
    """Windows-1252 bytes in UTF-8; Latin-1 where they agree, whose codec is ten times as fast."""
    codec = "cp1252" if block.translate(None, _NOT_1252_ONLY) else "latin-1"
    return block.decode(codec).encode("utf-8")


def _beginnings(block: bytes) -> int:
    """How often a byte that opens a UTF-8 character is followed by one that continues it."""
    octets = np.frombuffer(block, dtype=np.uint8)
    continues = (octets & 0xC0) == 0x80
    opens = octets >= 0xC2
    return int(np.count_nonzero(opens[:-1] & continues[1:]))


def blank_lines(path: Path) -> tuple[int, int, int]:
    """(first blank line's number or 0, blank lines, those at the very end). Only for a file in doubt."""
    first = count = trailing = 0
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            if line in (b"\n", b"\r\n"):
                first = first or number
                count += 1
                trailing += 1
            else:
                trailing = 0
    return first, count, trailing


def _refuse_if_either(path: Path) -> None:
    foreign = usual = 0
    with path.open("rb", buffering=0) as handle:
        while block := handle.read(BLOCK):
            leads = block.translate(None, _NO_LEAD)
            usual_here = len(leads.translate(None, _FOREIGN_LEADS))
            usual += usual_here
            foreign += len(leads) - usual_here
    if foreign > _FEW * (foreign + usual):
        raise IntakeError(
            "codificacion_dudosa",
            "No se puede saber si el texto es UTF-8 o Windows-1252: los acentos cambian según cuál.",
            expected="UTF-8 con marca de orden de bytes (BOM), como los archivos oficiales desde 2018.",
            action="Pida el archivo en «CSV UTF-8».",
        )


def _what_it_is(head: bytes) -> tuple[str, str] | None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "un texto en UTF-16 («Unicode» de Windows)", "Guárdelo como CSV UTF-8."
    if head.startswith(b"PK\x03\x04"):
        if b"xl/" in head or b"[Content_Types].xml" in head[:200]:
            return "un libro de Excel (.xlsx)", "Use el CSV oficial; si no existe, guárdelo como «CSV UTF-8»."
        return "un archivo comprimido ZIP", "Descomprímalo y deje en la carpeta el CSV que contiene."
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:15].lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return (
            "una página web o un XML (quizá el aviso de error de la descarga)",
            "Descargue el archivo de nuevo.",
        )
    return next(((name, action) for magic, name, action in _MAGIC if head.startswith(magic)), None)


def first_odd_line_end(path: Path, *, crlf: bool) -> str:
    """The first line that does not end as the others do, or holds a loose CR; "" when there is none."""
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            body = line.removesuffix(b"\n").removesuffix(b"\r")
            if b"\r" in body or line.endswith(b"\r\n") is not crlf:
                return f"línea {number}"
    return ""


def _first_broken_line(path: Path) -> str:
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"línea {number} (la primera que no es UTF-8 válido)"
    return ""
