"""The script that runs libarchive in a process of its own: lists the entries of an archive, or streams one of them.

It judges nothing and writes no file. It imports nothing of this project, to start in a twentieth of a second.
"""

from __future__ import annotations

import ctypes
import logging
import marshal
import resource
import sys
from collections.abc import Iterator
from typing import Any

_END = 1
_LOCKED = ("ncrypt", "passphrase", "crypto codec")
_UNKNOWN = (
    "solid archive support",
    "dictionary size is not supported",
    "encoded with many filters",
    "unsupported compression method",
    "compression method not supported",
    "vm program filter",
    "parsing filters",
    "unsupported filter type",
    "bcj2",
)


def bound() -> Any:
    """The functions of libarchive that python-libarchive-c has bound; its module makes them when it is imported."""
    from libarchive import ffi

    return ffi


def entries(path: str, form: str) -> Iterator[tuple[Any, Any]]:
    """libarchive's reader and each entry of the archive, by their pointers."""
    ffi = bound()
    reader = ffi.read_new()
    try:
        ffi.get_read_filter_function("none")(reader)
        ffi.get_read_format_function(form)(reader)
        ffi.read_open_filename_w(reader, path, 1 << 18)
        entry = ffi.entry_new()
        try:
            while ffi.read_next_header2(reader, entry) != _END:
                yield reader, entry
        finally:
            ffi.entry_free(entry)
    finally:
        ffi.read_free(reader)


def listed(path: str, form: str) -> Iterator[tuple[object, ...]]:
    """Of each entry: name (bytes, or None when libarchive cannot tell it), file type, size or -1, under a password."""
    ffi = bound()
    ffi.ffi("entry_is_encrypted", [ctypes.c_void_p], ctypes.c_int)
    for _, entry in entries(path, form):
        size = ffi.entry_size(entry) if ffi.entry_size_is_set(entry) else -1
        link = ffi.entry_hardlink(entry) is not None or ffi.entry_symlink(entry) is not None
        locked = bool(ffi.entry_is_encrypted(entry))
        yield ffi.entry_pathname(entry), ffi.entry_filetype(entry), size, locked, link


def content(path: str, form: str, index: int) -> Iterator[bytes]:
    """The blocks of the entry at ``index``; anything but a clean end is an error."""
    from libarchive import ArchiveError

    ffi = bound()
    data, size, offset = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_longlong()
    for at, (reader, _) in enumerate(entries(path, form)):
        if at < index:
            continue
        written = 0
        while True:
            code = ffi.read_data_block(reader, ctypes.byref(data), ctypes.byref(size), ctypes.byref(offset))
            if code == _END:
                return
            # A wrong CRC of a 7z is a mere warning to libarchive, and python-libarchive-c goes on with a length of -20.
            if code < 0 or (size.value and offset.value != written):
                raise ArchiveError("bad data", retcode=code)
            written += size.value
            yield ctypes.string_at(data, size.value) if size.value else b""
    raise ArchiveError("no such entry")


def cause_of(text: str) -> str:
    """Which of the causes known to `apart` an error of libarchive is; its text goes no further."""
    lower = text.lower()
    if any(mark in lower for mark in _LOCKED):
        return "clave"
    return "metodo" if any(mark in lower for mark in _UNKNOWN) else "daño"


def send(value: Any) -> None:
    """One frame to whoever started the script."""
    frame = marshal.dumps(value)
    sys.stdout.buffer.write(len(frame).to_bytes(8, "little") + frame)


def main(memory: str, seconds: str, what: str, path: str, form: str, index: str = "0") -> None:
    """Say what was asked, then ``("fin",)``; or ``("error", cause)``."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable(logging.CRITICAL)
    try:
        from libarchive import ArchiveError
    except Exception:
        # Without the C library the import fails in several ways, by machine.
        send(("error", "libarchive"))
        return
    try:
        for value in listed(path, form) if what == "list" else content(path, form, int(index)):
            send(value)
        send(("fin",))
    except ArchiveError as error:
        send(("error", cause_of(str(error.msg))))
    except MemoryError:
        send(("error", "memoria"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
