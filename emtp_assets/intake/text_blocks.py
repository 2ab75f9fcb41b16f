"""A text file as a stream: in blocks of whole lines, in UTF-8, checked, its lines numbered. Constant memory.

In which encoding it is, and whether it is taken, belongs to `encoding`.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

BLOCK = 1 << 20
_PART = 1 << 18
"""Of what is only looked at: it stays in the processor's cache while several passes go over it."""
LONGEST_LINE = BLOCK
"""Beyond it a block ends inside a line, so that a file without line ends costs no more memory than another."""

WINDOWS_1252 = "windows-1252"
UTF16 = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}

_NOT_1252_ONLY = bytes(range(0x80)) + bytes(range(0xA0, 0x100))
_IDEOGRAPH = re.compile("[\u2e80-\u7eff]")
_SAMPLED_WHOLE, _SAMPLE_STEP = 1 << 23, 1 << 24


def blocks_of(path: Path) -> Iterator[bytes]:
    """The file's bytes as they are.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as handle:
        while block := handle.read(BLOCK):
            yield block


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes cut after line ends; of a line longer than `LONGEST_LINE`, after any ASCII byte."""
    kept = b""
    for block in blocks:
        kept += block
        cut = max(kept.rfind(b"\n"), kept.rfind(b"\r")) + 1
        if not cut and len(kept) > LONGEST_LINE:
            cut = int(np.flatnonzero(np.frombuffer(kept, dtype=np.uint8) < 0x80)[-1:].sum()) + 1
        if cut:
            yield kept[:cut]
            kept = kept[cut:]
    if kept:
        yield kept


def in_utf8(path: Path, name: str) -> Iterator[bytes]:
    """The text in UTF-8 without its BOM, in blocks of whole lines; ``name`` as in `encoding.Encoding`.

    Raises:
        UnicodeDecodeError: it is not in that encoding.
        OSError: it cannot be read.
    """
    first = True
    for block in whole_lines(_utf8_of_utf16(path, name) if name in UTF16 else blocks_of(path)):
        text = _utf8_of_any_1252(block) if name == WINDOWS_1252 else block
        yield text.removeprefix(codecs.BOM_UTF8) if first else text
        first = False


def utf8_of(block: bytes, name: str) -> bytes:
    """Whole lines of a path that can be split at ASCII bytes, in UTF-8; ``name``: its encoding's name or codec.

    Latin-1 stands in where it agrees with Windows-1252: its codec is ten times as fast.

    Raises:
        UnicodeDecodeError: a byte that Windows-1252 does not define.
    """
    if name not in {WINDOWS_1252, "cp1252"}:
        return block
    codec = "cp1252" if block.translate(None, _NOT_1252_ONLY) else "latin-1"
    return block.decode(codec).encode("utf-8")


def _utf8_of_any_1252(block: bytes) -> bytes:
    """Undefined bytes too, as control characters: they are half of a letter where a line is in UTF-8."""
    try:
        return utf8_of(block, WINDOWS_1252)
    except UnicodeDecodeError:
        import ftfy.bad_codecs  # noqa: F401 - registers the codec

        return block.decode("sloppy-windows-1252").encode("utf-8")


def _utf8_of_utf16(path: Path, name: str) -> Iterator[bytes]:
    """An ideograph is two bytes of a damaged place: marked as lost, so that its line is set aside."""
    decoder = codecs.getincrementaldecoder(name)()
    for block in blocks_of(path):
        text = decoder.decode(block)
        utf8 = text.encode("utf-8")
        octets = np.frombuffer(utf8, dtype=np.uint8)
        yield _IDEOGRAPH.sub("\ufffd", text).encode("utf-8") if bool((octets >= 0xE2).any()) else utf8
    decoder.decode(b"", final=True)


def sample(path: Path) -> Iterator[bytes]:
    """Blocks of whole lines of a text in one-byte units: all of it up to 8 MiB, one MiB in sixteen of a longer one."""
    size = path.stat().st_size
    if size <= _SAMPLED_WHOLE:
        yield from whole_lines(blocks_of(path))
        return
    with path.open("rb", buffering=0) as handle:
        for start in range(0, size, _SAMPLE_STEP):
            handle.seek(start)
            block = handle.read(BLOCK)
            yield block[block.find(b"\n") + 1 : block.rfind(b"\n") + 1]


def utf8_parts(path: Path) -> Iterator[NDArray[np.uint8] | None]:
    """The bytes in blocks of whole characters while they are UTF-8; a last None when they are not.

    Each block is valid until the next one is asked for: they share one buffer.

    Raises:
        OSError: it cannot be read.
    """
    buffer = bytearray(_PART + 4)
    octets, room = np.frombuffer(buffer, dtype=np.uint8), memoryview(buffer)
    kept = 0
    with path.open("rb", buffering=0) as handle:
        while read := handle.readinto(room[kept : kept + _PART]):
            end = kept + read
            cut = end - _unfinished(buffer[max(end - 3, 0) : end])
            if not is_utf8(octets[:cut]):
                yield None
                return
            yield octets[:cut]
            kept = end - cut
            buffer[:kept] = buffer[cut:end]
    if kept:
        yield None


def _unfinished(tail: bytes | bytearray) -> int:
    """How many of the last bytes (at most three) begin a UTF-8 character that goes on after them."""
    for back, octet in enumerate(reversed(tail), start=1):
        if octet >= 0xC0:
            width = 2 if octet < 0xE0 else 3 if octet < 0xF0 else 4
            return back if width > back else 0
        if octet < 0x80:
            return 0
    return 0


def is_utf8(octets: NDArray[np.uint8]) -> bool:
    """Arrow's check, in vector instructions: a quarter of the cost of decoding."""
    bounds = pa.py_buffer(np.array([0, octets.size], dtype=np.int32))
    text = pa.StringArray.from_buffers(1, bounds, pa.py_buffer(octets))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def not_utf8(path: Path) -> Iterator[int]:
    """The numbers of the lines that are not UTF-8; only blocks that have one are looked at line by line."""
    number = 1
    for block in whole_lines(blocks_of(path)):
        if not is_utf8(np.frombuffer(block, dtype=np.uint8)):
            for offset, line in enumerate(block.split(b"\n")):
                if not is_utf8(np.frombuffer(line, dtype=np.uint8)):
                    yield number + offset
        number += block.count(b"\n")


def first_line(blocks: Iterable[bytes], pattern: re.Pattern[bytes]) -> int:
    """The number of the first line with a match inside; 0 when there is none."""
    number = 1
    for block in blocks:
        if found := pattern.search(block):
            return number + block.count(b"\n", 0, found.start())
        number += block.count(b"\n")
    return 0
