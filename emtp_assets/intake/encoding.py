"""In which encoding a text came: decided with certainty or refused; and the same text at bytes that can be split.

How a file is streamed belongs to `text_blocks`; what accents spell in a code page, to `code_pages`; what text decoded
wrongly before was, to `mojibake`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from emtp_assets.intake import mojibake
from emtp_assets.intake.code_pages import OTHER_PAGES, SPANISH, Spelling, spelling
from emtp_assets.intake.problem import ASK_AGAIN, IntakeError
from emtp_assets.intake.text_blocks import (
    UTF16,
    WINDOWS_1252,
    blocks_of,
    first_line,
    in_utf8,
    not_utf8,
    sample,
    utf8_of,
    utf8_parts,
    whole_lines,
)
from emtp_assets.storage.temporary import unnamed

__all__ = ["Encoding", "broken_lines", "readable", "recognise_encoding", "utf8_of"]

UTF8, UTF8_BOM = "utf-8", "utf-8-sig"

_EXPECTED = "UTF-8 en todo el archivo, o Windows-1252 en todo el archivo."
_AS_CSV_UTF8 = "Pida el archivo en «CSV UTF-8», o guárdelo así desde el programa que lo hizo."
_ORIGINAL = "No lo abra y guarde con otro programa: los acentos cambiarían. " + ASK_AGAIN

_ASCII = bytes(range(0x80))
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_UNDEFINED_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_UTF16_MARK = re.compile(rb"\xff\xfe|\xfe\xff")
_MOJIBAKE_1252 = re.compile(rb"[\xc2\xc3][\x80-\xbf]|\xe2\x80[\x80-\xbf]")
_MOJIBAKE_UTF8 = re.compile(rb"\xc3[\x82\x83]|\xc3[\xa2\xa3\xaf][\xc2\xe2]")
_USUAL_UTF8 = re.compile(rb"[\xc2\xc3][\x80-\xbf]")
_FOREIGN_UTF8 = re.compile(rb"[\xc4-\xdf][\x80-\xbf]")
_FOREIGN_LEAD = re.compile(rb"[\xc6-\xdf]")
"""Opens a UTF-8 character of no script used here, and is an accented capital in Windows-1252."""
_NOT_FOREIGN = re.compile(rb"\xc6\x92|\xcb[\x86\x9c]|\xcc[\x80\x81\x83\x88\xa7]")
"""Those that mojibake makes, and accents written apart from their letters."""
_NO_FOREIGN_LEAD = bytes(range(0xC6)) + bytes(range(0xE0, 0x100))
_NO_USUAL_LEAD = bytes(range(0xC2)) + bytes(range(0xC6, 0xE2)) + bytes(range(0xE3, 0x100))
_FEW = 0.05
"""Share of valid UTF-8 sequences among a file's accents under which they are chance (Windows-1252 "Ñ»")."""
_ALMOST_UTF8 = "El texto es UTF-8 con caracteres dañados."
_FEW_LINES, _FEW_OF_LINES = 3, 0.0001
_IDEOGRAPHS = re.compile("[\u2e80-\u7eff]{12}")
"""What plain text becomes in UTF-16 when it is UTF-8, or a byte before it was lost."""


@dataclass(frozen=True)
class Encoding:
    """``name``: utf-8, utf-8-sig, utf-16-le, utf-16-be or windows-1252.

    ``mojibake``: its text had been decoded wrongly before, and is repaired, or marked where it cannot be; ``broken``: a
    few of its lines have bytes that are no character, and are marked.
    """

    name: str
    mojibake: bool = False
    broken: bool = False

    @property
    def copied(self) -> bool:
        """Whether `readable` makes a copy, which is in UTF-8."""
        return self.mojibake or self.broken or self.name in UTF16

    @property
    def codec(self) -> str:
        """Python's name of the encoding of the path that `readable` gives."""
        return "cp1252" if self.name == WINDOWS_1252 and not self.copied else UTF8


def recognise_encoding(path: Path) -> Encoding:
    """The encoding of a text: one pass over clean UTF-8, a few over anything else, all in constant memory.

    A file that could be two things is not guessed: "Ñ°" in Windows-1252 is, in UTF-8, a Cyrillic letter; "É" in one
    code page is another's "Ú". A file that is almost UTF-8 is damaged, not Windows-1252: read so, its accents would
    change in silence.

    Raises:
        IntakeError: ``codificacion``: damaged, cut or lost characters; ``codificacion_dudosa``: two encodings fit.
        OSError: the file cannot be read.
    """
    with path.open("rb", buffering=0) as handle:
        head = handle.read(4096)
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise _damaged("El texto está en UTF-32, que no se lee.", action=_AS_CSV_UTF8)
    if name := _utf16(head):
        _refuse_unless_utf16(path, name)
        encoding = Encoding(name, _decoded_wrongly_before(path, name))
        _refuse_rubbish(path, encoding)
        return encoding
    bom = head.startswith(codecs.BOM_UTF8)
    suspicious = foreign = False
    for octets in utf8_parts(path):
        if octets is None:
            try:
                mixed = _refuse_unless_windows_1252(path, bom=bom)
            except IntakeError as refused:
                if refused.what != _ALMOST_UTF8 or not _surely_utf8(path):
                    raise
                return Encoding(UTF8_BOM if bom else UTF8, broken=True)
            return Encoding(WINDOWS_1252, mixed and _decoded_wrongly_before(path, WINDOWS_1252))
        suspicious = suspicious or mojibake.suspicious(octets)
        foreign = foreign or (not bom and bool(((octets - np.uint8(0xC6)) < 0xE0 - 0xC6).any()))
    if foreign:
        _refuse_if_either(path)
    name = UTF8_BOM if bom else UTF8
    encoding = Encoding(name, suspicious and _decoded_wrongly_before(path, name))
    _refuse_rubbish(path, encoding)
    return encoding


@contextmanager
def readable(path: Path, encoding: Encoding, folder: Path) -> Iterator[Path]:
    """A path to the same text whose bytes can be split at ASCII ones, in ``encoding.codec``.

    The file itself; or, of UTF-16 and of text decoded wrongly before, a copy in UTF-8 without BOM on ``folder``'s disk,
    gone at the end, with U+FFFD where a character is lost.

    Raises:
        UnicodeDecodeError: the file is no longer what `recognise_encoding` saw.
        OSError: the disk refused.
    """
    if not encoding.copied:
        yield path
        return
    blocks = in_utf8(path, encoding.name)
    if encoding.mojibake:
        blocks = mojibake.repaired(blocks)
    if encoding.broken:
        blocks = (block.decode(UTF8, errors="replace").encode() for block in blocks)
    with unnamed(folder) as copy:
        with copy.open("wb") as target:
            target.write(_without_boms(next(blocks, b"")))
            target.writelines(blocks)
        yield copy


def broken_lines(path: Path) -> list[int]:
    """The numbers of the lines that are not UTF-8, when they are few in a file that otherwise is; else none.

    Few: 3, or one in 10,000. For a file refused as ``codificacion`` only: in Windows-1252 every accent is broken.
    """
    lines = sum(block.count(b"\n") for block in blocks_of(path))
    most = max(_FEW_LINES, int(_FEW_OF_LINES * lines))
    found = list(islice(not_utf8(path), most + 1))
    return found if len(found) <= most else []


def _surely_utf8(path: Path) -> bool:
    """Whether a text that is almost UTF-8 is nothing else: its few broken lines are outnumbered by Spanish characters.

    Two bytes of another code page are a UTF-8 character by chance ("Íñ" of cp850), but hardly one that Spanish has.
    """
    broken = len(broken_lines(path))
    usual = foreign = 0
    block = b""
    for block in blocks_of(path):
        if b"\0" in block:
            return False
        usual += len(_USUAL_UTF8.findall(block))
        foreign += len(_FOREIGN_UTF8.findall(block))
    whole = block.endswith(b"\n")
    return whole and 0 < broken * 3 <= usual and not foreign


def _utf16(head: bytes) -> str:
    """UTF-16's name by its BOM or, for a header in ASCII, by every other byte being NUL; "" when it is not."""
    for name, mark in UTF16.items():
        if head.startswith(mark):
            return name
    octets = np.frombuffer(head[: len(head) // 2 * 2], dtype=np.uint8)
    if octets.size < 8:
        return ""
    even, odd = octets[::2] == 0, octets[1::2] == 0
    if not even.any() and odd[:4].all() and odd.mean() > 0.7:
        return "utf-16-le"
    return "utf-16-be" if not odd.any() and even[:4].all() and even.mean() > 0.7 else ""


def _refuse_unless_utf16(path: Path, name: str) -> None:
    decoder = codecs.getincrementaldecoder(name)()
    units = np.dtype("<u2" if name == "utf-16-le" else ">u2")
    lines, first = 1, True
    for block in chain(blocks_of(path), [b""]):
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            lines += error.object[: error.start].decode(name, errors="replace").count("\n")
            raise _damaged("El texto en UTF-16 tiene caracteres cortados o dañados.", lines) from None
        if first:
            text, first = text.removeprefix("\ufeff"), False
        strange = bool((np.frombuffer(block[: len(block) // 2 * 2], dtype=units) >= 0x2E80).any())
        if strange and (odd := re.search("[\ufeff\ufffe]", text) or _IDEOGRAPHS.search(text)):
            raise _damaged(
                "El texto en UTF-16 deja de serlo a medio camino: son dos archivos pegados, o se perdió un byte.",
                lines + text.count("\n", 0, odd.start()),
            )
        lines += text.count("\n")


def _refuse_unless_windows_1252(path: Path, *, bom: bool) -> bool:
    """Whether some of it may be UTF-8 all the same."""
    accents = sequences = 0
    undefined = False
    found = Spelling.none()
    for block in whole_lines(blocks_of(path)):
        if _UTF16_MARK.search(block):
            raise _damaged(
                "El texto pasa a UTF-16 a medio camino: son dos archivos pegados.",
                first_line(blocks_of(path), _UTF16_MARK),
            )
        accents += len(block.translate(None, _ASCII))
        if beginnings := _beginnings(block):
            sequences += beginnings
            block = _MOJIBAKE_1252.sub(b"", block)  # noqa: PLW2901
        undefined = undefined or _UNDEFINED_1252.search(block.translate(None, _ASCII)) is not None
        found += spelling(block, utf8=False)
    other = found.likelier()
    if bom or sequences > _FEW * accents:
        raise _damaged(_ALMOST_UTF8, next(not_utf8(path), 0))
    if other:
        raise _doubtful(
            f"El texto no es UTF-8, y puede ser de {OTHER_PAGES[other]} en vez de Windows-1252: "
            "los acentos cambian según cuál.",
            first_line(blocks_of(path), _spanish_in(other)),
        )
    if undefined:
        raise _damaged(
            "El texto no es UTF-8 ni Windows-1252: hay caracteres dañados.",
            first_line(blocks_of(path), _UNDEFINED_1252),
        )
    if other is not None:
        raise _doubtful(
            "El texto no es UTF-8 y, leído como Windows-1252, sus acentos no forman palabras en castellano.",
            first_line(blocks_of(path), _BEYOND_ASCII),
        )
    return sequences > 0


def _spanish_in(page: str) -> re.Pattern[bytes]:
    return re.compile(b"[" + re.escape("".join(sorted(SPANISH)).encode(page, errors="ignore")) + b"]")


def _refuse_if_either(path: Path) -> None:
    foreign = usual = 0
    for block in whole_lines(blocks_of(path)):
        foreign += len(block.translate(None, _NO_FOREIGN_LEAD)) - len(_NOT_FOREIGN.findall(block))
        usual += len(block.translate(None, _NO_USUAL_LEAD))
    if foreign > _FEW * (foreign + usual):
        raise _doubtful(
            "No se puede saber si el texto es UTF-8 o Windows-1252: los acentos cambian según cuál.",
            first_line(blocks_of(path), _FOREIGN_LEAD),
            expected="UTF-8 con marca de orden de bytes (BOM), como los archivos oficiales desde 2018.",
        )


def _refuse_rubbish(path: Path, encoding: Encoding) -> None:
    found = Spelling.none()
    blocks = in_utf8(path, encoding.name) if encoding.name in UTF16 else sample(path)
    for block in mojibake.repaired(blocks) if encoding.mojibake else blocks:
        found += spelling(block, utf8=True)
    if found.rubbish:
        raise _doubtful(
            "Muchos acentos del texto no forman palabras en castellano: antes se convirtió desde otra página de "
            "códigos (DOS o Macintosh) como si fuera la propia.",
            first_line(in_utf8(path, encoding.name), _BEYOND_ASCII),
            action="Pida el archivo original, anterior a esa conversión, en «CSV UTF-8».",
        )


def _decoded_wrongly_before(path: Path, name: str) -> bool:
    found = mojibake.survey(in_utf8(path, name))
    if found.hopeless:
        raise _damaged(
            "El texto se leyó antes en otra codificación y se guardó así: sus acentos son dos o más signos («Ã‘» por "
            f"«Ñ»), y en {found.lost + found.odd} lugares falta alguno, por lo que no se puede reparar.",
            first_line(in_utf8(path, name), _MOJIBAKE_UTF8),
        )
    return found.found


def _without_boms(block: bytes) -> bytes:
    while block.startswith(codecs.BOM_UTF8):
        block = block.removeprefix(codecs.BOM_UTF8)
    return block


def _beginnings(block: bytes) -> int:
    """How often a byte that opens a UTF-8 character is followed by one that continues it."""
    octets = np.frombuffer(block, dtype=np.uint8)
    continues = (octets & 0xC0) == 0x80
    opens = octets >= 0xC2
    return int(np.count_nonzero(opens[:-1] & continues[1:]))


def _damaged(what: str, line: int = 0, *, action: str = _ORIGINAL) -> IntakeError:
    return IntakeError(
        "codificacion", what, where=f"línea {line} (la primera)" if line else "", expected=_EXPECTED, action=action
    )


def _doubtful(what: str, line: int, *, expected: str = _EXPECTED, action: str = _AS_CSV_UTF8) -> IntakeError:
    where = f"línea {line} (la primera en duda)" if line else ""
    return IntakeError("codificacion_dudosa", what, where=where, expected=expected, action=action)
